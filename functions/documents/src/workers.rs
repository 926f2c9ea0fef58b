//! What passes documents on: by event, and by the clock for whatever the event missed.

use std::sync::Arc;

use async_trait::async_trait;
use documents::centre::{CENTRE, Centre, Courier, Discovery};
use documents::jobs::Jobs;
use documents::{Document, DocumentId, Documents, Wake};
use kernel::{Event, TenantId};
use messaging::{EventHandler, Message, Outcome, Queue, envelope};
use serde::Deserialize;
use web::BoxError;

/// Documents of a connection woken in one sweep.
const AT_ONCE: usize = 200;

/// Connectors' queues.
pub struct Queues(pub aws_sdk_sqs::Client);

#[async_trait]
impl Courier for Queues {
    async fn send(&self, queue: &str, event: &Event) -> Result<(), BoxError> {
        let message = Message {
            body: envelope::encode(event),
            attributes: std::collections::BTreeMap::new(),
            group: event.group.clone(),
            deduplication: event.id.to_string(),
        };
        Ok(Queue::new(self.0.clone(), queue).send(message).await?)
    }
}

/// `documents-on-received`.
pub struct OnReceived {
    /// Who routes.
    pub centre: Centre,
    /// Who is there.
    pub discovery: Arc<dyn Discovery>,
    /// How they are reached.
    pub courier: Arc<dyn Courier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    document_id: DocumentId,
}

impl OnReceived {
    async fn route(&self, tenant: &TenantId, id: DocumentId, worker: &str) -> Result<(), BoxError> {
        let done = self.centre.route(tenant, id, worker, &*self.discovery, &*self.courier).await?;
        tracing::info!(document = %id, ?done, "document routed");
        Ok(())
    }
}

#[async_trait]
impl EventHandler for OnReceived {
    async fn handle(&self, event: &Event) -> Outcome {
        let Ok(About { document_id }) = About::deserialize(&event.data) else {
            return Outcome::reject("malformed_event", "no document in it");
        };
        // What failed is due again by itself; only a table that cannot be reached is for the queue.
        match self.route(&event.tenant, document_id, "documents-on-received").await {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::retry(error),
        }
    }
}

/// `cron-documents-sweep`.
pub struct Sweep {
    /// Whose documents and jobs.
    pub tenant: TenantId,
    /// What may be due.
    pub documents: Documents,
    /// What may be due, too.
    pub jobs: Jobs,
    /// Who does the centre's own.
    pub router: OnReceived,
}

#[async_trait]
impl Wake for Sweep {
    async fn wake(&self, tenant: &TenantId, document: &Document) -> Result<(), BoxError> {
        if document.connection.as_str() == CENTRE {
            self.router.route(tenant, document.id, "cron-documents-sweep").await
        } else {
            Ok(self.documents.tell(tenant, document).await?)
        }
    }
}

#[async_trait]
impl runtime::Job for Sweep {
    async fn run(&self, _: kernel::Timestamp) -> Result<(), BoxError> {
        let announced = self.jobs.tick(&self.tenant).await?;
        let swept = self.documents.sweep(&self.tenant, AT_ONCE, self).await?;
        tracing::info!(
            woken = swept.woken,
            failed = swept.failed,
            paused = swept.paused,
            jobs = announced.len(),
            "what was due was told of"
        );
        Ok(())
    }
}
