//! The sweep: whatever is due and was not taken up is told of again.
//!
//! It finds new documents whose message was lost, retries whose time has come, handles that are to be asked for, and
//! documents whose worker died, by one query a connection (docs/decisions/0050-due-worklist.md). Waking twice is
//! harmless: taking a document is what decides.

use async_trait::async_trait;
use kernel::TenantId;
use table::TableError;

use crate::{Document, Documents, State};

/// Told by the sweep of a document whose time has come: for the workers of its connection.
pub const DOCUMENT_DUE: &str = "documents.document.due.v1";

/// How workers are told of a document.
#[async_trait]
pub trait Wake: Send + Sync {
    /// Tells the worker of the document's connection.
    async fn wake(
        &self,
        tenant: &TenantId,
        document: &Document,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Documents told of.
    pub woken: usize,
    /// Documents that could not be told of; the next sweep finds them again.
    pub failed: usize,
    /// Connections left out because they are paused.
    pub paused: usize,
    /// How long the oldest new document found has waited, in milliseconds.
    pub oldest_new_ms: u64,
}

impl Documents {
    /// Tells the workers of a document's connection through the outbox.
    pub async fn tell(&self, tenant: &TenantId, document: &Document) -> Result<(), TableError> {
        let mut event = self.announcement(tenant, DOCUMENT_DUE, document);
        // Older news than what the next holder does.
        event.aggregate_version = document.fence + 1;
        self.store.announce(tenant, &event).await
    }

    /// Wakes up to `limit` documents of each connection, those due longest first.
    pub async fn sweep(&self, tenant: &TenantId, limit: usize, wake: &dyn Wake) -> Result<Swept, TableError> {
        let now = self.clock.now();
        let mut swept = Swept::default();
        for connection in self.store.connections(tenant).await? {
            if connection.paused.is_some() {
                swept.paused += 1;
                continue;
            }
            let mut oldest_new_ms = 0;
            for document in self.store.due(tenant, &connection.id, now, limit).await? {
                if document.state == State::New {
                    let age = now.duration_since(document.received_at).as_millis();
                    oldest_new_ms = oldest_new_ms.max(u64::try_from(age).unwrap_or_default());
                }
                match wake.wake(tenant, &document).await {
                    Ok(()) => swept.woken += 1,
                    Err(error) => {
                        tracing::warn!(%error, document = %document.id, "a due document could not be told of");
                        swept.failed += 1;
                    }
                }
            }
            swept.oldest_new_ms = swept.oldest_new_ms.max(oldest_new_ms);
            let recent = self.recent(tenant, &connection.id, now).await?;
            tracing::info!(target: "metric", connection = connection.id.as_str(), oldest_new_ms,
                connection_attempts = recent.attempts, connection_retries = recent.retries,
                connection_error_percent = recent.error_percent());
        }
        tracing::info!(target: "metric", documents_woken = u64::try_from(swept.woken).unwrap_or(u64::MAX),
            document_oldest_new_ms = swept.oldest_new_ms);
        Ok(swept)
    }
}

#[cfg(test)]
mod tests;
