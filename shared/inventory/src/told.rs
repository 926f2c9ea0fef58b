//! What refused movements are called outside: one contract for every API that moves stock. Pure; how a code becomes an
//! answer is for whoever answers.

use crate::level::Refusal;
use crate::valuation::Unvaluable;
use serde_json::{Value, json};

/// A refusal as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Stable.
    pub code: &'static str,
    /// The stock does not allow it now (409); if not, the request could never be right (422).
    pub is_conflict: bool,
    /// A figure or name that goes with it, and what it is called.
    pub fact: Option<(&'static str, Value)>,
}

impl Refusal {
    /// Code and facts of it.
    pub fn told(&self) -> Told {
        let now = |code| Told { code, is_conflict: true, fact: None };
        let never = |code| Told { code, is_conflict: false, fact: None };
        let with = |code, name, value| Told { fact: Some((name, value)), ..now(code) };
        match self {
            Self::InsufficientStock { available, .. } => with("insufficient_stock", "available", json!(available)),
            Self::NotCommitted { committed, .. } => with("not_committed", "committed", json!(committed)),
            Self::NotHeld { bucket, held, .. } => with("not_held", bucket, json!(held)),
            Self::Frozen(count) => with("stock_frozen", "countId", json!(count)),
            Self::OutOfRange(_) | Self::Cost(Unvaluable::Quantity) => never("stock_out_of_range"),
            Self::NoChange => now("no_change"),
            Self::NotValued => now("not_valued"),
            Self::Cost(Unvaluable::Negative) => now("insufficient_stock"),
            Self::Cost(Unvaluable::TooLarge) => never("amount_too_large"),
            Self::Cost(Unvaluable::NegativeCost) => never("negative_cost"),
            Self::Cost(Unvaluable::LayersNeeded) => now("too_many_layers"),
            Self::Cost(Unvaluable::ReceiptNeeded) => never("receipt_needed"),
            Self::Cost(Unvaluable::NoStandard) => now("no_standard_cost"),
        }
    }
}
