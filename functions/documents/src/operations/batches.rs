//! How far the reading of a whole source is.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use documents::batch::{Batch, BatchId, Batches, Part, Verdict, verdict};
use kernel::Timestamp;
use serde::Serialize;
use web::{Allowed, Json, Path, Problem};

use crate::Operations;
use crate::problems;
use crate::roles::Operators;

pub(super) fn routes() -> Router<Arc<Operations>> {
    Router::new().route("/v1/operations/batches/{id}", get(get_one))
}

/// A batch and its parts.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchView {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    connection: String,
    source: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// `RUNNING`, `SUCCESS`, or `SHORT` when the source counted more than is stored.
    #[schema(example = "RUNNING")]
    state: &'static str,
    /// What the source counted; absent as long as it has not counted everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<u64>,
    stored: u64,
    parts: Vec<PartView>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct PartView {
    name: String,
    done: bool,
    stored: u64,
    /// Rows that came more than once.
    repeated: u64,
    /// Why the source did not go on, the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

fn view(batch: &Batch, parts: Vec<Part>) -> BatchView {
    let state = match verdict(&parts) {
        Verdict::Running { .. } => "RUNNING",
        Verdict::Success { .. } => "SUCCESS",
        Verdict::Short { .. } => "SHORT",
    };
    BatchView {
        id: batch.id.to_string(),
        kind: batch.kind.to_string(),
        connection: batch.connection.to_string(),
        source: batch.source.clone(),
        started_at: batch.started_at,
        state,
        counted: parts.iter().map(|part| part.counted).sum(),
        stored: parts.iter().map(|part| part.stored).sum(),
        parts: parts.into_iter().map(PartView::from).collect(),
    }
}

impl From<Part> for PartView {
    fn from(part: Part) -> Self {
        let Part { name, done, stored, repeated, failure, .. } = part;
        Self { name, done, stored, repeated, failure }
    }
}

/// How far a batch is.
#[utoipa::path(get, path = "/v1/operations/batches/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = BatchView)))]
pub(super) async fn get_one(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(id): Path<BatchId>,
) -> Result<Json<BatchView>, Problem> {
    let failed = |error| problems::table(&error);
    let found = Batches::find(operations.table.clone(), operations.clock.clone(), caller.tenant, id).await;
    let batches = found.map_err(failed)?.ok_or_else(Problem::not_found)?;
    Ok(Json(view(batches.batch(), batches.parts().await.map_err(failed)?)))
}
