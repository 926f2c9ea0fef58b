//! One step of a stored order: read, apply the pure step, and write order, stock movements, events, timeline, sales and
//! list entries together.
//!
//! When someone else changed the order or a level in between, everything is read and decided again.

use crate::Sales;
use crate::documents::{Author, leave};
use crate::events;
use crate::order::{Order, OrderId, Refused, StockEffect};
use crate::store::{OrderItem, decode, order_key};
use inventory::store::{decode_level, level_key, post};
use inventory::{Level, LocationId, Locations, Movement, Posting, Refusal, Sku};
use kernel::{Backoff, Context, MoneyError, TenantId};
use std::collections::BTreeMap;
use std::time::Duration;
use table::{Consistency, TableError, Transaction, TransactionError};

/// How often a step is decided again when others keep changing the same order or levels.
const CONTENTION: Backoff = Backoff::exponential(Duration::from_millis(5), Duration::from_millis(200), 20);

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// The order does not allow it.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: Refused,
        /// The order as it stands.
        order: Box<Order>,
    },
    /// A level does not allow what the order promised before: ledger and orders disagree. A person must look.
    #[error("stock and order disagree: {0}")]
    Inconsistent(#[from] Refusal),
    /// The order is not at the version the caller saw.
    #[error("the order has changed since")]
    Stale(u64),
    /// Others changed the same things more often than we were willing to retry.
    #[error("the order is being changed by others")]
    Contended,
    /// Amounts do not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The table did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// More that a step writes: given the order after it.
pub(crate) type Also<'a> = &'a (dyn Fn(&Order, &mut Transaction) + Sync);

/// Who takes a step, what it is called in the timeline, and what led to it.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) actor: &'a str,
    pub(crate) cause: &'a Context,
    pub(crate) what: &'a str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) also: Option<Also<'a>>,
    /// The version the caller saw; `None` when it does not matter.
    pub(crate) seen: Option<u64>,
}

impl<'a> By<'a> {
    pub(crate) fn new(actor: &'a str, cause: &'a Context, what: &'a str) -> Self {
        Self { actor, cause, what, reason: None, also: None, seen: None }
    }
}

/// Stock that a step can look at.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    pub(crate) locations: Locations,
    pub(crate) levels: BTreeMap<(LocationId, Sku), Level>,
}

impl Stock {
    /// The level, empty when the location never held the item.
    pub(crate) fn level(&self, location: &LocationId, sku: &Sku) -> Level {
        let known = self.levels.get(&(location.clone(), sku.clone()));
        known.cloned().unwrap_or_else(|| Level::empty(sku.clone(), location.clone()))
    }
}

/// Which levels a step must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// None: the step moves no stock.
    Nothing,
    /// Where the parcels are.
    Own,
    /// Of all its items and these, at every location, to plan anew.
    Everywhere(&'a [Sku]),
    /// Where the parcels are, and of these items at one location.
    At(&'a LocationId, &'a [Sku]),
}

/// A step: changes the order and says what it does to the stock.
pub(crate) type StepFn<'a> = &'a (dyn Fn(&mut Order, &Stock) -> Result<Vec<StockEffect>, Refused> + Sync);

impl Sales {
    /// Takes a step. Returns the order before and after.
    pub(crate) async fn change(
        &self,
        tenant: &TenantId,
        id: OrderId,
        by: By<'_>,
        scope: Scope<'_>,
        step: StepFn<'_>,
    ) -> Result<Order, ChangeError> {
        for attempt in 1.. {
            let before = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
            if by.seen.is_some_and(|seen| seen != before.version) {
                return Err(ChangeError::Stale(before.version));
            }
            let stock = self.stock_of(tenant, &before, scope).await?;
            let mut after = before.clone();
            let effects = step(&mut after, &stock)
                .map_err(|reason| ChangeError::Refused { reason, order: Box::new(before.clone()) })?;
            after.version = before.version + 1;
            if self.write(tenant, Some(&before), &after, &stock, effects, by).await? {
                return Ok(after);
            }
            let Some(wait) = CONTENTION.delay(attempt, &mut fastrand::Rng::new()) else { break };
            tokio::time::sleep(wait).await;
        }
        Err(ChangeError::Contended)
    }

