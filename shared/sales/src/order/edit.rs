//! Edits before anything is with a warehouse: lines and address; and calling units off. Pure.
//!
//! An edit plans the whole order anew: what was promised is given back, and what is wanted now is allocated from what
//! there is. A unit that is called off takes its stored share of discounts and taxes with it; those that stay keep theirs.

use super::money::NOT_SENT;
use super::stock::effect;
use super::{Line, MAX_LINES, MAX_QUANTITY, Order, Refused, StockEffect, holds};
use crate::payment::{Payment, PaymentState, RefundState};
use crate::shipment::{Shipment, ShipmentState};
use crate::status::{OrderStatus, Step};
use crate::totals::share;
use inventory::allocation::Parcel;
use inventory::{Movement, Sku};
use kernel::{Money, Timestamp};

impl Order {
    /// The lines after an edit: `wanted` replaces the lines of the same items and adds new ones. A line that keeps its
    /// price keeps its discounts and taxes: fewer units take their share away, more units bring what is stated for all.
    pub fn edited_lines(&self, wanted: &[Line]) -> Result<Vec<Line>, Refused> {
        let mut lines = self.lines.clone();
        for new in wanted {
            if !(0..=MAX_QUANTITY).contains(&new.quantity) {
                return Err(Refused::TooMany {
                    sku: new.sku.clone(),
                    requested: new.quantity,
                    available: MAX_QUANTITY,
                });
            }
            match lines.iter_mut().find(|line| line.sku == new.sku) {
                Some(line) if line.unit_price_minor == new.unit_price_minor && new.quantity < line.quantity => {
                    self.shrink(line, new.quantity);
                }
                Some(line) if line.unit_price_minor == new.unit_price_minor => {
                    line.quantity = new.quantity;
                    // What is stated for all its units together replaces what was.
                    let stated = |new: i64, old: i64| if new > 0 { new } else { old };
                    line.discount_minor = stated(new.discount_minor, line.discount_minor);
                    line.tax_minor = stated(new.tax_minor, line.tax_minor);
                }
                Some(line) => *line = new.clone(),
                None => lines.push(new.clone()),
            }
        }
        if lines.len() > MAX_LINES || lines.iter().all(|line| line.quantity == 0) {
            return Err(Refused::WrongLines);
        }
        if lines == self.lines { Err(Refused::NoChange) } else { Ok(lines) }
    }

    fn shrink(&self, line: &mut Line, quantity: i64) {
        let part = |minor| share(Money::from_minor(minor, self.currency), line.quantity, &(0..quantity)).minor();
        (line.discount_minor, line.tax_minor) = (part(line.discount_minor), part(line.tax_minor));
        line.quantity = quantity;
    }

    /// Changes the lines and plans them into `parcels`. What is wanted beyond what is paid for becomes a payment of its
    /// own, by the same means as the first.
    pub fn edit(&mut self, lines: Vec<Line>, parcels: &[Parcel], now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        next.step(Step::Edit, now)?;
        next.room_for(parcels.len())?;
        let mut effects = next.end_open(ShipmentState::Moved);
        next.placed_lines.get_or_insert_with(|| self.lines.clone());
        next.lines = lines;
        effects.extend(next.plan(parcels));
        if next.lines.iter().any(|line| next.unfilled(line) != 0) {
            return Err(Refused::WrongLines);
        }
        next.holds.retain(|hold| hold.code != holds::OUT_OF_STOCK);
        next.pay_the_rest()?;
        *self = next;
        Ok(effects)
    }

    /// Adds a payment for what the others do not cover. A first one that covers the whole order, and was not asked for
    /// yet, covers it still.
    fn pay_the_rest(&mut self) -> Result<(), Refused> {
        let alive = |p: &&Payment| !matches!(p.state, PaymentState::Declined | PaymentState::Voided);
        if self.payments().filter(alive).any(|p| p.amount_minor.is_none() && p.state == PaymentState::Pending) {
            return Ok(());
        }
        let covered: i64 = self.payments().filter(alive).filter_map(|p| p.amount_minor).sum();
        let rest = self.total()?.minor() - covered;
        if rest > 0 {
            let first = Payment::pending(&self.payment.method, &self.payment.token);
            self.more_payments.push(Payment { amount_minor: Some(rest), external: self.payment.external, ..first });
        }
        Ok(())
    }

