//! What no webhook told: orders that changed, subscriptions a store has removed, levels that differ.
//!
//! Windows of orders overlap, and a window is left only when as many orders are stored as the store counted, so that none is
//! lost between two of them; orders that were taken already are known by their id and time. Of the levels a few are compared in each run, going
//! round; those that differ are remembered as long as they do, and told to the store again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use documents::batch::{self, Batch, BatchId, Batches, Turn, Verdict, run_part};
use documents::{DocumentType, Documents, Outcome, Report};
use kernel::{Context, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError};

use super::{ENTITY, Operations};
use crate::Shop;
use crate::calls::{Store, inventory_level, subscriptions};
use crate::client::{To, unstored};
use crate::document::{INVENTORY_LEVEL, SUBSCRIBE, SUBSCRIPTIONS};
use crate::inbound::{DELIVERY_DAYS, SHAPE_VERSION, STATE, Task, announce};
use crate::outbound::goods::place_of;
use crate::outbound::platform;
use crate::platform::{Platform, kind};
use crate::reading::{ChangedOrders, part};
use crate::stores::Connection;
use crate::synced::{Agreements, Item};

/// What two windows of orders have in common.
const OVERLAP: Duration = Duration::from_mins(10);
/// The first window, and the longest that waits for orders that moved out of it: those are in a later one.
const DAY: Duration = Duration::from_hours(24);
/// Items whose levels are compared in a run.
const ITEMS: usize = 25;
const WORKER: &str = "cron-shopify-reconcile";

/// Where the reconciliation of a store is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    shop: Shop,
    /// Where the window of orders begins.
    from: Timestamp,
    /// Where the one ends that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The SKU whose levels were compared last; none at the beginning of a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
}

/// A level that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    pub shop: Shop,
    /// `<SKU>@<our location>`.
    pub place: String,
    pub ours: i64,
    pub theirs: i64,
    /// When it was seen last.
    pub at: Timestamp,
}

impl Entity for Progress {
    const KIND: &'static str = "shopify-reconciliation";

    fn key(&self, tenant: &TenantId) -> Key {
        progress_key(tenant, &self.shop)
    }
}

impl Entity for Drift {
    const KIND: &'static str = "shopify-drift";

    fn key(&self, tenant: &TenantId) -> Key {
        partition(tenant, &self.shop).key(&["DRIFT", &self.place])
    }
}

fn partition(tenant: &TenantId, shop: &Shop) -> Partition {
    Partition::tenant(tenant, &["SHOPIFY", shop.as_str()])
}

fn progress_key(tenant: &TenantId, shop: &Shop) -> Key {
    partition(tenant, shop).key(&["RECONCILIATION"])
}

/// What a run found in one store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Orders of the window, known or not; `None` when it is not read to its end.
    pub orders: Option<u64>,
    /// Subscriptions made again.
    pub subscribed: usize,
    pub compared: usize,
    /// All levels known to differ.
    pub drifted: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, subscribed, compared, drifted } = self;
        match orders {
            Some(orders) => write!(f, "{orders} orders in the window")?,
            None => write!(f, "the window of orders is still being read")?,
        }
        write!(f, ", {subscribed} subscriptions made, {compared} levels compared, {drifted} differ")
    }
}

/// The steps.
pub struct Reconcile {
    pub operations: Operations,
    pub table: Table,
    pub documents: Documents,
    pub agreements: Agreements,
    pub platform: Arc<dyn Platform>,
    /// Where stores send what they tell.
    pub webhook: String,
}

