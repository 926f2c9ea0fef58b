//! The order aggregate: lines, shipments, payments, returns and history, and the steps that change them. Pure.
//!
//! A step either returns the movements of stock that must be posted in the same transaction, or changes nothing.
//! Storing the order, posting the movements and telling others is done by the use cases beside this file. Here are the
//! aggregate and its life as parcels leave; [`terms`] is what is agreed, [`stock`] what steps do to the stock; [`edit`],
//! [`fulfilment`], [`money`] and [`returning`] hold the other steps.

pub mod edit;
pub mod fulfilment;
pub mod money;
pub mod returning;
pub mod stock;
pub mod terms;

use crate::machine::{InvalidTransition, Machine};
use crate::payment::{Payment, Refund};
use crate::returns::Return;
use crate::shipment::{Shipment, ShipmentEvent, ShipmentId, ShipmentState};
use crate::status::{Guard, OrderStatus, Step};
use inventory::allocation::Parcel;
use inventory::{LocationId, Movement, Observation, Sku};
use kernel::{Currency, Timestamp};

pub use stock::StockEffect;
pub use terms::{Hold, Line, Merged, Terms, holds};

kernel::typed_id!(
    /// An order. Derived from tenant, customer and idempotency key, or from channel and external id, so that the order
    /// itself is the marker of the key.
    OrderId,
    "ord"
);

/// Most different items in one order: keeps the order, its event and its transaction within one write unit each.
pub const MAX_LINES: usize = 20;
/// Most parcels of one order, given-up ones included: an order that is refused again and again comes to an end.
pub const MAX_SHIPMENTS: usize = 24;
/// Most units of one item in one order.
pub const MAX_QUANTITY: i64 = 1_000;
/// The channel of orders that were placed in our own shop.
pub const STOREFRONT: &str = "storefront";
/// The company whose order it is unless it says otherwise.
pub const MAIN_COMPANY: &str = "main";

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who ordered: the principal of the customer.
    pub customer: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// Currency of every amount.
    pub currency: Currency,
    /// One line per item, no item twice.
    pub lines: Vec<Line>,
    /// Parcels, oldest first; those given up stay, with their state.
    pub shipments: Vec<Shipment>,
    /// How many of `shipments` were planned when the order was placed.
    pub planned: usize,
    /// The payment; the first one when it is paid in several.
    pub payment: Payment,
    /// Further payments, in the order in which they are taken.
    pub more_payments: Vec<Payment>,
    /// What was given back or is to be.
    pub refunds: Vec<Refund>,
    /// Goods that come back.
    pub returns: Vec<Return>,
    /// Why it waits. While there is a reason, nothing is authorised and no warehouse is asked.
    pub holds: Vec<Hold>,
    /// What was agreed when it was placed.
    pub terms: Terms,
    /// Number of the delivery address that holds, among those it has had; `None` when it has none.
    pub address: Option<u64>,
    /// The lines as they were placed, once they have been edited.
    pub placed_lines: Option<Vec<Line>>,
    /// Orders that repeated it and became part of it.
    pub merged: Vec<Merged>,
    /// The order it repeated and became part of.
    pub merged_into: Option<OrderId>,
    /// It is to be seen in the worklist though it is still PENDING.
    pub listed: bool,
    /// Every status it has had, with the time it began.
    pub history: Vec<(OrderStatus, Timestamp)>,
    /// Digest of the request that placed it: tells a repeated request from another one under the same key.
    pub fingerprint: String,
    /// Optimistic version, from 1.
    pub version: u64,
}

/// What a warehouse reports of one item of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The item.
    pub sku: Sku,
    /// Units in the parcel.
    pub quantity: i64,
    /// The warehouse's own stock figure.
    pub observed: Observation,
}

