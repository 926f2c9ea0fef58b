//! `/inventory/v1/kits`: items that are sold as one and made of others.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use inventory::kit::Kit;
use inventory::{LocationId, Sku};
use serde::{Deserialize, Serialize};
use web::{Allowed, Json, Path, Problem, Query, Within};

use super::{ReservationsApi, Staff, problems};

#[derive(utoipa::OpenApi)]
#[openapi(paths(put, get_one))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<ReservationsApi>) -> Router {
    Router::new().route("/inventory/v1/kits/{sku}", get(get_one).put(put)).with_state(api)
}

/// What a kit is made of.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKit {
    /// Items, no kits; one that is named twice counts once, with the sum of its units.
    #[schema(min_items = 1, max_items = 20)]
    components: Vec<Component>,
}

#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Component {
    #[schema(value_type = String)]
    sku: Sku,
    /// Of it in one kit.
    #[schema(minimum = 1, maximum = 1000)]
    units: i64,
}

/// A kit.
#[derive(Serialize, utoipa::ToSchema)]
struct KitView {
    #[schema(value_type = String)]
    sku: Sku,
    components: Vec<Component>,
    /// How many can be made of what is available at the location that was asked about, or at all that are up: a kit leaves
    /// whole, so each is made at one location.
    #[serde(skip_serializing_if = "Option::is_none")]
    sellable: Option<i64>,
}

impl KitView {
    fn new(kit: Kit, sellable: Option<i64>) -> Self {
        let components = kit.components.into_iter().map(|(sku, units)| Component { sku, units }).collect();
        Self { sku: kit.sku, components, sellable }
    }
}

/// Says what a kit is made of from now on; what is reserved stays as it is.
#[utoipa::path(put, path = "/inventory/v1/kits/{sku}", request_body = NewKit, params(("sku" = String, Path,)),
    responses((status = 200, body = KitView), (status = 422, description = "`nested_kit`")))]
async fn put(
    State(api): State<Arc<ReservationsApi>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(sku): Path<Sku>,
    Json(new): Json<NewKit>,
) -> Result<Json<KitView>, Problem> {
    let components = new.components.into_iter().map(|Component { sku, units }| (sku, units)).collect();
    let kit = Kit::new(sku, components).map_err(|error| problems::kit(&error.into()))?;
    api.reservations.put_kit(&caller.tenant, &kit).await.map_err(|error| problems::kit(&error))?;
    Ok(Json(KitView::new(kit, None)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct At {
    /// Where it is to be sold; anywhere unless given.
    #[param(value_type = Option<String>)]
    location: Option<LocationId>,
}

/// A kit, and how many of it can be sold: none where the caller may not see the location, unsaid where not all are seen.
#[utoipa::path(get, path = "/inventory/v1/kits/{sku}", params(("sku" = String, Path,), At),
    responses((status = 200, body = KitView)))]
async fn get_one(
    State(api): State<Arc<ReservationsApi>>,
    Within(caller, reach, _): Within<Staff>,
    Path(sku): Path<Sku>,
    Query(At { location }): Query<At>,
) -> Result<Json<KitView>, Problem> {
    let found = api.reservations.kit(&caller.tenant, location.as_ref(), &sku).await;
    let (kit, sellable) = found.map_err(|error| problems::table(&error))?.ok_or_else(Problem::not_found)?;
    let is_seen = location.as_ref().map_or(reach.is_everywhere(), |at| reach.contains(at.as_str()));
    Ok(Json(KitView::new(kit, if is_seen { Some(sellable) } else { location.map(|_| 0) })))
}
