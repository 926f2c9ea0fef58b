//! `/sales/v1/orders/{id}/notes`: what people write beside an order.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use kernel::Timestamp;
use sales::OrderId;
use sales::notes::{Audience, FileId, NewNote, Note, NoteId};
use serde::{Deserialize, Serialize};
use table::Position;
use web::{Allowed, IdempotencyKey, Json, List, NoFilter, Page, PageParams, Path, Problem, RequestMeta};

use super::{Api, Staff, problems, shown_page};

#[derive(utoipa::OpenApi)]
#[openapi(paths(write, list))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new().route("/sales/v1/orders/{id}/notes", get(list).post(write)).with_state(api)
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
    let page = api.sales.notes_of(&caller.tenant, id, listing.start(Position::from_bytes)?, listing.limit()).await;
    shown_page(&listing, page.map_err(|error| problems::table(&error))?, |note| Ok(NoteView::from(note)))
}
