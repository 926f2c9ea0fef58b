//! Movements: the only ways in which stock changes.
//!
//! A movement says what happened in the world. What it does to the buckets of a level is decided by
//! [`crate::Level::apply`], what it does to their value by [`crate::valuation`], and every movement that is applied
//! leaves one ledger entry.

use kernel::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Largest number of units one movement may carry, and the largest balance of one level.
pub const MAX_UNITS: i64 = 1_000_000_000;

/// What a location itself counted: its own on-hand figure and the version of its row, which only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Units physically there.
    pub on_hand: i64,
    /// The location's own version of that figure. An observation with an older version says nothing new.
    pub version: u64,
}

/// The state goods are in that arrive or are thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Condition {
    /// Fit for sale.
    #[default]
    Sellable,
    /// Not fit for sale.
    Damaged,
    /// To be looked at first.
    QualityControl,
}

/// Something that happened to the stock of one item at one location. Quantities are whole units of the item's smallest
/// unit, amounts are in the currency of the location's company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Movement {
    /// Units were found, lost, or corrected by a person. Found units come in at what the others cost.
    StockAdjusted {
        /// Signed change of on hand, never 0.
        delta: i64,
    },
    /// A person set the figure after counting. The entry records the difference, not an overwrite.
    Counted {
        /// Units counted.
        on_hand: i64,
    },
    /// The location's own system reported a figure. Ignored unless its version is newer.
    Observed(Observation),
    /// Goods came in from outside.
    GoodsReceived {
        /// Units, at least 1.
        quantity: i64,
        /// How many of them were announced: they stop being incoming.
        announced: i64,
        /// The state they came in.
        condition: Condition,
        /// What all of them cost; what the others cost when it is not known.
        cost: Option<Decimal>,
    },
    /// A supplier or another location announced goods, or took the announcement back.
    Announced {
        /// Signed change of incoming, never 0.
        delta: i64,
    },
    /// Goods left for, or came from, another location, and their value with them.
    TransferPosted {
        /// Signed change of on hand, never 0.
        delta: i64,
        /// Of goods that came, how many were announced; of goods that left, how many were committed to it.
        settles: i64,
        /// Of goods that came: the value they left with.
        value: Option<Decimal>,
    },
    /// Units were held back for someone: available becomes reserved.
    Reserved {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Units are no longer held back: reserved becomes available.
    ReservationReleased {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Whoever they were held back for took them: reserved becomes committed.
    ReservationCommitted {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Units were promised to an order: available becomes committed.
    Committed {
        /// Units, at least 1.
        quantity: i64,
    },
    /// A promise was taken back: committed becomes available.
    Released {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Promised units left the location, as it confirmed. Its own figure comes with the confirmation, so that a
    /// shipment which a reconciliation has already seen is not subtracted twice.
    FulfillmentCompleted {
        /// Units, at least 1.
        quantity: i64,
        /// The location's figure after the goods left.
        observed: Observation,
    },
    /// The location could not ship what was promised: the promise is taken back, and its own figure comes along.
    FulfillmentRefused {
        /// Units, at least 1.
        quantity: i64,
        /// The location's figure.
        observed: Observation,
    },
    /// Promised units left a location that has no figures of its own.
    Shipped {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Units left straight from available stock, at a location that ships on instruction and keeps no promises.
    Issued {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Units broke: available becomes damaged.
    Damaged {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Damaged units were made good: damaged becomes available.
    Repaired {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Units are to be looked at: available becomes quality control.
    QualityHeld {
        /// Units, at least 1.
        quantity: i64,
    },
    /// Units were looked at: quality control becomes available, or damaged.
    QualityReleased {
        /// Units, at least 1.
        quantity: i64,
        /// Whether they failed.
        damaged: bool,
    },
    /// Units were thrown away.
    WrittenOff {
        /// Units, at least 1.
        quantity: i64,
        /// The state they were in.
        condition: Condition,
    },
    /// Goods came back from a customer.
    Returned {
        /// Units, at least 1.
        quantity: i64,
        /// The state they came back in.
        condition: Condition,
        /// The value all of them left with; what the others cost when it is not known.
        cost: Option<Decimal>,
    },
    /// So many units are kept back from now on.
    SafetyStockSet {
        /// Units, 0 for none.
        units: i64,
    },
    /// Freight, duty or a corrected invoice, for goods that were received earlier. Books forward.
    CostAdded {
        /// The amount; below zero for a credit.
        amount: Decimal,
        /// Units of the receipt it is for, at least 1.
        units: i64,
        /// Sequence of the receipt's entry; needed where cost is kept in layers.
        receipt: Option<u64>,
    },
    /// What one unit costs by standard from now on.
    StandardCostSet {
        /// The standard, not below zero.
        unit: Decimal,
    },
}

impl Movement {
    /// The stable name written to the ledger.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StockAdjusted { .. } => "StockAdjusted",
            Self::Counted { .. } => "Counted",
            Self::Observed(_) => "Observed",
            Self::GoodsReceived { .. } => "GoodsReceived",
            Self::Announced { .. } => "Announced",
            Self::TransferPosted { .. } => "TransferPosted",
            Self::Reserved { .. } => "Reserved",
            Self::ReservationReleased { .. } => "ReservationReleased",
            Self::ReservationCommitted { .. } => "ReservationCommitted",
            Self::Committed { .. } => "Committed",
            Self::Released { .. } => "Released",
            Self::FulfillmentCompleted { .. } => "FulfillmentCompleted",
            Self::FulfillmentRefused { .. } => "FulfillmentRefused",
            Self::Shipped { .. } => "Shipped",
            Self::Issued { .. } => "Issued",
            Self::Damaged { .. } => "Damaged",
            Self::Repaired { .. } => "Repaired",
            Self::QualityHeld { .. } => "QualityHeld",
            Self::QualityReleased { .. } => "QualityReleased",
            Self::WrittenOff { .. } => "WrittenOff",
            Self::Returned { .. } => "Returned",
            Self::SafetyStockSet { .. } => "SafetyStockSet",
            Self::CostAdded { .. } => "CostAdded",
            Self::StandardCostSet { .. } => "StandardCostSet",
        }
    }

    /// Whether it only says whom units are for, and moves no goods: allowed while a location is being counted.
    pub(crate) fn is_promise(&self) -> bool {
        matches!(
            self,
            Self::Reserved { .. }
                | Self::ReservationReleased { .. }
                | Self::ReservationCommitted { .. }
                | Self::Committed { .. }
                | Self::Released { .. }
                | Self::Announced { .. }
        )
    }
}

/// Why and by whom a movement is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The document behind it: an order, shipment or count id.
    pub source: String,
    /// Who did it: a user or service principal.
    pub actor: String,
    /// A person's reason, where one was given.
    pub reason: Option<String>,
    /// When it happened. What happened before the last entry is booked at the time of that entry.
    pub effective_at: Timestamp,
}
