//! A shipment: what one location is to send of an order, from the plan to the doorstep.
//!
//! One row is the fulfilment order (what a location owes), its ship order (picking and packing) and its shipment (what
//! leaves): a fulfilment order leaves whole, in one shipment, and what is to leave apart is split first. So there is
//! one machine with one state; [`ShipmentState::fulfilment`] is how the fulfilment order is called in it. Pure.

use crate::OrderId;
use crate::machine::{Machine, NoGuard, Row, names};
use inventory::{LocationId, Sku};
use kernel::Timestamp;

kernel::typed_id!(
    /// A shipment. Derived from its order and number, so that it needs no storage of its own.
    ShipmentId,
    "shp"
);

names! {
    /// Where a parcel stands.
    pub enum ShipmentState {
        /// Planned. Its warehouse has not been asked, or surely did not hear it: it may still go elsewhere.
        Requested = "REQUESTED",
        /// Planned for later: its warehouse is asked when its time has come.
        Scheduled = "SCHEDULED",
        /// Planned, and waits until a person releases it.
        OnHold = "ON_HOLD",
        /// Its warehouse was asked and may be packing. Only that warehouse can end this.
        Sent = "SENT",
        /// Its goods were taken from their shelves.
        Picked = "PICKED",
        /// Its goods are packed.
        Packed = "PACKED",
        /// It left.
        Shipped = "SHIPPED",
        /// It arrived.
        Delivered = "DELIVERED",
        /// Its warehouse could not fill it.
        Refused = "REFUSED",
        /// Its lines went to other parcels before its warehouse was asked.
        Moved = "MOVED",
        /// It was called off.
        Cancelled = "CANCELLED",
    }
}

names! {
    /// What can happen to a parcel.
    pub enum ShipmentEvent {
        /// Its warehouse is about to be asked.
        Send = "send",
        /// Its warehouse surely did not hear.
        Unsend = "unsend",
        /// It is to wait for a person.
        Hold = "hold",
        /// It no longer waits.
        Release = "release",
        /// It is to wait for a time.
        Schedule = "schedule",
        /// Its time has come.
        Start = "start",
        /// Its goods were taken from their shelves.
        Pick = "pick",
        /// Its goods were packed.
        Pack = "pack",
        /// It left.
        Ship = "ship",
        /// It arrived.
        Deliver = "deliver",
        /// Its warehouse cannot fill it.
        Refuse = "refuse",
        /// Its lines go to other parcels: moved, split or merged.
        Move = "move",
        /// It is called off.
        Cancel = "cancel",
    }
}

names! {
    /// A fulfilment order's status, as the trade calls it.
    pub enum FulfillmentStatus {
        /// To be sent.
        Open = "OPEN",
        /// To be sent later.
        Scheduled = "SCHEDULED",
        /// Waits for a person.
        OnHold = "ON_HOLD",
        /// With its location.
        InProgress = "IN_PROGRESS",
        /// All of it left.
        Closed = "CLOSED",
        /// Its location could not fill it.
        Incomplete = "INCOMPLETE",
        /// Called off, or replaced by others.
        Cancelled = "CANCELLED",
    }
}

use ShipmentState::{
    Cancelled, Delivered, Moved, OnHold, Packed, Picked, Refused, Requested, Scheduled, Sent, Shipped,
};