impl Reconcile {
    /// Compares one store with what is here, as far as the time allows.
    pub async fn store(
        &self,
        tenant: &TenantId,
        store: &Connection,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Found, Report> {
        let mut progress = self.progress(tenant, &store.shop).await.map_err(|error| unstored(&error))?;
        let until = *progress.until.get_or_insert(self.operations.clock.now());
        let subscribed = self.subscribe(tenant, store).await?;
        // What was reached is kept, whether the store lets us get on or not.
        let compared = self.levels(tenant, store, &mut progress, until, is_over).await;
        self.keep(tenant, &progress).await.map_err(|error| unstored(&error))?;
        let (compared, orders) = (compared?, self.orders(tenant, store, &mut progress, until, is_over).await?);
        self.keep(tenant, &progress).await.map_err(|error| unstored(&error))?;
        let drifted = self.drifts(tenant, &store.shop).await.map_err(|error| unstored(&error))?.len();
        tracing::info!(target: "metric", shopify_levels_drifted = u64::try_from(drifted).unwrap_or(u64::MAX),
            shopify_subscriptions_made = u64::try_from(subscribed).unwrap_or(u64::MAX));
        Ok(Found { orders, subscribed, compared, drifted })
    }

    async fn progress(&self, tenant: &TenantId, shop: &Shop) -> Result<Progress, TableError> {
        let found = self.table.get::<Progress>(progress_key(tenant, shop), Consistency::Strong).await?;
        let now = self.operations.clock.now();
        let from = now.checked_sub(DAY).unwrap_or(now);
        Ok(found.map_or(Progress { shop: shop.clone(), from, until: None, sku: None }, |found| found.value))
    }

    async fn keep(&self, tenant: &TenantId, progress: &Progress) -> Result<(), TableError> {
        self.table.put(tenant, progress).await
    }

    /// The levels known to differ.
    pub async fn drifts(&self, tenant: &TenantId, shop: &Shop) -> Result<Vec<Drift>, TableError> {
        let query = Query::partition(partition(tenant, shop)).begins_with(&["DRIFT", ""]);
        Ok(self.table.query_all::<Drift>(query).await?.into_iter().map(|found| found.value).collect())
    }

    /// Reads the window on; once it is whole the next run begins another.
    async fn orders(
        &self,
        tenant: &TenantId,
        store: &Connection,
        progress: &mut Progress,
        until: Timestamp,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<u64>, Report> {
        let window = part(progress.from, until);
        let batch = Batch {
            id: BatchId::derive(&[tenant.as_str(), store.shop.as_str(), &window]),
            kind: DocumentType::literal(STATE),
            shape: SHAPE_VERSION,
            connection: store.id.clone(),
            source: store.shop.to_string(),
            parts: vec![window.clone()],
            started_at: self.operations.clock.now(),
            keep_days: DELIVERY_DAYS,
        };
        let ledger = Batches::begin(self.table.clone(), self.operations.clock.clone(), tenant.clone(), batch).await;
        let ledger = ledger.map_err(|error| unstored(&error))?;
        let source = ChangedOrders { client: &self.operations.client, tenant, store, clock: &*self.operations.clock };
        let turn = run_part(&source, &ledger, &window, WORKER, is_over).await.map_err(|error| unstored(&error))?;
        if let Turn::Failed(report) = turn {
            return Err(report);
        }
        let parts = ledger.parts().await.map_err(|error| unstored(&error))?;
        let now = self.operations.clock.now();
        let (from, stored) = match batch::verdict(&parts) {
            Verdict::Running { .. } => return Ok(None),
            Verdict::Success { stored, .. } => (until.checked_sub(OVERLAP).unwrap_or(progress.from), stored),
            // Some moved on while they were read. They are in the window that ends later.
            Verdict::Short { stored, counted } => {
                tracing::warn!(shop = %store.shop, stored, counted, "a window of orders is read again");
                (progress.from.max(now.checked_sub(DAY).unwrap_or(progress.from)), stored)
            }
        };
        (progress.from, progress.until) = (from, None);
        Ok(Some(stored))
    }

    /// Makes the subscriptions that are missing; how many.
    async fn subscribe(&self, tenant: &TenantId, store: &Connection) -> Result<usize, Report> {
        let client = &self.operations.client;
        let to = To { tenant, shop: &store.shop, entity: ENTITY };
        let there = client.call(to, SUBSCRIPTIONS.points, subscriptions::request, subscriptions::read).await?;
        let missing = subscriptions::missing(&there, &self.webhook);
        for topic in &missing {
            let build = |at: &Store| subscriptions::subscribe(at, *topic, &self.webhook);
            let made = client.call(to, SUBSCRIBE.points, build, subscriptions::read_subscribed).await?;
            if !matches!(made.outcome, Outcome::Done(_)) {
                return Err(made);
            }
        }
        Ok(missing.len())
    }

    /// Compares the levels of the next items; how many there were.
    async fn levels(
        &self,
        tenant: &TenantId,
        store: &Connection,
        progress: &mut Progress,
        window: Timestamp,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<usize, Report> {
        let items = self.agreements.items(tenant, &store.shop, progress.sku.as_deref(), ITEMS).await;
        let items = items.map_err(|error| unstored(&error))?;
        let mut compared = 0;
        for item in &items {
            if is_over() {
                return Ok(compared);
            }
            for ours in store.locations.keys() {
                compared += usize::from(self.level(tenant, store, item, ours, window).await?);
            }
            progress.sku = Some(item.sku.clone());
        }
        if items.len() < ITEMS {
            progress.sku = None;
        }
        Ok(compared)
    }

    /// Compares a level; whether there is one on both sides. One that differs is told once a window.
    async fn level(
        &self,
        tenant: &TenantId,
        store: &Connection,
        item: &Item,
        location: &str,
        window: Timestamp,
    ) -> Result<bool, Report> {
        let ours = self.platform.stock(tenant, &item.sku, location).await.map_err(|error| platform(&error))?;
        let (Some(ours), Some(there)) = (ours, store.location(location)) else { return Ok(false) };
        let to = To { tenant, shop: &store.shop, entity: kind::STOCK };
        let build = |at: &Store| inventory_level::request(at, &item.item, there);
        let theirs = match self.operations.client.call(to, INVENTORY_LEVEL.points, build, inventory_level::read).await {
            Ok(theirs) => theirs,
            // Not kept there yet; telling it makes it so.
            Err(Report { outcome: Outcome::DependencyMissing { .. }, .. }) => return Ok(false),
            Err(report) => return Err(report),
        };
        let (place, at) = (place_of(&item.sku, location), self.operations.clock.now());
        let drift = Drift { shop: store.shop.clone(), place, ours, theirs, at };
        if ours == theirs {
            self.forget(tenant, &drift).await.map_err(|error| unstored(&error))?;
            return Ok(true);
        }
        self.remember(tenant, &drift).await.map_err(|error| unstored(&error))?;
        let task = Task { kind: kind::STOCK, id: &drift.place, revision: &format!("drift {window}") };
        let cause = Context::root(format!("{WORKER} {}", store.shop), None);
        let announced = announce(&self.documents, tenant, store, task, &cause).await;
        announced.map_err(|error| Report::new(Outcome::Transient, error.to_string()))?;
        Ok(true)
    }

    async fn remember(&self, tenant: &TenantId, drift: &Drift) -> Result<(), TableError> {
        self.table.put(tenant, drift).await
    }

    async fn forget(&self, tenant: &TenantId, drift: &Drift) -> Result<(), TableError> {
        self.table.delete(drift.key(tenant)).await
    }
}
