//! What a document (a shipment, an adjustment) is decided from: the document under its derived id, and the levels it moves.

use inventory::store::{decode_level, level_key};
use inventory::{Level, Sku};
use kernel::TenantId;
use table::{Consistency, Item, Key, TableError};

use crate::Warehouse;

impl Warehouse {
    /// The document, if it is there, and the levels in the order of their items, in one read.
    pub(crate) async fn read(
        &self,
        tenant: &TenantId,
        document: Key,
        skus: impl Iterator<Item = &Sku>,
    ) -> Result<(Option<Item>, Vec<Level>), TableError> {
        let skus: Vec<&Sku> = skus.collect();
        let mut keys = vec![document];
        keys.extend(skus.iter().map(|sku| level_key(tenant, &self.location, sku)));
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let document = found.next().flatten();
        let levels = skus.into_iter().zip(found).map(|(sku, item)| self.level_of(sku, item));
        Ok((document, levels.collect::<Result<_, _>>()?))
    }

    /// The level an item holds; the warehouse has none of what it never held.
    pub(crate) fn level_of(&self, sku: &Sku, item: Option<Item>) -> Result<Level, TableError> {
        item.map_or_else(|| Ok(Level::empty(sku.clone(), self.location.clone())), decode_level)
    }
}
