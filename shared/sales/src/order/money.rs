//! The money of an order: what lines and parcels are worth, what is due at the provider, and what was given back. Pure.
//!
//! Every amount is a share of what was stored when the order was placed ([`crate::totals::share`]): the units of a line
//! are numbered, those that leave first come first, and the shares of all units sum to the line.

use super::{Line, Order, Refused, StockEffect, holds};
use crate::machine::Machine;
use crate::payment::{Payment, PaymentDue, PaymentEvent, PaymentGuard, PaymentState, Refund, RefundState};
use crate::status::{OrderStatus, Step};
use crate::totals::share;
use kernel::{Money, MoneyError, Timestamp};
use std::ops::Range;

/// Reason of a refund for what was paid beforehand and not sent.
pub const NOT_SENT: &str = "not sent";

/// What some units of a line, or a shipping charge, come to. Amounts in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worth {
    /// Before discounts.
    pub gross: i64,
    /// Discounts, not negative.
    pub discount: i64,
    /// Taxes, whether contained or not.
    pub tax: i64,
    /// What is to be paid.
    pub total: i64,
}

impl Worth {
    /// The sum of both.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        let add = |a: i64, b: i64| a.checked_add(b).ok_or(MoneyError::Overflow);
        Ok(Self {
            gross: add(self.gross, other.gross)?,
            discount: add(self.discount, other.discount)?,
            tax: add(self.tax, other.tax)?,
            total: add(self.total, other.total)?,
        })
    }
}

