//! `/v1/users…`, `/v1/applications…`, `/v1/api-keys…`, `/v1/consumers…`, `/v1/groups…`, `/v1/grants…`, `/v1/roles`, `/v1/organisation`, `/v1/audit-entries` and
//! `/v1/me/applications`, `/v1/me/dashboards/…`: the directory over HTTP.
//!
//! All but the last two are for those who run the tenant. Changes want `If-Match`. None takes an `Idempotency-Key`: a user's id
//! follows from the address, so inviting twice is refused; an answer with a secret must not be kept to be given again.

mod api_keys;
mod applications;
mod consumers;
mod dashboards;
mod rights;
mod users;

use std::sync::Arc;

use access::{Actor, ApiKeys, AuditTrail, Consumers, Directory, Limiter, Role};
use axum::Router;
use axum::routing::{delete, get, post, put};
use kernel::{Clock, TenantId};
use table::Table;
use utoipa::OpenApi as _;
use web::secret::Secret;
use web::{Caller, ETag, IfMatch, Roles};

use crate::cursors::Cursors;

/// What the routes need.
pub struct DirectoryApi {
    directory: Directory,
    keys: ApiKeys,
    trail: AuditTrail,
    cursors: Cursors,
    consumers: Consumers,
    table: Table,
    clock: Arc<dyn Clock>,
    looker: Arc<dyn Secret>,
}

impl DirectoryApi {
    /// Over this table and clock; hashes of keys are made under the pepper, cursors are signed with the secret, and `looker` says
    /// where dashboards are.
    #[must_use]
    pub fn new(
        table: Table,
        clock: Arc<dyn Clock>,
        pepper: Arc<dyn Secret>,
        cursor_secret: Arc<dyn Secret>,
        looker: Arc<dyn Secret>,
    ) -> Self {
        Self {
            directory: Directory::new(table.clone(), clock.clone()),
            keys: ApiKeys::new(table.clone(), clock.clone(), pepper),
            trail: AuditTrail::new(table.clone()),
            cursors: Cursors(cursor_secret),
            consumers: Consumers::new(table.clone(), clock.clone()),
            table,
            clock,
            looker,
        }
    }

    fn limiter(&self, tenant: &TenantId) -> Limiter {
        Limiter::new(self.table.clone(), self.clock.clone(), tenant.clone())
    }
}

/// Who runs the tenant.
pub(crate) struct Admins;
impl Roles for Admins {
    const ALLOWED: &'static [&'static str] = &[Role::StoreAdmin.as_str()];
}

pub(crate) fn routes(api: Arc<DirectoryApi>) -> Router {
    Router::new()
        .route("/v1/users", get(users::list).post(users::invite))
        .route("/v1/users/{id}", get(users::show).delete(users::erase))
        .route("/v1/users/{id}/suspend", post(users::suspend))
        .route("/v1/users/{id}/activate", post(users::activate))
        .route("/v1/users/{id}/groups", put(users::set_groups))
        .route("/v1/users/{id}/export", get(users::export))
        .route("/v1/audit-entries", get(users::audit))
        .route("/v1/applications", get(applications::list).post(applications::register))
        .route("/v1/applications/{id}", get(applications::show).put(applications::change))
        .route("/v1/applications/{id}/suspend", post(applications::suspend))
        .route("/v1/applications/{id}/activate", post(applications::activate))
        .route("/v1/applications/{id}/secret", post(applications::change_secret))
        .route("/v1/me/applications", get(applications::tiles))
        .route("/v1/me/dashboards/{id}/url", post(dashboards::open))
        .route("/v1/api-keys", get(api_keys::list).post(api_keys::create))
        .route("/v1/api-keys/{id}", delete(api_keys::revoke))
        .route("/v1/api-keys/{id}/rotate", post(api_keys::rotate))
        .route("/v1/consumers/{id}", get(consumers::show).put(consumers::pin))
        .route("/v1/consumers/{id}/usage", get(consumers::usage))
        .route("/v1/groups", get(rights::groups))
        .route("/v1/groups/{id}", put(rights::put_group))
        .route("/v1/grants/{principal}", get(rights::grants).put(rights::set_grants))
        .route("/v1/roles", get(rights::roles).put(rights::set_roles))
        .route("/v1/organisation", get(rights::org).put(rights::set_org))
        .with_state(api)
}

pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let mut whole = users::Doc::openapi();
    whole.merge(applications::Doc::openapi());
    whole.merge(api_keys::Doc::openapi());
    whole.merge(consumers::Doc::openapi());
    whole.merge(rights::Doc::openapi());
    whole.merge(dashboards::Doc::openapi());
    whole
}

fn actor(caller: &Caller) -> Actor<'_> {
    Actor { tenant: &caller.tenant, principal: &caller.principal }
}

/// Whether the caller has seen this version.
fn seen(condition: &IfMatch) -> impl Fn(u64) -> bool {
    |version| condition.check(ETag(version)).is_ok()
}

#[cfg(test)]
mod tests;
