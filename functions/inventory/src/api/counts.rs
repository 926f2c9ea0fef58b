//! `/inventory/v1/counts`: cycle counts. While one is under way goods of its items do not move.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use inventory::count::{Count, CountId, CountLine, CountState};
use inventory::counts::{CountStep, NewCount};
use inventory::{LocationId, MAX_UNITS, Sku};
use serde::{Deserialize, Serialize};
use web::{
    Caller, ETag, IdempotencyKey, IfMatch, Json, List, NoFilter, Page, PageParams, Path, Problem, Reach, Validation,
    Within,
};

use super::adjustments::Decision;
use super::{Admins, Api, Request, Staff, check_range, done_at, problems, seen_at, shown, start};

#[derive(utoipa::OpenApi)]
#[openapi(paths(begin, list, get_one, act, decide))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/counts", get(list).post(begin))
        .route("/inventory/v1/counts/{id}", get(get_one))
        .route("/inventory/v1/counts/{id}/actions", post(act))
        .route("/inventory/v1/counts/{id}/decision", post(decide))
        .with_state(api)
}

/// What is to be counted.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CountInput {
    #[schema(value_type = String, example = "alpha")]
    location: LocationId,
    /// No item twice.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 40)]
    items: Vec<Sku>,
    /// Whether those who count are not told what is expected.
    #[serde(default)]
    blind: bool,
    /// Units a first figure may be off without being counted again.
    #[serde(default)]
    tolerance: i64,
}

/// A count.
#[derive(Serialize, utoipa::ToSchema)]
struct CountView {
    #[schema(value_type = String)]
    id: CountId,
    #[schema(value_type = String)]
    location: LocationId,
    blind: bool,
    tolerance: i64,
    /// `OPEN`, `RECOUNT`, `WAITING` for somebody who did not count, `POSTED` or `CANCELLED`.
    #[schema(value_type = String)]
    status: CountState,
    /// What is to be counted now.
    sheet: Vec<SheetLine>,
    /// What was expected and counted, once it is over, or waits for whoever asks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<ResultLine>,
    #[serde(rename = "countedBy")]
    counted_by: Vec<String>,
    #[serde(rename = "approvedBy", skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    /// What may happen to it now.
    allowed: Vec<&'static str>,
    version: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
struct SheetLine {
    #[schema(value_type = String)]
    sku: Sku,
    /// Not told to those who count blind.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<i64>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ResultLine {
    #[schema(value_type = String)]
    sku: Sku,
    expected: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<i64>,
    /// The second figure counts where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<i64>,
}

impl CountView {
    /// As the principal sees it: who counts is not told more than the sheet.
    fn of(count: Count, principal: &str) -> Self {
        let told = count.is_over() || (count.state == CountState::Waiting && !count.counted_by.contains(principal));
        let sheet = count.sheet().into_iter().map(|(sku, expected)| SheetLine { sku: sku.clone(), expected }).collect();
        let result = |CountLine { sku, expected, first, second }| ResultLine { sku, expected, first, second };
        let counted_by = count.counted_by.iter().cloned().collect();
        let results = if told { count.lines.into_iter().map(result).collect() } else { Vec::new() };
        let Count { id, location, blind, tolerance, state, version, approved_by, .. } =
            Count { lines: Vec::new(), ..count };
        let allowed = state.allowed().to_vec();
        Self {
            id,
            location,
            blind,
            tolerance,
            status: state,
            sheet,
            results,
            counted_by,
            approved_by,
            allowed,
            version,
        }
    }
}

type Shown = Result<(ETag, Json<CountView>), Problem>;

fn view(count: Count, caller: &Caller) -> (ETag, Json<CountView>) {
    (ETag(count.version), Json(CountView::of(count, &caller.principal)))
}

/// Freezes items of a location and starts to count them.
#[utoipa::path(post, path = "/inventory/v1/counts", request_body = CountInput,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = CountView), (status = 409, description = "`stock_frozen`"),
        (status = 422, description = "`idempotency_key_reused`")))]
