//! `/inventory/v1/allocations`: which location would ship what, by each of the strategies. Nothing is promised.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use inventory::allocation::{Coordinates, Demand, Strategy, allocate_by};
use inventory::kit::Kit;
use inventory::{LocationId, Sku};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};
use web::{Allowed, FieldError, Json, Problem, Query, Validation};

use super::{Api, Staff, check_units, problems};

#[derive(utoipa::OpenApi)]
#[openapi(paths(allocations))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new().route("/inventory/v1/allocations", get(allocations)).with_state(api)
}

/// Most lines that are tried at once.
const MAX_LINES: usize = 20;

/// How locations are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StrategyName {
    #[default]
    FewestParcels,
    SingleLocationFirst,
    HighestStock,
    Priority,
    Nearest,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Items and units: `a:2,b:1`. 1 to 20, no item twice. Kits must not share components with other lines.
    #[param(example = "9780140449136:2")]
    lines: String,
    /// `FEWEST_PARCELS` unless given; `SINGLE_LOCATION_FIRST`, `HIGHEST_STOCK`, `PRIORITY`, `NEAREST`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    strategy: StrategyName,
    /// For `PRIORITY`: locations, first choice first: `alpha,beta`.
    priority: Option<String>,
    /// For `NEAREST`: where the goods go, latitude and longitude in degrees: `51.5007:-0.1246`.
    to: Option<String>,
    /// For `NEAREST`: where locations are: `alpha:53.4808:-2.2426,beta:55.9533:-3.1883`.
    places: Option<String>,
}

