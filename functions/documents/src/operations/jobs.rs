//! Jobs by the clock: seen, run now, paused.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use documents::ConnectionId;
use serde::Serialize;
use web::{Allowed, Json, Path, Problem};

use crate::Operations;
use crate::problems;
use crate::roles::Operators;
use crate::views::JobView;

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new()
        .route("/v1/operations/jobs", get(list))
        .route("/v1/operations/jobs/{name}/run", post(run))
        .route("/v1/operations/jobs/{name}/pause", post(pause))
        .route("/v1/operations/jobs/{name}/resume", post(resume))
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct JobList {
    items: Vec<JobView>,
}

/// All jobs with their last results.
#[utoipa::path(get, path = "/v1/operations/jobs", responses((status = 200, body = JobList)))]
pub(super) async fn list(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
) -> Result<Json<JobList>, Problem> {
    let found = operations.jobs.list(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    Ok(Json(JobList { items: found.into_iter().map(JobView::from).collect() }))
}

/// Announces a run now. One that is under way is not doubled.
#[utoipa::path(post, path = "/v1/operations/jobs/{name}/run", params(("name" = String, Path,)),
    responses((status = 200, body = JobView)))]
pub(super) async fn run(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(name): Path<ConnectionId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(operations.jobs.run_now(&caller.tenant, &name).await.map_err(problems::job)?.into()))
}

/// Stops announcing a job.
#[utoipa::path(post, path = "/v1/operations/jobs/{name}/pause", params(("name" = String, Path,)),
    responses((status = 200, body = JobView)))]
pub(super) async fn pause(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(name): Path<ConnectionId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(operations.jobs.set_paused(&caller.tenant, &name, true).await.map_err(problems::job)?.into()))
}

/// Goes on with a job from its next time on.
#[utoipa::path(post, path = "/v1/operations/jobs/{name}/resume", params(("name" = String, Path,)),
    responses((status = 200, body = JobView)))]
pub(super) async fn resume(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(name): Path<ConnectionId>,
) -> Result<Json<JobView>, Problem> {
    Ok(Json(operations.jobs.set_paused(&caller.tenant, &name, false).await.map_err(problems::job)?.into()))
}