/// A step that the order does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not in this state.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// A parcel is already on its way to being packed, so the order can no longer be called off.
    #[error("a parcel is already with its warehouse")]
    AlreadyDispatched,
    /// The order has no such shipment.
    #[error("the order has no such shipment")]
    UnknownShipment,
    /// The order has no such return.
    #[error("the order has no such return")]
    UnknownReturn,
    /// The order has no such refund.
    #[error("the order has no such refund")]
    UnknownRefund,
    /// The shipment belongs to another warehouse.
    #[error("the shipment belongs to another warehouse")]
    NotYours,
    /// The shipments are at different locations.
    #[error("the shipments are at different locations")]
    PlacesDiffer,
    /// The shipment has been settled or moved already, or is where the step is not for it.
    #[error("the shipment is already {0}")]
    AlreadySettled(ShipmentState),
    /// The payment has come to its end.
    #[error("the payment is already settled")]
    PaymentSettled,
    /// The order waits.
    #[error("the order is held: {0}")]
    Held(String),
    /// No other location that is up can fill the parcel.
    #[error("no other location can fill the parcel")]
    NoOtherStock,
    /// The order has had [`MAX_SHIPMENTS`] parcels.
    #[error("the order has had too many parcels")]
    TooManyShipments,
    /// The report or request does not fit the lines.
    #[error("the lines do not fit")]
    WrongLines,
    /// More units than there are to be had: item, units asked for, units there are.
    #[error("{requested} units of {sku} were asked for, {available} are there")]
    TooMany {
        /// The item.
        sku: Sku,
        /// Units asked for.
        requested: i64,
        /// Units there are.
        available: i64,
    },
    /// A refund beyond what is left of what was taken, in minor units.
    #[error("{requested} was to be given back of {left}")]
    RefundTooLarge {
        /// Asked for.
        requested: i64,
        /// Taken and not given back.
        left: i64,
    },
    /// Amounts do not fit.
    #[error(transparent)]
    Money(#[from] kernel::MoneyError),
    /// The step would change nothing.
    #[error("nothing would change")]
    NoChange,
}

impl Order {
    /// Units of an item that have left.
    pub fn shipped(&self, sku: &Sku) -> i64 {
        self.units(sku, ShipmentState::has_left)
    }

    /// Units of an item that are neither shipped nor in an open parcel.
    pub fn unfilled(&self, line: &Line) -> i64 {
        line.quantity - self.units(&line.sku, |state| state.has_left() || state.is_open())
    }

    fn units(&self, sku: &Sku, wanted: impl Fn(ShipmentState) -> bool) -> i64 {
        let lines = self.shipments.iter().filter(|s| wanted(s.state)).flat_map(|s| &s.lines);
        lines.filter(|(item, _)| item == sku).map(|(_, quantity)| quantity).sum()
    }

    /// True when no parcel is open any more and none is to come: what has left is all that will.
    pub fn is_complete(&self) -> bool {
        let open = self.shipments.iter().any(|s| s.state.is_open());
        self.status != OrderStatus::Pending && !open && !self.is_held_for(holds::OUT_OF_STOCK)
    }

    /// True when it waits for this reason.
    pub fn is_held_for(&self, code: &str) -> bool {
        self.holds.iter().any(|hold| hold.code == code)
    }

    /// It was called off or could not be sold.
    pub fn is_lost(&self) -> bool {
        matches!(self.status, OrderStatus::Cancelled | OrderStatus::Rejected)
    }

    /// Where it was placed.
    pub fn channel(&self) -> &str {
        self.terms.channel.as_deref().unwrap_or(STOREFRONT)
    }

    /// Whose order it is.
    pub fn company(&self) -> &str {
        self.terms.company.as_deref().unwrap_or(MAIN_COMPANY)
    }

    /// What may happen to it now.
    pub fn allowed(&self) -> Vec<Step> {
        self.status.events(&|guard| self.holds_true(guard))
    }

    fn has_unfilled(&self) -> bool {
        self.lines.iter().any(|line| self.unfilled(line) > 0)
    }

    fn holds_true(&self, guard: Guard) -> bool {
        let dispatched = self.shipments.iter().any(|s| s.state.is_with_warehouse());
        match guard {
            Guard::NothingDispatched => !dispatched,
            Guard::NothingLeft => !dispatched && !self.shipments.iter().any(|s| s.state.has_left()),
            Guard::Held => !self.holds.is_empty(),
            // What was given up is not charged, and may not be sent after all.
            Guard::Unfilled => self.is_held_for(holds::OUT_OF_STOCK) && self.has_unfilled(),
        }
    }

    /// The shipment and its index.
    pub fn shipment(&self, id: ShipmentId) -> Result<&Shipment, Refused> {
        self.shipments.iter().find(|s| s.id(self.id) == id).ok_or(Refused::UnknownShipment)
    }