/// What would be sent from where.
#[derive(Serialize, utoipa::ToSchema)]
struct Allocation {
    #[schema(value_type = String)]
    strategy: StrategyName,
    /// None when something is short.
    parcels: Vec<ParcelView>,
    /// Of what all locations that are up have too little.
    shortages: Vec<ShortageView>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ParcelView {
    #[schema(value_type = String)]
    location: LocationId,
    lines: Vec<ParcelLine>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ParcelLine {
    #[schema(value_type = String)]
    sku: Sku,
    quantity: i64,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ShortageView {
    #[schema(value_type = String)]
    sku: Sku,
    requested: i64,
    available: i64,
}

/// Which location would ship what now, if these lines were ordered together. Locations that are not up ship nothing.
#[utoipa::path(get, path = "/inventory/v1/allocations", params(Wanted),
    responses((status = 200, body = Allocation), (status = 422, description = "`shared_components`")))]
async fn allocations(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Allocation>, Problem> {
    let mut validation = Validation::default();
    let demand = read(&mut validation, "lines", &wanted.lines, line);
    let distinct: BTreeSet<&Sku> = demand.iter().map(|line| &line.sku).collect();
    validation.check((1..=MAX_LINES).contains(&demand.len()) && distinct.len() == demand.len(), || {
        FieldError::parameter("lines", "out_of_range", format!("must be 1 to {MAX_LINES} different items"))
    });
    for line in &demand {
        check_units(&mut validation, "/lines", line.quantity);
    }
    let parse = |location: &str| location.parse().ok();
    let priority = read(&mut validation, "priority", wanted.priority.as_deref().unwrap_or_default(), parse);
    let to = read(&mut validation, "to", wanted.to.as_deref().unwrap_or_default(), coordinates);
    let places = read(&mut validation, "places", wanted.places.as_deref().unwrap_or_default(), place);
    let needed = |validation: &mut Validation, name, is_missing: bool| {
        validation.check(!is_missing, || FieldError::parameter(name, "required", "is needed by the strategy"));
    };
    needed(&mut validation, "priority", wanted.strategy == StrategyName::Priority && priority.is_empty());
    needed(&mut validation, "to", wanted.strategy == StrategyName::Nearest && to.is_empty());
    validation.finish()?;

    let places: BTreeMap<LocationId, Coordinates> = places.into_iter().collect();
    let strategy = match (wanted.strategy, to.first()) {
        (StrategyName::Nearest, Some(to)) => Strategy::Nearest { to: *to, places: &places },
        (StrategyName::FewestParcels | StrategyName::Nearest, _) => Strategy::FewestParcels,
        (StrategyName::SingleLocationFirst, _) => Strategy::SingleLocationFirst,
        (StrategyName::HighestStock, _) => Strategy::HighestStock,
        (StrategyName::Priority, _) => Strategy::Priority(&priority),
    };
    let availability = api.availability(&caller.tenant, &demand).await?;
    let (parcels, shortages) = match allocate_by(&strategy, &demand, &availability) {
        Ok(parcels) => (parcels, Vec::new()),
        Err(shortages) => (Vec::new(), shortages),
    };
    let lines = |lines: Vec<Demand>| lines.into_iter().map(|Demand { sku, quantity }| ParcelLine { sku, quantity });
    let parcels = parcels
        .into_iter()
        .map(|parcel| ParcelView { location: parcel.location, lines: lines(parcel.lines).collect() });
    let shortages = shortages.into_iter().map(|short| ShortageView {
        sku: short.sku,
        requested: short.requested,
        available: short.available,
    });
    Ok(Json(Allocation { strategy: wanted.strategy, parcels: parcels.collect(), shortages: shortages.collect() }))
}

impl Api {
    /// What can be sold of these items where. A kit stands for itself, so nothing else may use what it is made of.
    async fn availability(
        &self,
        tenant: &kernel::TenantId,
        demand: &[Demand],
    ) -> Result<inventory::allocation::Availability, Problem> {
        let table = |error| problems::table(&error);
        let skus: Vec<Sku> = demand.iter().map(|line| line.sku.clone()).collect();
        let kits = self.inventory.kits_among(tenant, &skus).await.map_err(table)?;
        let items: Vec<Sku> = skus.into_iter().filter(|sku| kits.iter().all(|kit| kit.sku != *sku)).collect();
        if shares(&items, &kits) {
            let detail = "Some lines are made of the same items; try them apart.";
            return Err(Problem::unprocessable("shared_components").detail(detail));
        }
        let places = self.inventory.places(tenant).await.map_err(table)?;
        self.inventory.availability(tenant, &places, &items, &kits).await.map_err(table)
    }
}

/// Whether an item is used by more than one line.
fn shares(items: &[Sku], kits: &[Kit]) -> bool {
    let mut used: BTreeSet<&Sku> = items.iter().collect();
    kits.iter().flat_map(|kit| &kit.components).any(|(sku, _)| !used.insert(sku))
}

/// The parts of a parameter between commas.
fn read<T>(validation: &mut Validation, name: &'static str, text: &str, part: fn(&str) -> Option<T>) -> Vec<T> {
    let parts: Option<Vec<T>> = text.split(',').filter(|part| !part.is_empty()).map(part).collect();
    validation
        .check(parts.is_some(), || FieldError::parameter(name, "malformed_value", "is not of the form described"));
    parts.unwrap_or_default()
}

fn line(text: &str) -> Option<Demand> {
    let (sku, quantity) = text.rsplit_once(':')?;
    Some(Demand { sku: sku.parse().ok()?, quantity: quantity.parse().ok()? })
}

fn place(text: &str) -> Option<(LocationId, Coordinates)> {
    let (location, at) = text.split_once(':')?;
    Some((location.parse().ok()?, coordinates(at)?))
}

fn coordinates(text: &str) -> Option<Coordinates> {
    let degrees = |text: &str, most: i32| {
        let degrees: Decimal = text.parse().ok()?;
        let within = degrees.abs() <= Decimal::from(most);
        if within { (degrees * Decimal::from(1_000_000)).trunc().to_i32() } else { None }
    };
    let (latitude, longitude) = text.split_once(':')?;
    Some(Coordinates { latitude: degrees(latitude, 90)?, longitude: degrees(longitude, 180)? })
}
