//! The message centre, as far as it is on the way to this connector.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use documents::DocumentId;
use documents::centre::{Centre, Courier, Discovery, Instance};
use kernel::{Event, TenantId};
use messaging::{EventHandler, Outcome};
use web::BoxError;

/// Where it sends documents for stores.
pub(crate) const QUEUE: &str = "https://queues.test/shopify-changes.fifo";

/// A queue, and who has it: this connector.
#[derive(Default)]
pub(crate) struct Line(Mutex<Vec<Event>>);

impl Line {
    /// Everything that came in since.
    pub(crate) fn sent(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl Courier for Line {
    async fn send(&self, queue: &str, event: &Event) -> Result<(), BoxError> {
        assert_eq!(queue, QUEUE);
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

#[async_trait]
impl Discovery for Line {
    async fn active(&self, _: &TenantId) -> Result<Arc<[Instance]>, BoxError> {
        Ok([Instance { name: "shopify".parse().unwrap(), queue: QUEUE.to_owned() }].into())
    }
}

/// What `documents-on-received` does.
pub(crate) struct OnReceived {
    pub(crate) centre: Centre,
    pub(crate) queue: Arc<Line>,
}

impl OnReceived {
    pub(crate) async fn route(&self, tenant: &TenantId, id: DocumentId) -> Result<(), BoxError> {
        self.centre.route(tenant, id, "test", &*self.queue, &*self.queue).await?;
        Ok(())
    }
}

#[async_trait]
impl EventHandler for OnReceived {
    async fn handle(&self, event: &Event) -> Outcome {
        let id = event.data["documentId"].as_str().unwrap().parse().unwrap();
        match self.route(&event.tenant, id).await {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::retry(error),
        }
    }
}