impl Order {
    fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.currency)
    }

    /// What the units of a line from `units.start` (0 is the first) to before `units.end` come to.
    pub fn worth_of(&self, line: &Line, units: &Range<i64>) -> Result<Worth, MoneyError> {
        let count = (units.end - units.start).max(0);
        let gross = self.money(line.unit_price_minor).checked_mul(count)?.minor();
        let part = |minor| share(self.money(minor), line.quantity, units).minor();
        self.worth(gross, part(line.discount_minor), part(line.tax_minor))
    }

    /// What shipping comes to.
    pub fn shipping_worth(&self) -> Result<Worth, MoneyError> {
        self.worth(self.terms.shipping_minor, 0, self.terms.shipping_tax_minor)
    }

    fn worth(&self, gross: i64, discount: i64, tax: i64) -> Result<Worth, MoneyError> {
        let net = gross.checked_sub(discount).ok_or(MoneyError::Overflow)?;
        let on_top = if self.terms.taxes_included { 0 } else { tax };
        let total = net.checked_add(on_top).ok_or(MoneyError::Overflow)?;
        Ok(Worth { gross, discount, tax, total })
    }

    /// What the first `units` of every line come to, with shipping if there are any.
    fn worth_of_first(&self, units: impl Fn(&Line) -> i64) -> Result<Worth, MoneyError> {
        let mut sum = Worth::default();
        let mut any = false;
        for line in &self.lines {
            let count = units(line);
            any |= count > 0;
            sum = sum.plus(self.worth_of(line, &(0..count))?)?;
        }
        if any { sum.plus(self.shipping_worth()?) } else { Ok(sum) }
    }

    /// Everything that was ordered, as things stand.
    pub fn worth_in_all(&self) -> Result<Worth, MoneyError> {
        self.worth_of_first(|line| line.quantity)
    }

    /// Value of the whole order.
    pub fn total(&self) -> Result<Money, MoneyError> {
        Ok(self.money(self.worth_in_all()?.total))
    }

    /// Value of everything that has left, with shipping once anything has.
    pub fn shipped_value(&self) -> Result<Money, MoneyError> {
        Ok(self.money(self.worth_of_first(|line| self.shipped(&line.sku))?.total))
    }

    /// Every payment, in the order in which they are taken.
    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        std::iter::once(&self.payment).chain(&self.more_payments)
    }

    fn payment_at(&mut self, tender: usize) -> Option<&mut Payment> {
        match tender.checked_sub(1) {
            None => Some(&mut self.payment),
            Some(later) => self.more_payments.get_mut(later),
        }
    }

    /// What was taken, in minor units.
    pub fn captured_minor(&self) -> i64 {
        self.payments().map(|payment| payment.captured_minor).sum()
    }

    /// What was given back or is about to be, in minor units.
    pub fn refunded_minor(&self) -> i64 {
        self.refunds.iter().filter(|r| r.state != RefundState::Failed).map(|r| r.minor).sum()
    }

    fn left_of(&self, tender: usize) -> i64 {
        let refunds = self.refunds.iter().filter(|r| r.tender == tender && r.state != RefundState::Failed);
        self.payments().nth(tender).map_or(0, |p| p.captured_minor) - refunds.map(|r| r.minor).sum::<i64>()
    }

    /// What a payment is to cover: its own amount, or what the others leave of the order.
    fn amount_of(&self, payment: &Payment) -> Result<Money, MoneyError> {
        match payment.amount_minor {
            Some(minor) => Ok(self.money(minor)),
            None => self.total(),
        }
    }

    /// What is due at the provider, and for which payment, decided from where the order stands and not from how it got
    /// there. While the order is held nothing new is authorised.
    pub fn payment_due(&self) -> Result<(usize, PaymentDue), MoneyError> {
        for (number, refund) in self.refunds.iter().enumerate() {
            let external = self.payments().nth(refund.tender).is_none_or(|payment| payment.external);
            if refund.state == RefundState::Requested && !external {
                return Ok((refund.tender, PaymentDue::Refund(number, self.money(refund.minor))));
            }
        }
        let mut to_take = self.shipped_value()?.minor();
        for (tender, payment) in self.payments().enumerate() {
            let due = match payment.state {
                PaymentState::Pending if self.is_lost() => PaymentDue::VoidUnknown(self.amount_of(payment)?),
                PaymentState::Pending if self.holds.is_empty() => PaymentDue::Authorize(self.amount_of(payment)?),
                PaymentState::Authorized if self.is_lost() => PaymentDue::Void,
                PaymentState::Authorized if self.is_complete() => match to_take.min(self.amount_of(payment)?.minor()) {
                    0 => PaymentDue::Void,
                    minor => PaymentDue::Capture(self.money(minor)),
                },
                PaymentState::Pending
                | PaymentState::Authorized
                | PaymentState::Declined
                | PaymentState::Captured
                | PaymentState::Voided => PaymentDue::Nothing,
            };
            if due != PaymentDue::Nothing {
                return Ok((tender, due));
            }
            to_take -= payment.captured_minor;
        }
        Ok((0, self.overpaid()?))
    }

    /// More was taken than the order is worth: paid beforehand, and then not all of it was sent. Until nothing more is to
    /// come it stays.
    fn overpaid(&self) -> Result<PaymentDue, MoneyError> {
        if !self.is_lost() && !self.is_complete() {
            return Ok(PaymentDue::Nothing);
        }
        let worth = self.shipped_value()?.minor();
        // What is given back for other reasons was worth its money. One that failed is for a person, and not tried anew.
        let decided: i64 = self.refunds.iter().filter(|r| r.reason == NOT_SENT).map(|r| r.minor).sum();
        let too_much = (self.captured_minor() - worth - decided).min(self.captured_minor() - self.refunded_minor());
        Ok(if too_much > 0 { PaymentDue::GiveBack(self.money(too_much)) } else { PaymentDue::Nothing })
    }

    /// A payment was authorised. When the last one was, the parcels may go to their warehouses.
    pub fn authorize(&mut self, tender: usize, authorization: String, now: Timestamp) -> Result<(), Refused> {
        let mut next = self.clone();
        let amount = self.payments().nth(tender).map(|payment| self.amount_of(payment)).transpose()?;
        let payment = next.payment_at(tender).ok_or(Refused::PaymentSettled)?;
        payment.state = payment_after(payment.state, PaymentEvent::Authorize)?;
        payment.authorization = Some(authorization);
        payment.amount_minor = payment.amount_minor.or(amount.map(Money::minor));
        next.accept_if_paid(now)?;
        *self = next;
        Ok(())
    }

    /// Goes on when no payment is awaited any more.
    pub(crate) fn accept_if_paid(&mut self, now: Timestamp) -> Result<(), Refused> {
        let awaited = self.payments().any(|payment| payment.state == PaymentState::Pending);
        if awaited || self.status != OrderStatus::Pending {
            // An order that ended meanwhile takes no authorisation.
            return if self.is_lost() { self.step(Step::Accept, now) } else { Ok(()) };
        }
        self.step(Step::Accept, now)
    }

    /// A payment was declined: the promised stock goes back. One that became due by an edit makes the order wait.
    pub fn decline(&mut self, tender: usize, code: String, now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        let payment = next.payment_at(tender).ok_or(Refused::PaymentSettled)?;
        payment.state = payment_after(payment.state, PaymentEvent::Decline)?;
        payment.decline_code = Some(code);
        let given_back = if next.status == OrderStatus::Pending || next.is_lost() {
            next.step(Step::Reject, now)?;
            next.holds.clear();
            next.give_up_open()
        } else {
            next.hold_for(holds::PAYMENT, "the payment for what was added was declined");
            Vec::new()
        };
        *self = next;
        Ok(given_back)
    }

    /// Records what became of a hold at the provider. Refused when it is settled already.
    pub(crate) fn record_payment(
        &mut self,
        tender: usize,
        event: PaymentEvent,
        captured: Option<Money>,
    ) -> Result<(), Refused> {
        let payment = self.payment_at(tender).ok_or(Refused::PaymentSettled)?;
        payment.state = payment_after(payment.state, event)?;
        payment.captured_minor = captured.map_or(0, Money::minor);
        Ok(())
    }

    /// Decides to give back so much of what was taken, from the first payment on.
    pub fn refund(&mut self, minor: i64, reason: &str) -> Result<(), Refused> {
        let left = self.captured_minor() - self.refunded_minor();
        if minor < 1 || minor > left {
            return Err(Refused::RefundTooLarge { requested: minor, left });
        }
        let mut rest = minor;
        for tender in 0..=self.more_payments.len() {
            let part = rest.min(self.left_of(tender));
            if part > 0 {
                let covered = self.left_of(tender) >= part;
                let state = self.payments().nth(tender).map_or(PaymentState::Voided, |payment| payment.state);
                state.after(PaymentEvent::Refund, &|PaymentGuard::Covered| covered)?;
                self.refunds.push(Refund {
                    tender,
                    minor: part,
                    state: RefundState::Requested,
                    reason: reason.to_owned(),
                });
                rest -= part;
            }
        }
        Ok(())
    }

    /// Records what became of a refund.
    pub fn record_refund(&mut self, number: usize, state: RefundState) -> Result<(), Refused> {
        let refund = self.refunds.get_mut(number).ok_or(Refused::UnknownRefund)?;
        if refund.state != RefundState::Requested {
            return Err(Refused::PaymentSettled);
        }
        refund.state = state;
        Ok(())
    }
}

fn payment_after(state: PaymentState, event: PaymentEvent) -> Result<PaymentState, Refused> {
    state.after(event, &|PaymentGuard::Covered| true).map_err(|_| Refused::PaymentSettled)
}
