//! `/sales/v1/orders/{id}/notes` and `/files`: what people write beside an order.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use kernel::Timestamp;
use sales::OrderId;
use sales::notes::{Audience, FileId, NewNote, Note, NoteId};
use serde::{Deserialize, Serialize};
use web::{
    Allowed, FieldError, IdempotencyKey, Json, List, NoFilter, Page, PageParams, Path, Problem, RequestMeta, Validation,
};

use super::{Api, Staff, problems};

#[derive(utoipa::OpenApi)]
#[openapi(paths(write, list, store, read))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/sales/v1/orders/{id}/notes", get(list).post(write))
        .route("/sales/v1/orders/{id}/files", post(store))
        .route("/sales/v1/orders/{id}/files/{file}", get(read))
        .with_state(api)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct WrittenNote {
    /// `@usr_…` mentions somebody, who is told once.
    text: String,
    /// `INTERNAL` unless given; `CUSTOMER` is for the customer too.
    #[schema(value_type = Option<String>)]
    audience: Option<Audience>,
    /// Files stored beside the order before.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    files: Vec<FileId>,
}

/// A note.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NoteView {
    #[schema(value_type = String)]
    id: NoteId,
    author: String,
    #[schema(value_type = String, format = DateTime)]
    written_at: Timestamp,
    #[schema(value_type = String)]
    audience: Audience,
    text: String,
    mentions: Vec<String>,
    #[schema(value_type = Vec<String>)]
    files: Vec<FileId>,
}

impl From<Note> for NoteView {
    fn from(note: Note) -> Self {
        let mentions = note.mentions.into_iter().collect();
        let Note { id, author, written_at, audience, text, files, .. } = note;
        Self { id, author, written_at, audience, text, mentions, files }
    }
}

/// Writes a note beside an order.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/notes", request_body = WrittenNote,
    params(("id" = String, Path,), ("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = NoteView), (status = 422, description = "`out_of_range`, `idempotency_key_reused`")))]
async fn write(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    key: IdempotencyKey,
    Path(id): Path<OrderId>,
    Json(new): Json<WrittenNote>,
) -> Result<Response, Problem> {
    let order = api.order(&caller.tenant, id).await?;
    let audience = new.audience.unwrap_or(Audience::Internal);
    let new = NewNote { key: key.as_str().to_owned(), audience, text: new.text, files: new.files };
    let note = api.sales.write_note(&caller.tenant, &order, new, &caller.principal, &meta.context()).await;
    Ok((StatusCode::CREATED, Json(NoteView::from(note.map_err(problems::note)?))).into_response())
}

/// The notes beside an order.
#[utoipa::path(get, path = "/sales/v1/orders/{id}/notes", params(("id" = String, Path,), PageParams),
    responses((status = 200, body = Page<NoteView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(id): Path<OrderId>,
    list: List<NoFilter>,
) -> Result<Json<Page<NoteView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    api.order(&caller.tenant, id).await?;
    let page = api.sales.notes_of(&caller.tenant, id, listing.start()?, listing.limit()).await;
    listing.shown(page.map_err(|error| problems::table(&error))?, |note| Ok(NoteView::from(note)))
}

/// A file, its content in base64.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileBody {
    name: String,
    #[schema(example = "application/pdf")]
    media_type: String,
    #[schema(format = Byte)]
    content: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Stored {
    #[schema(value_type = String)]
    id: FileId,
}

/// Stores a file beside an order; the same file again is the same.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/files", request_body = FileBody, params(("id" = String, Path,)),
    responses((status = 201, body = Stored), (status = 422, description = "`out_of_range`")))]
async fn store(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(id): Path<OrderId>,
    Json(file): Json<FileBody>,
) -> Result<Response, Problem> {
    let mut validation = Validation::default();
    let name = (1..=200).contains(&file.name.len()) && !file.name.chars().any(char::is_control);
    validation.check(name, || FieldError::at("/name", "invalid_name", "must have 1 to 200 bytes"));
    let media_type =
        (3..=100).contains(&file.media_type.len()) && file.media_type.bytes().all(|b| b.is_ascii_graphic());
    validation.check(media_type, || FieldError::at("/mediaType", "invalid_media_type", "must be a media type"));
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    let content = file.content.len().is_multiple_of(4) && file.content.bytes().all(is_base64);
    validation.check(content, || FieldError::at("/content", "invalid_base64", "must be base64"));
    validation.finish()?;
    api.order(&caller.tenant, id).await?;
    let stored = api.sales.store_file(&caller.tenant, id, &file.name, &file.media_type, file.content).await;
    Ok((StatusCode::CREATED, Json(Stored { id: stored.map_err(problems::note)? })).into_response())
}

/// A file beside an order.
#[utoipa::path(get, path = "/sales/v1/orders/{id}/files/{file}",
    params(("id" = String, Path,), ("file" = String, Path,)), responses((status = 200, body = FileBody)))]
async fn read(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path((id, file)): Path<(OrderId, FileId)>,
) -> Result<Json<FileBody>, Problem> {
    let found = api.sales.file(&caller.tenant, id, file).await.map_err(|error| problems::table(&error))?;
    let file = found.ok_or_else(Problem::not_found)?;
    Ok(Json(FileBody { name: file.name, media_type: file.media_type, content: file.content }))
}
