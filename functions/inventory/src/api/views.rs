//! Levels and ledger entries as they are shown.

use inventory::{Balances, Entry, Level, LocationId, Sku};
use kernel::{Currency, Timestamp};
use serde::Serialize;

use super::amounts::AmountView;

/// Units by state, or what became of them. `onHand = available + committed + reserved + damaged + safetyStock +
/// qualityControl`.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BalancesView {
    on_hand: i64,
    available: i64,
    committed: i64,
    reserved: i64,
    damaged: i64,
    safety_stock: i64,
    quality_control: i64,
    incoming: i64,
}

impl From<Balances> for BalancesView {
    fn from(of: Balances) -> Self {
        let available = of.available();
        let Balances { on_hand, committed, reserved, damaged, safety_stock, quality_control, incoming } = of;
        Self { on_hand, available, committed, reserved, damaged, safety_stock, quality_control, incoming }
    }
}

/// How many units of an item a location holds.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LevelView {
    #[schema(value_type = String, example = "alpha")]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    #[serde(flatten)]
    balances: BalancesView,
    /// Units that may be promised beyond what is available.
    backorder_limit: i64,
    /// The count for which goods must not move now.
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen_by: Option<String>,
    /// Of the last ledger entry.
    sequence: u64,
    /// Time of the last ledger entry.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// When a figure of the location's own system was last taken over.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    synced_at: Option<Timestamp>,
    /// Grows with every change; the `ETag`.
    version: u64,
}

impl From<Level> for LevelView {
    fn from(level: Level) -> Self {
        Self {
            balances: level.balances.into(),
            location: level.location,
            sku: level.sku,
            backorder_limit: level.backorder,
            frozen_by: level.frozen_by,
            sequence: level.seq,
            as_of: level.effective_at,
            synced_at: level.synced_at,
            version: level.version,
        }
    }
}

/// What an entry did to the value of the stock.
#[derive(Serialize, utoipa::ToSchema)]
struct ValueView {
    /// Change of the value of the stock: `cost = delta + variance` for what came, `cost of goods = -delta` for what went.
    delta: AmountView,
    /// Cost that did not become value of stock.
    variance: AmountView,
    /// Value of everything on hand after it.
    after: AmountView,
}

/// One posted movement in a ledger.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryView {
    /// From 1 without gaps, for each item and location.
    sequence: u64,
    #[schema(example = "GoodsReceived")]
    movement: String,
    delta: BalancesView,
    after: BalancesView,
    /// Absent where no company values the stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<ValueView>,
    /// The document behind it.
    source: String,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it counts; never before the entry that precedes it.
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    /// When it happened, where that is earlier.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    /// SHA-256 over this entry and the hash of the one before, in hexadecimal.
    hash: String,
}

impl EntryView {
    /// With values in the currency of the location's company.
    pub(crate) fn new(entry: Entry, currency: Option<Currency>) -> Self {
        let value = entry.value.zip(currency).map(|(value, currency)| ValueView {
            delta: AmountView::new(value.booked.value_delta, currency),
            variance: AmountView::new(value.booked.variance, currency),
            after: AmountView::new(value.after, currency),
        });
        Self {
            sequence: entry.seq,
            movement: entry.movement.into_owned(),
            delta: entry.delta.into(),
            after: entry.after.into(),
            value,
            source: entry.source,
            actor: entry.actor,
            reason: entry.reason,
            effective_at: entry.effective_at,
            occurred_at: entry.occurred_at,
            hash: entry.hash.to_string(),
        }
    }
}
