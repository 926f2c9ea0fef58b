//! Groups, grants, roles and the tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::{Grant, Group, Org, RoleDefinition};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use web::{Allowed, ETag, IfMatch, Json, List, NoFilter, Page, PageParams, Path, Problem};

use super::{Admins, DirectoryApi, actor, seen};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(groups, put_group, grants, set_grants, roles, set_roles, org, set_org))]
pub(super) struct Doc;

type Api = State<Arc<DirectoryApi>>;

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct GroupView {
    id: String,
    name: String,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupName {
    name: String,
}

/// Groups of users.
#[utoipa::path(get, path = "/v1/groups", params(PageParams), responses((status = 200, body = Page<GroupView>)))]
pub(super) async fn groups(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    list: List<NoFilter>,
) -> Result<Json<Page<GroupView>>, Problem> {
    let listing = api.cursors.open(list, &caller.tenant).await?;
    let page = api.directory.groups(&caller.tenant, listing.limit(), listing.start()?).await;
    let page = page.map_err(problems::directory)?;
    let items = page.items.into_iter().map(|Group { id, name }| GroupView { id, name }).collect();
    Ok(Json(listing.page(items, page.next.as_ref())))
}

/// Makes a group, or gives it another name.
#[utoipa::path(put, path = "/v1/groups/{id}", params(("id" = String, Path,)), request_body = GroupName,
    responses((status = 204)))]
pub(super) async fn put_group(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<String>,
    Json(GroupName { name }): Json<GroupName>,
) -> Result<StatusCode, Problem> {
    api.directory.put_group(actor(&caller), &Group { id, name }).await.map_err(problems::directory)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Grants {
    #[schema(value_type = Vec<Object>)]
    grants: Vec<Grant>,
}

/// What a user, an application or (`group:x`) a group has been granted. Version 0 is what was never written.
#[utoipa::path(get, path = "/v1/grants/{principal}", params(("principal" = String, Path,)),
    responses((status = 200, body = Grants)))]
pub(super) async fn grants(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(principal): Path<String>,
) -> Result<Response, Problem> {
    let grants = api.directory.grants(&caller.tenant, &principal).await.map_err(problems::directory)?;
    Ok((ETag(grants.version), Json(Grants { grants: grants.value })).into_response())
}

/// Replaces them.
#[utoipa::path(put, path = "/v1/grants/{principal}", params(("principal" = String, Path,)), request_body = Grants,
    responses((status = 204)))]
pub(super) async fn set_grants(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(principal): Path<String>,
    condition: IfMatch,
    Json(Grants { grants }): Json<Grants>,
) -> Result<Response, Problem> {
    let version = api.directory.set_grants(actor(&caller), &principal, &seen(&condition), grants).await;
    Ok((ETag(version.map_err(problems::directory)?), StatusCode::NO_CONTENT).into_response())
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleList {
    #[schema(value_type = Object)]
    roles: BTreeMap<String, RoleDefinition>,
}

/// The tenant's own roles.
#[utoipa::path(get, path = "/v1/roles", responses((status = 200)))]
pub(super) async fn roles(State(api): Api, Allowed(caller, _): Allowed<Admins>) -> Result<Response, Problem> {
    let roles = api.directory.roles(&caller.tenant).await.map_err(problems::directory)?;
    Ok((ETag(roles.version), Json(json!({ "roles": roles.value }))).into_response())
}

/// Replaces them.
#[utoipa::path(put, path = "/v1/roles", request_body = RoleList, responses((status = 204)))]
pub(super) async fn set_roles(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    condition: IfMatch,
    Json(RoleList { roles }): Json<RoleList>,
) -> Result<Response, Problem> {
    let roles = access::Roles::new(roles).map_err(|error| problems::roles(&error))?;
    let version = api.directory.set_roles(actor(&caller), &seen(&condition), roles).await;
    Ok((ETag(version.map_err(problems::directory)?), StatusCode::NO_CONTENT).into_response())
}

/// The tenant's companies, franchise groups and locations, as far as rights depend on them.
#[utoipa::path(get, path = "/v1/organisation", responses((status = 200)))]
pub(super) async fn org(State(api): Api, Allowed(caller, _): Allowed<Admins>) -> Result<Response, Problem> {
    let org = api.directory.org(&caller.tenant).await.map_err(problems::directory)?;
    Ok((ETag(org.version), Json(org.value)).into_response())
}

/// Replaces them.
#[utoipa::path(put, path = "/v1/organisation", request_body = Object, responses((status = 204)))]
pub(super) async fn set_org(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    condition: IfMatch,
    Json(org): Json<Org>,
) -> Result<Response, Problem> {
    let version = api.directory.set_org(actor(&caller), &seen(&condition), org).await;
    Ok((ETag(version.map_err(problems::directory)?), StatusCode::NO_CONTENT).into_response())
}
