//! An order that was taken in follows what is changed about it in its store: units, goods that come back, money that is given back.
//!
//! Each follows from the state the store tells, held against ours, not from the deliveries in between: so one that comes twice, late or
//! not at all changes nothing. What cannot be followed, as units that are with a warehouse already, is refused with its reason.

use std::collections::BTreeMap;

use inventory::{LocationId, Sku};
use kernel::Money;
use sales::edits::{Edit, Editor};
use sales::order::money::NOT_SENT;
use sales::order::returning::Finding;
use sales::payment::RefundState;
use sales::returns::{ReturnEvent, ReturnState};
use sales::{Line, Order};
use shopify::map::order::{Line as TheirLine, Order as TheirOrder, Payment as Paid};
use shopify::map::refund::{Refund, Restock};
use shopify::platform::PlatformError;

use crate::backoffice::{other, refused};
use crate::orders::{METHOD, Orders, change, lines};

/// Units of an item, as a store counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Units {
    /// That are to be sent or were, for certain.
    least: i64,
    /// With those that were taken out of the order unless they have left.
    most: i64,
    /// That were ever ordered.
    ordered: i64,
}

impl Orders<'_> {
    /// Does what was done to an order over there. Refunds are read with webhooks only; without them no unit is touched.
    pub(crate) async fn amend(&self, mut order: Order, theirs: &TheirOrder) -> Result<(), PlatformError> {
        let mut goods = Ok(());
        if let (Some(refunds), false) = (&theirs.refunds, order.is_lost()) {
            let id = order.id;
            goods = self.follow_goods(order, theirs, &refunds.all).await;
            // Money is followed whether goods can be or not.
            order =
                self.sales.order(self.tenant, id).await.map_err(other)?.ok_or_else(|| other("the order is gone"))?;
        }
        let paid = theirs.refunds.as_ref().map_or(0, |refunds| refunds.paid.minor());
        let given_back = if theirs.payment == Paid::Refunded { order.captured_minor() } else { paid };
        self.pay_back(order, given_back).await?;
        goods
    }

    async fn follow_goods(&self, order: Order, theirs: &TheirOrder, refunds: &[Refund]) -> Result<(), PlatformError> {
        let mut order = self.follow_units(order, theirs, refunds).await?;
        for refund in refunds {
            order = self.bring_back(order, theirs, refund).await?;
        }
        Ok(())
    }

    fn editor<'a>(&'a self, order: &Order, reason: &'a str) -> Editor<'a> {
        Editor { actor: METHOD, reason: Some(reason), seen: Some(order.version), cause: self.cause }
    }

    async fn edit(&self, order: &Order, edit: Edit) -> Result<Order, PlatformError> {
        let editor = self.editor(order, "edited in the store");
        self.sales.edit(self.tenant, order.id, &edit, editor).await.map_err(change)
    }

    async fn follow_units(
        &self,
        mut order: Order,
        theirs: &TheirOrder,
        refunds: &[Refund],
    ) -> Result<Order, PlatformError> {
        let wanted = units(&theirs.lines, refunds)?;
        let mut fewer = Vec::new();
        for line in &order.lines {
            let Units { least, most, ordered } = wanted.get(&line.sku).copied().unwrap_or_default();
            let stays = order.shipped(&line.sku).clamp(least, most);
            // What somebody added here is theirs.
            if stays < line.quantity && stays < ordered {
                fewer.push((line.sku.clone(), line.quantity - stays));
            }
        }
        if !fewer.is_empty() {
            order = self.edit(&order, Edit::CancelUnits(fewer)).await?;
        }
        let mut more = Vec::new();
        for line in lines(&theirs.lines)? {
            let Units { least, .. } = wanted.get(&line.sku).copied().unwrap_or_default();
            let of =
                |lines: &[Line]| lines.iter().find(|known| known.sku == line.sku).map_or(0, |known| known.quantity);
            // What somebody took out here stays out.
            if least > of(&order.lines).max(of(order.placed_lines.as_deref().unwrap_or_default())) {
                more.push(Line { quantity: least, ..line });
            }
        }
        // What was added is followed when it is paid for, as a new order is.
        let is_paid = matches!(theirs.payment, Paid::Paid | Paid::PartiallyRefunded);
        if more.is_empty() || !is_paid {
            return Ok(order);
        }
        self.edit(&order, Edit::PaidLines(more)).await
    }

    /// Goods of one refund that came back to the store: a return of ours, known by the refund's id, from its request to its end.
    async fn bring_back(&self, mut order: Order, theirs: &TheirOrder, refund: &Refund) -> Result<Order, PlatformError> {
        let mut units: BTreeMap<Sku, i64> = BTreeMap::new();
        let back = refund.lines.iter().filter(|line| line.restock == Restock::Return);
        let mut place = None;
        for returned in back {
            let line = theirs.lines.iter().find(|line| line.id == returned.line).and_then(|line| line.sku.as_deref());
            let Some(sku) = line else { continue };
            let sku: Sku = sku.parse().map_err(|_| refused("UNKNOWN_ITEM", "what came back has no SKU of ours"))?;
            *units.entry(sku).or_default() += i64::from(returned.quantity);
            place = place.or_else(|| returned.location.as_ref().and_then(|gid| self.store.location_of(gid)));
        }
        if units.is_empty() {
            return Ok(order);
        }
        let reason = format!("shopify refund {}", refund.id);
        let units: Vec<(Sku, i64)> = units.into_iter().collect();
        let known = order.returns.iter().position(|known| known.reason == reason);
        let number = match known {
            Some(number) => number,
            None => {
                let sent_from = order.shipments.iter().find(|sent| sent.state.has_left()).map(|sent| &sent.location);
                let named: Option<LocationId> = place.and_then(|place| place.parse().ok());
                let location = named.or(sent_from.cloned());
                let location = location.ok_or_else(|| refused("NOT_SENT_YET", "goods came back that never left"))?;
                let editor = self.editor(&order, &reason);
                let asked = self.sales.request_return(self.tenant, order.id, &units, &location, editor).await;
                order = asked.map_err(change)?;
                order.returns.len() - 1
            }
        };
        loop {
            let (at, editor) = ((order.id, number), self.editor(&order, &reason));
            let advance = |event| self.sales.advance_return(self.tenant, at, event, editor);
            let moved = match order.returns.get(number).map(|held| held.state) {
                Some(ReturnState::Requested) => advance(ReturnEvent::Approve).await,
                Some(ReturnState::Approved | ReturnState::InTransit) => advance(ReturnEvent::Receive).await,
                Some(ReturnState::Received) => {
                    let sold_again = |(sku, units): &(Sku, i64)| Finding {
                        sku: sku.clone(),
                        restocked: *units,
                        damaged: 0,
                        refused: 0,
                    };
                    let found: Vec<Finding> = units.iter().map(sold_again).collect();
                    self.sales.inspect_return(self.tenant, at, &found, editor).await
                }
                Some(ReturnState::Inspected) => self.sales.settle_return(self.tenant, at, None, editor).await,
                Some(ReturnState::Closed | ReturnState::Rejected | ReturnState::Cancelled) | None => return Ok(order),
            };
            order = moved.map_err(change)?;
        }
    }

    /// Books what the store gave back in all, in minor units. What was decided here before is confirmed with it.
    async fn pay_back(&self, mut order: Order, given_back: i64) -> Result<(), PlatformError> {
        for number in 0..order.refunds.len() {
            let refund = &order.refunds[number];
            if refund.state == RefundState::Requested && done(&order) + refund.minor <= given_back {
                order = self.confirm(order, number, RefundState::Done).await?;
            }
        }
        let rest = given_back - done(&order);
        if rest <= 0 {
            return Ok(());
        }
        for number in 0..order.refunds.len() {
            if order.refunds[number].state == RefundState::Requested {
                // The store gave another amount for it.
                order = self.confirm(order, number, RefundState::Failed).await?;
            }
        }
        let total = if order.is_lost() { 0 } else { order.total().map_err(other)?.minor() };
        let settled: i64 = order.refunds.iter().filter(|r| r.reason == NOT_SENT).map(|r| r.minor).sum();
        let not_sent = (order.captured_minor() - total - settled).clamp(0, rest);
        for (minor, reason) in [(not_sent, NOT_SENT), (rest - not_sent, "paid back by the store")] {
            if minor == 0 {
                continue;
            }
            let (amount, by) = (Money::from_minor(minor, order.currency), (METHOD, self.cause));
            let booked = self.sales.refund(self.tenant, order.id, amount, reason, by, Some(order.version)).await;
            order = booked.map_err(change)?;
        }
        for number in 0..order.refunds.len() {
            if order.refunds[number].state == RefundState::Requested {
                order = self.confirm(order, number, RefundState::Done).await?;
            }
        }
        Ok(())
    }

    async fn confirm(&self, order: Order, number: usize, state: RefundState) -> Result<Order, PlatformError> {
        let confirmed = self.sales.confirm_refund(self.tenant, (order.id, number), state, METHOD, self.cause).await;
        confirmed.map_err(change)
    }
}

/// What was given back, in minor units.
fn done(order: &Order) -> i64 {
    order.refunds.iter().filter(|refund| refund.state == RefundState::Done).map(|refund| refund.minor).sum()
}

/// How many units of each item a store still counts. A refund takes its units off the line's count, whatever became of the goods.
fn units(lines: &[TheirLine], refunds: &[Refund]) -> Result<BTreeMap<Sku, Units>, PlatformError> {
    let mut all: BTreeMap<Sku, Units> = BTreeMap::new();
    for line in lines {
        let Some(sku) = &line.sku else { continue };
        let sku: Sku =
            sku.parse().map_err(|_| refused("UNKNOWN_ITEM", format!("`{}` has no SKU of ours", line.title)))?;
        let refunded = |restock: Restock| -> i64 {
            let parts = refunds.iter().flat_map(|refund| &refund.lines);
            parts
                .filter(|part| part.line == line.id && part.restock == restock)
                .map(|part| i64::from(part.quantity))
                .sum()
        };
        let units = all.entry(sku).or_default();
        let least = i64::from(line.current_quantity) + refunded(Restock::Return);
        units.least += least;
        units.most += least + refunded(Restock::NoRestock);
        units.ordered += i64::from(line.quantity);
    }
    Ok(all)
}
