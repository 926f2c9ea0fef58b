//! The one way in which a document (a shipment, an adjustment) and the stock it moves are written together.
//!
//! Read the document under its derived id and the levels, decide, write all in one transaction under the versions that
//! were read; when others were first, wait a moment and begin again. The document that is there already is the answer.

use std::time::Duration;

use inventory::store::{decode_level, level_key};
use inventory::{Level, Sku, StockError};
use kernel::{Backoff, TenantId};
use table::{Consistency, Item, Key, TableError, Transaction, TransactionError};

use crate::Warehouse;

/// Documents that move the same item are serialised by its version. The loser begins again, this often. The waits grow
/// until even a crowd is spread so thin that most find nobody else between their read and their write; all together
/// they end well before the function's time does.
const CONTENTION: Backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_secs(2), 10);

/// Counts how often others were first.
#[derive(Debug, Default)]
pub(crate) struct Attempts(u32);

impl Attempts {
    /// Waits before the next attempt, or says that there was contention enough.
    pub(crate) async fn lost(&mut self) -> Result<(), StockError> {
        self.0 += 1;
        let wait = CONTENTION.delay(self.0, &mut fastrand::Rng::new()).ok_or(StockError::Contended)?;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

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

/// Whether it was written; not, when what was read is not how things are any more.
pub(crate) async fn committed(transaction: Transaction) -> Result<bool, TableError> {
    match transaction.commit().await {
        Ok(()) => Ok(true),
        Err(
            TransactionError::Conditions(_)
            | TransactionError::TokenReused
            | TransactionError::Table(TableError::Conflict(_)),
        ) => Ok(false),
        Err(TransactionError::Table(error)) => Err(error),
    }
}
