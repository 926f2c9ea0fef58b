//! API keys.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::{ApiKey, ApiKeyId, MadeApiKey, NewApiKey, Role};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kernel::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use web::{Allowed, Json, List, NoFilter, Page, PageParams, Path, Problem};

use super::{Admins, DirectoryApi, actor};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, create, rotate, revoke))]
pub(super) struct Doc;

type Api = State<Arc<DirectoryApi>>;

const SECONDS_A_DAY: i64 = 24 * 3600;

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    name: String,
    scopes: BTreeSet<String>,
    #[schema(value_type = String, example = "STORE_ADMIN")]
    role: Role,
    #[schema(minimum = 1, maximum = 366)]
    days: i64,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyView {
    #[schema(value_type = String)]
    id: ApiKeyId,
    name: String,
    scopes: BTreeSet<String>,
    #[schema(value_type = String)]
    role: Role,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
    revoked: bool,
    /// The day of the last use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Timestamp>,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, name, scopes, role, expires, revoked, last_used, .. } = key;
        let last_used = last_used.and_then(|day| Timestamp::from_second(day * SECONDS_A_DAY).ok());
        let expires = Timestamp::from_second(expires).ok();
        Self { id, name, scopes, role, expires, revoked, last_used, key: None }
    }
}

fn made(MadeApiKey { key, text }: MadeApiKey) -> Response {
    let view = KeyView { key: Some(text.expose_secret().to_owned()), ..key.into() };
    (StatusCode::CREATED, Json(view)).into_response()
}

/// All keys, those that are over included.
#[utoipa::path(get, path = "/v1/api-keys", params(PageParams), responses((status = 200, body = Page<KeyView>)))]
pub(super) async fn list(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    list: List<NoFilter>,
) -> Result<Json<Page<KeyView>>, Problem> {
    let listing = api.cursors.open(list, &caller.tenant).await?;
    let page = api.keys.list(&caller.tenant, listing.limit(), listing.start()?).await.map_err(problems::api_key)?;
    Ok(Json(listing.page(page.items.into_iter().map(KeyView::from).collect(), page.next.as_ref())))
}

/// Makes a key. Its text is in this answer and in no other.
#[utoipa::path(post, path = "/v1/api-keys", request_body = NewKey, responses((status = 201, body = KeyView)))]
pub(super) async fn create(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Json(new): Json<NewKey>,
) -> Result<Response, Problem> {
    let NewKey { name, scopes, role, days } = new;
    let new = NewApiKey { name, scopes, role, days };
    api.keys.create(actor(&caller), &new).await.map(made).map_err(problems::api_key)
}

/// Makes a successor; the old key is good for another day.
#[utoipa::path(post, path = "/v1/api-keys/{id}/rotate", params(("id" = String, Path,)),
    responses((status = 201, body = KeyView)))]
pub(super) async fn rotate(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<ApiKeyId>,
) -> Result<Response, Problem> {
    api.keys.rotate(actor(&caller), id).await.map(made).map_err(problems::api_key)
}

/// Ends a key at once.
#[utoipa::path(delete, path = "/v1/api-keys/{id}", params(("id" = String, Path,)), responses((status = 204)))]
pub(super) async fn revoke(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    api.keys.revoke(actor(&caller), id).await.map_err(problems::api_key)?;
    Ok(StatusCode::NO_CONTENT)
}
