//! Returns of an order: what may come back, what became of it, and the money for it. Pure.

use super::{Order, OrderId, Refused, StockEffect};
use crate::cost::{Departed, cost_of};
use crate::machine::Machine;
use crate::returns::{Return, ReturnEvent, ReturnLine, ReturnState};
use crate::status::Step;
use inventory::{Condition, LocationId, Movement, Sku};
use kernel::{Money, MoneyError, Timestamp};
use std::collections::BTreeMap;

/// Most returns of one order.
pub const MAX_RETURNS: usize = 20;

/// What was found of one item of a return: units sold again, damaged, and not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The item.
    pub sku: Sku,
    /// As good as new.
    pub restocked: i64,
    /// Damaged.
    pub damaged: i64,
    /// Not taken back.
    pub refused: i64,
}

impl Order {
    /// Units of an item that left and are in no return.
    pub fn returnable(&self, sku: &Sku) -> i64 {
        let claimed = self.returns.iter().filter(|r| r.state.claims_units()).flat_map(|r| &r.lines);
        self.shipped(sku) - claimed.filter(|line| line.sku == *sku).map(|line| line.units).sum::<i64>()
    }

    /// Asks for units to be taken back. Returns the number of the return.
    pub fn request_return(
        &mut self,
        units: &[(Sku, i64)],
        location: LocationId,
        reason: &str,
        now: Timestamp,
    ) -> Result<usize, Refused> {
        let mut next = self.clone();
        next.step(Step::Return, now)?;
        if units.is_empty() || next.returns.len() >= MAX_RETURNS {
            return Err(Refused::WrongLines);
        }
        let mut lines: Vec<ReturnLine> = Vec::with_capacity(units.len());
        for (sku, count) in units {
            let available = self.returnable(sku);
            if *count < 1 || *count > available {
                return Err(Refused::TooMany { sku: sku.clone(), requested: *count, available });
            }
            if lines.iter().any(|line| line.sku == *sku) {
                return Err(Refused::WrongLines);
            }
            lines.push(ReturnLine { sku: sku.clone(), units: *count, restocked: 0, damaged: 0, refused: 0 });
        }
        let reason = reason.to_owned();
        let state = ReturnState::Requested;
        next.returns.push(Return { state, location, reason, lines, exchange: None, value_minor: 0 });
        *self = next;
        Ok(self.returns.len() - 1)
    }

    /// Moves a return on without settling anything: approve, reject, send, receive, cancel.
    pub fn advance_return(&mut self, number: usize, event: ReturnEvent) -> Result<(), Refused> {
        let held = self.returns.get_mut(number).ok_or(Refused::UnknownReturn)?;
        held.state = held.state.after(event, &|_| true)?;
        Ok(())
    }

    /// Records what was found of every item. Units in no finding did not arrive.
    pub fn inspect_return(&mut self, number: usize, findings: &[Finding]) -> Result<(), Refused> {
        let mut next = self.clone();
        next.advance_return(number, ReturnEvent::Inspect)?;
        let lines = &mut next.returns[number].lines;
        for line in lines.iter_mut() {
            (line.restocked, line.damaged, line.refused) = (0, 0, 0);
        }
        for found in findings {
            let line = lines.iter_mut().find(|line| line.sku == found.sku).ok_or(Refused::WrongLines)?;
            let parts = [found.restocked, found.damaged, found.refused];
            let arrived = parts.iter().try_fold(0i64, |sum, part| sum.checked_add(*part));
            match arrived {
                Some(arrived) if parts.iter().all(|part| *part >= 0) && arrived <= line.units => {}
                Some(_) | None => {
                    let requested = arrived.unwrap_or(i64::MAX);
                    return Err(Refused::TooMany { sku: found.sku.clone(), requested, available: line.units });
                }
            }
            (line.restocked, line.damaged, line.refused) = (found.restocked, found.damaged, found.refused);
        }
        *self = next;
        Ok(())
    }

