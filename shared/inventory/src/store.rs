//! How stock is stored: one item per level, one per ledger entry, one per cost layer, side by side in the partition of
//! item and location.
//!
//! | access pattern | key |
//! |---|---|
//! | one level | pk `T#t#STOCK#<location>#<sku>`, sk `LEVEL` |
//! | ledger of a level in order, or as of a time and sequence | same pk, sk `L#<effective microsecond, 18 digits>#<sequence, 12 digits>` |
//! | cost layers of a level, oldest or newest first | same pk, sk `Y#<sequence of the receipt, 12 digits>` |
//! | all levels of a location | gsi2 `T#t#LOCATION#<location>#LEVELS`, sk `<sku>` |
//!
//! The index entry is written when the level first appears and never again, so a movement costs two items and no index.
//! Balances of 0 are not written; available is, so that a level that does not add up shows when it is read.

use crate::balances::Balances;
use crate::ledger::{Entry, Hash, Value};
use crate::level::{Cost, Level, Refusal};
use crate::movement::{Movement, Posting};
use crate::valuation::{Booked, Layer, Policy};
use crate::{LocationId, Sku};
use kernel::{TenantId, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use table::{Entity, Item, Key, Partition, Query, TableError, Transaction, Versioned};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LevelItem {
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "l", deserialize_with = "LocationId::stored")]
    location: LocationId,
    #[serde(rename = "oh")]
    on_hand: i64,
    #[serde(rename = "av")]
    available: i64,
    #[serde(rename = "cm", default, skip_serializing_if = "is_zero")]
    committed: i64,
    #[serde(rename = "rs", default, skip_serializing_if = "is_zero")]
    reserved: i64,
    #[serde(rename = "dm", default, skip_serializing_if = "is_zero")]
    damaged: i64,
    #[serde(rename = "ss", default, skip_serializing_if = "is_zero")]
    safety_stock: i64,
    #[serde(rename = "qc", default, skip_serializing_if = "is_zero")]
    quality_control: i64,
    #[serde(rename = "ic", default, skip_serializing_if = "is_zero")]
    incoming: i64,
    #[serde(rename = "bo", default, skip_serializing_if = "is_zero")]
    backorder: i64,
    #[serde(rename = "po", default, skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(rename = "va", default, skip_serializing_if = "Decimal::is_zero")]
    value: Decimal,
    #[serde(rename = "uc", default, skip_serializing_if = "Decimal::is_zero")]
    unit: Decimal,
    #[serde(rename = "fz", default, skip_serializing_if = "Option::is_none")]
    frozen_by: Option<String>,
    #[serde(rename = "n")]
    seq: u64,
    /// Microseconds since the epoch.
    #[serde(rename = "ef")]
    effective_at: i64,
    #[serde(rename = "hs")]
    hash: Hash,
    #[serde(rename = "sv", default, skip_serializing_if = "is_none")]
    source_version: u64,
    #[serde(rename = "sy", default, skip_serializing_if = "Option::is_none")]
    synced_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EntryItem {
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "l", deserialize_with = "LocationId::stored")]
    location: LocationId,
    #[serde(rename = "n")]
    seq: u64,
    #[serde(rename = "m")]
    movement: Cow<'static, str>,
    #[serde(rename = "do", default, skip_serializing_if = "is_zero")]
    on_hand_delta: i64,
    #[serde(rename = "dc", default, skip_serializing_if = "is_zero")]
    committed_delta: i64,
    #[serde(rename = "dr", default, skip_serializing_if = "is_zero")]
    reserved_delta: i64,
    #[serde(rename = "dd", default, skip_serializing_if = "is_zero")]
    damaged_delta: i64,
    #[serde(rename = "ds", default, skip_serializing_if = "is_zero")]
    safety_stock_delta: i64,
    #[serde(rename = "dq", default, skip_serializing_if = "is_zero")]
    quality_control_delta: i64,
    #[serde(rename = "di", default, skip_serializing_if = "is_zero")]
    incoming_delta: i64,
    #[serde(rename = "oh", default, skip_serializing_if = "is_zero")]
    on_hand: i64,
    #[serde(rename = "cm", default, skip_serializing_if = "is_zero")]
    committed: i64,
    #[serde(rename = "rs", default, skip_serializing_if = "is_zero")]
    reserved: i64,
    #[serde(rename = "dm", default, skip_serializing_if = "is_zero")]
    damaged: i64,
    #[serde(rename = "ss", default, skip_serializing_if = "is_zero")]
    safety_stock: i64,
    #[serde(rename = "qc", default, skip_serializing_if = "is_zero")]
    quality_control: i64,
    #[serde(rename = "ic", default, skip_serializing_if = "is_zero")]
    incoming: i64,
    /// Value after the entry; absent where no company values the stock.
    #[serde(rename = "va", default, skip_serializing_if = "Option::is_none")]
    value: Option<Decimal>,
    #[serde(rename = "dv", default, skip_serializing_if = "Decimal::is_zero")]
    value_delta: Decimal,
    #[serde(rename = "vr", default, skip_serializing_if = "Decimal::is_zero")]
    variance: Decimal,
    #[serde(rename = "sv", default, skip_serializing_if = "is_none")]
    source_version: u64,
    #[serde(rename = "src")]
    source: String,
    #[serde(rename = "by")]
    actor: String,
    #[serde(rename = "why", default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Microseconds since the epoch.
    #[serde(rename = "at")]
    effective_at: i64,
    #[serde(rename = "oa", default, skip_serializing_if = "Option::is_none")]
    occurred_at: Option<i64>,
    #[serde(rename = "hs")]
    hash: Hash,
}

