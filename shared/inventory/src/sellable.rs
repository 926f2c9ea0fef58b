//! What can be sold where: items with the shards of hot ones, and kits by their components. For showing it and trying
//! things out; whoever gives stock away reads the levels themselves.

use crate::allocation::Availability;
use crate::hot::HotList;
use crate::kit::Kit;
use crate::service::Inventory;
use crate::store::{decode_available, is_level, level_key};
use crate::{LocationId, Locations, Sku};
use kernel::TenantId;
use std::collections::{BTreeMap, BTreeSet};
use table::{Consistency, Item, Key, Table, TableError};

/// The locations of a tenant and its hot items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Which are up.
    pub locations: Locations,
    /// What is spread over shards.
    pub hot: HotList,
}

impl Places {
    /// Reads both, in one call.
    pub async fn read(table: &Table, tenant: &TenantId) -> Result<Self, TableError> {
        let keys = [Locations::key_of(tenant), HotList::key_of(tenant)];
        let mut found = table.get_many(&keys, Consistency::Eventual).await?.into_iter();
        let locations = found.next().flatten().map(Item::decode::<Locations>).transpose()?;
        let hot = found.next().flatten().map(Item::decode::<HotList>).transpose()?;
        Ok(Self {
            locations: locations.map(|found| found.value).unwrap_or_default(),
            hot: hot.map(|found| found.value).unwrap_or_default(),
        })
    }

    /// The levels that an item is sold from, over all locations that are up.
    pub fn keys(&self, tenant: &TenantId, sku: &Sku) -> impl Iterator<Item = Key> {
        self.locations.healthy().flat_map(move |location| self.keys_at(tenant, location, sku))
    }

    fn keys_at(&self, tenant: &TenantId, location: &LocationId, sku: &Sku) -> impl Iterator<Item = Key> {
        let shards = self.hot.live(location, sku).map(move |shard| level_key(tenant, &shard, sku));
        std::iter::once(level_key(tenant, location, sku)).chain(shards)
    }
}

/// What the levels among the items have available, summed by item.
pub fn sum(items: impl Iterator<Item = Item>) -> Result<BTreeMap<Sku, i64>, TableError> {
    let mut available: BTreeMap<Sku, i64> = BTreeMap::new();
    for item in items.filter(is_level) {
        let (sku, units) = decode_available(item)?;
        *available.entry(sku).or_default() += units.max(0);
    }
    Ok(available)
}

impl Inventory {
    /// The places of a tenant.
    pub async fn places(&self, tenant: &TenantId) -> Result<Places, TableError> {
        Places::read(&self.table, tenant).await
    }

    /// What can be sold of each of these items over all locations that are up. Kits, which have no stock of their own, are
    /// looked for among those of which nothing is there.
    pub async fn sellable(
        &self,
        tenant: &TenantId,
        places: &Places,
        skus: &[Sku],
    ) -> Result<BTreeMap<Sku, i64>, TableError> {
        let keys: Vec<Key> = skus.iter().flat_map(|sku| places.keys(tenant, sku)).collect();
        let items = self.table.get_many(&keys, Consistency::Eventual).await?;
        let mut sellable = sum(items.into_iter().flatten())?;
        sellable.retain(|_, units| *units > 0);
        let none: Vec<Sku> = skus.iter().filter(|sku| !sellable.contains_key(*sku)).cloned().collect();
        sellable.extend(self.sellable_kits(tenant, places, &none).await?);
        Ok(sellable)
    }

    /// How many can be made of those of these items that are kits: a kit leaves whole, so the sum of what each location
    /// can make.
    pub async fn sellable_kits(
        &self,
        tenant: &TenantId,
        places: &Places,
        skus: &[Sku],
    ) -> Result<BTreeMap<Sku, i64>, TableError> {
        let kits = self.kits_among(tenant, skus).await?;
        let stock = self.availability(tenant, places, &[], &kits).await?;
        let made = |kit: &Kit| stock.values().filter_map(|items| items.get(&kit.sku)).sum();
        Ok(kits.iter().map(|kit| (kit.sku.clone(), made(kit))).collect())
    }

    /// Those of these items that are kits.
    pub async fn kits_among(&self, tenant: &TenantId, skus: &[Sku]) -> Result<Vec<Kit>, TableError> {
        let keys: Vec<Key> = skus.iter().map(|sku| Kit::key_of(tenant, sku)).collect();
        let found = self.table.get_many(&keys, Consistency::Eventual).await?;
        found.into_iter().flatten().map(|item| Ok(item.decode::<Kit>()?.value)).collect()
    }

    /// What can be sold of items and kits at each location that is up.
    pub async fn availability(
        &self,
        tenant: &TenantId,
        places: &Places,
        items: &[Sku],
        kits: &[Kit],
    ) -> Result<Availability, TableError> {
        let components = kits.iter().flat_map(|kit| kit.components.iter().map(|(sku, _)| sku));
        let held: BTreeSet<&Sku> = items.iter().chain(components).collect();
        let mut stock: Availability = places.locations.healthy().map(|id| (id.clone(), BTreeMap::new())).collect();
        let (mut of, mut keys) = (Vec::new(), Vec::new());
        for location in stock.keys() {
            for sku in &held {
                keys.extend(places.keys_at(tenant, location, sku));
                of.resize(keys.len(), (location.clone(), (*sku).clone()));
            }
        }
        let found = self.table.get_many(&keys, Consistency::Eventual).await?;
        for ((location, sku), item) in of.into_iter().zip(found) {
            if let (Some(items), Some(item)) = (stock.get_mut(&location), item) {
                *items.entry(sku).or_default() += decode_available(item)?.1.max(0);
            }
        }
        for items in stock.values_mut() {
            let made: Vec<i64> =
                kits.iter().map(|kit| kit.sellable(|sku| items.get(sku).copied().unwrap_or(0))).collect();
            items.extend(kits.iter().map(|kit| kit.sku.clone()).zip(made));
        }
        Ok(stock)
    }
}