    /// The order as it was answered when it was placed.
    pub fn as_placed(&self) -> Order {
        let mut first = self.clone();
        first.status = OrderStatus::Pending;
        first.history.truncate(1);
        first.version = 1;
        first.shipments.truncate(self.planned);
        for shipment in &mut first.shipments {
            *shipment = Shipment { state: ShipmentState::Requested, reason: None, until: None, ..shipment.clone() };
        }
        first.payment = Payment::pending(&self.payment.method, &self.payment.token);
        first.lines = first.placed_lines.take().unwrap_or(first.lines);
        (first.more_payments, first.refunds, first.returns, first.holds) = Default::default();
        (first.merged, first.merged_into) = Default::default();
        first.listed = false;
        first
    }

    /// Called off. Allowed while no warehouse can have begun to pack.
    pub fn cancel(&mut self, now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        if let Err(refused) = self.step(Step::Cancel, now) {
            let dispatched = matches!(&refused, Refused::Transition(transition) if transition.unmet.is_some());
            return Err(if dispatched { Refused::AlreadyDispatched } else { refused });
        }
        self.holds.clear();
        Ok(self.give_up_open())
    }

    /// A warehouse reports that a parcel left, with its own stock figures after it, one per item of the parcel.
    pub fn ship(
        &mut self,
        id: ShipmentId,
        by: &LocationId,
        figures: &[Figure],
        now: Timestamp,
    ) -> Result<Vec<StockEffect>, Refused> {
        let at = self.reportable(id, by)?;
        let effects = self.reported(&self.shipments[at], figures, |quantity, observed| {
            Movement::FulfillmentCompleted { quantity, observed }
        })?;
        let mut next = self.clone();
        next.shipments[at].state = next.shipment_after(at, ShipmentEvent::Ship)?;
        let whole = next.lines.iter().all(|line| next.shipped(&line.sku) == line.quantity);
        next.step(if whole { Step::ShipAll } else { Step::ShipPart }, now)?;
        *self = next;
        Ok(effects)
    }

    /// A warehouse reports that it cannot fill a parcel, with its own stock figures, one per item. `parcels` is where the
    /// lines go instead; what no parcel takes is not shipped and not charged.
    pub fn refuse(
        &mut self,
        id: ShipmentId,
        by: &LocationId,
        reason: String,
        figures: &[Figure],
        parcels: &[Parcel],
        now: Timestamp,
    ) -> Result<Vec<StockEffect>, Refused> {
        let at = self.reportable(id, by)?;
        let given_back = self.refusal(&self.shipments[at], figures)?;
        let planned = self.replace(at, ShipmentState::Refused, Some(reason), parcels, now)?;
        Ok(given_back.into_iter().chain(planned).collect())
    }

    /// Moves a parcel that no warehouse has seen to other locations, or into other parcels.
    pub fn reroute(&mut self, id: ShipmentId, parcels: &[Parcel], now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let at = self.index(id)?;
        self.in_fulfilment()?;
        self.shipment_after(at, ShipmentEvent::Move)?;
        let given_back = self.effects(&self.shipments[at], |quantity| Movement::Released { quantity });
        let planned = self.replace(at, ShipmentState::Moved, None, parcels, now)?;
        Ok(given_back.into_iter().chain(planned).collect())
    }

    /// A parcel is about to be offered to its warehouse, or surely was not after all. From here until it is confirmed,
    /// refused or surely not delivered, nobody else may be asked to send it.
    pub fn mark(&mut self, id: ShipmentId, state: ShipmentState) -> Result<(), Refused> {
        let at = self.index(id)?;
        let event = if state == ShipmentState::Sent { ShipmentEvent::Send } else { ShipmentEvent::Unsend };
        let next = self.shipment_after(at, event)?;
        if let (ShipmentEvent::Send, Some(hold)) = (event, self.holds.first()) {
            return Err(Refused::Held(hold.code.clone()));
        }
        self.shipments[at].state = next;
        Ok(())
    }

    /// The carrier reports that a parcel arrived.
    pub fn deliver(&mut self, id: ShipmentId, by: &LocationId, now: Timestamp) -> Result<(), Refused> {
        let at = self.owned(id, by)?;
        self.shipments[at].state = self.shipment_after(at, ShipmentEvent::Deliver)?;
        let arrived = |s: &Shipment| s.state == ShipmentState::Delivered || !s.state.has_left();
        if self.is_complete() && self.shipments.iter().all(arrived) {
            self.step(Step::Deliver, now)?;
        }
        Ok(())
    }

