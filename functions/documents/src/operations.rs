//! What operators see and do: documents, batches, connections, jobs, dead routes.

mod batches;
mod connections;
mod jobs;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use documents::{Command, ConnectionId, DocumentId, DocumentType, Filter, Place, State as DocumentState};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use web::{Allowed, FieldError, Json, List, NoFilter, Page, PageParams, Path, Problem, Validation, cursor_key};

use crate::Operations;
use crate::problems;
use crate::roles::Operators;
use crate::views::{DocumentView, RouteView, WholeDocument};

#[derive(utoipa::OpenApi)]
#[openapi(paths(
    list,
    get_one,
    retry,
    discard,
    retry_many,
    dead_routes,
    redrive,
    batches::get_one,
    connections::list,
    connections::health,
    connections::pause,
    connections::resume,
    jobs::list,
    jobs::run,
    jobs::pause,
    jobs::resume,
))]
pub(crate) struct Doc;

/// Documents one bulk request looks at: each that matches is a read and a write.
const AT_ONCE: usize = 200;

/// The routes.
pub fn router(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/v1/operations/documents", get(list))
        .route("/v1/operations/documents/retry", post(retry_many))
        .route("/v1/operations/documents/{id}", get(get_one))
        .route("/v1/operations/documents/{id}/retry", post(retry))
        .route("/v1/operations/documents/{id}/discard", post(discard))
        .route("/v1/operations/documents/{id}/routes/{connector}/redrive", post(redrive))
        .route("/v1/operations/dead-routes", get(dead_routes))
        .merge(batches::routes())
        .merge(connections::routes())
        .merge(jobs::routes())
        .with_state(operations)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    #[serde(rename = "type")]
    #[param(rename = "type", value_type = String)]
    kind: DocumentType,
    #[param(value_type = String, example = "ERROR")]
    state: DocumentState,
}

/// Documents of a type in a state, the longest in it first.
#[utoipa::path(get, path = "/v1/operations/documents", params(Which, PageParams),
    responses((status = 200, body = Page<DocumentView>)))]
async fn list(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    list: List<Which>,
) -> Result<Json<Page<DocumentView>>, Problem> {
    let listing = list.open(&*operations.cursor_secret, &caller.tenant).await?;
    let (Which { kind, state }, start) = (listing.filter(), listing.start(Place::from_bytes)?);
    let found = operations.documents.list(&caller.tenant, kind, *state, start, listing.limit()).await;
    let (documents, next) = found.map_err(|error| problems::table(&error))?;
    let next = next.as_ref().map(Place::to_bytes);
    Ok(Json(listing.page(documents.into_iter().map(DocumentView::from).collect(), next.as_deref())))
}

/// One document with its history and routes.
#[utoipa::path(get, path = "/v1/operations/documents/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = WholeDocument)))]
async fn get_one(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(id): Path<DocumentId>,
) -> Result<Json<WholeDocument>, Problem> {
    let tenant = &caller.tenant;
    let found = operations.documents.document(tenant, id).await.map_err(|error| problems::table(&error))?;
    let document = found.ok_or_else(Problem::not_found)?.into();
    let steps = operations.documents.steps(tenant, id).await.map_err(|error| problems::table(&error))?;
    let routes = operations.centre.routes(tenant, id).await.map_err(|error| problems::table(&error))?;
    Ok(Json(WholeDocument { document, steps, routes: routes.into_iter().map(RouteView::from).collect() }))
}

/// Tries a document again, from the beginning.
#[utoipa::path(post, path = "/v1/operations/documents/{id}/retry", params(("id" = String, Path,)),
    responses((status = 200, body = DocumentView), (status = 409, description = "`invalid_transition`, `document_in_progress`")))]
async fn retry(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(id): Path<DocumentId>,
) -> Result<Json<DocumentView>, Problem> {
    let done = operations.documents.command(&caller.tenant, id, Command::Retry, &caller.principal).await;
    Ok(Json(done.map_err(problems::command)?.into()))
}

/// Gives a document up.
#[utoipa::path(post, path = "/v1/operations/documents/{id}/discard", params(("id" = String, Path,)),
    responses((status = 200, body = DocumentView), (status = 409, description = "`invalid_transition`, `document_in_progress`")))]
