//! Consumers of the public API: applications and API keys, which version of the contract each is pinned to, and what it used.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::{ApiKeyId, AppId, DAY, Limit};
use axum::extract::State;
use gateway::{Class, USAGE_DAYS, Version};
use http::StatusCode;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use web::{Allowed, FieldError, Json, Path, Problem, Query};

use super::{Admins, DirectoryApi, actor};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(show, pin, usage))]
pub(super) struct Doc;

type Api = State<Arc<DirectoryApi>>;

#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    /// Absent until its first request without a version of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-01")]
    version: Option<String>,
}

/// Requests of one day that were admitted, by class of routes.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Used {
    day: String,
    #[schema(value_type = Object, example = json!({"read": 120, "write": 3}))]
    requests: BTreeMap<&'static str, u64>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Day {
    /// In UTC; today unless given, and not more than 40 days ago.
    #[param(example = "2026-11-21")]
    day: Option<String>,
}

/// 404 unless there is such a key or application.
async fn known(api: &DirectoryApi, tenant: &TenantId, id: &str) -> Result<(), Problem> {
    let found = match (id.parse::<ApiKeyId>(), id.parse::<AppId>()) {
        (Ok(key), _) => api.keys.find(tenant, key).await.map(drop),
        (Err(_), Ok(application)) => api.directory.application(tenant, application).await.map(drop),
        (Err(_), Err(_)) => return Err(Problem::not_found()),
    };
    found.map_err(problems::directory)
}

/// Which version a consumer is pinned to.
#[utoipa::path(get, path = "/v1/consumers/{id}", params(("id" = String, Path,)), responses((status = 200, body = Pin)))]
pub(super) async fn show(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<String>,
) -> Result<Json<Pin>, Problem> {
    known(&api, &caller.tenant, &id).await?;
    let version = api.consumers.pinned(&caller.tenant, &id).await.map_err(|error| problems::table(&error))?;
    Ok(Json(Pin { version }))
}

/// Moves a consumer to a version, from its next request on.
#[utoipa::path(put, path = "/v1/consumers/{id}", params(("id" = String, Path,)), request_body = Pin,
    responses((status = 204), (status = 400, description = "`unknown_version`")))]
pub(super) async fn pin(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<String>,
    Json(Pin { version }): Json<Pin>,
) -> Result<StatusCode, Problem> {
    let version = version.as_deref().and_then(Version::dated).ok_or_else(|| {
        Problem::invalid(vec![FieldError::at("/version", "unknown_version", "must be a version of the public API")])
    })?;
    known(&api, &caller.tenant, &id).await?;
    api.consumers.pin(actor(&caller), &id, version.date).await.map_err(problems::directory)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a consumer used on a day.
#[utoipa::path(get, path = "/v1/consumers/{id}/usage", params(("id" = String, Path,), Day),
    responses((status = 200, body = Used)))]
pub(super) async fn usage(
    State(api): Api,
    Allowed(caller, _): Allowed<Admins>,
    Path(id): Path<String>,
    Query(Day { day }): Query<Day>,
) -> Result<Json<Used>, Problem> {
    let today = api.clock.now().as_second().div_euclid(DAY);
    let number = day.map_or(Some(today), |day| day_number(&day));
    let number = number.filter(|day| (today - USAGE_DAYS..=today).contains(day)).ok_or_else(|| {
        let detail = format!("must be a day of the last {USAGE_DAYS}, as 2026-11-21");
        Problem::invalid(vec![FieldError::parameter("day", "invalid_value", detail)])
    })?;
    known(&api, &caller.tenant, &id).await?;
    let limiter = api.limiter(&caller.tenant);
    let mut requests = BTreeMap::new();
    for class in Class::ALL {
        let limit = Limit { class: class.of_consumer(), subject: &id, most: class.limits().consumer };
        requests.insert(class.name(), limiter.used(&limit, number).await.map_err(|error| problems::table(&error))?);
    }
    let day = Timestamp::from_second(number * DAY).map_err(|error| Problem::internal(&error))?;
    Ok(Json(Used { day: day.strftime("%Y-%m-%d").to_string(), requests }))
}

/// Days since 1970.
fn day_number(day: &str) -> Option<i64> {
    let midnight: Timestamp = format!("{day}T00:00:00Z").parse().ok().filter(|_| day.len() == 10)?;
    Some(midnight.as_second().div_euclid(DAY))
}
