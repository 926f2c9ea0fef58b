//! How stock is stored: one item per level, one per ledger entry, side by side in the partition of item and location.
//!
//! | access pattern | key |
//! |---|---|
//! | one level | pk `T#t#STOCK#<location>#<sku>`, sk `LEVEL` |
//! | ledger of a level in order, or as of a sequence | same pk, sk `L#<sequence, 12 digits>` |
//! | all levels of a location | gsi2 `T#t#LOCATION#<location>#LEVELS`, sk `<sku>` |
//!
//! The index entry is written when the level first appears and never again, so a movement costs two items and no index.

use crate::ledger::{Entry, Hash};
use crate::level::{Level, Refusal};
use crate::movement::{Movement, Posting};
use crate::{LocationId, Sku};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, Partition, TableError, Transaction, Versioned};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LevelItem {
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "l")]
    location: LocationId,
    #[serde(rename = "oh")]
    on_hand: i64,
    #[serde(rename = "cm")]
    committed: i64,
    #[serde(rename = "n")]
    seq: u64,
    #[serde(rename = "hs")]
    hash: Hash,
    #[serde(rename = "sv")]
    source_version: u64,
    #[serde(rename = "sy", default, skip_serializing_if = "Option::is_none")]
    synced_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryItem {
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "l")]
    location: LocationId,
    #[serde(rename = "n")]
    seq: u64,
    #[serde(rename = "m")]
    movement: String,
    #[serde(rename = "do")]
    on_hand_delta: i64,
    #[serde(rename = "dc")]
    committed_delta: i64,
    #[serde(rename = "oh")]
    on_hand: i64,
    #[serde(rename = "cm")]
    committed: i64,
    #[serde(rename = "sv")]
    source_version: u64,
    #[serde(rename = "src")]
    source: String,
    #[serde(rename = "by")]
    actor: String,
    #[serde(rename = "why", default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(rename = "at")]
    effective_at: Timestamp,
    #[serde(rename = "hs")]
    hash: Hash,
}

/// Partition of a level and its ledger.
pub(crate) fn stock(tenant: &TenantId, location: &LocationId, sku: &Sku) -> Partition {
    Partition::tenant(tenant, &["STOCK", location.as_str(), sku.as_str()])
}

/// Partition of the list of a location's levels.
pub(crate) fn at_location(tenant: &TenantId, location: &LocationId) -> Partition {
    Partition::tenant(tenant, &["LOCATION", location.as_str(), "LEVELS"])
}

/// Key of a level, for reads that fetch levels together with other things.
pub fn level_key(tenant: &TenantId, location: &LocationId, sku: &Sku) -> Key {
    stock(tenant, location, sku).key(&["LEVEL"])
}

pub(crate) fn sequence(seq: u64) -> String {
    format!("{seq:012}")
}

impl Entity for LevelItem {
    const KIND: &'static str = "level";
    fn key(&self, tenant: &TenantId) -> Key {
        level_key(tenant, &self.location, &self.sku)
    }
    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(at_location(tenant, &self.location).key(&[self.sku.as_str()]))
    }
}

impl Entity for EntryItem {
    const KIND: &'static str = "stock-entry";
    fn key(&self, tenant: &TenantId) -> Key {
        stock(tenant, &self.location, &self.sku).key(&["L", &sequence(self.seq)])
    }
}

impl From<&Level> for LevelItem {
    fn from(level: &Level) -> Self {
        Self {
            sku: level.sku.clone(),
            location: level.location.clone(),
            on_hand: level.on_hand,
            committed: level.committed,
            seq: level.seq,
            hash: level.hash.clone(),
            source_version: level.source_version,
            synced_at: level.synced_at,
        }
    }
}

impl From<Versioned<LevelItem>> for Level {
    fn from(stored: Versioned<LevelItem>) -> Self {
        let item = stored.value;
        Self {
            sku: item.sku,
            location: item.location,
            on_hand: item.on_hand,
            committed: item.committed,
            seq: item.seq,
            hash: item.hash,
            source_version: item.source_version,
            synced_at: item.synced_at,
            version: stored.version,
        }
    }
}

impl From<EntryItem> for Entry {
    fn from(item: EntryItem) -> Self {
        Self {
            seq: item.seq,
            movement: item.movement,
            on_hand_delta: item.on_hand_delta,
            committed_delta: item.committed_delta,
            on_hand: item.on_hand,
            committed: item.committed,
            source_version: item.source_version,
            source: item.source,
            actor: item.actor,
            reason: item.reason,
            effective_at: item.effective_at,
            hash: item.hash,
        }
    }
}

impl EntryItem {
    fn of(level: &Level, entry: Entry) -> Self {
        Self {
            sku: level.sku.clone(),
            location: level.location.clone(),
            seq: entry.seq,
            movement: entry.movement,
            on_hand_delta: entry.on_hand_delta,
            committed_delta: entry.committed_delta,
            on_hand: entry.on_hand,
            committed: entry.committed,
            source_version: entry.source_version,
            source: entry.source,
            actor: entry.actor,
            reason: entry.reason,
            effective_at: entry.effective_at,
            hash: entry.hash,
        }
    }
}

/// Reads a level from an item of a mixed read.
pub fn decode_level(item: Item) -> Result<Level, TableError> {
    Ok(item.decode::<LevelItem>()?.into())
}

/// Whether an item of a mixed read is a level.
pub fn is_level(item: &Item) -> bool {
    item.kind() == LevelItem::KIND
}

/// Puts the movements of one level into the caller's transaction: the level, under the version it was read at, and a
/// ledger entry for each. Returns the level as it will be. `DynamoDB` takes one action per item, so all movements of a
/// level that belong to one transaction come in one call.
pub fn post(
    transaction: &mut Transaction,
    level: &Level,
    movements: &[Movement],
    posting: &Posting,
) -> Result<Level, Refusal> {
    let mut next = level.clone();
    let mut entries = Vec::with_capacity(movements.len());
    for movement in movements {
        let (after, entry) = next.apply(movement, posting)?;
        next = after;
        entries.push(EntryItem::of(level, entry));
    }
    let item = LevelItem::from(&next);
    if level.version == 0 {
        transaction.create(&item);
    } else {
        transaction.put_versioned(&item, level.version);
    }
    for entry in &entries {
        transaction.create(entry);
    }
    next.version += 1;
    Ok(next)
}
