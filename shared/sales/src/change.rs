//! One step of a stored order: read, apply the pure step, and write order, stock movements and events together.
//!
//! When someone else changed the order or a level in between, everything is read and decided again.

use crate::Sales;
use crate::events;
use crate::order::{Order, OrderId, Refused, StockEffect};
use crate::store::{OrderItem, decode, order_key};
use inventory::store::{decode_level, level_key, post};
use inventory::{Level, LocationId, Locations, Movement, Posting, Refusal, Sku};
use kernel::{Backoff, Context, TenantId};
use std::collections::BTreeMap;
use std::time::Duration;
use table::{Consistency, TableError, TransactionError};

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
    /// Others changed the same things more often than we were willing to retry.
    #[error("the order is being changed by others")]
    Contended,
    /// The table did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
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
pub(crate) enum Scope {
    /// None: the step moves no stock.
    Nothing,
    /// Where the parcels are.
    Own,
    /// At every location, to plan anew.
    Everywhere,
}

/// A step: changes the order and says what it does to the stock.
pub(crate) type StepFn<'a> = &'a (dyn Fn(&mut Order, &Stock) -> Result<Vec<StockEffect>, Refused> + Sync);

impl Sales {
    /// Takes a step. Returns the order before and after.
    pub(crate) async fn change(
        &self,
        tenant: &TenantId,
        id: OrderId,
        (actor, cause): (&str, &Context),
        scope: Scope,
        step: StepFn<'_>,
    ) -> Result<Order, ChangeError> {
        for attempt in 1.. {
            let before = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
            let stock = self.stock_of(tenant, &before, scope).await?;
            let mut after = before.clone();
            let effects = step(&mut after, &stock)
                .map_err(|reason| ChangeError::Refused { reason, order: Box::new(before.clone()) })?;
            after.version = before.version + 1;
            if self.write(tenant, &before, &after, &stock, effects, (actor, cause)).await? {
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

    async fn stock_of(&self, tenant: &TenantId, order: &Order, scope: Scope) -> Result<Stock, TableError> {
        let mut stock = Stock::default();
        if scope == Scope::Nothing {
            return Ok(stock);
        }
        let open = || order.shipments.iter().filter(|s| s.state.is_open());
        let mut wanted: Vec<(LocationId, Sku)> =
            open().flat_map(|s| s.lines.iter().map(|(sku, _)| (s.location.clone(), sku.clone()))).collect();
        if scope == Scope::Everywhere {
            let known = self.table.get::<Locations>(Locations::key_of(tenant), Consistency::Strong).await?;
            stock.locations = known.map(|l| l.value).unwrap_or_default();
            let skus: Vec<Sku> = open().flat_map(|s| s.lines.iter().map(|(sku, _)| sku.clone())).collect();
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
    async fn write(
        &self,
        tenant: &TenantId,
        before: &Order,
        after: &Order,
        stock: &Stock,
        effects: Vec<StockEffect>,
        (actor, cause): (&str, &Context),
    ) -> Result<bool, ChangeError> {
        let now = self.clock.now();
        let mut transaction = self.table.transaction(tenant);
        transaction.put_versioned(&OrderItem::from(after), before.version);
        for event in events::between(tenant, before, after, &*self.clock) {
            transaction.event(&event.caused_by(cause));
        }
        let source = after.id.to_string();
        let posting = Posting { source, actor: actor.to_owned(), reason: None, effective_at: now };
        for ((location, sku), movements) in by_level(effects) {
            post(&mut transaction, &stock.level(&location, &sku), &movements, &posting)?;
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
