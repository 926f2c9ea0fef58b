//! Suspected duplicates: the same customer orders the same lines again within a short time. Such an order waits until a
//! person merges it into the other, splits what is new from it, or dismisses the suspicion.
//!
//! Who sends an `Idempotency-Key` says with another key that it is another order, so that those are not suspected. The
//! others are: orders taken in from elsewhere when they are taken in, and orders of our own shop without a key by the
//! consumer of their placement, before anything is authorised.

use crate::Sales;
use crate::change::{By, ChangeError, Scope, Taken};
use crate::edits::replan;
use crate::intake::{content, repeats};
use crate::order::{Hold, Line, Merged, Order, OrderId, Refused, StockEffect, holds};
use crate::store::{decode, of_customer, sortable};
use inventory::Sku;
use kernel::{Context, TenantId, Timestamp};
use std::time::Duration;
use table::{Attempts, Consistency, GlobalIndex, Query, TableError};

/// How long after an order the same one is suspected to repeat it.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Orders of a customer that are compared, newest first.
const COMPARED: usize = 20;

/// What a person makes of a suspected duplicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the other order once more: it is called off. The other order gets its notes, files and external id, and of
    /// its lines these units, if any are wanted beside what the other order has.
    Merge(Vec<(Sku, i64)>),
    /// These units are wanted beside the other order; the rest repeats it and is called off.
    Split(Vec<(Sku, i64)>),
    /// It is an order of its own.
    Dismiss,
}

impl Sales {
    /// The reason to make an order wait, if an earlier one looks the same. The index finds candidates; they are compared
    /// as they are stored.
    pub(crate) async fn suspicion(&self, tenant: &TenantId, order: &Order) -> Result<Option<Hold>, TableError> {
        let since = order.placed_at.checked_sub(WINDOW).unwrap_or(order.placed_at).as_millisecond();
        let query = Query::index(GlobalIndex::Gsi2, of_customer(tenant, &order.customer));
        let query = query.at_least(&[&sortable(since)]).backward().limit(COMPARED).consistency(Consistency::Strong);
        for item in self.table.query_items(query).await?.items {
            let other = decode(item)?;
            let earlier = (other.placed_at, other.id) < (order.placed_at, order.id);
            let same = other.currency == order.currency && content(&other) == content(order);
            if earlier && same && !other.is_lost() && order.terms.origin.is_none() {
                return Ok(Some(repeats(&other)));
            }
        }
        Ok(None)
    }