/// A cost layer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LayerItem {
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "l", deserialize_with = "LocationId::stored")]
    location: LocationId,
    #[serde(rename = "n")]
    receipt: u64,
    #[serde(rename = "q")]
    quantity: i64,
    #[serde(rename = "va")]
    value: Decimal,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(units: &i64) -> bool {
    *units == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(version: &u64) -> bool {
    *version == 0
}

/// Partition of a level, its ledger and its layers.
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

/// A ledger, oldest first.
pub(crate) fn ledger(tenant: &TenantId, location: &LocationId, sku: &Sku) -> Query {
    Query::partition(stock(tenant, location, sku)).begins_with(&["L", ""])
}

/// The last entry that counts at a time, or, of those at that time, the last up to a sequence: one item.
pub(crate) fn ledger_as_of(tenant: &TenantId, at: (&LocationId, &Sku), time: Timestamp, seq: Option<u64>) -> Query {
    let (time, seq) = (microsecond(time.as_microsecond()), sequence(seq.unwrap_or(MAX_SEQUENCE)));
    let low = ["L", ""];
    Query::partition(stock(tenant, at.0, at.1)).between(&low, &["L", &time, &seq]).backward().limit(1)
}

/// The cost layers of a level, oldest first.
pub(crate) fn layers(tenant: &TenantId, location: &LocationId, sku: &Sku) -> Query {
    Query::partition(stock(tenant, location, sku)).begins_with(&["Y", ""])
}

pub(crate) fn layer_key(tenant: &TenantId, (location, sku): (&LocationId, &Sku), receipt: u64) -> Key {
    stock(tenant, location, sku).key(&["Y", &sequence(receipt)])
}

/// The last number that [`sequence`] has room for.
const MAX_SEQUENCE: u64 = 999_999_999_999;

fn sequence(seq: u64) -> String {
    format!("{seq:012}")
}

/// The year 9999 fits into 18 digits.
fn microsecond(microsecond: i64) -> String {
    format!("{:018}", microsecond.max(0))
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

/// The part of a level that is shown to shoppers.
#[derive(Debug, Serialize, Deserialize)]
struct AvailableItem {
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "l", deserialize_with = "LocationId::stored")]
    location: LocationId,
    #[serde(rename = "av")]
    available: i64,
}

impl Entity for AvailableItem {
    const KIND: &'static str = LevelItem::KIND;
    fn key(&self, tenant: &TenantId) -> Key {
        level_key(tenant, &self.location, &self.sku)
    }
}

