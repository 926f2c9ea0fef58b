//! `/v1/documents`, `/v1/document-types` and `/v1/connectors`: handing documents in, and who takes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use documents::centre::{Centre, Connector, Registry, Submission};
use documents::{ConnectionId, DocumentId, DocumentType, Received, Schemas};
use http::StatusCode;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use web::{Allowed, Caller, FieldError, IdempotencyKey, Json, LargeJson, Path, Problem, RequestMeta, Validation};

use crate::problems;
use crate::roles::{Anybody, Operators, Services};
use crate::views::DocumentView;

#[derive(utoipa::OpenApi)]
#[openapi(paths(submit, get_one, register_type, types, register, heartbeat, deregister, connectors))]
pub(crate) struct Doc;

/// The largest document that is taken in, with what is said of it, in bytes.
const MAX_DOCUMENT: usize = 4 << 20;
const MAX_TEXT: usize = 200;
const MAX_URL: usize = 300;
const MAX_TYPES: usize = 100;

/// What the routes work with.
#[derive(Clone)]
struct Api {
    centre: Centre,
    registry: Arc<dyn Registry>,
}

/// The routes.
pub fn router(centre: Centre, registry: Arc<dyn Registry>) -> Router {
    Router::new()
        .route("/v1/documents", post(submit))
        .route("/v1/documents/{id}", get(get_one))
        .route("/v1/document-types", get(types))
        .route("/v1/document-types/{type}/versions/{version}", put(register_type))
        .route("/v1/connectors", get(connectors))
        .route("/v1/connectors/{name}", put(register).delete(deregister))
        .route("/v1/connectors/{name}/heartbeat", post(heartbeat))
        .with_state(Api { centre, registry })
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewDocument {
    #[serde(rename = "type")]
    kind: String,
    version: u16,
    /// Who hands it in.
    source: String,
    /// What the source calls the thing it is about.
    external_id: String,
    /// Which state of it; the `Idempotency-Key` unless given.
    revision: Option<String>,
    #[schema(value_type = Object)]
    payload: Value,
}

/// Takes a document in. It is passed on to connectors afterwards.
#[utoipa::path(post, path = "/v1/documents", request_body = NewDocument,
    params(("Idempotency-Key" = Option<String>, Header,)),
    responses((status = 202, body = DocumentView), (status = 413, description = "`body_too_large`: 4 MiB are taken"),
        (status = 422, description = "`unknown_document_type`, `payload_invalid`, `revision_reused`")))]
async fn submit(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Anybody>,
    meta: RequestMeta,
    key: Option<IdempotencyKey>,
    LargeJson(new): LargeJson<NewDocument, MAX_DOCUMENT>,
) -> Result<Response, Problem> {
    let mut validation = Validation::default();
    let kind: Option<DocumentType> = validation.parse("/type", "invalid_name", new.kind.parse::<DocumentType>());
    let revision = new.revision.or_else(|| key.map(|key| key.as_str().to_owned())).unwrap_or_default();
    for (pointer, text) in [("/source", &new.source), ("/externalId", &new.external_id), ("/revision", &revision)] {
        let fits = (1..=MAX_TEXT).contains(&text.chars().count());
        validation.check(fits, || FieldError::at(pointer, "invalid_length", "must have 1 to 200 characters"));
    }
    validation.finish()?;
    let Some(kind) = kind else { return Err(Problem::not_found()) };
    let submission = Submission {
        kind,
        shape: new.version,
        source: new.source,
        external_id: new.external_id,
        revision,
        payload: new.payload,
    };
    let received = api.centre.submit(&caller.tenant, submission, &Schemas, &meta.context()).await;
    let received = received.map_err(problems::submit)?;
    let replayed = matches!(received, Received::Known(_));
    let view = DocumentView::from(received.into_document());
    let location = [(http::header::LOCATION, format!("/v1/documents/{}", view.id))];
    let mut answer = (StatusCode::ACCEPTED, location, Json(view)).into_response();
    if replayed {
        answer.headers_mut().insert("idempotency-replayed", http::HeaderValue::from_static("true"));
    }
    Ok(answer)
}

/// How far a document is.
#[utoipa::path(get, path = "/v1/documents/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = DocumentView)))]
async fn get_one(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Anybody>,
    Path(id): Path<DocumentId>,
) -> Result<Json<DocumentView>, Problem> {
    let found = api.centre.document(&caller.tenant, id).await.map_err(|error| problems::table(&error))?;
    found.map(|document| Json(document.into())).ok_or_else(Problem::not_found)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewType {
    /// JSON Schema that refers to nothing outside itself.
    #[schema(value_type = Object)]
    schema: Value,
}

#[derive(Serialize, utoipa::ToSchema)]
struct TypeView {
    #[serde(rename = "type")]
    kind: String,
    version: u16,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Types {
    items: Vec<TypeView>,
}

/// Registers a version of a type; it never changes.
#[utoipa::path(put, path = "/v1/document-types/{type}/versions/{version}", request_body = NewType,
    params(("type" = String, Path,), ("version" = u16, Path,)),
    responses((status = 201), (status = 204), (status = 409, description = "`version_taken`")))]
