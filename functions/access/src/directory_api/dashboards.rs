//! `/v1/me/dashboards/…`: dashboards of Looker, for people who are signed in to an application.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::{ACCESS_SECONDS, DashboardId, Embed, Rights, UserId};
use axum::extract::State;
use kernel::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use web::{Allowed, Json, Path, Problem, Scope, SessionEnd};

use super::{Admins, DirectoryApi};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(open))]
pub(super) struct Doc;

/// Where Looker is, as an operator wrote it down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Looker {
    /// Without one there are no dashboards.
    host: String,
    secret: SecretString,
    /// Models of `LookML`, each with the permission that whoever sees it must have.
    models: BTreeMap<String, String>,
}

impl Looker {
    /// The models somebody may see: who has their permission everywhere, because Looker knows no locations of ours, through an
    /// application that may use it.
    fn models_for(&self, rights: &Rights, scope: &str) -> Vec<String> {
        let resolver = rights.resolver();
        let may = |permission: &str| {
            scope.split(' ').any(|name| name == permission) && resolver.locations(permission).is_everywhere()
        };
        self.models.iter().filter(|(_, permission)| may(permission)).map(|(model, _)| model.clone()).collect()
    }
}

/// Where a browser finds a dashboard.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DashboardUrl {
    /// Opens once, for the caller only, and shows the models the caller may see.
    url: String,
    /// When Looker ends its session: no later than the caller's token.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A URL that shows a dashboard to the caller, once.
#[utoipa::path(post, path = "/v1/me/dashboards/{id}/url", params(("id" = String, Path,)),
    responses((status = 200, body = DashboardUrl), (status = 404, description = "There is no Looker, or no such user")))]
pub(super) async fn open(
    State(api): State<Arc<DirectoryApi>>,
    Allowed(caller, _): Allowed<Admins>,
    Scope(scope): Scope,
    SessionEnd(end): SessionEnd,
    Path(dashboard): Path<DashboardId>,
) -> Result<Json<DashboardUrl>, Problem> {
    let id: UserId = caller.principal.parse().map_err(|_| Problem::forbidden())?;
    let user = api.directory.user(&caller.tenant, id).await.map_err(problems::directory)?.value;
    let settings = api.looker.read().await.map_err(|error| Problem::unavailable(&*error))?;
    let looker: Looker =
        serde_json::from_str(settings.expose_secret()).map_err(|_| Problem::internal(&InvalidLooker))?;
    if looker.host.is_empty() {
        return Err(Problem::not_found());
    }
    let now = api.clock.now();
    let seconds = end.map(|end| end.saturating_sub(now.as_second()).min(ACCESS_SECONDS)).filter(|left| *left > 0);
    let seconds = seconds.ok_or_else(|| Problem::forbidden().detail("Sign in to an application to see dashboards."))?;
    let rights = api.directory.rights(&caller.tenant, &caller.principal, &user.groups).await;
    let models = looker.models_for(&rights.map_err(problems::directory)?.with(user.role), &scope);
    if models.is_empty() {
        return Err(Problem::forbidden());
    }
    let embed =
        Embed { host: &looker.host, dashboard: &dashboard, tenant: &caller.tenant, user: id, models: &models, seconds };
    let url = embed.url(&looker.secret, now).map_err(|error| Problem::internal(&error))?;
    tracing::info!(principal = caller.principal, ?dashboard, ?models, "shown a dashboard");
    let expires_at = Timestamp::from_second(now.as_second() + seconds).map_err(|error| Problem::internal(&error))?;
    Ok(Json(DashboardUrl { url, expires_at }))
}

/// It never says what the secret holds.
#[derive(Debug, thiserror::Error)]
#[error("the secret of Looker is not JSON with `host`, `secret` and `models`")]
struct InvalidLooker;
