//! Full synchronisations that somebody asked for: one of a store at a time, and what became of each.
//!
//! | access pattern | key |
//! |---|---|
//! | one that was asked for | pk `T#t#SHOPIFY-RUN#<id>`, sk `ASKED` |
//! | those of a store, newest first | gsi2 `T#t#SHOPIFY-SYNCS#<shop>`, sk `<asked ms>#<id>` |
//! | the newest of a store, which the next one waits for | pk `T#t#SHOPIFY#<shop>`, sk `SYNC` |
//!
//! Whether one still runs only the machine that runs it can say. It is asked whenever somebody wants to know, and what it says last is
//! remembered (docs/decisions/0073-operations-of-flows.md).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use documents::batch::Batches;
use kernel::{Clock, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{
    Consistency, Contended, Entity, GlobalIndex, Key, Page, Partition, Position, Query, Table, TableError, Versioned,
    until_written,
};
use web::BoxError;

use super::full_sync::batch_of;
use super::runs::{self, RunId};
use crate::Shop;

/// How long after it was asked for a request that is repeated may start it.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// How long it may be nowhere before it counts as never started: whoever starts it has given up long before.
const LOST_AFTER: Duration = Duration::from_mins(3);

/// How far one is: the states of an execution, and one that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncState {
    /// Or to go on, after somebody redrives it.
    #[serde(alias = "PENDING_REDRIVE")]
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
    /// Who asked for it could not start it, or the machine has forgotten it.
    NotStarted,
}

/// A full synchronisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncRun {
    /// Of its run.
    pub id: RunId,
    /// Of its execution, and what the execution calls its run.
    pub name: String,
    pub shop: Shop,
    pub by: String,
    pub asked_at: Timestamp,
    pub state: SyncState,
    /// Products the store counted, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
    /// Products that are stored.
    #[serde(default)]
    pub stored: u64,
}

/// The newest of a store.
#[derive(Debug, Serialize, Deserialize)]
struct Newest {
    shop: Shop,
    run: RunId,
}

impl Entity for SyncRun {
    const KIND: &'static str = "shopify-sync";

    fn key(&self, tenant: &TenantId) -> Key {
        key(tenant, self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        let at = format!("{:015}", self.asked_at.as_millisecond());
        Some(of_store(tenant, &self.shop).key(&[&at, &self.id.to_string()]))
    }
}

impl Entity for Newest {
    const KIND: &'static str = "shopify-sync-newest";

    fn key(&self, tenant: &TenantId) -> Key {
        newest_key(tenant, &self.shop)
    }
}

fn key(tenant: &TenantId, id: RunId) -> Key {
    runs::partition(tenant, id).key(&["ASKED"])
}

fn of_store(tenant: &TenantId, shop: &Shop) -> Partition {
    Partition::tenant(tenant, &["SHOPIFY-SYNCS", shop.as_str()])
}

fn newest_key(tenant: &TenantId, shop: &Shop) -> Key {
    Key::tenant(tenant, &["SHOPIFY", shop.as_str()], &["SYNC"])
}

/// What runs them.
#[async_trait]
pub trait Machine: Send + Sync {
    /// Starts an execution of this name for a run of this name. There is one, however often it is started.
    async fn start(&self, name: &str, shop: &Shop) -> Result<(), BoxError>;

