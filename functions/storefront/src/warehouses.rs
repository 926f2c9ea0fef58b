//! `/store/v1/warehouses` and `/store/v1/inventory`: the registry, and the store's own view of their stock.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use inventory::{Health, Level, Location, LocationId};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use table::Position;
use web::{Allowed, BoxError, FieldError, Json, List, Page, PageParams, Path, Problem, Validation, Within};

use crate::api::{Admins, Api, Services};
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(register, list, get_one, stock))]
pub(crate) struct Doc;

const MAX_NAME: usize = 100;
const MAX_URL: usize = 300;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/store/v1/warehouses/register", post(register))
        .route("/store/v1/warehouses", get(list))
        .route("/store/v1/warehouses/{id}", get(get_one))
        .route("/store/v1/inventory", get(stock))
        .with_state(api)
}

/// A warehouse says where it is.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// Must be the caller's own name.
    #[schema(example = "alpha")]
    id: String,
    name: String,
    /// Base URL of its API, without a trailing slash.
    #[schema(example = "https://alpha.example.com/warehouses/alpha")]
    url: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct WarehouseView {
    #[schema(value_type = String)]
    id: LocationId,
    name: String,
    url: String,
    #[schema(value_type = String, example = "HEALTHY")]
    status: Health,
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
}

impl WarehouseView {
    fn new(id: LocationId, at: Location) -> Self {
        Self { id, name: at.name, url: at.url, status: at.health, last_seen: at.last_seen }
    }
}

/// The store's figure for one item at one warehouse.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct StockView {
    #[schema(value_type = String)]
    warehouse: LocationId,
    isbn: String,
    on_hand: i64,
    committed: i64,
    available: i64,
    /// When a figure of the warehouse was last taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_synced: Option<Timestamp>,
}

impl From<Level> for StockView {
    fn from(level: Level) -> Self {
        Self {
            available: level.available(),
            on_hand: level.on_hand,
            committed: level.committed,
            warehouse: level.location,
            isbn: level.sku.into(),
            last_synced: level.synced_at,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StockFilter {
    /// Only this warehouse. Without it, all of them, one after the other.
    warehouse: Option<String>,
}

/// Registers a warehouse, or updates where it is reached. Shows that it is up.
#[utoipa::path(post, path = "/store/v1/warehouses/register", request_body = Registration,
    responses((status = 201, body = WarehouseView)))]
async fn register(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Services>,
    Json(new): Json<Registration>,
) -> Result<Response, Problem> {
    let own = own_name(&caller.principal)?;
    let mut validation = Validation::default();
    let id: Option<LocationId> = validation.parse("/id", "invalid_name", new.id.parse());
    validation.check((1..=MAX_NAME).contains(&new.name.trim().len()), || {
        FieldError::at("/name", "out_of_range", format!("must have 1 to {MAX_NAME} bytes"))
    });
    validation.check(is_base_url(&new.url), || {
        FieldError::at("/url", "invalid_url", "must be an http or https URL without query, fragment or trailing slash")
    });
    validation.finish()?;
    if id.as_ref() != Some(&own) {
        return Err(Problem::forbidden().detail("A warehouse registers itself only."));
    }
    let at = api
        .registry
        .register(&caller.tenant, &own, new.name.trim(), &new.url)
        .await
        .map_err(|error| problems::registry(&error))?;
    Ok((StatusCode::CREATED, Json(WarehouseView::new(own, at))).into_response())
}

/// The name of the warehouse a service is; 403 for another service.
pub(crate) fn own_name(principal: &str) -> Result<LocationId, Problem> {
    let name = principal.strip_prefix("service:warehouse:").ok_or_else(Problem::forbidden)?;
    name.parse().map_err(|_| Problem::forbidden())
}

fn is_base_url(url: &str) -> bool {
    let plain = url.len() <= MAX_URL && !url.ends_with('/') && !url.contains(['?', '#', '@']);
    let parsed = url.parse::<http::Uri>().ok();
    plain && parsed.is_some_and(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
}

/// All warehouses the caller may see.
#[utoipa::path(get, path = "/store/v1/warehouses", responses((status = 200, body = Page<WarehouseView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Admins>,
) -> Result<Json<Page<WarehouseView>>, Problem> {
    let all = api.registry.all(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    let shown = all.by_id.into_iter().filter(|(id, _)| reach.contains(id.as_str()));
    let items = shown.map(|(id, at)| WarehouseView::new(id, at)).collect();
    Ok(Json(Page { items, next: None }))
}

/// One warehouse.
#[utoipa::path(get, path = "/store/v1/warehouses/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = WarehouseView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Admins>,
    Path(id): Path<LocationId>,
) -> Result<Json<WarehouseView>, Problem> {
    let mut all = api.registry.all(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    let at = all.by_id.remove(&id).filter(|_| reach.contains(id.as_str())).ok_or_else(Problem::not_found)?;
    Ok(Json(WarehouseView::new(id, at)))
}

/// Where a list over several warehouses goes on.
#[derive(Serialize, Deserialize)]
struct Place {
    warehouse: LocationId,
    position: Option<Vec<u8>>,
}

impl Place {
    fn read(bytes: &[u8]) -> Result<(LocationId, Option<Position>), BoxError> {
        let Self { warehouse, position } = serde_json::from_slice(bytes)?;
        Ok((warehouse, position.map(|bytes| Position::from_bytes(&bytes)).transpose()?))
    }
}

/// The store's figures, by warehouse and ISBN. Of warehouses the caller may not see nothing is read.
#[utoipa::path(get, path = "/store/v1/inventory", params(StockFilter, PageParams),
    responses((status = 200, body = Page<StockView>)))]
async fn stock(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Admins>,
    list: List<StockFilter>,
) -> Result<Json<Page<StockView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let all = api.registry.all(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    let wanted = &listing.filter().warehouse;
    let is_shown = |id: &LocationId| reach.contains(id.as_str()) && wanted.as_ref().is_none_or(|w| w == id.as_str());
    let names: Vec<LocationId> = all.by_id.into_keys().filter(is_shown).collect();
    let place = listing.start(Place::read)?;
    let at = place.as_ref().map_or(0, |(p, _)| names.iter().position(|n| n == p).unwrap_or(names.len()));
    let Some(warehouse) = names.get(at) else {
        return Ok(Json(listing.page(Vec::new(), None)));
    };
    let start = place.and_then(|(_, position)| position);
    let page = api
        .inventory
        .levels(&caller.tenant, warehouse, start, listing.limit())
        .await
        .map_err(|error| problems::table(&error))?;
    let next = match (page.next, names.get(at + 1)) {
        (Some(position), _) => Some(Place { warehouse: warehouse.clone(), position: Some(position.to_bytes()) }),
        (None, Some(following)) => Some(Place { warehouse: following.clone(), position: None }),
        (None, None) => None,
    };
    let next = next.and_then(|place| serde_json::to_vec(&place).ok());
    Ok(Json(listing.page(page.items.into_iter().map(StockView::from).collect(), next.as_deref())))
}
