//! Which connectors are there, and what is remembered when nobody can tell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, TenantId, Timestamp};
use table::Table;

use super::store::Store;
use crate::ConnectionId;

type Error = Box<dyn std::error::Error + Send + Sync>;
/// The last answer for each tenant, and when it was given.
type Last = HashMap<TenantId, (Timestamp, Arc<[Instance]>)>;

/// How long an answer is good, by the wall clock: functions sleep between invocations.
const FRESH: Duration = Duration::from_secs(60);
/// How long after its last sign of life a connector counts as there: it gives one a minute.
const ALIVE: Duration = Duration::from_secs(180);

/// A connector that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub name: ConnectionId,
    /// URL of its FIFO queue.
    pub queue: String,
}

/// Tells which connectors of a tenant are there.
#[async_trait]
pub trait Discovery: Send + Sync {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, Error>;
}

/// By the signs of life in the table.
pub struct Registered {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Registered {
    /// Over this table.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { store: Store::new(table), clock }
    }
}

#[async_trait]
impl Discovery for Registered {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, Error> {
        let now = self.clock.now();
        let all = self.store.connectors(tenant).await?;
        let alive = all.into_iter().filter(|connector| now.duration_since(connector.seen_at).unsigned_abs() < ALIVE);
        Ok(alive.map(|connector| Instance { name: connector.name, queue: connector.queue }).collect())
    }
}

/// Asks another at most once a minute a tenant, and gives its last answer when it fails, however old that is.
pub struct Cached<D> {
    inner: D,
    clock: Arc<dyn Clock>,
    last: Mutex<Last>,
}

impl<D: Discovery> Cached<D> {
    #[must_use]
    pub fn new(inner: D, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, last: Mutex::default() }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<D: Discovery> Discovery for Cached<D> {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, Error> {
        let now = self.clock.now();
        let last = self.last().get(tenant).cloned();
        // A clock that was set back must not keep an answer for longer.
        let is_fresh = |at: Timestamp| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age < FRESH);
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| is_fresh(*at)) {
            return Ok(answer.clone());
        }
        match (self.inner.active(tenant).await, last) {
            (Ok(answer), _) => {
                self.last().insert(tenant.clone(), (now, answer.clone()));
                Ok(answer)
            }
            (Err(error), Some((at, answer))) => {
                tracing::warn!(%error, since = %at, "discovery failed; its last answer is used");
                Ok(answer)
            }
            (Err(error), None) => Err(error),
        }
    }
}