async fn discard(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path(id): Path<DocumentId>,
) -> Result<Json<DocumentView>, Problem> {
    let done = operations.documents.command(&caller.tenant, id, Command::Discard, &caller.principal).await;
    Ok(Json(done.map_err(problems::command)?.into()))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Many {
    #[serde(rename = "type")]
    kind: String,
    /// `FAILED` or `ERROR`.
    #[schema(value_type = String, example = "ERROR")]
    state: DocumentState,
    connection: Option<String>,
    /// The code of the last failure.
    code: Option<String>,
    /// In its state since before this.
    #[schema(value_type = Option<String>, format = DateTime)]
    before: Option<Timestamp>,
    /// `next` of the answer before.
    cursor: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ManyDone {
    changed: usize,
    /// A worker has them, or they changed meanwhile.
    refused: usize,
    /// Send the same request with it as `cursor`; absent when all are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Tries again whatever the filter matches, 200 documents looked at a request.
#[utoipa::path(post, path = "/v1/operations/documents/retry", request_body = Many,
    responses((status = 200, body = ManyDone)))]
async fn retry_many(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Json(many): Json<Many>,
) -> Result<Json<ManyDone>, Problem> {
    let mut validation = Validation::default();
    let kind = validation.parse("/type", "invalid_name", many.kind.parse::<DocumentType>());
    let connection = many.connection.as_ref();
    let connection =
        connection.and_then(|text| validation.parse("/connection", "invalid_name", text.parse::<ConnectionId>()));
    let retried = matches!(many.state, DocumentState::Failed | DocumentState::Error);
    validation.check(retried, || FieldError::at("/state", "invalid_value", "must be FAILED or ERROR"));
    validation.finish()?;
    let Some(kind) = kind else { return Err(Problem::not_found()) };
    let key = cursor_key(&*operations.cursor_secret).await?;
    let bad_cursor = || Problem::bad_request("invalid_cursor").detail("Start again without a cursor.");
    let query = format!("retry {kind} {}", many.state);
    let start = match &many.cursor {
        Some(cursor) => {
            let bytes = key.open(&caller.tenant, &query, cursor).map_err(|_| bad_cursor())?;
            Some(Place::from_bytes(&bytes).map_err(|_| bad_cursor())?)
        }
        None => None,
    };
    let filter = Filter { kind, state: many.state, connection, code: many.code, before: many.before };
    let (tenant, by) = (&caller.tenant, &caller.principal);
    let done = operations.documents.command_many(tenant, &filter, Command::Retry, by, start, AT_ONCE).await;
    let done = done.map_err(|error| problems::table(&error))?;
    tracing::info!(principal = by, changed = done.changed, refused = done.refused, "documents retried");
    let next = done.next.map(|place| key.seal(tenant, &query, &place.to_bytes()));
    Ok(Json(ManyDone { changed: done.changed, refused: done.refused, next }))
}

/// Routes that failed too often, oldest first.
#[utoipa::path(get, path = "/v1/operations/dead-routes", params(PageParams),
    responses((status = 200, body = Page<RouteView>)))]
async fn dead_routes(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    list: List<NoFilter>,
) -> Result<Json<Page<RouteView>>, Problem> {
    let listing = list.open(&*operations.cursor_secret, &caller.tenant).await?;
    let start = listing.start(Place::from_bytes)?;
    let dead = operations.centre.dead_routes(&caller.tenant, start, listing.limit()).await;
    let dead = dead.map_err(|error| problems::table(&error))?;
    let next = dead.next.as_ref().map(Place::to_bytes);
    Ok(Json(listing.page(dead.routes.into_iter().map(RouteView::from).collect(), next.as_deref())))
}

/// Sends a document along a dead route once more.
#[utoipa::path(post, path = "/v1/operations/documents/{id}/routes/{connector}/redrive",
    params(("id" = String, Path,), ("connector" = String, Path,)),
    responses((status = 200, body = RouteView), (status = 409, description = "`route_not_dead`"),
        (status = 502, description = "`connector_unreachable`")))]
async fn redrive(
    State(operations): State<Arc<Operations>>,
    Allowed(caller, _): Allowed<Operators>,
    Path((id, connector)): Path<(DocumentId, ConnectionId)>,
) -> Result<Json<RouteView>, Problem> {
    let done = operations
        .centre
        .redrive_route(&caller.tenant, id, &connector, &*operations.discovery, &operations.courier)
        .await;
    let route = done.map_err(problems::redrive)?;
    tracing::info!(document = %id, %connector, principal = caller.principal, "dead route driven again");
    Ok(Json(route.into()))
}
