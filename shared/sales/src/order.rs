//! The order aggregate: lines, shipments, payment and history, and the steps that change them. Pure.
//!
//! A step either returns the movements of stock that must be posted in the same transaction, or changes nothing.
//! Storing the order, posting the movements and telling others is done by the use cases beside this file.

use crate::payment::{Payment, PaymentDue, PaymentState};
use crate::shipment::{Shipment, ShipmentId, ShipmentState};
use crate::status::{InvalidTransition, OrderStatus, Step};
use inventory::allocation::Parcel;
use inventory::{LocationId, Movement, Observation, Sku};
use kernel::{Currency, Money, MoneyError, Timestamp};

kernel::typed_id!(
    /// An order. Derived from tenant, customer and idempotency key, so that the order itself is the marker of the key.
    OrderId,
    "ord"
);

/// Most different items in one order: keeps the order, its event and its transaction within one write unit each.
pub const MAX_LINES: usize = 20;
/// Most parcels of one order, given-up ones included: an order that is refused again and again comes to an end.
pub const MAX_SHIPMENTS: usize = 24;
/// Most units of one item in one order.
pub const MAX_QUANTITY: i64 = 1_000;

/// One ordered item. The price is the one of the moment of ordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The item.
    pub sku: Sku,
    /// Units ordered.
    pub quantity: i64,
    /// Price of one unit in minor units of the order's currency.
    pub unit_price_minor: i64,
}

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
    /// The payment.
    pub payment: Payment,
    /// Every status it has had, with the time it began.
    pub history: Vec<(OrderStatus, Timestamp)>,
    /// Digest of the request that placed it: tells a repeated request from another one under the same key.
    pub fingerprint: String,
    /// Optimistic version, from 1.
    pub version: u64,
}

/// What a warehouse reports of one line of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The item.
    pub sku: Sku,
    /// Units in the parcel.
    pub quantity: i64,
    /// The warehouse's own stock figure.
    pub observed: Observation,
}

/// A movement of stock that goes with a step of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockEffect {
    /// Where.
    pub location: LocationId,
    /// What.
    pub sku: Sku,
    /// How.
    pub movement: Movement,
}

/// A step that the order does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not in this status.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// A parcel is already on its way to being packed, so the order can no longer be called off.
    #[error("a parcel is already with its warehouse")]
    AlreadyDispatched,
    /// The order has no such shipment.
    #[error("the order has no such shipment")]
    UnknownShipment,
    /// The shipment belongs to another warehouse.
    #[error("the shipment belongs to another warehouse")]
    NotYours,
    /// The shipment has been settled or moved already.
    #[error("the shipment is already {0}")]
    AlreadySettled(ShipmentState),
    /// The payment has come to its end.
    #[error("the payment is already settled")]
    PaymentSettled,
    /// No other location that is up can fill the parcel.
    #[error("no other location can fill the parcel")]
    NoOtherStock,
    /// The order has had [`MAX_SHIPMENTS`] parcels.
    #[error("the order has had too many parcels")]
    TooManyShipments,
    /// The report does not fit the shipment's lines.
    #[error("the report does not fit the lines of the shipment")]
    WrongLines,
}