    /// Ends a parcel; `parcels` take what they can of its units. What none takes is not sent and not charged; when it was
    /// paid for already, the order waits with a reason.
    fn replace(
        &mut self,
        at: usize,
        state: ShipmentState,
        reason: Option<String>,
        parcels: &[Parcel],
        now: Timestamp,
    ) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        next.shipments[at].state = state;
        next.shipments[at].reason = reason;
        let planned = next.plan(parcels);
        if next.lines.iter().any(|line| next.unfilled(line) < 0) {
            return Err(Refused::WrongLines);
        }
        if next.has_unfilled() && next.payments().any(|payment| payment.captured_minor > 0) {
            next.hold_for(holds::OUT_OF_STOCK, "units that were paid for have no stock");
        }
        if next.is_complete() && !next.shipments.iter().any(|s| s.state.has_left()) {
            next.step(Step::Reject, now)?;
        }
        *self = next;
        Ok(planned)
    }

    pub(crate) fn hold_for(&mut self, code: &str, reason: &str) {
        if !self.is_held_for(code) {
            self.holds.push(Hold { code: code.to_owned(), reason: reason.to_owned(), other: None });
        }
    }

    /// Adds parcels and the promises of stock that go with them.
    pub(crate) fn plan(&mut self, parcels: &[Parcel]) -> Vec<StockEffect> {
        let mut promised = Vec::new();
        for parcel in parcels {
            let shipment = Shipment {
                number: self.shipments.len(),
                location: parcel.location.clone(),
                lines: parcel.lines.iter().map(|l| (l.sku.clone(), l.quantity)).collect(),
                state: ShipmentState::Requested,
                reason: None,
                until: None,
            };
            promised.extend(self.effects(&shipment, |quantity| Movement::Committed { quantity }));
            self.shipments.push(shipment);
        }
        promised
    }

    /// The promises of stock of every open parcel.
    pub(crate) fn promises(&self) -> Vec<StockEffect> {
        let open = self.shipments.iter().filter(|s| s.state.is_open());
        open.flat_map(|s| self.effects(s, |quantity| Movement::Committed { quantity })).collect()
    }

    /// Calls off every open parcel.
    pub(crate) fn give_up_open(&mut self) -> Vec<StockEffect> {
        self.end_open(ShipmentState::Cancelled)
    }

    /// Ends every open parcel and gives its promises back.
    fn end_open(&mut self, state: ShipmentState) -> Vec<StockEffect> {
        let open = self.shipments.iter().filter(|s| s.state.is_open());
        let released = open.flat_map(|s| self.effects(s, |quantity| Movement::Released { quantity })).collect();
        for shipment in self.shipments.iter_mut().filter(|s| s.state.is_open()) {
            shipment.state = state;
        }
        released
    }

    pub(crate) fn step(&mut self, step: Step, now: Timestamp) -> Result<(), Refused> {
        let status = self.status.after(step, &|guard| self.holds_true(guard))?;
        if status != self.status {
            self.history.push((status, now));
        }
        self.status = status;
        Ok(())
    }

    /// The state of a parcel after an event.
    fn shipment_after(&self, at: usize, event: ShipmentEvent) -> Result<ShipmentState, Refused> {
        let state = self.shipments[at].state;
        state.after(event, &|_| true).map_err(|_| Refused::AlreadySettled(state))
    }

    fn index(&self, id: ShipmentId) -> Result<usize, Refused> {
        self.shipments.iter().position(|s| s.id(self.id) == id).ok_or(Refused::UnknownShipment)
    }

    /// Nothing can have been sent, refused or moved of an order that was not accepted.
    fn in_fulfilment(&self) -> Result<(), Refused> {
        if self.status == OrderStatus::Pending {
            self.status.after(Step::ShipPart, &|guard| self.holds_true(guard))?;
        }
        Ok(())
    }

    fn owned(&self, id: ShipmentId, by: &LocationId) -> Result<usize, Refused> {
        let at = self.index(id)?;
        if self.shipments[at].location == *by { Ok(at) } else { Err(Refused::NotYours) }
    }

    fn reportable(&self, id: ShipmentId, by: &LocationId) -> Result<usize, Refused> {
        let at = self.owned(id, by)?;
        self.in_fulfilment()?;
        let state = self.shipments[at].state;
        if state.is_open() { Ok(at) } else { Err(Refused::AlreadySettled(state)) }
    }
}

#[cfg(test)]
mod tests;