impl Entity for EntryItem {
    const KIND: &'static str = "stock-entry";
    fn key(&self, tenant: &TenantId) -> Key {
        let (time, seq) = (microsecond(self.effective_at), sequence(self.seq));
        stock(tenant, &self.location, &self.sku).key(&["L", &time, &seq])
    }
}

impl Entity for LayerItem {
    const KIND: &'static str = "stock-layer";
    fn key(&self, tenant: &TenantId) -> Key {
        layer_key(tenant, (&self.location, &self.sku), self.receipt)
    }
}

impl From<&Level> for LevelItem {
    fn from(level: &Level) -> Self {
        let Balances { on_hand, committed, reserved, damaged, safety_stock, quality_control, incoming } =
            level.balances;
        Self {
            sku: level.sku.clone(),
            location: level.location.clone(),
            on_hand,
            available: level.available(),
            committed,
            reserved,
            damaged,
            safety_stock,
            quality_control,
            incoming,
            backorder: level.backorder,
            policy: level.cost.map(|cost| cost.policy),
            value: level.value(),
            unit: level.cost.map_or(Decimal::ZERO, |cost| cost.unit),
            frozen_by: level.frozen_by.clone(),
            seq: level.seq,
            effective_at: level.effective_at.as_microsecond(),
            hash: level.hash,
            source_version: level.source_version,
            synced_at: level.synced_at,
        }
    }
}

impl TryFrom<Versioned<LevelItem>> for Level {
    type Error = TableError;

    /// A level that does not add up is damaged, and never used.
    fn try_from(stored: Versioned<LevelItem>) -> Result<Self, TableError> {
        let item = stored.value;
        let level = Self {
            balances: Balances {
                on_hand: item.on_hand,
                committed: item.committed,
                reserved: item.reserved,
                damaged: item.damaged,
                safety_stock: item.safety_stock,
                quality_control: item.quality_control,
                incoming: item.incoming,
            },
            backorder: item.backorder,
            cost: item.policy.map(|policy| Cost { policy, value: item.value, unit: item.unit }),
            frozen_by: item.frozen_by,
            seq: item.seq,
            effective_at: time(item.effective_at)?,
            hash: item.hash,
            source_version: item.source_version,
            synced_at: item.synced_at,
            version: stored.version,
            sku: item.sku,
            location: item.location,
        };
        if level.available() != item.available {
            let Level { location, sku, .. } = &level;
            let what = format!("the buckets of {sku} at {location} do not add up to {} on hand", level.on_hand);
            return Err(TableError::Corrupt { what, source: None });
        }
        Ok(level)
    }
}

impl TryFrom<EntryItem> for Entry {
    type Error = TableError;

    fn try_from(item: EntryItem) -> Result<Self, TableError> {
        let booked = Booked { value_delta: item.value_delta, variance: item.variance };
        Ok(Self {
            seq: item.seq,
            movement: item.movement,
            delta: Balances {
                on_hand: item.on_hand_delta,
                committed: item.committed_delta,
                reserved: item.reserved_delta,
                damaged: item.damaged_delta,
                safety_stock: item.safety_stock_delta,
                quality_control: item.quality_control_delta,
                incoming: item.incoming_delta,
            },
            after: Balances {
                on_hand: item.on_hand,
                committed: item.committed,
                reserved: item.reserved,
                damaged: item.damaged,
                safety_stock: item.safety_stock,
                quality_control: item.quality_control,
                incoming: item.incoming,
            },
            value: item.value.map(|after| Value { booked, after }),
            source_version: item.source_version,
            source: item.source,
            actor: item.actor,
            reason: item.reason,
            effective_at: time(item.effective_at)?,
            occurred_at: item.occurred_at.map(time).transpose()?,
            hash: item.hash,
        })
    }
}

fn time(microsecond: i64) -> Result<Timestamp, TableError> {
    Timestamp::from_microsecond(microsecond)
        .map_err(|error| TableError::Corrupt { what: "a time out of range".to_owned(), source: Some(error.into()) })
}

