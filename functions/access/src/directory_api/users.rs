//! Users, and the audit trail.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::{AuditEntry, Invitation, Role, User, UserId, UserStatus};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use table::Versioned;
use web::{Allowed, ETag, FieldError, IfMatch, Json, List, NoFilter, Page, PageParams, Path, Problem, RequestMeta};

use super::{Admins, DirectoryApi, actor, seen};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, invite, show, erase, suspend, activate, set_groups, export, audit))]
pub(super) struct Doc;

type Api = State<Arc<DirectoryApi>>;

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    #[schema(format = Email)]
    email: String,
    name: String,
    #[schema(value_type = String, example = "STORE_ADMIN")]
    role: Role,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Groups {
    groups: BTreeSet<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserView {
    #[schema(value_type = String)]
    id: UserId,
    email: String,
    name: String,
    #[schema(value_type = String)]
    role: Role,
    #[schema(value_type = String, example = "ACTIVE")]
    status: UserStatus,
    groups: BTreeSet<String>,
    version: u64,
}

impl From<Versioned<User>> for UserView {
    fn from(Versioned { value, version }: Versioned<User>) -> Self {
        let User { id, email, name, role, status, groups, .. } = value;
        Self { id, email, name, role, status, groups, version }
    }
}

fn shown(user: Versioned<User>) -> Response {
    (ETag(user.version), Json(UserView::from(user))).into_response()
}

/// Those who work here.
#[utoipa::path(get, path = "/v1/users", params(PageParams), responses((status = 200, body = Page<UserView>)))]
pub(super) async fn list(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    list: List<NoFilter>,
) -> Result<Json<Page<UserView>>, Problem> {
    let listing = api.cursors.open(list, &caller.tenant).await?;
    let page = api.directory.users(&caller.tenant, listing.limit(), listing.start()?).await;
    let page = page.map_err(problems::directory)?;
    Ok(Json(listing.page(page.items.into_iter().map(UserView::from).collect(), page.next.as_ref())))
}

/// Asks somebody to join.
#[utoipa::path(post, path = "/v1/users", request_body = NewUser,
    responses((status = 201, body = UserView), (status = 409, description = "`email_taken`")))]
pub(super) async fn invite(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Json(new): Json<NewUser>,
) -> Result<Response, Problem> {
    let new = Invitation { email: new.email, name: new.name, role: new.role };
    let user = api.directory.invite(actor(&caller), &new).await.map_err(problems::directory)?;
    Ok((StatusCode::CREATED, shown(user)).into_response())
}

/// One user.
#[utoipa::path(get, path = "/v1/users/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = UserView)))]
pub(super) async fn show(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    api.directory.user(&caller.tenant, id).await.map(shown).map_err(problems::directory)
}

/// Removes everything personal of a user.
#[utoipa::path(delete, path = "/v1/users/{id}", params(("id" = String, Path,)), responses((status = 204)))]
pub(super) async fn erase(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<UserId>,
    meta: RequestMeta,
    condition: IfMatch,
) -> Result<StatusCode, Problem> {
    let done = api.directory.erase(actor(&caller), id, &seen(&condition), &meta.context()).await;
    done.map_err(problems::directory)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a user come in no more.
#[utoipa::path(post, path = "/v1/users/{id}/suspend", params(("id" = String, Path,)),
    responses((status = 200, body = UserView)))]
pub(super) async fn suspend(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<UserId>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let user = api.directory.suspend(actor(&caller), id, &seen(&condition)).await;
    user.map(shown).map_err(problems::directory)
}

/// Lets a user come in again.
#[utoipa::path(post, path = "/v1/users/{id}/activate", params(("id" = String, Path,)),
    responses((status = 200, body = UserView)))]
pub(super) async fn activate(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<UserId>,
    condition: IfMatch,
) -> Result<Response, Problem> {
    let user = api.directory.activate(actor(&caller), id, &seen(&condition)).await;
    user.map(shown).map_err(problems::directory)
}

/// Puts a user into these groups, and out of all others.
#[utoipa::path(put, path = "/v1/users/{id}/groups", params(("id" = String, Path,)), request_body = Groups,
    responses((status = 200, body = UserView)))]
pub(super) async fn set_groups(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<UserId>,
    condition: IfMatch,
    Json(groups): Json<Groups>,
) -> Result<Response, Problem> {
    let user = api.directory.set_groups(actor(&caller), id, &seen(&condition), groups.groups).await;
    user.map(shown).map_err(problems::directory)
}

/// Everything kept about a user, for the user.
#[utoipa::path(get, path = "/v1/users/{id}/export", params(("id" = String, Path,)), responses((status = 200)))]
pub(super) async fn export(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    let export = api.directory.export(actor(&caller), id).await.map_err(problems::directory)?;
    Ok(Json(export).into_response())
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilter {
    /// `2026-11-21`, in UTC: the events of that day, oldest first.
    day: Option<String>,
    /// A user or an application: what is known about it, newest first.
    subject: Option<String>,
}

/// Security events, of a day or about somebody.
#[utoipa::path(get, path = "/v1/audit-entries", params(AuditFilter, PageParams), responses((status = 200)))]
pub(super) async fn audit(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    list: List<AuditFilter>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let listing = api.cursors.open(list, &caller.tenant).await?;
    let (limit, start) = (listing.limit(), listing.start()?);
    let page = match (&listing.filter().day, &listing.filter().subject) {
        (Some(day), None) => api.trail.day(&caller.tenant, day, limit, start).await,
        (None, Some(subject)) => api.trail.subject(&caller.tenant, subject, limit, start).await,
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::invalid(vec![FieldError::parameter("day", "one_of", "give either day or subject")]));
        }
    };
    let page = page.map_err(|error| problems::table(&error))?;
    Ok(Json(listing.page(page.items, page.next.as_ref())))
}
