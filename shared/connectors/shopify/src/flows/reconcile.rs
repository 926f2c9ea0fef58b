//! What no webhook told: orders that changed, subscriptions a store has removed, levels that differ.
//!
//! Windows of orders overlap, and a window is left only when as many orders are stored as the store counted, so that none is
//! lost between two of them; orders that were taken already are known by their id and time. Of the levels some hundred are compared in each
//! run, going round; those that differ are remembered as long as they do ([`super::drift`]), and told to the store again.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use documents::batch::{self, Batch, BatchId, Batches, Turn, Verdict, run_part};
use documents::{DocumentType, Documents, Outcome, Report};
use kernel::{Context, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Key, Table, TableError};

use super::drift::{Drift, Drifts};
use super::{ENTITY, Operations};
use crate::calls::inventory_levels::MAX_ITEMS;
use crate::calls::{Store, inventory_levels, subscriptions};
use crate::client::{To, unstored};
use crate::document::{SUBSCRIBE, SUBSCRIPTIONS};
use crate::inbound::{DELIVERY_DAYS, SHAPE_VERSION, STATE, Task, announce};
use crate::outbound::goods::place_of;
use crate::outbound::platform;
use crate::platform::{Platform, kind};
use crate::reading::{ChangedOrders, part};
use crate::stores::Connection;
use crate::synced::{Agreements, Item};
use crate::{Gid, Shop};

/// What two windows of orders have in common.
const OVERLAP: Duration = Duration::from_mins(10);
/// The first window, and the longest that waits for orders that moved out of it: those are in a later one.
const DAY: Duration = Duration::from_hours(24);
/// Levels that are compared in a run, about: what they cost is one or two hundredths of what a store gives in the time.
const LEVELS: usize = 500;
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

impl Entity for Progress {
    const KIND: &'static str = "shopify-reconciliation";

    fn key(&self, tenant: &TenantId) -> Key {
        progress_key(tenant, &self.shop)
    }
}

fn progress_key(tenant: &TenantId, shop: &Shop) -> Key {
    Key::tenant(tenant, &["SHOPIFY", shop.as_str()], &["RECONCILIATION"])
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

/// One run's comparison of levels.
struct Round<'a> {
    tenant: &'a TenantId,
    store: &'a Connection,
    drifts: Drifts,
    /// Places known to differ.
    known: BTreeSet<String>,
    window: Timestamp,
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
        let drifts = Drifts::new(self.table.clone());
        let known = drifts.all(tenant, &store.shop).await.map_err(|error| unstored(&error))?;
        let known = known.into_iter().map(|drift| drift.place).collect();
        let mut round = Round { tenant, store, drifts, known, window: until };
        // What was reached is kept, and orders are read, whether the store lets us get on or not.
        let compared = self.levels(&mut round, &mut progress, is_over).await;
        self.keep(tenant, &progress).await.map_err(|error| unstored(&error))?;
        let orders = self.orders(tenant, store, &mut progress, until, is_over).await?;
        self.keep(tenant, &progress).await.map_err(|error| unstored(&error))?;
        let (compared, drifted) = (compared?, round.known.len());
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

    /// Compares the levels of the next items, all of one before those of the next; how many there were.
    async fn levels(
        &self,
        round: &mut Round<'_>,
        progress: &mut Progress,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<usize, Report> {
        let Round { tenant, store, .. } = *round;
        let Some(at_once) = LEVELS.checked_div(store.locations.len()) else { return Ok(0) };
        let at_once = at_once.clamp(1, MAX_ITEMS);
        let (mut asked, mut compared) = (0, 0);
        while asked < LEVELS && !is_over() {
            let items = self.agreements.items(tenant, &store.shop, progress.sku.as_deref(), at_once).await;
            let items = items.map_err(|error| unstored(&error))?;
            for (ours, there) in &store.locations {
                let found = self.compare(round, &items, (ours, there)).await?;
                compared += found.len();
                for drift in found {
                    self.judge(round, drift).await?;
                }
            }
            asked += items.len() * store.locations.len();
            let is_last = items.len() < at_once;
            progress.sku = items.into_iter().last().filter(|_| !is_last).map(|item| item.sku);
            if is_last {
                break;
            }
        }
        Ok(compared)
    }

    /// The levels of items at a location, those that are kept on both sides.
    async fn compare(
        &self,
        round: &Round<'_>,
        items: &[Item],
        (location, there): (&str, &Gid),
    ) -> Result<Vec<Drift>, Report> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let shop = &round.store.shop;
        let to = To { tenant: round.tenant, shop, entity: kind::STOCK };
        let ids: Vec<&Gid> = items.iter().map(|item| &item.item).collect();
        let build = |at: &Store| inventory_levels::request(at, &ids, there);
        let points = inventory_levels::points(ids.len());
        let levels = self.operations.client.call(to, points, build, inventory_levels::read).await?;
        let mut found = Vec::new();
        for item in items {
            // What is not kept there yet is made so by telling it.
            let Some(theirs) = levels.get(&item.item).copied() else { continue };
            let ours =
                self.platform.stock(round.tenant, &item.sku, location).await.map_err(|error| platform(&error))?;
            let (place, at) = (place_of(&item.sku, location), self.operations.clock.now());
            found.extend(ours.map(|ours| Drift { shop: shop.clone(), place, ours, theirs, at }));
        }
        Ok(found)
    }

    /// Remembers a level that differs and has it told, once a window; forgets one that does not any more.
    async fn judge(&self, round: &mut Round<'_>, drift: Drift) -> Result<(), Report> {
        let Round { tenant, store, drifts, known, window } = round;
        if drift.ours == drift.theirs {
            if known.remove(&drift.place) {
                drifts.forget(tenant, &store.shop, &drift.place).await.map_err(|error| unstored(&error))?;
            }
            return Ok(());
        }
        drifts.remember(tenant, &drift).await.map_err(|error| unstored(&error))?;
        let task = Task { kind: kind::STOCK, id: &drift.place, revision: &format!("drift {window}") };
        let cause = Context::root(format!("{WORKER} {}", store.shop), None);
        let announced = announce(&self.documents, tenant, store, task, &cause).await;
        announced.map_err(|error| Report::new(Outcome::Transient, error.to_string()))?;
        known.insert(drift.place);
        Ok(())
    }
}
