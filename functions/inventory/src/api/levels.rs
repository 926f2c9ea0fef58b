//! `/inventory/v1/levels`: how many units of what are where, the ledger behind each figure, and the settings of a level.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post, put};
use http::StatusCode;
use inventory::hot::{HotItem, MAX_SHARDS};
use inventory::{Company, Level, LocationId, MAX_UNITS, Sku};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use web::{
    Batch, BatchAnswer, ETag, IfMatch, Json, List, NoFilter, Page, PageParams, Path, Problem, Query, Reach, Validation,
    Within,
};

use super::amounts::AmountView;
use super::views::{BalancesView, EntryView, LevelView};
use super::{Api, Staff, check_range, done_at, problems, seen, seen_at, shown, start};

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, look_up, get_one, ledger, balances, set_backorder, shards, set_shards))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/levels", get(list))
        .route("/inventory/v1/levels/lookup", post(look_up))
        .route("/inventory/v1/levels/{location}/{sku}", get(get_one))
        .route("/inventory/v1/levels/{location}/{sku}/ledger", get(ledger))
        .route("/inventory/v1/levels/{location}/{sku}/balances", get(balances))
        .route("/inventory/v1/levels/{location}/{sku}/backorder-limit", put(set_backorder))
        .route("/inventory/v1/levels/{location}/{sku}/shards", get(shards).put(set_shards))
        .with_state(api)
}

type Place = Path<(LocationId, Sku)>;

impl Api {
    /// A level the location holds or held, if the caller may see the location.
    async fn known_level(&self, tenant: &TenantId, reach: &Reach, at: (&LocationId, &Sku)) -> Result<Level, Problem> {
        seen_at(reach, at.0)?;
        let level = self.inventory.level(tenant, at.0, at.1).await.map_err(|error| problems::table(&error))?;
        Some(level).filter(|level| level.version > 0).ok_or_else(Problem::not_found)
    }

    pub(crate) async fn company_of(&self, tenant: &TenantId, at: &LocationId) -> Result<Option<Company>, Problem> {
        self.inventory.company_of(tenant, at).await.map_err(|error| problems::table(&error))
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LevelFilter {
    #[param(value_type = String)]
    location: LocationId,
}

/// The levels of a location, by item.
#[utoipa::path(get, path = "/inventory/v1/levels", params(LevelFilter, PageParams),
    responses((status = 200, body = Page<LevelView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    list: List<LevelFilter>,
) -> Result<Json<Page<LevelView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let (at, limit) = (&listing.filter().location, listing.limit());
    if !reach.contains(at.as_str()) {
        return Ok(Json(listing.page(Vec::new(), None)));
    }
    let page = api.inventory.levels(&caller.tenant, at, start(&listing)?, limit).await;
    Ok(shown(&listing, page.map_err(|error| problems::table(&error))?, LevelView::from))
}

/// An item at a location.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct LevelKey {
    #[schema(value_type = String)]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
}

/// Up to 100 levels, wherever they are: each row names `location` and `sku`.
#[utoipa::path(post, path = "/inventory/v1/levels/lookup", request_body = Batch,
    responses((status = 200, body = BatchAnswer)))]
async fn look_up(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Json(batch): Json<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    let tenant = &caller.tenant;
    let row = |_, key: LevelKey| {
        let (api, reach) = (&api, &reach);
        async move {
            let level = api.known_level(tenant, reach, (&key.location, &key.sku)).await?;
            Ok((StatusCode::OK, LevelView::from(level)))
        }
    };
    Ok(Json(batch.run(row).await?))
}

/// One level, with its value where a company values it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ValuedLevel {
    #[serde(flatten)]
    level: LevelView,
    /// Of everything on hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<AmountView>,
    /// The standard where stock is valued by it, else the last known cost of one unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_cost: Option<AmountView>,
}

/// One item at one location.
#[utoipa::path(get, path = "/inventory/v1/levels/{location}/{sku}",
    params(("location" = String, Path,), ("sku" = String, Path,)),
    responses((status = 200, body = ValuedLevel), (status = 404, description = "The location never held it")))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path((location, sku)): Place,
) -> Result<(ETag, Json<ValuedLevel>), Problem> {
    let level = api.known_level(&caller.tenant, &reach, (&location, &sku)).await?;
    let (cost, tag) = (level.cost, ETag(level.version));
    let company = if cost.is_some() { api.company_of(&caller.tenant, &location).await? } else { None };
    let (value, unit_cost) = cost.zip(company).map_or((None, None), |(cost, company)| {
        let shown = |amount| Some(AmountView::new(amount, company.currency));
        (shown(cost.value), shown(cost.unit))
    });
    Ok((tag, Json(ValuedLevel { level: level.into(), value, unit_cost })))
}

/// Everything that was posted to a level, oldest first.
#[utoipa::path(get, path = "/inventory/v1/levels/{location}/{sku}/ledger",
    params(("location" = String, Path,), ("sku" = String, Path,), PageParams),
    responses((status = 200, body = Page<EntryView>)))]