    /// What is given back for the units of a return that were accepted: their shares of what was paid, after the units
    /// of the returns before it.
    pub fn return_value(&self, number: usize) -> Result<Money, Refused> {
        let held = self.returns.get(number).ok_or(Refused::UnknownReturn)?;
        let mut minor = 0i64;
        for line in &held.lines {
            let ordered = self.lines.iter().find(|l| l.sku == line.sku).ok_or(Refused::WrongLines)?;
            let from = self.paid_back(&line.sku);
            let worth = self.worth_of(ordered, &(from..from + line.accepted()))?;
            minor = minor.checked_add(worth.total).ok_or(MoneyError::Overflow)?;
        }
        Ok(Money::from_minor(minor, self.currency))
    }

    /// Units of an item whose money was given back.
    fn paid_back(&self, sku: &Sku) -> i64 {
        let closed = self.returns.iter().filter(|r| r.state == ReturnState::Closed).flat_map(|r| &r.lines);
        closed.filter(|line| line.sku == *sku).map(ReturnLine::accepted).sum()
    }

    /// Settles a return: its goods go where the inspection put them, and what arrived is paid back, less what becomes
    /// part of `exchange` (the order made of it and how much of it that takes, in minor units). Goods come back with the
    /// cost they `departed` with, as far as that is known.
    pub fn settle_return(
        &mut self,
        number: usize,
        exchange: Option<(OrderId, i64)>,
        departed: &[Departed],
    ) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        let value = self.return_value(number)?.minor();
        next.advance_return(number, ReturnEvent::Settle)?;
        let credit = exchange.map_or(0, |(_, minor)| minor);
        if !(0..=value).contains(&credit) {
            return Err(Refused::RefundTooLarge { requested: credit, left: value });
        }
        // What was given back before, out of goodwill, is not given back twice.
        let left = next.captured_minor() - next.refunded_minor();
        if credit > left {
            return Err(Refused::RefundTooLarge { requested: credit, left });
        }
        let refund = value.min(left) - credit;
        for (minor, reason) in [(credit, EXCHANGED), (refund, "returned")] {
            if minor > 0 {
                next.refund(minor, &format!("{reason} {number}"))?;
            }
        }
        let held = &mut next.returns[number];
        held.exchange = exchange.map(|(order, _)| order);
        held.value_minor = refund + credit;
        let effects = self.taken_back(number, departed)?;
        next.mark_exchanged(credit, number);
        *self = next;
        Ok(effects)
    }

    /// The goods of a return as they go into stock: kits taken apart, each unit with what it cost when it left.
    fn taken_back(&self, number: usize, departed: &[Departed]) -> Result<Vec<StockEffect>, Refused> {
        let held = self.returns.get(number).ok_or(Refused::UnknownReturn)?;
        let closed = self.returns.iter().filter(|r| r.state == ReturnState::Closed).flat_map(|r| &r.lines);
        let accepted: Vec<(Sku, i64)> = closed.map(|line| (line.sku.clone(), line.accepted())).collect();
        let mut back: BTreeMap<Sku, i64> = self.items(&accepted).into_iter().collect();
        let mut effects = Vec::new();
        for line in &held.lines {
            for (condition, units) in [(Condition::Sellable, line.restocked), (Condition::Damaged, line.damaged)] {
                for (sku, quantity) in self.items(&[(line.sku.clone(), units)]) {
                    if quantity == 0 {
                        continue;
                    }
                    let from = back.entry(sku.clone()).or_default();
                    let cost = cost_of(departed, &sku, &(*from..*from + quantity));
                    *from += quantity;
                    let movement = Movement::Returned { quantity, condition, cost };
                    effects.push(StockEffect { location: held.location.clone(), sku, movement });
                }
            }
        }
        Ok(effects)
    }

    /// What became part of another order is not asked of the provider.
    fn mark_exchanged(&mut self, credit: i64, number: usize) {
        let reason = format!("{EXCHANGED} {number}");
        if credit > 0 {
            for refund in self.refunds.iter_mut().filter(|refund| refund.reason == reason) {
                refund.state = crate::payment::RefundState::Done;
            }
        }
    }
}

/// Begins the reason of a refund that became part of another order.
const EXCHANGED: &str = "exchanged";
