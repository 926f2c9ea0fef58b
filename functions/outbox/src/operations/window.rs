//! Republishing a window of the outbox, over HTTP.

use std::sync::Arc;

use axum::extract::State;
use kernel::Timestamp;
use serde::Deserialize;
use table::TableError;
use web::{Allowed, FieldError, Json, Problem, Validation};

use super::{BUDGET, Operations, Operators};
use crate::republish::{self, Republished};

/// The table keeps events for eight days.
const MAX_WINDOW_SECONDS: i64 = 8 * 24 * 3600;

/// Which events, by the time they happened.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Not included.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

/// Publishes again every event of the caller's tenant in the window, with the ids they always had.
#[utoipa::path(post, path = "/v1/operations/outbox/republish", request_body = Window,
    responses((status = 200, body = Republished)))]
pub(super) async fn republish(
    State(operations): State<Arc<Operations>>,
    allowed: Allowed<Operators>,
    Json(window): Json<Window>,
) -> Result<Json<Republished>, Problem> {
    let (caller, Window { from, to }) = (allowed.0, window);
    let mut validation = Validation::default();
    validation.check(from < to, || FieldError::at("/to", "out_of_range", "must be later than from"));
    let seconds = to.as_second().saturating_sub(from.as_second());
    validation
        .check(seconds <= MAX_WINDOW_SECONDS, || FieldError::at("/from", "out_of_range", "the window is over 8 days"));
    validation.finish()?;

    let to = to.min(operations.clock.now());
    let Operations { table, publisher, .. } = &*operations;
    let done = Box::pin(republish::republish(table, publisher, &caller.tenant, from, to, BUDGET)).await;
    let done = done.map_err(|error| problem(&error))?;
    let (principal, tenant) = (caller.principal, caller.tenant.as_str());
    tracing::info!(principal, tenant, %from, %to, published = done.published, "outbox window republished");
    Ok(Json(done))
}

fn problem(error: &TableError) -> Problem {
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}
