//! Hot items: the stock of one item at one location, spread over shards so that a flash sale does not queue at one level.
//!
//! A shard is a level of its own, with its own ledger, at a part of the location. What it may promise is held back at the
//! location's own level (reserved), so both always prove: shards together never hold more than is reserved for them.
//! Reservations of a hot item are made and taken at a shard; [`Inventory::rebalance`] brings what was taken to the
//! location's level, and spreads what is left evenly.
//!
//! | access pattern | key |
//! |---|---|
//! | how an item is spread | pk `T#t#HOT#<location>#<sku>`, sk `HOT` |
//! | items that are or were hot | gsi1 `T#t#HOT#ITEMS`, sk `<location>#<sku>` |
//! | every item that is or was hot, for placements | pk `T#t#HOT`, sk `HOT` |
//! | a shard, its ledger | as a level's, at location `<location>~<shard>` |

use crate::level::Level;
use crate::movement::{Movement, Posting};
use crate::pool::Pool;
use crate::service::{Inventory, StockError};
use crate::store::post;
use crate::{LocationId, Sku};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Add;
use table::{
    Consistency, Entity, GlobalIndex, Key, Partition, Query, TableError, Transaction, Versioned, until_written,
};

/// Most shards of one item.
pub const MAX_SHARDS: u8 = 32;

/// How an item at a location is spread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotItem {
    #[serde(rename = "l")]
    pub location: LocationId,
    #[serde(rename = "k")]
    pub sku: Sku,
    /// Shards in use; 0 when it is hot no more.
    #[serde(rename = "n")]
    pub shards: u8,
    /// Shards that were ever in use: what is in them comes back when the item is rebalanced.
    #[serde(rename = "m")]
    most: u8,
}

/// What a rebalance left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rebalanced {
    /// Units that were taken at shards and are committed at the location now.
    pub taken: i64,
    /// Units that went to shards.
    pub given: i64,
    /// Units that came back from shards.
    pub returned: i64,
}

impl Add for Rebalanced {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (taken, given) = (self.taken + other.taken, self.given + other.given);
        Self { taken, given, returned: self.returned + other.returned }
    }
}

impl HotItem {
    /// Where promises are made, besides the location itself.
    pub(crate) fn places(&self) -> impl Iterator<Item = LocationId> {
        (0..self.shards).map(|shard| self.location.part(shard))
    }

    fn everywhere(&self) -> impl Iterator<Item = LocationId> {
        (0..self.most.max(self.shards)).map(|shard| self.location.part(shard))
    }

    pub(crate) fn key_of(tenant: &TenantId, location: &LocationId, sku: &Sku) -> Key {
        Key::tenant(tenant, &["HOT", location.as_str(), sku.as_str()], &["HOT"])
    }
}

impl Entity for HotItem {
    const KIND: &'static str = "hot-item";
    fn key(&self, tenant: &TenantId) -> Key {
        Self::key_of(tenant, &self.location, &self.sku)
    }
    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        Some(all(tenant).key(&[self.location.as_str(), self.sku.as_str()]))
    }
}

/// Every item of a tenant that is hot, or was and may still have units in shards: one small item, because every
/// placement reads it. An item leaves the list with the rebalance that finds its shards empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotList {
    /// Shards in use, and shards that ever were, by `<location>#<sku>`.
    #[serde(rename = "m")]
    by_place: BTreeMap<String, (u8, u8)>,
}

impl HotList {
    /// Its key, for reads that fetch it together with other things.
    pub fn key_of(tenant: &TenantId) -> Key {
        Key::tenant(tenant, &["HOT"], &["HOT"])
    }

    fn find(&self, location: &LocationId, sku: &Sku) -> (u8, u8) {
        if self.by_place.is_empty() {
            return (0, 0);
        }
        self.by_place.get(&place_of(location, sku)).copied().unwrap_or_default()
    }

    /// The shards of an item at a location, if it has any.
    pub fn shards(&self, location: &LocationId, sku: &Sku) -> impl Iterator<Item = LocationId> {
        (0..self.find(location, sku).1).map(|shard| location.part(shard))
    }