    /// Makes an order that was just placed without a key wait if it looks like another. Anything else stays as it is.
    pub async fn review(&self, tenant: &TenantId, id: OrderId, cause: &Context) -> Result<(), ChangeError> {
        let order = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
        if !order.terms.unkeyed || order.version > 1 {
            return Ok(());
        }
        let Some(hold) = self.suspicion(tenant, &order).await? else { return Ok(()) };
        let now = self.now();
        let step = |order: &mut Order, _: &_| {
            // Who changed it meanwhile has looked at it.
            if order.version > 1 { Err(Refused::NoChange) } else { order.hold(hold.clone(), now).map(|()| Vec::new()) }
        };
        match self.change(tenant, id, By::new("duplicates", cause, "held"), Scope::Nothing, &step).await {
            Ok(_) | Err(ChangeError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A person decides about a suspected duplicate.
    pub async fn judge(
        &self,
        tenant: &TenantId,
        id: OrderId,
        verdict: &Verdict,
        (actor, cause): (&str, &Context),
        seen: Option<u64>,
    ) -> Result<Order, ChangeError> {
        let before = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
        let other = before.holds.iter().find(|hold| hold.code == holds::DUPLICATE).and_then(|hold| hold.other);
        let now = self.now();
        let (what, reason) = match verdict {
            Verdict::Merge(units) => {
                let by = By { seen, ..By::new(actor, cause, "duplicate_merged") };
                return self.merge(tenant, (before, other), units, by).await;
            }
            Verdict::Split(_) => ("duplicate_split", other.map(|other| format!("repeats {other} in part"))),
            Verdict::Dismiss => ("duplicate_dismissed", None),
        };
        let step = |order: &mut Order, _: &_| {
            if !order.is_held_for(holds::DUPLICATE) {
                return Err(Refused::NoChange);
            }
            let released = match verdict {
                Verdict::Split(wanted) => order.cancel_units(&repeated(order, wanted)?, now)?,
                Verdict::Merge(_) | Verdict::Dismiss => Vec::new(),
            };
            order.release(Some(holds::DUPLICATE), now)?;
            Ok(released)
        };
        let by = By { reason: reason.as_deref(), seen, ..By::new(actor, cause, what) };
        self.change(tenant, id, by, Scope::Own, &step).await
    }

    /// Makes an order part of the one it repeats. Both are written in one transaction; notes and files are copied before
    /// it, so that one that dies in between is merged whole when it is repeated.
    async fn merge(
        &self,
        tenant: &TenantId,
        (mut suspect, other): (Order, Option<OrderId>),
        units: &[(Sku, i64)],
        by: By<'_>,
    ) -> Result<Order, ChangeError> {
        let now = self.now();
        let mut attempts = Attempts::default();
        loop {
            let refused = |reason| ChangeError::Refused { reason, order: Box::new(suspect.clone()) };
            if by.seen.is_some_and(|seen| seen != suspect.version) {
                return Err(ChangeError::Stale(suspect.version));
            }
            let other =
                other.filter(|_| suspect.is_held_for(holds::DUPLICATE)).ok_or_else(|| refused(Refused::NoChange))?;
            let original = self.order(tenant, other).await?.ok_or(ChangeError::NotFound)?;
            let scope = if units.is_empty() { Scope::Own } else { Scope::Everywhere(&[]) };
            let stock = self.stock_of(tenant, &[&suspect, &original], scope).await?;
            let plan =
                |order: &mut Order, lines: &[Line], freed: &[StockEffect]| replan(order, lines, &stock, freed, now);
            let (gone, kept, effects) = merged(&suspect, &original, units, &plan, now).map_err(refused)?;
            self.carry_over(tenant, suspect.id, original.id).await?;
            let into = format!("part of {}", original.id);
            let of = format!("{} became part of it", suspect.id);
            let steps = [
                Taken { before: Some(&suspect), after: &gone, what: by.what, reason: Some(&into) },
                Taken { before: Some(&original), after: &kept, what: "duplicate_taken_in", reason: Some(&of) },
            ];
            if self.write_all(tenant, &steps, &stock, effects, by).await? {
                return Ok(gone);
            }
            attempts.lost().await?;
            suspect = self.order(tenant, suspect.id).await?.ok_or(ChangeError::NotFound)?;
        }
    }
}

/// Plans lines of an order, given what is freed with it.
type Replan<'a> = &'a dyn Fn(&mut Order, &[Line], &[StockEffect]) -> Result<Vec<StockEffect>, Refused>;

/// Both orders after one became part of the other, and what that does to the stock.
fn merged(
    suspect: &Order,
    original: &Order,
    units: &[(Sku, i64)],
    replan: Replan<'_>,
    now: Timestamp,
) -> Result<(Order, Order, Vec<StockEffect>), Refused> {
    if original.is_lost() {
        return Err(Refused::NoChange);
    }
    let (mut gone, mut kept) = (suspect.clone(), original.clone());
    let mut effects = gone.cancel(now)?;
    if !units.is_empty() {
        let lines = added(suspect, original, units)?;
        let planned = replan(&mut kept, &lines, &effects)?;
        effects.extend(planned);
    }
    gone.merged_into = Some(original.id);
    let (channel, external_id) = (suspect.channel().to_owned(), suspect.terms.external_id.clone());
    kept.merged.push(Merged { order: suspect.id, channel, external_id });
    (gone.version, kept.version) = (suspect.version + 1, original.version + 1);
    Ok((gone, kept, effects))
}

/// The lines of the original with units of the suspect added, each with its share of discounts and taxes.
fn added(suspect: &Order, original: &Order, units: &[(Sku, i64)]) -> Result<Vec<Line>, Refused> {
    if suspect.currency != original.currency || suspect.terms.taxes_included != original.terms.taxes_included {
        return Err(Refused::WrongLines);
    }
    let line = |(sku, count): &(Sku, i64)| {
        let of = suspect.lines.iter().find(|line| line.sku == *sku).ok_or(Refused::WrongLines)?;
        if !(1..=of.quantity).contains(count) {
            return Err(Refused::TooMany { sku: sku.clone(), requested: *count, available: of.quantity });
        }
        let worth = suspect.worth_of(of, &(0..*count))?;
        let mut line = Line { quantity: *count, discount_minor: worth.discount, tax_minor: worth.tax, ..of.clone() };
        if let Some(known) = original.lines.iter().find(|line| line.sku == *sku) {
            if known.unit_price_minor != of.unit_price_minor {
                return Err(Refused::WrongLines);
            }
            line.quantity += known.quantity;
            line.discount_minor += known.discount_minor;
            line.tax_minor += known.tax_minor;
        }
        Ok(line)
    };
    units.iter().map(line).collect()
}

/// The units that are not wanted.
fn repeated(order: &Order, wanted: &[(Sku, i64)]) -> Result<Vec<(Sku, i64)>, Refused> {
    let known = |sku: &Sku| order.lines.iter().any(|line| line.sku == *sku);
    if wanted.is_empty() || wanted.iter().any(|(sku, units)| !known(sku) || *units < 1) {
        return Err(Refused::WrongLines);
    }
    let mut rest = Vec::new();
    for line in &order.lines {
        let kept: i64 = wanted.iter().filter(|(sku, _)| *sku == line.sku).map(|(_, units)| units).sum();
        if kept > line.quantity {
            return Err(Refused::TooMany { sku: line.sku.clone(), requested: kept, available: line.quantity });
        }
        if kept < line.quantity {
            rest.push((line.sku.clone(), line.quantity - kept));
        }
    }
    if rest.is_empty() { Err(Refused::NoChange) } else { Ok(rest) }
}
