//! Connections: what may be paused, how it does.

use std::time::Duration;

use kernel::{Context, Event, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use table::TableError;

use crate::{ConnectionId, Documents, Window};

/// Told when a connection was paused: its credentials are of no use any more, or an operator wanted it.
pub const CONNECTION_PAUSED: &str = "documents.connection.paused.v1";
/// Told when a connection goes on.
const CONNECTION_RESUMED: &str = "documents.connection.resumed.v1";

/// How far back health looks.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    /// While it is there nothing of the connection is worked on; documents wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
}

/// Why, since when and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub reason: String,
    pub since: Timestamp,
    pub by: String,
}

/// How a connection does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub connection: Connection,
    /// The last fifteen minutes.
    pub recent: Window,
    /// When the document that waits longest was due; `None` when nothing is overdue.
    pub overdue_since: Option<Timestamp>,
}

impl Documents {
    /// All connections of a tenant.
    pub async fn connections(&self, tenant: &TenantId) -> Result<Vec<Connection>, TableError> {
        self.store.connections(tenant).await
    }

    /// How a connection does; `None` when there is no such connection.
    pub async fn health(&self, tenant: &TenantId, id: &ConnectionId) -> Result<Option<Health>, TableError> {
        let Some(connection) = self.store.connection(tenant, id).await? else { return Ok(None) };
        let now = self.clock.now();
        let recent = self.recent(tenant, id, now).await?;
        let overdue = self.store.due(tenant, id, now, 1).await?;
        let overdue_since = overdue.into_iter().next().and_then(|document| document.due);
        Ok(Some(Health { connection, recent, overdue_since }))
    }

    /// What a connection did in the last fifteen minutes.
    pub(crate) async fn recent(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        now: Timestamp,
    ) -> Result<Window, TableError> {
        self.store.windows(tenant, id, now.checked_sub(RECENT).unwrap_or(Timestamp::MIN)).await
    }

    /// Stops work on a connection; its documents wait. Whether that changed anything.
    pub async fn pause(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        reason: &str,
        by: &str,
        cause: &Context,
    ) -> Result<bool, TableError> {
        let pause = Pause { reason: reason.to_owned(), since: self.clock.now(), by: by.to_owned() };
        let event = self.pause_event(tenant, id, &pause).caused_by(cause);
        self.store.set_pause(tenant, id, Some(&pause), &event).await
    }

    /// Lets a connection go on; what waited is found by the next sweep. Whether that changed anything.
    pub async fn resume(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        by: &str,
        cause: &Context,
    ) -> Result<bool, TableError> {
        let data = json!({ "connection": id, "by": by });
        let event = Event::new(CONNECTION_RESUMED, tenant, id, 1, data, &*self.clock).caused_by(cause);
        self.store.set_pause(tenant, id, None, &event).await
    }

    pub(crate) fn pause_event(&self, tenant: &TenantId, id: &ConnectionId, pause: &Pause) -> Event {
        let data = json!({ "connection": id, "reason": pause.reason, "by": pause.by });
        Event::new(CONNECTION_PAUSED, tenant, id, 1, data, &*self.clock)
    }

    /// Puts a connection on the list, once a process.
    pub(crate) async fn note_connection(&self, tenant: &TenantId, id: &ConnectionId) -> Result<(), TableError> {
        let entry = (tenant.clone(), id.clone());
        if self.known().contains(&entry) {
            return Ok(());
        }
        self.store.note_connection(tenant, id).await?;
        self.known().insert(entry);
        Ok(())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, std::collections::HashSet<(TenantId, ConnectionId)>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
