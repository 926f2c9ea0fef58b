//! `GET /health`: whether this warehouse can be given work. The store asks every minute.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use web::{Allowed, Json, Problem};

use super::{Name, Services};
use crate::{Warehouse, problem};

#[derive(utoipa::OpenApi)]
#[openapi(paths(health))]
pub(super) struct Doc;

pub(super) fn routes() -> Router<Arc<Warehouse>> {
    Router::new().route("/health", get(health))
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = warehouse::Health)]
struct Healthy {
    /// Always `healthy`: anything else is a problem.
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(example = "alpha")]
    warehouse: String,
}

/// Whether the warehouse can be given work.
#[utoipa::path(
    get,
    path = "/warehouses/{name}/health",
    tag = "warehouse",
    params(Name),
    responses((status = 200, body = Healthy), (status = 503, description = "Its table does not answer")),
)]
async fn health(
    State(warehouse): State<Arc<Warehouse>>,
    Allowed { 0: caller, .. }: Allowed<Services>,
) -> Result<Json<Healthy>, Problem> {
    warehouse.ping(&caller.tenant).await.map_err(|error| problem::unhealthy(&error))?;
    Ok(Json(Healthy { status: "healthy", warehouse: warehouse.location().to_string() }))
}
