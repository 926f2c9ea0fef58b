//! `shopify-on-delivery` and `shopify-on-task`: the document an event tells of is worked on.

use std::sync::Arc;

use async_trait::async_trait;
use documents::{Attempt, ConnectionId, DocumentId, Documents};
use kernel::Event;
use messaging::{EventHandler, Outcome};
use serde::Deserialize;
use shopify::connect::PREFIX;
use shopify::inbound::{DELIVERY, STATE};

/// Which documents a worker is for: the sweep tells both of all that are due, of other connectors too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// A worker.
pub struct OnDocument {
    pub documents: Documents,
    pub attempt: Arc<dyn Attempt>,
    pub direction: Direction,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    document_id: DocumentId,
    connection: ConnectionId,
    #[serde(rename = "type")]
    kind: String,
}

#[async_trait]
impl EventHandler for OnDocument {
    async fn handle(&self, event: &Event) -> Outcome {
        let Ok(About { document_id, connection, kind }) = About::deserialize(&event.data) else {
            return Outcome::reject("malformed_event", "no document in it");
        };
        if !connection.as_str().starts_with(PREFIX) {
            return Outcome::Done;
        }
        let direction = if [DELIVERY, STATE].contains(&kind.as_str()) { Direction::In } else { Direction::Out };
        if direction != self.direction {
            return Outcome::Done;
        }
        let worker = match direction {
            Direction::In => "shopify-on-delivery",
            Direction::Out => "shopify-on-task",
        };
        let done = self.documents.process(&event.tenant, document_id, &connection, worker, &*self.attempt).await;
        match done {
            // What failed is due again by itself; only a table that cannot be reached is for the queue.
            Ok(done) => {
                tracing::info!(document = %document_id, kind, ?done, "document worked on");
                Outcome::Done
            }
            Err(error) => Outcome::retry(error),
        }
    }
}