impl Machine for ShipmentState {
    type Event = ShipmentEvent;
    type Guard = NoGuard;
    const WHAT: &'static str = "fulfillment order";
    /// That a parcel left or cannot be filled is a fact of its warehouse's, and taken in every state that still owes it.
    const TABLE: &'static [Row<Self>] = &[
        (Requested, ShipmentEvent::Send, None, Sent),
        (Requested, ShipmentEvent::Hold, None, OnHold),
        (Requested, ShipmentEvent::Schedule, None, Scheduled),
        (Requested, ShipmentEvent::Ship, None, Shipped),
        (Requested, ShipmentEvent::Refuse, None, Refused),
        (Requested, ShipmentEvent::Move, None, Moved),
        (Requested, ShipmentEvent::Cancel, None, Cancelled),
        (Scheduled, ShipmentEvent::Start, None, Requested),
        (Scheduled, ShipmentEvent::Schedule, None, Scheduled),
        (Scheduled, ShipmentEvent::Hold, None, OnHold),
        (Scheduled, ShipmentEvent::Ship, None, Shipped),
        (Scheduled, ShipmentEvent::Refuse, None, Refused),
        (Scheduled, ShipmentEvent::Move, None, Moved),
        (Scheduled, ShipmentEvent::Cancel, None, Cancelled),
        (OnHold, ShipmentEvent::Release, None, Requested),
        (OnHold, ShipmentEvent::Ship, None, Shipped),
        (OnHold, ShipmentEvent::Refuse, None, Refused),
        (OnHold, ShipmentEvent::Move, None, Moved),
        (OnHold, ShipmentEvent::Cancel, None, Cancelled),
        (Sent, ShipmentEvent::Unsend, None, Requested),
        (Sent, ShipmentEvent::Pick, None, Picked),
        (Sent, ShipmentEvent::Ship, None, Shipped),
        (Sent, ShipmentEvent::Refuse, None, Refused),
        (Picked, ShipmentEvent::Pack, None, Packed),
        (Picked, ShipmentEvent::Ship, None, Shipped),
        (Picked, ShipmentEvent::Refuse, None, Refused),
        (Packed, ShipmentEvent::Ship, None, Shipped),
        (Packed, ShipmentEvent::Refuse, None, Refused),
        (Shipped, ShipmentEvent::Deliver, None, Delivered),
    ];
}

impl ShipmentState {
    /// Still to be sent: stock is promised for it.
    pub fn is_open(self) -> bool {
        match self {
            Requested | Scheduled | OnHold | Sent | Picked | Packed => true,
            Shipped | Delivered | Refused | Moved | Cancelled => false,
        }
    }

    /// Its warehouse may have it: nobody else may be asked.
    pub fn is_with_warehouse(self) -> bool {
        matches!(self, Sent | Picked | Packed)
    }

    /// The goods are gone.
    pub fn has_left(self) -> bool {
        matches!(self, Shipped | Delivered)
    }

    /// The state of the fulfilment order.
    pub fn fulfilment(self) -> FulfillmentStatus {
        match self {
            Requested => FulfillmentStatus::Open,
            Scheduled => FulfillmentStatus::Scheduled,
            OnHold => FulfillmentStatus::OnHold,
            Sent | Picked | Packed => FulfillmentStatus::InProgress,
            Shipped | Delivered => FulfillmentStatus::Closed,
            Refused => FulfillmentStatus::Incomplete,
            Moved | Cancelled => FulfillmentStatus::Cancelled,
        }
    }
}

/// One parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// Position in its order, from 0.
    pub number: usize,
    /// Who sends it.
    pub location: LocationId,
    /// Units per item.
    pub lines: Vec<(Sku, i64)>,
    /// Where it stands.
    pub state: ShipmentState,
    /// Why it was refused, or why it waits.
    pub reason: Option<String>,
    /// When it is to be sent, while it is scheduled.
    pub until: Option<Timestamp>,
}

impl Shipment {
    /// Its id within `order`.
    pub fn id(&self, order: OrderId) -> ShipmentId {
        ShipmentId::derive(&[&order.to_string(), &self.number.to_string()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::try_every_pair;

    #[test]
    fn every_pair_is_allowed_exactly_when_the_table_lists_it() {
        try_every_pair(&ShipmentState::ALL, &ShipmentEvent::ALL);
    }

    #[test]
    fn what_a_warehouse_may_have_stays_with_it_and_what_has_ended_moves_no_more() {
        for state in ShipmentState::ALL {
            let allows = |event| state.events(&|_| true).contains(&event);
            assert!(!(state.is_with_warehouse() && (allows(ShipmentEvent::Move) || allows(ShipmentEvent::Cancel))));
            assert_eq!(state.is_open(), allows(ShipmentEvent::Ship), "{state}");
            assert!(state.is_open() || state == Shipped || state.events(&|_| true).is_empty());
        }
    }
}
