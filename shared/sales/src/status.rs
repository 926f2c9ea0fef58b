//! The life of an order as data: which step leads from which status to which. Pure.
//!
//! `PARTIALLY_SHIPPED` is both a stop on the way (other parcels are still open) and an end (the rest could not be
//! filled and was not charged); [`crate::Order::is_complete`] tells them apart.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Placed; stock is promised, the payment is not authorised yet.
    Pending,
    /// Paid for; parcels are with their warehouses.
    Processing,
    /// Some of it has left.
    PartiallyShipped,
    /// All of it has left.
    Shipped,
    /// All of it has arrived.
    Delivered,
    /// Called off before anything left.
    Cancelled,
    /// Could not be paid or could not be filled.
    Rejected,
}

/// A step in the life of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The payment was authorised.
    Accept,
    /// A parcel left, others are open or could not be filled.
    ShipPart,
    /// The last parcel left and nothing is missing.
    ShipAll,
    /// Every parcel arrived.
    Deliver,
    /// Someone called it off.
    Cancel,
    /// Payment declined, or nothing of it can be filled.
    Reject,
}

use OrderStatus::{Cancelled, Delivered, PartiallyShipped, Pending, Processing, Rejected, Shipped};

/// Every step there is. A pair that is not listed is refused.
pub const TRANSITIONS: &[(OrderStatus, Step, OrderStatus)] = &[
    (Pending, Step::Accept, Processing),
    (Pending, Step::Cancel, Cancelled),
    (Pending, Step::Reject, Rejected),
    (Processing, Step::ShipPart, PartiallyShipped),
    (Processing, Step::ShipAll, Shipped),
    (Processing, Step::Cancel, Cancelled),
    (Processing, Step::Reject, Rejected),
    (PartiallyShipped, Step::ShipPart, PartiallyShipped),
    (PartiallyShipped, Step::ShipAll, Shipped),
    (PartiallyShipped, Step::Deliver, Delivered),
    (Shipped, Step::Deliver, Delivered),
];

/// The order is not in a status that allows the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} does not allow {step:?}")]
pub struct InvalidTransition {
    /// Where the order stands.
    pub from: OrderStatus,
    /// What was asked.
    pub step: Step,
}

impl OrderStatus {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 7] = [Pending, Processing, PartiallyShipped, Shipped, Delivered, Cancelled, Rejected];

    /// The status after `step`.
    pub fn apply(self, step: Step) -> Result<Self, InvalidTransition> {
        TRANSITIONS
            .iter()
            .find(|(from, by, _)| *from == self && *by == step)
            .map(|(_, _, to)| *to)
            .ok_or(InvalidTransition { from: self, step })
    }

    /// The steps this status allows.
    pub fn allowed(self) -> Vec<Step> {
        TRANSITIONS.iter().filter(|(from, _, _)| *from == self).map(|(_, step, _)| *step).collect()
    }

    /// The text used outside: `PARTIALLY_SHIPPED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Pending => "PENDING",
            Processing => "PROCESSING",
            PartiallyShipped => "PARTIALLY_SHIPPED",
            Shipped => "SHIPPED",
            Delivered => "DELIVERED",
            Cancelled => "CANCELLED",
            Rejected => "REJECTED",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for OrderStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or(UnknownStatus)
    }
}

/// The text names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an order status")]
pub struct UnknownStatus;

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 6] = [Step::Accept, Step::ShipPart, Step::ShipAll, Step::Deliver, Step::Cancel, Step::Reject];

    #[test]
    fn every_pair_is_allowed_exactly_when_the_table_lists_it() {
        for from in OrderStatus::ALL {
            for step in STEPS {
                let listed = TRANSITIONS.iter().find(|(f, s, _)| *f == from && *s == step).map(|t| t.2);
                assert_eq!(from.apply(step).ok(), listed, "{from} {step:?}");
                assert_eq!(from.allowed().contains(&step), listed.is_some());
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_an_end() {
        for end in [Delivered, Cancelled, Rejected] {
            assert!(end.allowed().is_empty());
        }
    }

    #[test]
    fn a_status_is_written_and_read_the_same_way_everywhere() {
        for status in OrderStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(status.as_str().parse(), Ok(status));
        }
    }
}
