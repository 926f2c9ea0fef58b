//! Applications, and the tiles of the landing portal.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::{AppId, Application, Registered, Registration, Tile, UserId};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Serialize;
use table::Versioned;
use web::{Allowed, Caller, ETag, IfMatch, Json, List, NoFilter, Page, PageParams, Path, Problem};

use super::{Admins, DirectoryApi, actor, seen};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, register, show, change, suspend, activate, change_secret, tiles))]
pub(super) struct Doc;

type Api = State<Arc<DirectoryApi>>;

/// Applications of a tenant that tiles are looked for among.
const MAX_TILES: usize = 200;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationView {
    #[schema(value_type = String)]
    id: AppId,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    registration: Registration,
    suspended: bool,
    version: u64,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<Versioned<Application>> for ApplicationView {
    fn from(Versioned { value, version }: Versioned<Application>) -> Self {
        let Application { id, registration, suspended, .. } = value;
        Self { id, registration, suspended, version, secret: None }
    }
}

impl From<Registered> for ApplicationView {
    fn from(Registered { application, secret }: Registered) -> Self {
        let secret = secret.map(|secret| secret.expose_secret().to_owned());
        Self { secret, ..application.into() }
    }
}

fn shown(view: ApplicationView) -> Response {
    (ETag(view.version), Json(view)).into_response()
}

/// All applications.
#[utoipa::path(get, path = "/v1/applications", params(PageParams),
    responses((status = 200, body = Page<ApplicationView>)))]
pub(super) async fn list(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    list: List<NoFilter>,
) -> Result<Json<Page<ApplicationView>>, Problem> {
    let listing = api.cursors.open(list, &caller.tenant).await?;
    let page = api.directory.applications(&caller.tenant, listing.limit(), listing.start()?).await;
    let page = page.map_err(problems::directory)?;
    Ok(Json(listing.page(page.items.into_iter().map(ApplicationView::from).collect(), page.next.as_ref())))
}

/// Registers an application. The secret of a confidential one is in this answer and in no other.
#[utoipa::path(post, path = "/v1/applications", request_body = Object,
    responses((status = 201, body = ApplicationView)))]
pub(super) async fn register(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Json(new): Json<Registration>,
) -> Result<Response, Problem> {
    let made = api.directory.register_application(actor(&caller), new).await.map_err(problems::directory)?;
    Ok((StatusCode::CREATED, shown(made.into())).into_response())
}

/// One application.
#[utoipa::path(get, path = "/v1/applications/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = ApplicationView)))]
pub(super) async fn show(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<AppId>,
) -> Result<Response, Problem> {
    let app = api.directory.application(&caller.tenant, id).await.map_err(problems::directory)?;
    Ok(shown(app.into()))
}

/// Says anew what an application is.
#[utoipa::path(put, path = "/v1/applications/{id}", params(("id" = String, Path,)), request_body = Object,
    responses((status = 200, body = ApplicationView)))]
pub(super) async fn change(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<AppId>,
    condition: IfMatch,
    Json(new): Json<Registration>,
) -> Result<Response, Problem> {
    let app = api.directory.change_application(actor(&caller), id, &seen(&condition), new).await;
    Ok(shown(app.map_err(problems::directory)?.into()))
}

async fn set_suspended(
    api: &DirectoryApi,
    caller: &Caller,
    id: AppId,
    condition: &IfMatch,
    suspended: bool,
) -> Result<Response, Problem> {
    let app = api.directory.suspend_application(actor(caller), id, &seen(condition), suspended).await;
    Ok(shown(app.map_err(problems::directory)?.into()))
}

/// Lets an application, and everybody signed in to it, in no more.
#[utoipa::path(post, path = "/v1/applications/{id}/suspend", params(("id" = String, Path,)),
    responses((status = 200, body = ApplicationView)))]
pub(super) async fn suspend(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<AppId>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    set_suspended(&api, &caller, id, &condition, true).await
}

/// Lets it in again.
#[utoipa::path(post, path = "/v1/applications/{id}/activate", params(("id" = String, Path,)),
    responses((status = 200, body = ApplicationView)))]
pub(super) async fn activate(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<AppId>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    set_suspended(&api, &caller, id, &condition, false).await
}

/// Gives an application another secret; the one before is no longer good.
#[utoipa::path(post, path = "/v1/applications/{id}/secret", params(("id" = String, Path,)),
    responses((status = 200, body = ApplicationView)))]
pub(super) async fn change_secret(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<AppId>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let made = api.directory.change_secret(actor(&caller), id, &seen(&condition)).await;
    Ok(shown(made.map_err(problems::directory)?.into()))
}

/// An application on the landing portal.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct TileView {
    #[schema(value_type = String)]
    application: AppId,
    title: String,
    url: String,
}

/// The applications the caller may open.
#[utoipa::path(get, path = "/v1/me/applications", responses((status = 200, body = Page<TileView>)))]
pub(super) async fn tiles(State(api): Api, caller: Caller) -> Result<Json<Page<TileView>>, Problem> {
    let id: UserId = caller.principal.parse().map_err(|_| Problem::forbidden())?;
    let user = api.directory.user(&caller.tenant, id).await.map_err(problems::directory)?.value;
    let rights = api.directory.rights(&caller.tenant, &caller.principal, &user.groups).await;
    let rights = rights.map_err(problems::directory)?.with(user.role);
    let permitted: BTreeSet<&str> = rights.resolver().anywhere();
    let is_for = |tile: &Tile| {
        tile.permissions.is_empty() || tile.permissions.iter().any(|wanted| permitted.contains(wanted.as_str()))
    };
    let page = api.directory.applications(&caller.tenant, MAX_TILES, None).await.map_err(problems::directory)?;
    let shown = page.items.into_iter().map(|app| app.value).filter(|app| !app.suspended).filter_map(|app| {
        let Tile { title, url, .. } = app.registration.tile.filter(|tile| is_for(tile))?;
        Some(TileView { application: app.id, title, url })
    });
    Ok(Json(Page { items: shown.collect(), next: None }))
}
