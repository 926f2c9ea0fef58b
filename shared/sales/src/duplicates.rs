//! Suspected duplicates: the same customer orders the same lines again within a short time. Such an order waits until a
//! person merges it into the other, splits what is new from it, or dismisses the suspicion.
//!
//! Who sends an `Idempotency-Key` says with another key that it is another order, so that those are not suspected. The
//! others are: orders taken in from elsewhere when they are taken in, and orders of our own shop without a key by the
//! consumer of their placement, before anything is authorised.

use crate::Sales;
use crate::change::{By, ChangeError, Scope};
use crate::intake::{content, repeats};
use crate::order::{Hold, Order, OrderId, Refused, holds};
use crate::store::{decode, of_customer, sortable};
use inventory::Sku;
use kernel::{Context, TenantId};
use std::time::Duration;
use table::{Consistency, GlobalIndex, Query, TableError};

/// How long after an order the same one is suspected to repeat it.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Orders of a customer that are compared, newest first.
const COMPARED: usize = 20;

/// What a person makes of a suspected duplicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the other order once more: it is called off.
    Merge,
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
        let now = self.now();
        let step = |order: &mut Order, _: &_| {
            if !order.is_held_for(holds::DUPLICATE) {
                return Err(Refused::NoChange);
            }
            match verdict {
                Verdict::Merge => order.cancel(now),
                Verdict::Dismiss => order.release(Some(holds::DUPLICATE), now).map(|()| Vec::new()),
                Verdict::Split(wanted) => {
                    let released = order.cancel_units(&repeated(order, wanted)?, now)?;
                    order.release(Some(holds::DUPLICATE), now)?;
                    Ok(released)
                }
            }
        };
        let before = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
        let other = before.holds.iter().find(|hold| hold.code == holds::DUPLICATE).and_then(|hold| hold.other);
        let (what, reason) = match verdict {
            Verdict::Merge => ("duplicate_merged", other.map(|other| format!("part of {other}"))),
            Verdict::Split(_) => ("duplicate_split", other.map(|other| format!("repeats {other} in part"))),
            Verdict::Dismiss => ("duplicate_dismissed", None),
        };
        let by = By { reason: reason.as_deref(), seen, ..By::new(actor, cause, what) };
        self.change(tenant, id, by, Scope::Own, &step).await
    }
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
