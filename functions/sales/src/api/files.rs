//! `/sales/v1/orders/{id}/files` and `/uploads`: files beside an order. Small ones come in a request; larger ones are put
//! into a bucket by whoever has them, and announced and finished here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use kernel::Timestamp;
use sales::OrderId;
use sales::notes::FileId;
use sales::uploads::VALID;
use serde::{Deserialize, Serialize};
use web::bucket::Measure;
use web::{Allowed, FieldError, Json, Path, Problem, Validation};

use super::{Api, Staff, problems};

#[derive(utoipa::OpenApi)]
#[openapi(paths(store, read, begin, finish))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/sales/v1/orders/{id}/files", post(store))
        .route("/sales/v1/orders/{id}/files/{file}", get(read))
        .route("/sales/v1/orders/{id}/uploads", post(begin))
        .route("/sales/v1/orders/{id}/uploads/{file}/completion", post(finish))
        .with_state(api)
}

/// A file, its content in base64.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewFile {
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

/// Stores a file of at most 250,000 bytes beside an order; the same file again is the same.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/files", request_body = NewFile, params(("id" = String, Path,)),
    responses((status = 201, body = Stored), (status = 422, description = "`out_of_range`")))]
async fn store(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(id): Path<OrderId>,
    Json(file): Json<NewFile>,
) -> Result<Response, Problem> {
    let mut validation = described(&file.name, &file.media_type);
    let content = file.content.len().is_multiple_of(4) && file.content.bytes().all(is_base64);
    validation.check(content, || FieldError::at("/content", "invalid_base64", "must be base64"));
    validation.finish()?;
    api.order(&caller.tenant, id).await?;
    let stored = api.sales.store_file(&caller.tenant, id, &file.name, &file.media_type, file.content).await;
    Ok((StatusCode::CREATED, Json(Stored { id: stored.map_err(problems::note)? })).into_response())
}

/// A file: its content in base64 when it is small, or where to fetch it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct FileView {
    name: String,
    media_type: String,
    #[schema(format = Byte)]
    #[serde(skip_serializing_if = "String::is_empty")]
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Download>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Download {
    /// Answers a `GET` without credentials.
    url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    bytes: u64,
    /// In base64.
    sha256: String,
}

/// A file beside an order.
#[utoipa::path(get, path = "/sales/v1/orders/{id}/files/{file}",
    params(("id" = String, Path,), ("file" = String, Path,)), responses((status = 200, body = FileView)))]
async fn read(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path((id, file)): Path<(OrderId, FileId)>,
) -> Result<Json<FileView>, Problem> {
    let table = |error| problems::table(&error);
    let file = api.sales.file(&caller.tenant, id, file).await.map_err(table)?.ok_or_else(Problem::not_found)?;
    let url = api.sales.download(&caller.tenant, &file).map_err(table)?;
    let download = url.zip(file.claim).map(|(url, Measure { bytes, sha256 })| Download {
        url,
        expires_at: api.sales.now() + VALID,
        bytes,
        sha256,
    });
    Ok(Json(FileView { name: file.name, media_type: file.media_type, content: file.content, download }))
}

/// What will be uploaded.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewUpload {
    name: String,
    #[schema(example = "application/pdf")]
    media_type: String,
    #[schema(minimum = 1, maximum = 25_000_000)]
    bytes: u64,
    /// SHA-256 of the content in base64.
    #[schema(example = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")]
    sha256: String,
}

/// A `PUT` to be sent without credentials, with these headers and the announced content.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct UploadView {
    /// What the file is called once the upload is complete.
    #[schema(value_type = String)]
    id: FileId,
    url: String,
    headers: BTreeMap<&'static str, String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Begins the upload of a file of at most 25,000,000 bytes; announcing the same again is the same file.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/uploads", request_body = NewUpload, params(("id" = String, Path,)),
    responses((status = 201, body = UploadView), (status = 422, description = "`out_of_range`")))]
async fn begin(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(id): Path<OrderId>,
    Json(new): Json<NewUpload>,
) -> Result<Response, Problem> {
    let mut validation = described(&new.name, &new.media_type);
    let digest = new.sha256.len() == 44 && new.sha256.ends_with('=') && new.sha256.bytes().all(is_base64);
    validation.check(digest, || FieldError::at("/sha256", "invalid_digest", "must be 32 bytes in base64"));
    validation.finish()?;
    api.order(&caller.tenant, id).await?;
    let content = Measure { bytes: new.bytes, sha256: new.sha256 };
    let begun = api.sales.begin_upload(&caller.tenant, id, (&new.name, &new.media_type), content).await;
    let (id, put) = begun.map_err(problems::note)?;
    let headers = put.headers.into_iter().collect();
    let view = UploadView { id, url: put.url, headers, expires_at: api.sales.now() + VALID };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Makes what was uploaded a file beside the order, if it is what was announced.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/uploads/{file}/completion",
    params(("id" = String, Path,), ("file" = String, Path,)),
    responses((status = 200, body = Stored), (status = 409, description = "`not_uploaded`"),
        (status = 422, description = "`content_differs`: upload it again")))]
async fn finish(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path((order, id)): Path<(OrderId, FileId)>,
) -> Result<Json<Stored>, Problem> {
    api.sales.finish_upload(&caller.tenant, order, id).await.map_err(problems::note)?;
    Ok(Json(Stored { id }))
}

fn described(name: &str, media_type: &str) -> Validation {
    let mut validation = Validation::default();
    let named = (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
    validation.check(named, || FieldError::at("/name", "invalid_name", "must have 1 to 200 bytes"));
    let typed = (3..=100).contains(&media_type.len()) && media_type.bytes().all(|b| b.is_ascii_graphic());
    validation.check(typed, || FieldError::at("/mediaType", "invalid_media_type", "must be a media type"));
    validation
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}
