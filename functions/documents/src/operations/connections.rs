//! Connections: how they do, paused and going on.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use documents::{Connection, ConnectionId, Health};
use http::StatusCode;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use web::{Allowed, FieldError, Json, Path, Problem, RequestMeta, Validation};

use crate::Operations;
use crate::problems;
use crate::roles::Operators;

const MAX_REASON: usize = 200;

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new()
        .route("/v1/operations/connections", get(list))
        .route("/v1/operations/connections/{id}", get(health))
        .route("/v1/operations/connections/{id}/pause", post(pause))
        .route("/v1/operations/connections/{id}/resume", post(resume))
}

#[derive(Serialize, utoipa::ToSchema)]
struct ConnectionView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PauseView>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct PauseView {
    reason: String,
    by: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let paused = connection.paused;
        let paused = paused.map(|pause| PauseView { reason: pause.reason, by: pause.by, since: pause.since });
        Self { id: connection.id.to_string(), paused }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Connections {
    items: Vec<ConnectionView>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthView {
    #[serde(flatten)]
    connection: ConnectionView,
    /// Attempts of the last fifteen minutes.
    attempts: u64,
    failures: u64,
    retries: u64,
    /// Failures in a hundred attempts.
    error_percent: u64,
    /// When the document that waits longest was due; absent when nothing is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    overdue_since: Option<Timestamp>,
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        let Health { connection, recent, overdue_since } = health;
        let (attempts, failures, retries) = (recent.attempts, recent.failures, recent.retries);
        let error_percent = recent.error_percent();
        Self { connection: connection.into(), attempts, failures, retries, error_percent, overdue_since }
    }
}

/// All connections.
#[utoipa::path(get, path = "/v1/operations/connections", responses((status = 200, body = Connections)))]
pub(super) async fn list(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
) -> Result<Json<Connections>, Problem> {
    let found = operations.documents.connections(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    Ok(Json(Connections { items: found.into_iter().map(ConnectionView::from).collect() }))
}

/// How a connection does.
#[utoipa::path(get, path = "/v1/operations/connections/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = HealthView)))]
pub(super) async fn health(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(id): Path<ConnectionId>,
) -> Result<Json<HealthView>, Problem> {
    let found = operations.documents.health(&caller.tenant, &id).await.map_err(|error| problems::table(&error))?;
    found.map(|health| Json(health.into())).ok_or_else(Problem::not_found)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPause {
    /// For whoever finds it paused.
    reason: String,
}

/// Stops work on a connection; its documents wait.
#[utoipa::path(post, path = "/v1/operations/connections/{id}/pause", params(("id" = String, Path,)),
    request_body = NewPause, responses((status = 204)))]
pub(super) async fn pause(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    meta: RequestMeta,
    Path(id): Path<ConnectionId>,
    Json(new): Json<NewPause>,
) -> Result<StatusCode, Problem> {
    let mut validation = Validation::default();
    let fits = (1..=MAX_REASON).contains(&new.reason.chars().count());
    validation.check(fits, || FieldError::at("/reason", "invalid_length", "must have 1 to 200 characters"));
    validation.finish()?;
    known(&operations, &caller, &id).await?;
    let paused = operations.documents.pause(&caller.tenant, &id, &new.reason, &caller.principal, &meta.context()).await;
    paused.map_err(|error| problems::table(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a connection go on.
#[utoipa::path(post, path = "/v1/operations/connections/{id}/resume", params(("id" = String, Path,)),
    responses((status = 204)))]
pub(super) async fn resume(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    meta: RequestMeta,
    Path(id): Path<ConnectionId>,
) -> Result<StatusCode, Problem> {
    known(&operations, &caller, &id).await?;
    let resumed = operations.documents.resume(&caller.tenant, &id, &caller.principal, &meta.context()).await;
    resumed.map_err(|error| problems::table(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn known(operations: &Operations, caller: &web::Caller, id: &ConnectionId) -> Result<(), Problem> {
    let found = operations.documents.health(&caller.tenant, id).await.map_err(|error| problems::table(&error))?;
    found.map(|_| ()).ok_or_else(Problem::not_found)
}
