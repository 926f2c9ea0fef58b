//! Which connectors are there, and what is remembered when nobody can tell.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, TenantId, Timestamp};

use crate::ConnectionId;

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;
/// The last answer for each tenant, and when it was given.
type Last = HashMap<TenantId, (Timestamp, Arc<[Instance]>)>;

/// How long an answer is good, by the wall clock: functions sleep between invocations.
const FRESH: Duration = Duration::from_secs(60);

/// Where a connector is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub name: ConnectionId,
    /// URL of its FIFO queue.
    pub queue: String,
}

/// Tells where the connectors of a tenant are. Whether they are alive, and what they subscribe to, the table tells.
#[async_trait]
pub trait Discovery: Send + Sync {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, Error>;
}

/// Where connectors make themselves known to [`Discovery`].
#[async_trait]
pub trait Registry: Send + Sync {
    /// A connector is there, or is somewhere else now. May be repeated.
    async fn announce(&self, tenant: &TenantId, instance: &Instance) -> Result<(), Error>;

    /// A connector goes. May be repeated.
    async fn withdraw(&self, tenant: &TenantId, name: &ConnectionId) -> Result<(), Error>;
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