    /// The shards that new promises of an item at a location are made at, if it has any.
    pub fn live(&self, location: &LocationId, sku: &Sku) -> impl Iterator<Item = LocationId> {
        (0..self.find(location, sku).0).map(|shard| location.part(shard))
    }

    /// An item at a location, from the levels that were read.
    pub fn pool(&self, location: &LocationId, sku: &Sku, level: impl Fn(&LocationId) -> Level) -> Pool {
        let (live, _) = self.find(location, sku);
        Pool::new(level(location), self.shards(location, sku).map(|shard| level(&shard)), live.into())
    }
}

fn place_of(location: &LocationId, sku: &Sku) -> String {
    format!("{location}#{sku}")
}

impl Entity for HotList {
    const KIND: &'static str = "hot-list";
    fn key(&self, tenant: &TenantId) -> Key {
        Self::key_of(tenant)
    }
}

fn all(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["HOT", "ITEMS"])
}

/// Takes units from places with so much free: all from the first one from `start` on that has them, or, spilling over, from
/// each in turn. Gives place and units.
pub(crate) fn spread(units: i64, free: &[i64], start: usize) -> Vec<(usize, i64)> {
    let order = || (0..free.len()).map(|n| (n + start) % free.len().max(1));
    let there = |place: usize| free.get(place).copied().unwrap_or(0).max(0);
    if let Some(place) = order().find(|place| there(*place) >= units) {
        return vec![(place, units)];
    }
    let mut wanted = units;
    let mut taken = Vec::new();
    for place in order() {
        let part = there(place).min(wanted);
        if part > 0 {
            wanted -= part;
            taken.push((place, part));
        }
    }
    taken
}

impl Inventory {
    /// Spreads an item over so many shards, or makes it an ordinary one with 0; takes effect with the next rebalance.
    pub async fn make_hot(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        sku: &Sku,
        shards: u8,
    ) -> Result<HotItem, StockError> {
        until_written(|| self.try_make_hot(tenant, location, sku, shards.min(MAX_SHARDS))).await
    }

    /// `None` when others were first.
    async fn try_make_hot(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        sku: &Sku,
        shards: u8,
    ) -> Result<Option<HotItem>, StockError> {
        let (known, mut list, version) = self.hot_entry(tenant, location, sku).await?;
        let most = known.as_ref().map_or(0, |known| known.value.most.max(known.value.shards)).max(shards);
        let item = HotItem { location: location.clone(), sku: sku.clone(), shards, most };
        let mut transaction = self.table.transaction(tenant);
        match known {
            Some(known) => transaction.put_versioned(&item, known.version),
            None => transaction.create(&item),
        };
        list.by_place.insert(place_of(location, sku), (shards, most));
        put_list(&mut transaction, &list, version);
        Ok(transaction.commit_if_current().await?.then_some(item))
    }

    /// An item that is hot no more leaves the list once its shards are empty. One that others change stays for now.
    async fn leave_list(&self, tenant: &TenantId, item: &HotItem) -> Result<(), StockError> {
        let (known, mut list, version) = self.hot_entry(tenant, &item.location, &item.sku).await?;
        let is_off = known.as_ref().is_some_and(|known| known.value.shards == 0);
        if !is_off || list.by_place.remove(&place_of(&item.location, &item.sku)).is_none() {
            return Ok(());
        }
        let levels = self.spread_levels(tenant, item).await?;
        if levels.iter().skip(1).all(|shard| shard.on_hand == 0 && shard.committed == 0) {
            let mut transaction = self.table.transaction(tenant);
            put_list(&mut transaction, &list, version);
            transaction.commit_if_current().await?;
        }
        Ok(())
    }