async fn ledger(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path((location, sku)): Place,
    list: List<NoFilter>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let (tenant, start) = (&caller.tenant, start(&listing)?);
    api.known_level(tenant, &reach, (&location, &sku)).await?;
    let page = api.inventory.ledger(tenant, &location, &sku, start, listing.limit()).await;
    let page = page.map_err(|error| problems::table(&error))?;
    let currency = api.company_of(tenant, &location).await?.map(|company| company.currency);
    Ok(shown(&listing, page, |entry| EntryView::new(entry, currency)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Instant {
    /// Now unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// Of several entries at that very microsecond the last up to this one.
    sequence: Option<u64>,
}

/// Balances and value as of an instant.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct AsOf {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The last ledger entry that counts; 0 when there was none yet.
    sequence: u64,
    balances: BalancesView,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<AmountView>,
}

/// What a level was at an instant: one read, however long its ledger.
#[utoipa::path(get, path = "/inventory/v1/levels/{location}/{sku}/balances",
    params(("location" = String, Path,), ("sku" = String, Path,), Instant),
    responses((status = 200, body = AsOf)))]
async fn balances(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path((location, sku)): Place,
    Query(instant): Query<Instant>,
) -> Result<Json<AsOf>, Problem> {
    seen_at(&reach, &location)?;
    let (tenant, at) = (&caller.tenant, instant.at.unwrap_or_else(|| api.clock.now()));
    let found = api.inventory.as_of(tenant, (&location, &sku), at, instant.sequence).await;
    let found = found.map_err(|error| problems::table(&error))?;
    if found.is_none() {
        api.known_level(tenant, &reach, (&location, &sku)).await?;
    }
    let value = found.as_ref().and_then(|entry| entry.value).map(|value| value.after);
    let company = if value.is_some() { api.company_of(tenant, &location).await? } else { None };
    let (sequence, balances) = found.map_or_else(Default::default, |entry| (entry.seq, entry.after));
    let value = value.zip(company).map(|(value, company)| AmountView::new(value, company.currency));
    Ok(Json(AsOf { at, sequence, balances: balances.into(), value }))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct BackorderLimit {
    /// Units that may be promised beyond what is available; 0 for none.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    units: i64,
}

/// Lets so many units be promised beyond what there is. `If-Match: "0"` for an item the location never held.
#[utoipa::path(put, path = "/inventory/v1/levels/{location}/{sku}/backorder-limit", request_body = BackorderLimit,
    params(("location" = String, Path,), ("sku" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = LevelView), (status = 412, description = "`stale_version`")))]
async fn set_backorder(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    known: IfMatch,
    Path((location, sku)): Place,
    Json(BackorderLimit { units }): Json<BackorderLimit>,
) -> Result<(ETag, Json<LevelView>), Problem> {
    done_at(&reach, &location)?;
    let mut validation = Validation::default();
    check_range(&mut validation, "/units", units, 0, MAX_UNITS);
    validation.finish()?;
    let level = api.inventory.level(&caller.tenant, &location, &sku).await.map_err(|error| problems::table(&error))?;
    let seen = seen(level.version, &known)?;
    let level = api.inventory.set_backorder(&caller.tenant, (&location, &sku), units, seen).await;
    let level = level.map_err(|error| problems::backorder(&error))?;
    Ok((ETag(level.version), Json(level.into())))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewShards {
    /// Parts its stock is spread over, so that a flash sale does not queue at one level; 0 for an ordinary item.
    #[schema(minimum = 0, maximum = 32)]
    shards: u8,
}

/// How an item at a location is spread.
#[derive(Serialize, utoipa::ToSchema)]
struct Shards {
    shards: u8,
    /// Units that can be promised, at the location itself and all its parts.
    available: i64,
}

impl Api {
    async fn spread(&self, tenant: &TenantId, item: &HotItem) -> Result<Json<Shards>, Problem> {
        let levels = self.inventory.spread_levels(tenant, item).await.map_err(|error| problems::table(&error))?;
        Ok(Json(Shards { shards: item.shards, available: levels.iter().map(|level| level.available()).sum() }))
    }
}

/// How an item at a location is spread, if it is or was.
#[utoipa::path(get, path = "/inventory/v1/levels/{location}/{sku}/shards",
    params(("location" = String, Path,), ("sku" = String, Path,)),
    responses((status = 200, body = Shards)))]
async fn shards(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path((location, sku)): Place,
) -> Result<Json<Shards>, Problem> {
    seen_at(&reach, &location)?;
    let item = api.inventory.hot_item(&caller.tenant, &location, &sku).await;
    let item = item.map_err(|error| problems::table(&error))?.ok_or_else(Problem::not_found)?;
    api.spread(&caller.tenant, &item).await
}

/// Makes an item at a location hot, or an ordinary one again. Stock is spread, or brought home, within the next minute.
#[utoipa::path(put, path = "/inventory/v1/levels/{location}/{sku}/shards", request_body = NewShards,
    params(("location" = String, Path,), ("sku" = String, Path,)),
    responses((status = 200, body = Shards)))]
async fn set_shards(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path((location, sku)): Place,
    Json(NewShards { shards }): Json<NewShards>,
) -> Result<Json<Shards>, Problem> {
    done_at(&reach, &location)?;
    let mut validation = Validation::default();
    check_range(&mut validation, "/shards", shards.into(), 0, MAX_SHARDS.into());
    validation.finish()?;
    let item = api.inventory.make_hot(&caller.tenant, &location, &sku, shards).await;
    api.spread(&caller.tenant, &item.map_err(|error| problems::stock(&error))?).await
}
