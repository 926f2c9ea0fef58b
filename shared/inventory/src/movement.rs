//! Movements: the only ways in which stock changes.
//!
//! A movement says what happened in the world. What it does to the buckets of a level is decided by
//! [`crate::Level::apply`], and every movement that is applied leaves one ledger entry.

use kernel::Timestamp;
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

/// Something that happened to the stock of one item at one location. Quantities are whole units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Movement {
    /// Units were found, lost, or corrected by a person.
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
    /// Units left straight from available stock, at a location that ships on instruction and keeps no promises.
    Issued {
        /// Units, at least 1.
        quantity: i64,
    },
}

impl Movement {
    /// The stable name written to the ledger.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StockAdjusted { .. } => "StockAdjusted",
            Self::Counted { .. } => "Counted",
            Self::Observed(_) => "Observed",
            Self::Committed { .. } => "Committed",
            Self::Released { .. } => "Released",
            Self::FulfillmentCompleted { .. } => "FulfillmentCompleted",
            Self::FulfillmentRefused { .. } => "FulfillmentRefused",
            Self::Issued { .. } => "Issued",
        }
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
    /// When it happened.
    pub effective_at: Timestamp,
}