async fn begin(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(CountInput { location, items, blind, tolerance }): Json<CountInput>,
) -> Result<(StatusCode, (ETag, Json<CountView>)), Problem> {
    done_at(&reach, &location)?;
    let mut validation = Validation::default();
    check_range(&mut validation, "/tolerance", tolerance, 0, MAX_UNITS);
    validation.finish()?;
    let id = CountId::derive(&Request::new((&caller, &reach), &key).parts());
    let new = NewCount { id, location, items, blind, tolerance };
    let count = api.counts.start(&caller.tenant, &new).await.map_err(|error| problems::count(&error))?;
    Ok((StatusCode::CREATED, view(count, &caller)))
}

/// The counts that are under way, by id. A page may have fewer than `limit` and yet go on: see `next`.
#[utoipa::path(get, path = "/inventory/v1/counts", params(PageParams),
    responses((status = 200, body = Page<CountView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    list: List<NoFilter>,
) -> Result<Json<Page<CountView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let page = api.counts.open(&caller.tenant, start(&listing)?, listing.limit()).await;
    let mut page = page.map_err(|error| problems::table(&error))?;
    page.items.retain(|count| reach.contains(count.location.as_str()));
    Ok(shown(&listing, page, |count| CountView::of(count, &caller.principal)))
}

impl Api {
    async fn count(&self, tenant: &kernel::TenantId, reach: &Reach, id: CountId) -> Result<Count, Problem> {
        let found = self.counts.count(tenant, id).await.map_err(|error| problems::table(&error))?;
        let found = found.ok_or_else(Problem::not_found)?;
        seen_at(reach, &found.location)?;
        Ok(found)
    }

    /// Takes a step of a count that the caller has seen.
    async fn step_count(
        &self,
        (caller, reach): (&Caller, &Reach),
        id: CountId,
        known: &IfMatch,
        step: &CountStep,
    ) -> Shown {
        let version = self.count(&caller.tenant, reach, id).await?.version;
        known.check(ETag(version))?;
        let after = self.counts.step(&caller.tenant, &caller.principal, (id, version), step).await;
        Ok(view(after.map_err(|error| problems::count(&error))?, caller))
    }
}

/// One count.
#[utoipa::path(get, path = "/inventory/v1/counts/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = CountView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path(id): Path<CountId>,
) -> Shown {
    Ok(view(api.count(&caller.tenant, &reach, id).await?, &caller))
}

/// What happens to a count.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum CountAction {
    /// These figures were counted.
    Enter { figures: Vec<CountedUnits> },
    /// Everything was counted: what is off by more than the tolerance is counted again; else the figures are posted, or wait
    /// when they are off by more than the limits.
    Submit {},
    /// The goods may move again, and nothing is posted.
    Cancel {},
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CountedUnits {
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(minimum = 0)]
    units: i64,
}

impl CountAction {
    fn check(self) -> Result<CountStep, Problem> {
        let mut validation = Validation::default();
        let step = match self {
            Self::Enter { figures } => {
                for (at, figure) in figures.iter().enumerate() {
                    check_range(&mut validation, &format!("/figures/{at}/units"), figure.units, 0, MAX_UNITS);
                }
                CountStep::Enter(figures.into_iter().map(|CountedUnits { sku, units }| (sku, units)).collect())
            }
            Self::Submit {} => CountStep::Submit,
            Self::Cancel {} => CountStep::Cancel,
        };
        validation.finish()?;
        Ok(step)
    }
}

/// Enters figures, submits or cancels a count.
#[utoipa::path(post, path = "/inventory/v1/counts/{id}/actions", request_body = CountAction,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = CountView),
        (status = 409, description = "`invalid_transition`, `not_counted`, `counted_twice`"),
        (status = 412, description = "`stale_version`"), (status = 422, description = "`unknown_item`")))]
async fn act(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    known: IfMatch,
    Path(id): Path<CountId>,
    Json(action): Json<CountAction>,
) -> Shown {
    let step = action.check()?;
    api.step_count((&caller, &reach), id, &known, &step).await
}

/// Somebody who did not count approves a count that waits, so that it is posted, or has it counted from the beginning.
#[utoipa::path(post, path = "/inventory/v1/counts/{id}/decision", request_body = Decision,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = CountView), (status = 409, description = "`same_person`, `invalid_transition`"),
        (status = 412, description = "`stale_version`")))]
async fn decide(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Admins>,
    known: IfMatch,
    Path(id): Path<CountId>,
    Json(Decision { approve }): Json<Decision>,
) -> Shown {
    api.step_count((&caller, &reach), id, &known, &CountStep::Decide { approve }).await
}
