//! `/store/v1/customers` and `/store/v1/me`: registering, and one's own profile.

use std::sync::Arc;

use access::{Access, NewUser, User, UserId};
use axum::Router;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use web::{Allowed, Json, Problem};

use crate::api::People;
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(register, me))]
pub(crate) struct Doc;

pub(crate) struct State {
    pub(crate) access: Access,
    /// Registration is public, so there is no caller to say whose customer it is.
    pub(crate) tenant: TenantId,
}

pub(crate) fn routes(state: Arc<State>) -> Router {
    Router::new().route("/store/v1/customers", post(register)).route("/store/v1/me", get(me)).with_state(state)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCustomer {
    #[schema(format = Email)]
    email: String,
    #[schema(format = Password, min_length = 12, max_length = 128)]
    password: String,
    name: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Profile {
    #[schema(value_type = String)]
    id: UserId,
    email: String,
    name: String,
    #[schema(example = "CUSTOMER")]
    role: &'static str,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self { id: user.id, email: user.email, name: user.name, role: user.role.as_str() }
    }
}

/// Registers a customer.
#[utoipa::path(post, path = "/store/v1/customers", security(()), request_body = NewCustomer,
    responses((status = 201, body = Profile), (status = 409, description = "`email_taken`")))]
async fn register(Shared(state): Shared<Arc<State>>, Json(new): Json<NewCustomer>) -> Result<Response, Problem> {
    let new = NewUser { email: new.email, password: new.password, name: new.name };
    let user = state.access.register(&state.tenant, &new).await.map_err(problems::register)?;
    Ok((StatusCode::CREATED, Json(Profile::from(user))).into_response())
}

/// The caller's own profile.
#[utoipa::path(get, path = "/store/v1/me", responses((status = 200, body = Profile)))]
async fn me(Shared(state): Shared<Arc<State>>, Allowed(caller, _): Allowed<People>) -> Result<Json<Profile>, Problem> {
    let id: UserId = caller.principal.parse().map_err(|_| Problem::not_found())?;
    let user = state.access.find(&caller.tenant, id).await.map_err(|error| problems::table(&error))?;
    user.map(|user| Json(user.into())).ok_or_else(Problem::not_found)
}
