//! The life of an order as data: which step leads from which status to which, and what it asks for. Pure.
//!
//! `PARTIALLY_SHIPPED` is both a stop on the way (other parcels are still open) and an end (the rest could not be
//! filled and was not charged); [`crate::Order::is_complete`] tells them apart. Rows that lead back to the status they
//! start from are steps that change something else of the order.

use crate::machine::{Machine, Row, names};

names! {
    /// Where an order stands.
    pub enum OrderStatus {
        /// Placed; stock is promised, the payment is not authorised yet.
        Pending = "PENDING",
        /// Paid for; parcels are with their warehouses.
        Processing = "PROCESSING",
        /// Some of it has left.
        PartiallyShipped = "PARTIALLY_SHIPPED",
        /// All of it has left.
        Shipped = "SHIPPED",
        /// All of it has arrived.
        Delivered = "DELIVERED",
        /// Called off before anything left.
        Cancelled = "CANCELLED",
        /// Could not be paid or could not be filled.
        Rejected = "REJECTED",
    }
}

names! {
    /// A step in the life of an order.
    pub enum Step {
        /// The payment was authorised.
        Accept = "accept",
        /// A parcel left, others are open or could not be filled.
        ShipPart = "ship_part",
        /// The last parcel left and nothing is missing.
        ShipAll = "ship_all",
        /// Every parcel arrived.
        Deliver = "deliver",
        /// Someone called it off.
        Cancel = "cancel",
        /// Payment declined, or nothing of it can be filled.
        Reject = "reject",
        /// Its lines or its address are changed.
        Edit = "edit",
        /// Units of it are called off.
        CancelUnits = "cancel_units",
        /// It is to wait.
        Hold = "hold",
        /// It no longer waits.
        Release = "release",
        /// Stock is looked for again.
        Allocate = "allocate",
        /// Something that left is to come back.
        Return = "return",
    }
}

names! {
    /// What a step may ask for.
    pub enum Guard {
        /// No warehouse can have begun to pack.
        NothingDispatched = "nothing is with a warehouse",
        /// Nothing left, and no warehouse can have begun to pack.
        NothingLeft = "nothing has left or is with a warehouse",
        /// It waits.
        Held = "it is held",
        /// It waits for stock of some units.
        Unfilled = "it waits for stock",
    }
}

use Guard::{Held, NothingDispatched, NothingLeft, Unfilled};
use OrderStatus::{Cancelled, Delivered, PartiallyShipped, Pending, Processing, Rejected, Shipped};

impl Machine for OrderStatus {
    type Event = Step;
    type Guard = Guard;
    const WHAT: &'static str = "order";
    const TABLE: &'static [Row<Self>] = &[
        (Pending, Step::Accept, None, Processing),
        (Pending, Step::Cancel, None, Cancelled),
        (Pending, Step::Reject, None, Rejected),
        (Pending, Step::Edit, Some(NothingLeft), Pending),
        (Pending, Step::CancelUnits, None, Pending),
        (Pending, Step::Hold, None, Pending),
        (Pending, Step::Release, Some(Held), Pending),
        (Pending, Step::Allocate, Some(Unfilled), Pending),
        (Processing, Step::ShipPart, None, PartiallyShipped),
        (Processing, Step::ShipAll, None, Shipped),
        (Processing, Step::Cancel, Some(NothingDispatched), Cancelled),
        (Processing, Step::Reject, None, Rejected),
        (Processing, Step::Edit, Some(NothingLeft), Processing),
        (Processing, Step::CancelUnits, None, Processing),
        (Processing, Step::Hold, None, Processing),
        (Processing, Step::Release, Some(Held), Processing),
        (Processing, Step::Allocate, Some(Unfilled), Processing),
        (PartiallyShipped, Step::ShipPart, None, PartiallyShipped),
        (PartiallyShipped, Step::ShipAll, None, Shipped),
        (PartiallyShipped, Step::Deliver, None, Delivered),
        (PartiallyShipped, Step::CancelUnits, None, PartiallyShipped),
        (PartiallyShipped, Step::Hold, None, PartiallyShipped),
        (PartiallyShipped, Step::Release, Some(Held), PartiallyShipped),
        (PartiallyShipped, Step::Allocate, Some(Unfilled), PartiallyShipped),
        (PartiallyShipped, Step::Return, None, PartiallyShipped),
        (Shipped, Step::Deliver, None, Delivered),
        (Shipped, Step::Return, None, Shipped),
        (Delivered, Step::Return, None, Delivered),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::try_every_pair;

    #[test]
    fn every_pair_is_allowed_exactly_when_the_table_lists_it() {
        try_every_pair(&OrderStatus::ALL, &Step::ALL);
    }

    #[test]
    fn an_order_that_ended_unsold_allows_nothing() {
        for end in [Cancelled, Rejected] {
            assert!(end.events(&|_| true).is_empty());
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