impl Order {
    /// Value of the whole order.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.value_of(|line| line.quantity)
    }

    /// Value of everything that has left.
    pub fn shipped_value(&self) -> Result<Money, MoneyError> {
        self.value_of(|line| self.shipped(&line.sku))
    }

    fn value_of(&self, quantity: impl Fn(&Line) -> i64) -> Result<Money, MoneyError> {
        self.lines.iter().try_fold(Money::from_minor(0, self.currency), |sum, line| {
            sum.checked_add(Money::from_minor(line.unit_price_minor, self.currency).checked_mul(quantity(line))?)
        })
    }

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

    /// True when no parcel is open any more: what has left is all that will.
    pub fn is_complete(&self) -> bool {
        self.status != OrderStatus::Pending && !self.shipments.iter().any(|s| s.state.is_open())
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
            *shipment = Shipment { state: ShipmentState::Requested, reason: None, ..shipment.clone() };
        }
        first.payment = Payment::pending(&self.payment.method, &self.payment.token);
        first
    }

    /// What is due at the payment provider, decided from where the order stands and not from how it got there.
    pub fn payment_due(&self) -> Result<PaymentDue, MoneyError> {
        let lost = matches!(self.status, OrderStatus::Cancelled | OrderStatus::Rejected);
        Ok(match self.payment.state {
            PaymentState::Pending if self.status == OrderStatus::Pending => PaymentDue::Authorize(self.total()?),
            // It may have been authorised by an attempt whose answer was lost.
            PaymentState::Pending if lost => PaymentDue::VoidUnknown(self.total()?),
            PaymentState::Authorized if lost => PaymentDue::Void,
            PaymentState::Authorized if self.is_complete() => PaymentDue::Capture(self.shipped_value()?),
            PaymentState::Pending
            | PaymentState::Authorized
            | PaymentState::Declined
            | PaymentState::Captured
            | PaymentState::Voided => PaymentDue::Nothing,
        })
    }

    /// The payment was authorised: the parcels may go to their warehouses.
    pub fn accept(&mut self, authorization: String, now: Timestamp) -> Result<(), Refused> {
        self.step(Step::Accept, now)?;
        self.payment.state = PaymentState::Authorized;
        self.payment.authorization = Some(authorization);
        Ok(())
    }

    /// The payment was declined: the promised stock goes back.
    pub fn decline(&mut self, code: String, now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        self.step(Step::Reject, now)?;
        self.payment.state = PaymentState::Declined;
        self.payment.decline_code = Some(code);
        Ok(self.give_up_open(ShipmentState::Cancelled))
    }

    /// Called off. Allowed while no warehouse can have begun to pack.
    pub fn cancel(&mut self, now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        next.step(Step::Cancel, now)?;
        if self.shipments.iter().any(|s| s.state == ShipmentState::Sent) {
            return Err(Refused::AlreadyDispatched);
        }
        *self = next;
        Ok(self.give_up_open(ShipmentState::Cancelled))
    }

    /// A warehouse reports that a parcel left, with its own stock figures after it, one per line of the parcel.
    pub fn ship(
        &mut self,
        id: ShipmentId,
        by: &LocationId,
        figures: &[Figure],
        now: Timestamp,
    ) -> Result<Vec<StockEffect>, Refused> {
        let at = self.reportable(id, by)?;
        let effects = reported(&self.shipments[at], figures, |quantity, observed| Movement::FulfillmentCompleted {
            quantity,
            observed,
        })?;
        let mut next = self.clone();
        next.shipments[at].state = ShipmentState::Shipped;
        let whole = next.lines.iter().all(|line| next.shipped(&line.sku) == line.quantity);
        next.step(if whole { Step::ShipAll } else { Step::ShipPart }, now)?;
        *self = next;
        Ok(effects)
    }

    /// A warehouse reports that it cannot fill a parcel, with its own stock figures, one per line. `parcels` is where the
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
        let given_back = refusal(&self.shipments[at], figures)?;
        let planned = self.replace(at, ShipmentState::Refused, Some(reason), parcels, now)?;
        Ok(given_back.into_iter().chain(planned).collect())
    }

    /// Moves a parcel that no warehouse has seen to other locations.
    pub fn reroute(&mut self, id: ShipmentId, parcels: &[Parcel], now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let at = self.index(id)?;
        self.in_fulfilment()?;
        if self.shipments[at].state != ShipmentState::Requested {
            return Err(Refused::AlreadySettled(self.shipments[at].state));
        }
        let given_back = effects(&self.shipments[at], |quantity| Movement::Released { quantity });
        let planned = self.replace(at, ShipmentState::Moved, None, parcels, now)?;
        Ok(given_back.into_iter().chain(planned).collect())
    }

    /// A parcel is about to be offered to its warehouse, or surely was not after all. From here until it is confirmed,
    /// refused or surely not delivered, nobody else may be asked to send it.
    pub fn mark(&mut self, id: ShipmentId, state: ShipmentState) -> Result<(), Refused> {
        let at = self.index(id)?;
        let from = self.shipments[at].state;
        match (from, state) {
            (ShipmentState::Requested, ShipmentState::Sent) | (ShipmentState::Sent, ShipmentState::Requested) => {
                self.shipments[at].state = state;
                Ok(())
            }
            (from, _) => Err(Refused::AlreadySettled(from)),
        }
    }

    /// The carrier reports that a parcel arrived.
    pub fn deliver(&mut self, id: ShipmentId, by: &LocationId, now: Timestamp) -> Result<(), Refused> {
        let at = self.owned(id, by)?;
        if self.shipments[at].state != ShipmentState::Shipped {
            return Err(Refused::AlreadySettled(self.shipments[at].state));
        }
        self.shipments[at].state = ShipmentState::Delivered;
        let arrived = |s: &Shipment| s.state == ShipmentState::Delivered || !s.state.has_left();
        if self.is_complete() && self.shipments.iter().all(arrived) {
            self.step(Step::Deliver, now)?;
        }
        Ok(())
    }

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
        if next.is_complete() && !next.shipments.iter().any(|s| s.state.has_left()) {
            next.step(Step::Reject, now)?;
        }
        *self = next;
        Ok(planned)
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
            };
            promised.extend(effects(&shipment, |quantity| Movement::Committed { quantity }));
            self.shipments.push(shipment);
        }
        promised
    }

    /// The promises of stock of every open parcel.
    pub(crate) fn promises(&self) -> Vec<StockEffect> {
        let open = self.shipments.iter().filter(|s| s.state.is_open());
        open.flat_map(|s| effects(s, |quantity| Movement::Committed { quantity })).collect()
    }

    fn give_up_open(&mut self, state: ShipmentState) -> Vec<StockEffect> {
        let mut released = Vec::new();
        for shipment in self.shipments.iter_mut().filter(|s| s.state.is_open()) {
            released.extend(effects(shipment, |quantity| Movement::Released { quantity }));
            shipment.state = state;
        }
        released
    }

    fn step(&mut self, step: Step, now: Timestamp) -> Result<(), Refused> {
        let status = self.status.apply(step)?;
        if status != self.status {
            self.history.push((status, now));
        }
        self.status = status;
        Ok(())
    }

    fn index(&self, id: ShipmentId) -> Result<usize, Refused> {
        self.shipments.iter().position(|s| s.id(self.id) == id).ok_or(Refused::UnknownShipment)
    }

    /// Nothing can have been sent, refused or moved of an order that was not accepted.
    fn in_fulfilment(&self) -> Result<(), Refused> {
        if self.status == OrderStatus::Pending {
            return Err(InvalidTransition { from: self.status, step: Step::ShipPart }.into());
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

/// What a refused parcel does to the stock of its location.
pub(crate) fn refusal(shipment: &Shipment, figures: &[Figure]) -> Result<Vec<StockEffect>, Refused> {
    reported(shipment, figures, |quantity, observed| Movement::FulfillmentRefused { quantity, observed })
}

/// Joins the lines of a parcel with the figures its location reported, exactly one per line.
fn reported(
    shipment: &Shipment,
    figures: &[Figure],
    movement: impl Fn(i64, Observation) -> Movement,
) -> Result<Vec<StockEffect>, Refused> {
    if figures.len() != shipment.lines.len() {
        return Err(Refused::WrongLines);
    }
    let mut effects = Vec::with_capacity(figures.len());
    for (sku, quantity) in &shipment.lines {
        let figure = figures.iter().find(|f| f.sku == *sku && f.quantity == *quantity).ok_or(Refused::WrongLines)?;
        let movement = movement(*quantity, figure.observed);
        effects.push(StockEffect { location: shipment.location.clone(), sku: sku.clone(), movement });
    }
    Ok(effects)
}

fn effects(shipment: &Shipment, movement: impl Fn(i64) -> Movement) -> Vec<StockEffect> {
    shipment
        .lines
        .iter()
        .map(|(sku, quantity)| StockEffect {
            location: shipment.location.clone(),
            sku: sku.clone(),
            movement: movement(*quantity),
        })
        .collect()
}

#[cfg(test)]
mod tests;