    /// How far the execution of this name is; `None` when there is none.
    async fn state(&self, name: &str) -> Result<Option<SyncState>, BoxError>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// One at a time: this one is not over.
    #[error("{0} is not over")]
    Running(RunId),
    #[error(transparent)]
    Contended(#[from] Contended),
    /// The machine did not answer. What was asked for is written down: asking for the same again starts it.
    #[error("the machine did not answer")]
    Machine(#[source] BoxError),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The full synchronisations in the table.
#[derive(Clone)]
pub struct Syncs {
    table: Table,
    clock: Arc<dyn Clock>,
    machine: Arc<dyn Machine>,
}

impl Syncs {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, machine: Arc<dyn Machine>) -> Self {
        Self { table, clock, machine }
    }

    /// Starts one, unless another of this store is not over. `request` names it: the same name is the same one, however far it is by then.
    pub async fn ask(&self, tenant: &TenantId, shop: &Shop, request: &str, by: &str) -> Result<SyncRun, SyncError> {
        let name = RunId::derive(&["full-sync", tenant.as_str(), shop.as_str(), request]).to_string();
        let id = RunId::of(tenant, shop, &name);
        let asked = until_written(|| self.try_write(tenant, (shop, id), &name, by)).await?;
        if asked.state == SyncState::Running && self.age(&asked) < STARTS_WITHIN {
            self.machine.start(&asked.name, shop).await.map_err(SyncError::Machine)?;
        }
        self.seen(tenant, asked).await
    }

    /// The one that was asked for, written down if it was not. `None`: somebody else wrote meanwhile.
    async fn try_write(
        &self,
        tenant: &TenantId,
        (shop, id): (&Shop, RunId),
        name: &str,
        by: &str,
    ) -> Result<Option<SyncRun>, SyncError> {
        if let Some(known) = self.find(tenant, id).await? {
            return Ok(Some(known.value));
        }
        let newest = self.newest(tenant, shop).await?;
        if let Some(Versioned { value: Newest { run, .. }, .. }) = &newest
            && let Some(other) = self.find(tenant, *run).await?
            && self.seen(tenant, other.value).await?.state == SyncState::Running
        {
            return Err(SyncError::Running(*run));
        }
        let (shop, name, by, asked_at) = (shop.clone(), name.to_owned(), by.to_owned(), self.clock.now());
        let asked =
            SyncRun { id, name, shop: shop.clone(), by, asked_at, state: SyncState::Running, counted: None, stored: 0 };
        Ok(self
            .write(tenant, &asked, &Newest { shop, run: id }, newest.map(|found| found.version))
            .await?
            .then_some(asked))
    }

    async fn find(&self, tenant: &TenantId, id: RunId) -> Result<Option<Versioned<SyncRun>>, TableError> {
        self.table.get::<SyncRun>(key(tenant, id), Consistency::Strong).await
    }

    async fn newest(&self, tenant: &TenantId, shop: &Shop) -> Result<Option<Versioned<Newest>>, TableError> {
        self.table.get::<Newest>(newest_key(tenant, shop), Consistency::Strong).await
    }

    async fn write(
        &self,
        tenant: &TenantId,
        asked: &SyncRun,
        newest: &Newest,
        seen: Option<u64>,
    ) -> Result<bool, TableError> {
        let mut transaction = self.table.transaction(tenant);
        transaction.create(asked);
        match seen {
            None => transaction.create(newest),
            Some(seen) => transaction.put_versioned(newest, seen),
        };
        transaction.commit_if_current().await
    }

    /// Those of a store, the newest first, as they are by now.
    pub async fn list(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<SyncRun>, SyncError> {
        let query = Query::index(GlobalIndex::Gsi2, of_store(tenant, shop)).backward().start(start).limit(limit);
        let found = self.table.query::<SyncRun>(query).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for Versioned { value, .. } in found.items {
            items.push(self.seen(tenant, value).await?);
        }
        Ok(Page { items, next: found.next })
    }

    /// The same as it is by now. What is over is so for good.
    async fn seen(&self, tenant: &TenantId, mut sync: SyncRun) -> Result<SyncRun, SyncError> {
        if sync.state != SyncState::Running {
            return Ok(sync);
        }
        let state = self.machine.state(&sync.name).await.map_err(SyncError::Machine)?;
        sync.state = match state {
            Some(state) => state,
            None if self.age(&sync) < LOST_AFTER => SyncState::Running,
            None => SyncState::NotStarted,
        };
        let batch = Batches::find(self.table.clone(), self.clock.clone(), tenant.clone(), batch_of(sync.id)).await?;
        if let Some(batch) = batch {
            let parts = batch.parts().await?;
            sync.counted = parts.iter().map(|part| part.counted).sum();
            sync.stored = parts.iter().map(|part| part.stored).sum();
        }
        if sync.state != SyncState::Running {
            self.keep(tenant, &sync).await?;
        }
        Ok(sync)
    }

    /// What is over does not change, so whoever writes it last writes the same.
    async fn keep(&self, tenant: &TenantId, sync: &SyncRun) -> Result<(), TableError> {
        self.table.put(tenant, sync).await
    }

    fn age(&self, sync: &SyncRun) -> Duration {
        self.clock.now().duration_since(sync.asked_at).unsigned_abs()
    }
}

#[cfg(test)]
mod tests;
