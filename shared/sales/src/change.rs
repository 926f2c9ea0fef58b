//! One step of a stored order: read, apply the pure step, and write order, stock movements, events, timeline, sales and
//! list entries together.
//!
//! When someone else changed the order or a level in between, everything is read and decided again.

use crate::Sales;
use crate::cost::Departed;
use crate::documents::{Author, leave};
use crate::events;
use crate::order::{Line, Order, OrderId, Refused, StockEffect};
use crate::stock::Stock;
use crate::store::{OrderItem, decode, order_key};
use inventory::store::post_with;
use inventory::{Inventory, LocationId, Locations, Posting, Refusal, Sku, StockError};
use kernel::{Context, MoneyError, TenantId};
use table::{Attempts, Consistency, Contended, TableError, Transaction};

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
    /// Others changed the same things more often than we were willing to begin again.
    #[error("the order is being changed by others")]
    Contended,
    /// Amounts do not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The table did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<StockError> for ChangeError {
    fn from(error: StockError) -> Self {
        match error {
            StockError::Refused(refusal) => refusal.into(),
            StockError::Contended => Self::Contended,
            StockError::Broken(broken) => TableError::Corrupt { what: broken.to_string(), source: None }.into(),
            StockError::Table(error) => error.into(),
        }
    }
}

impl From<Contended> for ChangeError {
    fn from(_: Contended) -> Self {
        Self::Contended
    }
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

/// An order that takes a step, as it was and as it is, and what the timeline says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken<'a> {
    pub(crate) before: Option<&'a Order>,
    pub(crate) after: &'a Order,
    pub(crate) what: &'a str,
    pub(crate) reason: Option<&'a str>,
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
        let mut attempts = Attempts::default();
        loop {
            let before = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
            if by.seen.is_some_and(|seen| seen != before.version) {
                return Err(ChangeError::Stale(before.version));
            }
            let stock = self.stock_of(tenant, &[&before], scope).await?;
            let mut after = before.clone();
            let effects = step(&mut after, &stock)
                .map_err(|reason| ChangeError::Refused { reason, order: Box::new(before.clone()) })?;
            after.version = before.version + 1;
            if self.write(tenant, Some(&before), &after, &stock, effects, by).await? {
                return Ok(after);
            }
            attempts.lost().await?;
        }
    }

    pub(crate) fn inventory(&self) -> Inventory {
        Inventory::new(self.table.clone())
    }

    /// One order, strongly consistent.
    pub async fn order(&self, tenant: &TenantId, id: OrderId) -> Result<Option<Order>, TableError> {
        self.table.get_item(order_key(tenant, id), Consistency::Strong).await?.map(decode).transpose()
    }

    /// The stock a step on these orders may look at.
    pub(crate) async fn stock_of(
        &self,
        tenant: &TenantId,
        orders: &[&Order],
        scope: Scope<'_>,
    ) -> Result<Stock, TableError> {
        let mut stock = Stock::default();
        let open = || {
            orders
                .iter()
                .flat_map(|order| order.shipments.iter().map(move |s| (order, s)))
                .filter(|(_, s)| s.state.is_open())
        };
        let mut wanted: Vec<(LocationId, Sku)> = open()
            .flat_map(|(order, s)| order.items_of(s).into_iter().map(|(sku, _)| (s.location.clone(), sku)))
            .collect();
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
            let items = orders.iter().flat_map(|order| &order.lines).flat_map(Line::items).map(|(sku, _)| sku.clone());
            let skus: Vec<Sku> = items.chain(more.iter().cloned()).collect();
            wanted.extend(stock.locations.by_id.keys().flat_map(|l| skus.iter().map(|sku| (l.clone(), sku.clone()))));
        }
        self.load(tenant, &mut stock, wanted.into_iter().collect()).await?;
        Ok(stock)
    }

    /// Writes an order that took a step, with its stock. False when someone else was faster.
    pub(crate) async fn write(
        &self,
        tenant: &TenantId,
        before: Option<&Order>,
        after: &Order,
        stock: &Stock,
        effects: Vec<StockEffect>,
        by: By<'_>,
    ) -> Result<bool, ChangeError> {
        self.write_all(tenant, &[Taken { before, after, what: by.what, reason: by.reason }], stock, effects, by).await
    }

    /// Writes orders that took a step together. Their stock is moved for the first of them.
    pub(crate) async fn write_all(
        &self,
        tenant: &TenantId,
        steps: &[Taken<'_>],
        stock: &Stock,
        effects: Vec<StockEffect>,
        by: By<'_>,
    ) -> Result<bool, ChangeError> {
        let (now, Some(Taken { after: first, .. })) = (self.now(), steps.first()) else { return Ok(true) };
        let mut transaction = self.table.transaction(tenant);
        let reason = by.reason.map(str::to_owned);
        let posting = Posting { source: first.id.to_string(), actor: by.actor.to_owned(), reason, effective_at: now };
        let mut departed = Vec::new();
        for (level, movements) in stock.movements(effects) {
            let (level, layers) = self.inventory().to_post(tenant, level, &movements).await?;
            let next = post_with(&mut transaction, &level, &layers, &movements, &posting)?;
            departed.extend(Departed::between(&level, &next, &movements));
        }
        for Taken { before, after, what, reason } in steps {
            match before {
                Some(before) => transaction.put_versioned(&OrderItem::from(*after), before.version),
                None => transaction.create(&OrderItem::from(*after)),
            };
            for event in events::between(tenant, *before, after, &*self.clock) {
                transaction.event(&event.caused_by(by.cause));
            }
            let author = Author { actor: by.actor, what, reason: *reason };
            leave(&mut transaction, *before, after, &departed, author, now)?;
        }
        if let Some(also) = by.also {
            also(first, &mut transaction);
        }
        Ok(transaction.commit_if_current().await?)
    }
}