impl EntryItem {
    fn of(level: &Level, entry: Entry) -> Self {
        let booked = entry.value.map(|value| value.booked).unwrap_or_default();
        Self {
            sku: level.sku.clone(),
            location: level.location.clone(),
            seq: entry.seq,
            movement: entry.movement,
            on_hand_delta: entry.delta.on_hand,
            committed_delta: entry.delta.committed,
            reserved_delta: entry.delta.reserved,
            damaged_delta: entry.delta.damaged,
            safety_stock_delta: entry.delta.safety_stock,
            quality_control_delta: entry.delta.quality_control,
            incoming_delta: entry.delta.incoming,
            on_hand: entry.after.on_hand,
            committed: entry.after.committed,
            reserved: entry.after.reserved,
            damaged: entry.after.damaged,
            safety_stock: entry.after.safety_stock,
            quality_control: entry.after.quality_control,
            incoming: entry.after.incoming,
            value: entry.value.map(|value| value.after),
            value_delta: booked.value_delta,
            variance: booked.variance,
            source_version: entry.source_version,
            source: entry.source,
            actor: entry.actor,
            reason: entry.reason,
            effective_at: entry.effective_at.as_microsecond(),
            occurred_at: entry.occurred_at.map(Timestamp::as_microsecond),
            hash: entry.hash,
        }
    }
}

impl LayerItem {
    fn of(level: &Level, layer: &Layer) -> Self {
        let Layer { receipt, quantity, value } = *layer;
        Self { sku: level.sku.clone(), location: level.location.clone(), receipt, quantity, value }
    }
}

impl From<LayerItem> for Layer {
    fn from(item: LayerItem) -> Self {
        Self { receipt: item.receipt, quantity: item.quantity, value: item.value }
    }
}

/// Reads a level from an item of a mixed read, or from the table's stream.
pub fn decode_level(item: Item) -> Result<Level, TableError> {
    item.decode::<LevelItem>()?.try_into()
}

/// What a level item of a mixed read says is available of what, for showing it: nothing else of the level is looked at.
pub fn decode_available(item: Item) -> Result<(Sku, i64), TableError> {
    let level = item.decode::<AvailableItem>()?.value;
    Ok((level.sku, level.available))
}

/// Whether an item of a mixed read is a level.
pub fn is_level(item: &Item) -> bool {
    item.kind() == LevelItem::KIND
}

/// Puts the movements of one level into the caller's transaction: the level, under the version it was read at, and a
/// ledger entry for each. Returns the level as it will be. `DynamoDB` takes one action per item, so all movements of a
/// level that belong to one transaction come in one call.
///
/// Goods whose cost is kept in layers are moved with [`post_with`].
pub fn post(
    transaction: &mut Transaction,
    level: &Level,
    movements: &[Movement],
    posting: &Posting,
) -> Result<Level, Refusal> {
    post_with(transaction, level, &[], movements, posting)
}

/// As [`post`], with the cost layers the movements need ([`crate::valuation::book`] says which).
pub fn post_with(
    transaction: &mut Transaction,
    level: &Level,
    layers: &[Layer],
    movements: &[Movement],
    posting: &Posting,
) -> Result<Level, Refusal> {
    let mut next = level.clone();
    let mut left = layers.to_vec();
    let mut entries = Vec::with_capacity(movements.len());
    for movement in movements {
        let (after, entry) = next.apply_with(&mut left, movement, posting)?;
        next = after;
        entries.push(EntryItem::of(level, entry));
    }
    put_level(transaction, &next);
    for entry in &entries {
        transaction.create(entry);
    }
    // The level's version guards its layers: nobody writes one without the other.
    for gone in layers.iter().filter(|layer| left.iter().all(|other| other.receipt != layer.receipt)) {
        let at = (&level.location, &level.sku);
        transaction.delete(layer_key(transaction.tenant(), at, gone.receipt), None);
    }
    for layer in left.iter().filter(|layer| !layers.contains(layer)) {
        transaction.put(&LayerItem::of(level, layer));
    }
    next.version += 1;
    Ok(next)
}

/// Puts a level into a transaction, under the version it was read at.
pub(crate) fn put_level(transaction: &mut Transaction, level: &Level) {
    let item = LevelItem::from(level);
    if level.version == 0 {
        transaction.create(&item);
    } else {
        transaction.put_versioned(&item, level.version);
    }
}
