//! The outbox's functions: from the table's stream to the topic, and what an operator does when that went wrong.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `outbox-relay` | the table's stream, new items of kind `event` | publishes them, parks what can never be published |
//! | `outbox-operations-api` | `/v1/operations/…` | dead letters and parked events: look, send back; republish a window |
//!
//! Events are written by whoever changes something (`table::Transaction::event`); nothing here creates one or changes
//! its id.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod operations;
mod parked;
mod relay;
mod republish;
#[cfg(test)]
mod world;

use std::sync::Arc;

use messaging::{Publisher, Queue};
use runtime::{Building, Context, StreamHandler, settings};

pub use operations::{ApiDoc, Operations, Queues, router};
pub use relay::Relay;
pub use republish::{Refused, Republished, republish};

settings! {
    struct RelaySettings {
        topic: String = "EVENTS_TOPIC_ARN",
        parked: String = "PARKED_QUEUE_URL",
    }
}

settings! {
    struct OperationsSettings {
        table: String = "TABLE_NAME",
        topic: String = "EVENTS_TOPIC_ARN",
        queues: Queues = "DEAD_LETTER_QUEUES",
        tenant: kernel::TenantId = "TENANT",
    }
}

/// Builds `outbox-relay`.
#[must_use]
pub fn relay(context: &'static Context) -> Building<Arc<dyn StreamHandler>> {
    Box::pin(async move {
        let settings: RelaySettings = context.settings()?;
        let publisher = Publisher::new(context.sns()?, settings.topic);
        let parked = Queue::new(context.sqs()?, settings.parked);
        let relay: Arc<dyn StreamHandler> = Arc::new(Relay::new(publisher, Arc::new(parked)));
        Ok(relay)
    })
}

/// Builds `outbox-operations-api`.
#[must_use]
pub fn operations(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let settings: OperationsSettings = context.settings()?;
        Ok(router(Arc::new(Operations {
            table: table::Table::new(context.dynamodb()?, settings.table),
            publisher: Publisher::new(context.sns()?, settings.topic),
            sqs: context.sqs()?,
            queues: settings.queues,
            tenant: settings.tenant,
            clock: context.clock(),
        })))
    })
}