    /// One order, strongly consistent.
    pub async fn order(&self, tenant: &TenantId, id: OrderId) -> Result<Option<Order>, TableError> {
        self.table.get_item(order_key(tenant, id), Consistency::Strong).await?.map(decode).transpose()
    }

    /// The stock a step on this order may look at.
    pub(crate) async fn stock_of(
        &self,
        tenant: &TenantId,
        order: &Order,
        scope: Scope<'_>,
    ) -> Result<Stock, TableError> {
        let mut stock = Stock::default();
        let open = || order.shipments.iter().filter(|s| s.state.is_open());
        let mut wanted: Vec<(LocationId, Sku)> =
            open().flat_map(|s| s.lines.iter().map(|(sku, _)| (s.location.clone(), sku.clone()))).collect();
        let more: &[Sku] = match scope {
            Scope::Nothing => return Ok(stock),
            Scope::Own => &[],
            Scope::Everywhere(more) => more,
            Scope::At(location, skus) => {
                wanted.extend(skus.iter().map(|sku| (location.clone(), sku.clone())));
                &[]
            }
        };
        if let Scope::Everywhere(_) = scope {
            let known = self.table.get::<Locations>(Locations::key_of(tenant), Consistency::Strong).await?;
            stock.locations = known.map(|l| l.value).unwrap_or_default();
            let lines = order.lines.iter().map(|line| line.sku.clone());
            let skus: Vec<Sku> = lines.chain(more.iter().cloned()).collect();
            wanted.extend(stock.locations.by_id.keys().flat_map(|l| skus.iter().map(|sku| (l.clone(), sku.clone()))));
        }
        wanted.sort();
        wanted.dedup();
        let keys: Vec<_> = wanted.iter().map(|(location, sku)| level_key(tenant, location, sku)).collect();
        for item in self.table.get_many(&keys, Consistency::Strong).await?.into_iter().flatten() {
            let level = decode_level(item)?;
            stock.levels.insert((level.location.clone(), level.sku.clone()), level);
        }
        Ok(stock)
    }

    /// False when someone else was faster.
    pub(crate) async fn write(
        &self,
        tenant: &TenantId,
        before: Option<&Order>,
        after: &Order,
        stock: &Stock,
        effects: Vec<StockEffect>,
        by: By<'_>,
    ) -> Result<bool, ChangeError> {
        let now = self.now();
        let mut transaction = self.table.transaction(tenant);
        match before {
            Some(before) => transaction.put_versioned(&OrderItem::from(after), before.version),
            None => transaction.create(&OrderItem::from(after)),
        };
        for event in events::between(tenant, before, after, &*self.clock) {
            transaction.event(&event.caused_by(by.cause));
        }
        let source = after.id.to_string();
        let reason = by.reason.map(str::to_owned);
        let posting = Posting { source, actor: by.actor.to_owned(), reason, effective_at: now };
        for ((location, sku), movements) in by_level(effects) {
            post(&mut transaction, &stock.level(&location, &sku), &movements, &posting)?;
        }
        let author = Author { actor: by.actor, what: by.what, reason: by.reason };
        leave(&mut transaction, before, after, author, now)?;
        if let Some(also) = by.also {
            also(after, &mut transaction);
        }
        match transaction.commit().await {
            Ok(()) => Ok(true),
            Err(TransactionError::Conditions(_) | TransactionError::TokenReused) => Ok(false),
            Err(TransactionError::Table(error)) => Err(error.into()),
        }
    }
}

/// The movements of each level, in the order in which they happen.
fn by_level(effects: Vec<StockEffect>) -> BTreeMap<(LocationId, Sku), Vec<Movement>> {
    let mut grouped: BTreeMap<(LocationId, Sku), Vec<Movement>> = BTreeMap::new();
    for effect in effects {
        grouped.entry((effect.location, effect.sku)).or_default().push(effect.movement);
    }
    grouped
}