    async fn hot_entry(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        sku: &Sku,
    ) -> Result<(Option<Versioned<HotItem>>, HotList, u64), TableError> {
        let keys = [HotItem::key_of(tenant, location, sku), HotList::key_of(tenant)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let known = found.next().flatten().map(|item| item.decode::<HotItem>()).transpose()?;
        let list = found.next().flatten().map(|item| item.decode::<HotList>()).transpose()?;
        let (list, version) = list.map_or_else(|| (HotList::default(), 0), |list| (list.value, list.version));
        Ok((known, list, version))
    }

    /// How an item is spread; `None` when it never was.
    pub async fn hot_item(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        sku: &Sku,
    ) -> Result<Option<HotItem>, TableError> {
        let found = self.table.get::<HotItem>(HotItem::key_of(tenant, location, sku), Consistency::Strong).await?;
        Ok(found.map(|found| found.value))
    }

    /// The location's own level and those of its shards, unproved.
    pub async fn spread_levels(&self, tenant: &TenantId, item: &HotItem) -> Result<Vec<Level>, TableError> {
        let places = std::iter::once(item.location.clone()).chain(item.everywhere());
        let places: Vec<_> = places.map(|place| (place, item.sku.clone())).collect();
        self.levels_at(tenant, &places).await
    }

    /// Brings what was taken at shards to the location's level, and spreads what is free evenly, shard by shard, each in one
    /// transaction.
    pub async fn rebalance(
        &self,
        tenant: &TenantId,
        item: &HotItem,
        actor: &str,
        now: Timestamp,
    ) -> Result<Rebalanced, StockError> {
        let source = format!("rebalance of {}", item.sku);
        let posting = Posting { source, actor: actor.to_owned(), reason: None, effective_at: now };
        let levels = self.spread_levels(tenant, item).await?;
        let free: i64 = levels.iter().map(Level::available).sum();
        // The location keeps a share of its own, for those who know nothing of shards.
        let share = (free / (i64::from(item.shards) + 1)).max(0);
        let mut done = Rebalanced::default();
        // What comes back first is there for the shards that have too little.
        let mut order: Vec<(usize, LocationId)> = item.everywhere().enumerate().collect();
        order.sort_by_key(|(n, _)| levels.get(n + 1).map_or(0, |shard| -shard.available()));
        for (number, place) in order {
            let target = if number < usize::from(item.shards) { share } else { 0 };
            let moved = until_written(|| self.try_rebalance(tenant, item, &place, target, &posting)).await;
            done = done + moved?;
        }
        if item.shards == 0 {
            self.leave_list(tenant, item).await?;
        }
        Ok(done)
    }

    /// Rebalances every item that is or was hot.
    pub async fn rebalance_all(
        &self,
        tenant: &TenantId,
        actor: &str,
        now: Timestamp,
    ) -> Result<Rebalanced, StockError> {
        let mut done = Rebalanced::default();
        for item in self.table.query_all::<HotItem>(Query::index(GlobalIndex::Gsi1, all(tenant))).await? {
            done = done + self.rebalance(tenant, &item.value, actor, now).await?;
        }
        Ok(done)
    }

    /// One shard; `None` when others were first.
    async fn try_rebalance(
        &self,
        tenant: &TenantId,
        item: &HotItem,
        place: &LocationId,
        target: i64,
        posting: &Posting,
    ) -> Result<Option<Rebalanced>, StockError> {
        let own = self.level(tenant, &item.location, &item.sku).await?;
        let shard = self.level(tenant, place, &item.sku).await?;
        let taken = shard.committed;
        let delta = (target - shard.available()).min(own.available().max(0));
        let (mut at_own, mut at_shard) = (Vec::new(), Vec::new());
        if taken > 0 {
            at_own.push(Movement::ReservationCommitted { quantity: taken });
            at_shard.push(Movement::Shipped { quantity: taken });
        }
        if delta != 0 {
            let quantity = delta.abs();
            let own = Movement::Reserved { quantity };
            at_own.push(if delta > 0 { own } else { Movement::ReservationReleased { quantity } });
            at_shard.push(Movement::TransferPosted { delta, settles: 0, value: None });
        }
        let moved = Rebalanced { taken, given: delta.max(0), returned: (-delta).max(0) };
        if at_own.is_empty() {
            return Ok(Some(moved));
        }
        let mut transaction = self.table.transaction(tenant);
        post(&mut transaction, &own, &at_own, posting)?;
        post(&mut transaction, &shard, &at_shard, posting)?;
        Ok(transaction.commit_if_current().await?.then_some(moved))
    }
}

fn put_list(transaction: &mut Transaction, list: &HotList, version: u64) {
    if version == 0 {
        transaction.create(list);
    } else {
        transaction.put_versioned(list, version);
    }
}

#[cfg(test)]
mod tests;