async fn register_type(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Operators>,
    Path((kind, version)): Path<(DocumentType, u16)>,
    Json(new): Json<NewType>,
) -> Result<StatusCode, Problem> {
    let registered = api.centre.register_type(&caller.tenant, &kind, version, &new.schema, &Schemas).await;
    let is_new = registered.map_err(problems::register_type)?;
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
}

/// The registered types.
#[utoipa::path(get, path = "/v1/document-types", responses((status = 200, body = Types)))]
async fn types(State(api): State<Api>, Allowed(caller, _): Allowed<Anybody>) -> Result<Json<Types>, Problem> {
    let found = api.centre.types(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    let items = found.into_iter();
    let items = items.map(|found| TypeView { kind: found.kind.to_string(), version: found.shape, at: found.at });
    Ok(Json(Types { items: items.collect() }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// URL of its FIFO queue.
    queue: String,
    /// What it wants to be told of.
    types: Vec<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConnectorView {
    name: String,
    queue: String,
    types: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
}

impl From<Connector> for ConnectorView {
    fn from(connector: Connector) -> Self {
        let Connector { name, queue, types, seen_at } = connector;
        let types = types.iter().map(ToString::to_string).collect();
        Self { name: name.to_string(), queue, types, seen_at }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
struct Connectors {
    items: Vec<ConnectorView>,
}

/// A service speaks for the connector of its own name only.
fn own(caller: &Caller, name: &ConnectionId) -> Result<(), Problem> {
    let own = caller.principal.strip_prefix("service:connector:") == Some(name.as_str());
    if own { Ok(()) } else { Err(Problem::forbidden()) }
}

/// A connector registers itself, or changes what it registered.
#[utoipa::path(put, path = "/v1/connectors/{name}", request_body = Registration, params(("name" = String, Path,)),
    responses((status = 200, body = ConnectorView), (status = 503, description = "`registry_unavailable`")))]
async fn register(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Services>,
    Path(name): Path<ConnectionId>,
    Json(new): Json<Registration>,
) -> Result<Json<ConnectorView>, Problem> {
    own(&caller, &name)?;
    let mut validation = Validation::default();
    let is_queue = (new.queue.starts_with("https://") || new.queue.starts_with("http://"))
        && new.queue.ends_with(".fifo")
        && new.queue.len() <= MAX_URL;
    validation.check(is_queue, || FieldError::at("/queue", "invalid_queue", "must be the URL of a FIFO queue"));
    let number = (1..=MAX_TYPES).contains(&new.types.len());
    validation.check(number, || FieldError::at("/types", "out_of_range", "must have 1 to 100 types"));
    let parse = |(n, text): (usize, &String)| validation.parse(&format!("/types/{n}"), "invalid_name", text.parse());
    let types: Vec<DocumentType> = new.types.iter().enumerate().filter_map(parse).collect();
    validation.finish()?;
    let connector = api.centre.register(&caller.tenant, name, new.queue, types, &*api.registry).await;
    Ok(Json(connector.map_err(problems::announce)?.into()))
}

/// A sign of life, due every minute.
#[utoipa::path(post, path = "/v1/connectors/{name}/heartbeat", params(("name" = String, Path,)),
    responses((status = 204), (status = 404, description = "register first")))]
async fn heartbeat(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Services>,
    Path(name): Path<ConnectionId>,
) -> Result<StatusCode, Problem> {
    own(&caller, &name)?;
    let known = api.centre.heartbeat(&caller.tenant, &name).await.map_err(|error| problems::table(&error))?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// A connector goes.
#[utoipa::path(delete, path = "/v1/connectors/{name}", params(("name" = String, Path,)),
    responses((status = 204), (status = 503, description = "`registry_unavailable`")))]
async fn deregister(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Anybody>,
    Path(name): Path<ConnectionId>,
) -> Result<StatusCode, Problem> {
    if caller.is("SERVICE") {
        own(&caller, &name)?;
    }
    let deregistered = api.centre.deregister(&caller.tenant, &name, &*api.registry).await;
    deregistered.map_err(problems::announce)?;
    tracing::info!(connector = %name, principal = caller.principal, "connector deregistered");
    Ok(StatusCode::NO_CONTENT)
}

/// The registered connectors.
#[utoipa::path(get, path = "/v1/connectors", responses((status = 200, body = Connectors)))]
async fn connectors(
    State(api): State<Api>,
    Allowed(caller, _): Allowed<Operators>,
) -> Result<Json<Connectors>, Problem> {
    let found = api.centre.connectors(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    Ok(Json(Connectors { items: found.into_iter().map(ConnectorView::from).collect() }))
}
