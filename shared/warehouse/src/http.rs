//! The warehouse over HTTP, under `/warehouses/{name}` where `name` is this warehouse's own.
//!
//! Three routers, because they are three functions. Handlers check input, call one use case and show the outcome; who
//! the caller is has been decided by the gateway's authorizer.

mod health;
mod input;
mod inventory;
mod lists;
mod shipments;

use std::sync::Arc;

use ::http::request::Parts;
use ::inventory::Sku;
use access::Role;
use axum::Router;
use axum::extract::FromRequestParts;
use kernel::Isbn;
use utoipa::OpenApi as _;
use web::secret::Secret;
use web::{Allowed, Caller, Problem, Roles};

use crate::Warehouse;

/// What the handlers work with.
pub struct Api {
    pub warehouse: Warehouse,
    /// What cursors are signed with; read by lists only, and not before the first.
    pub cursor_secret: Arc<dyn Secret>,
}

/// `/v1/inventory`: what the warehouse holds.
pub fn inventory_api(api: Arc<Api>) -> Router {
    under_name(&api.warehouse, inventory::routes()).with_state(api)
}

/// `/v1/shipments`: the parcels it was told to send.
pub fn shipments_api(api: Arc<Api>) -> Router {
    under_name(&api.warehouse, shipments::routes()).with_state(api)
}

/// `/health`.
pub fn health_api(warehouse: Arc<Warehouse>) -> Router {
    under_name(&warehouse, health::routes()).with_state(warehouse)
}

/// The description of all three.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = inventory::Doc::openapi();
    whole.merge(shipments::Doc::openapi());
    whole.merge(health::Doc::openapi());
    whole
}

fn under_name<S: Clone + Send + Sync + 'static>(warehouse: &Warehouse, routes: Router<S>) -> Router<S> {
    Router::new().nest(&format!("/warehouses/{}", warehouse.location()), routes)
}

/// People who work in the warehouse.
struct Staff;
impl Roles for Staff {
    const ALLOWED: &'static [&'static str] = &[Role::WarehouseStaff.as_str()];
}

/// Other parts of the system.
struct Services;
impl Roles for Services {
    const ALLOWED: &'static [&'static str] = &[Role::Service.as_str()];
}

/// Both.
struct StaffOrServices;
impl Roles for StaffOrServices {
    const ALLOWED: &'static [&'static str] = &[Role::WarehouseStaff.as_str(), Role::Service.as_str()];
}

/// The service that instructs warehouses.
const STORE: &str = "service:store";

/// The store, and nobody else.
struct TheStore(Caller);

impl<S: Send + Sync> FromRequestParts<S> for TheStore {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Allowed { 0: caller, .. } = Allowed::<Services>::from_request_parts(parts, state).await?;
        if caller.principal == STORE { Ok(Self(caller)) } else { Err(Problem::forbidden()) }
    }
}

/// The path parameter every route has.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
struct Name {
    /// The warehouse.
    #[param(example = "alpha")]
    name: String,
}

/// And the one of a single item.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
struct NameAndIsbn {
    /// The warehouse.
    #[param(example = "alpha")]
    name: String,
    /// 10 or 13 digits, hyphens allowed.
    #[param(example = "9780140449136")]
    isbn: String,
}

/// The stock keeping unit of a book is its ISBN in 13 digits.
fn sku(isbn: Isbn) -> Sku {
    #[expect(clippy::expect_used, reason = "13 digits are a sku, whichever they are")]
    isbn.to_string().parse().expect("digits are a sku")
}

#[cfg(test)]
mod tests;
