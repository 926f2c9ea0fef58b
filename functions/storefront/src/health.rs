//! Liveness and readiness. Public: a load balancer has no credential.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use kernel::TenantId;
use serde::Serialize;
use storefront::Registry;
use web::{Json, Problem};

#[derive(utoipa::OpenApi)]
#[openapi(paths(alive, ready), components(schemas(Health)))]
pub(crate) struct Doc;

#[derive(Clone)]
struct Ready {
    registry: Arc<Registry>,
    tenant: TenantId,
}

/// The state of the service.
#[derive(Serialize, utoipa::ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

pub(crate) fn routes(registry: Arc<Registry>, tenant: TenantId) -> Router {
    Router::new()
        .route("/store/health", get(alive))
        .route("/store/ready", get(ready))
        .with_state(Ready { registry, tenant })
}

/// The process answers.
#[utoipa::path(get, path = "/store/health", security(()), responses((status = 200, body = Health)))]
async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The table answers too.
#[utoipa::path(get, path = "/store/ready", security(()), responses((status = 200, body = Health)))]
async fn ready(State(state): State<Ready>) -> Result<Json<Health>, Problem> {
    state.registry.all(&state.tenant).await.map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(Health { status: "ready" }))
}
