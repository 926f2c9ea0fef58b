//! What an operator can do about messages that went wrong.
//!
//! | route | does |
//! |---|---|
//! | `GET /v1/operations/dead-letters/{queue}` | shows dead letters with their reasons, and leaves them there |
//! | `POST /v1/operations/dead-letters/{queue}/redrive` | sends them back to where they came from |
//! | `POST /v1/operations/outbox/republish` | publishes again every event of the tenant in a window |
//!
//! An `OPERATOR` sees everybody's letters; a `STORE_ADMIN` those of its own tenant and, when the stack is that tenant's,
//! those that are no events at all.
//! All three may be repeated: what was moved is gone from the queue, and consumers know a repeated event by its id. So
//! none takes an `Idempotency-Key`. Nothing here deletes a message for good.

mod dead_letters;
mod queues;
mod window;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use kernel::{Clock, TenantId};
use messaging::Publisher;
use table::Table;
use web::Roles;

pub use queues::Queues;

/// API Gateway waits 30 seconds; what is left is for the call under way.
const BUDGET: Duration = Duration::from_secs(20);

const OPERATOR: &str = "OPERATOR";

/// What the routes need.
pub struct Operations {
    /// Where events are.
    pub table: Table,
    /// Where they go.
    pub publisher: Publisher,
    /// Reaches the queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Which queues may be looked at.
    pub queues: Queues,
    /// Whose stack this is.
    pub tenant: TenantId,
    /// What is in the future.
    pub clock: Arc<dyn Clock>,
}

/// The routes.
pub fn router(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/v1/operations/dead-letters/{queue}", get(dead_letters::list))
        .route("/v1/operations/dead-letters/{queue}/redrive", post(dead_letters::redrive))
        .route("/v1/operations/outbox/republish", post(window::republish))
        .with_state(operations)
}

/// The `OpenAPI` document of these routes.
#[derive(utoipa::OpenApi)]
#[openapi(paths(dead_letters::list, dead_letters::redrive, window::republish))]
pub struct ApiDoc;

struct Operators;

impl Roles for Operators {
    const ALLOWED: &'static [&'static str] = &[OPERATOR, "STORE_ADMIN"];
}

#[cfg(test)]
mod tests;