    /// What an edit has made the order cost was taken by whoever took the first payment: also what was given back before for
    /// units that were not to be sent.
    pub(crate) fn rest_is_taken(&mut self) -> Result<(), Refused> {
        let pending = |p: &&mut Payment| p.state == PaymentState::Pending;
        for payment in self.more_payments.iter_mut().filter(pending) {
            let minor = payment.amount_minor.unwrap_or_default();
            *payment = Payment::taken_elsewhere(&payment.method, &payment.token, minor);
        }
        let not_sent = self.refunds.iter().filter(|r| r.reason == NOT_SENT && r.state != RefundState::Failed);
        let kept = self.captured_minor() - not_sent.map(|r| r.minor).sum::<i64>();
        let rest = self.total()?.minor() - kept;
        if rest > 0 {
            self.more_payments.push(Payment::taken_elsewhere(&self.payment.method, &self.payment.token, rest));
        }
        Ok(())
    }

    /// Calls units off: first what has no stock, then what is in parcels that no warehouse may have.
    pub fn cancel_units(&mut self, units: &[(Sku, i64)], now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        let mut released = Vec::new();
        for (sku, count) in units {
            let line = self.lines.iter().find(|line| line.sku == *sku).ok_or(Refused::WrongLines)?;
            let mut left = *count - next.unfilled(line).min(*count);
            for shipment in next.shipments.iter_mut().rev().filter(|s| may_shrink(s)) {
                let taken = take_units(shipment, sku, &mut left);
                let items = self.items(&[(sku.clone(), taken)]).into_iter().filter(|(_, units)| *units > 0);
                released.extend(items.map(|item| effect(item, shipment, &|quantity| Movement::Released { quantity })));
            }
            if *count < 1 || left > 0 {
                return Err(Refused::TooMany { sku: sku.clone(), requested: *count, available: *count - left });
            }
        }
        let released = next.called_off(units, released, now)?;
        *self = next;
        Ok(released)
    }

    /// Takes units that are promised nowhere any more out of the order. An order of which nothing is left is cancelled.
    pub(super) fn called_off(
        &mut self,
        units: &[(Sku, i64)],
        released: Vec<StockEffect>,
        now: Timestamp,
    ) -> Result<Vec<StockEffect>, Refused> {
        self.step(Step::CancelUnits, now)?;
        self.placed_lines.get_or_insert_with(|| self.lines.clone());
        for (sku, count) in units {
            let at = self.lines.iter().position(|line| line.sku == *sku).ok_or(Refused::WrongLines)?;
            let mut line = self.lines[at].clone();
            let kept = line.quantity - count;
            self.shrink(&mut line, kept);
            self.lines[at] = line;
        }
        self.lift_out_of_stock();
        if self.lines.iter().all(|line| line.quantity == 0) {
            self.cancel(now)?;
        } else if self.status == OrderStatus::PartiallyShipped
            && self.lines.iter().all(|line| self.shipped(&line.sku) == line.quantity)
        {
            self.step(Step::ShipAll, now)?;
        } else if self.is_complete() && !self.shipments.iter().any(|s| s.state.has_left()) {
            self.step(Step::Reject, now)?;
        }
        Ok(released)
    }

    /// The order goes to another address, under its number.
    pub fn readdress(&mut self, address: u64, now: Timestamp) -> Result<(), Refused> {
        self.step(Step::Edit, now)?;
        self.address = Some(address);
        Ok(())
    }
}

fn may_shrink(shipment: &Shipment) -> bool {
    shipment.state.is_open() && !shipment.state.is_with_warehouse()
}

/// Takes up to `left` units of a line out of a parcel; gives how many. One that becomes empty is called off.
fn take_units(shipment: &mut Shipment, sku: &Sku, left: &mut i64) -> i64 {
    let Some(at) = shipment.lines.iter().position(|(item, _)| item == sku) else { return 0 };
    let taken = shipment.lines[at].1.min(*left);
    *left -= taken;
    if taken == 0 {
        return 0;
    }
    if shipment.lines.len() == 1 && shipment.lines[at].1 == taken {
        // Its line stays, to show what it was.
        shipment.state = ShipmentState::Cancelled;
    } else if shipment.lines[at].1 == taken {
        shipment.lines.remove(at);
    } else {
        shipment.lines[at].1 -= taken;
    }
    taken
}
