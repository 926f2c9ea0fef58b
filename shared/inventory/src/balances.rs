//! Units of one item at one location, by the state they are in.
//!
//! `on_hand = available + committed + reserved + damaged + safety_stock + quality_control`. Available is what is left of the
//! others and is never kept in memory, so that no step can break the identity; it is stored beside them, so that a
//! stored level that does not add up shows when it is read. `incoming` stands outside. Pure.

use std::ops::{Add, Sub};

/// Balances, or the changes of balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balances {
    /// Units physically there. Below zero only where a company books goods out before they are booked in.
    pub on_hand: i64,
    /// Promised to orders.
    pub committed: i64,
    /// Held back for someone who has not committed yet.
    pub reserved: i64,
    /// Not fit for sale.
    pub damaged: i64,
    /// Kept back on purpose.
    pub safety_stock: i64,
    /// Not sold before somebody has looked at it.
    pub quality_control: i64,
    /// Announced by a supplier or on its way from another location; not there yet.
    pub incoming: i64,
}

impl Balances {
    /// Units that can still be promised. Negative when goods were lost that are promised, or on backorder.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand - (self.committed + self.reserved + self.damaged + self.safety_stock + self.quality_control)
    }

    /// All of them in a fixed order, with the name each has outside.
    #[must_use]
    pub fn named(&self) -> [(&'static str, i64); 7] {
        [
            ("onHand", self.on_hand),
            ("committed", self.committed),
            ("reserved", self.reserved),
            ("damaged", self.damaged),
            ("safetyStock", self.safety_stock),
            ("qualityControl", self.quality_control),
            ("incoming", self.incoming),
        ]
    }

    fn zip(self, other: Self, of: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            on_hand: of(self.on_hand, other.on_hand),
            committed: of(self.committed, other.committed),
            reserved: of(self.reserved, other.reserved),
            damaged: of(self.damaged, other.damaged),
            safety_stock: of(self.safety_stock, other.safety_stock),
            quality_control: of(self.quality_control, other.quality_control),
            incoming: of(self.incoming, other.incoming),
        }
    }
}

/// Saturating: a sum that does not fit is not the balance it is compared with.
impl Add for Balances {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, i64::saturating_add)
    }
}

/// Saturating, as the sum is.
impl Sub for Balances {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }
}
