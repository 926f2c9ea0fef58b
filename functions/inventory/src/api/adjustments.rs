//! `/inventory/v1/adjustments`: corrections of stock with a reason, large ones approved by a second person.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use inventory::adjustments::{AdjustmentState, NewAdjustment, ReasonCode, StockAdjustment, StockAdjustmentId};
use inventory::{LocationId, MAX_UNITS, Sku};
use serde::{Deserialize, Serialize};
use web::{
    Batch, BatchAnswer, ETag, FieldError, IdempotencyKey, IfMatch, Json, List, NoFilter, Page, PageParams, Path,
    Problem, Reach, Validation, Within,
};

use super::{Admins, Api, Request, Staff, check_range, check_text, done_at, problems, seen_at, shown, start};

#[derive(utoipa::OpenApi)]
#[openapi(paths(ask, ask_many, list, get_one, decide))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/adjustments", get(list).post(ask))
        .route("/inventory/v1/adjustments/batch", post(ask_many))
        .route("/inventory/v1/adjustments/{id}", get(get_one))
        .route("/inventory/v1/adjustments/{id}/decision", post(decide))
        .with_state(api)
}

/// A correction.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AdjustmentInput {
    #[schema(value_type = String, example = "alpha")]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    /// Signed, not 0.
    delta: i64,
    /// `FOUND` for more; `LOST`, `STOLEN`, `EXPIRED`, `SAMPLE` for fewer; `CORRECTION` for either.
    #[schema(value_type = String)]
    reason_code: ReasonCode,
    #[schema(min_length = 1, max_length = 200)]
    note: Option<String>,
}

/// An adjustment.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct StockAdjustmentView {
    #[schema(value_type = String)]
    id: StockAdjustmentId,
    #[schema(value_type = String)]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    delta: i64,
    #[schema(value_type = String)]
    reason_code: ReasonCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// `WAITING` for a second person, `POSTED` or `REJECTED`.
    #[schema(value_type = String)]
    status: AdjustmentState,
    asked_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    /// What may happen to it now.
    allowed: Vec<&'static str>,
    version: u64,
}

impl From<StockAdjustment> for StockAdjustmentView {
    fn from(StockAdjustment { asked, state, asked_by, decided_by, version }: StockAdjustment) -> Self {
        let NewAdjustment { id, location, sku, delta, code, note } = asked;
        let allowed = state.allowed().to_vec();
        Self {
            id,
            location,
            sku,
            delta,
            reason_code: code,
            note,
            status: state,
            asked_by,
            decided_by,
            allowed,
            version,
        }
    }
}

type Shown = Result<(ETag, Json<StockAdjustmentView>), Problem>;

fn view(adjustment: StockAdjustment) -> (ETag, Json<StockAdjustmentView>) {
    (ETag(adjustment.version), Json(adjustment.into()))
}

impl Api {
    async fn ask(&self, request: &Request<'_>, input: AdjustmentInput) -> Result<StockAdjustment, Problem> {
        done_at(request.reach, &input.location)?;
        let mut validation = Validation::default();
        check_range(&mut validation, "/delta", input.delta, -MAX_UNITS, MAX_UNITS);
        validation.check(input.delta != 0, || FieldError::at("/delta", "out_of_range", "must not be 0"));
        check_text(&mut validation, "/note", input.note.as_deref());
        validation.finish()?;
        let AdjustmentInput { location, sku, delta, reason_code: code, note } = input;
        let id = StockAdjustmentId::derive(&request.parts());
        let asked = NewAdjustment { id, location, sku, delta, code, note };
        let adjustment = self.adjustments.ask(&request.caller.tenant, &request.caller.principal, &asked).await;
        adjustment.map_err(|error| problems::adjustment(&error))
    }

    async fn adjustment(
        &self,
        tenant: &kernel::TenantId,
        reach: &Reach,
        id: StockAdjustmentId,
    ) -> Result<StockAdjustment, Problem> {
        let found = self.adjustments.adjustment(tenant, id).await.map_err(|error| problems::table(&error))?;
        let found = found.ok_or_else(Problem::not_found)?;
        seen_at(reach, &found.asked.location)?;
        Ok(found)
    }
}

/// Corrects stock, or lets the correction wait for a second person.
#[utoipa::path(post, path = "/inventory/v1/adjustments", request_body = AdjustmentInput,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = StockAdjustmentView), (status = 409, description = "`insufficient_stock`, `stock_frozen`"),
        (status = 422, description = "`idempotency_key_reused`, `stock_out_of_range`")))]
async fn ask(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(input): Json<AdjustmentInput>,
) -> Result<(StatusCode, (ETag, Json<StockAdjustmentView>)), Problem> {
    let adjustment = api.ask(&Request::new((&caller, &reach), &key), input).await?;
    Ok((StatusCode::CREATED, view(adjustment)))
}

/// Up to 100 corrections, one after the other, each on its own.
#[utoipa::path(post, path = "/inventory/v1/adjustments/batch", request_body = Batch,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 200, body = BatchAnswer)))]
async fn ask_many(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(batch): Json<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    let row = |index, input: AdjustmentInput| {
        let (api, request) = (&api, Request::row((&caller, &reach), &key, index));
        async move { Ok((StatusCode::CREATED, StockAdjustmentView::from(api.ask(&request, input).await?))) }
    };
    Ok(Json(batch.run(row).await?))
}

/// The adjustments that wait, by id. A page may have fewer than `limit` and yet go on: see `next`.
#[utoipa::path(get, path = "/inventory/v1/adjustments", params(PageParams),
    responses((status = 200, body = Page<StockAdjustmentView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    list: List<NoFilter>,
) -> Result<Json<Page<StockAdjustmentView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let page = api.adjustments.waiting(&caller.tenant, start(&listing)?, listing.limit()).await;
    let mut page = page.map_err(|error| problems::table(&error))?;
    page.items.retain(|adjustment| reach.contains(adjustment.asked.location.as_str()));
    Ok(shown(&listing, page, StockAdjustmentView::from))
}

/// One adjustment.
#[utoipa::path(get, path = "/inventory/v1/adjustments/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = StockAdjustmentView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path(id): Path<StockAdjustmentId>,
) -> Shown {
    Ok(view(api.adjustment(&caller.tenant, &reach, id).await?))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    pub(super) approve: bool,
}

/// A second person approves or rejects an adjustment that waits. The same decision sent again is not made twice.
#[utoipa::path(post, path = "/inventory/v1/adjustments/{id}/decision", request_body = Decision,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = StockAdjustmentView),
        (status = 409, description = "`same_person`, `invalid_transition`, `insufficient_stock`, `stock_frozen`"),
        (status = 412, description = "`stale_version`")))]
async fn decide(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Admins>,
    known: IfMatch,
    Path(id): Path<StockAdjustmentId>,
    Json(Decision { approve }): Json<Decision>,
) -> Shown {
    let found = api.adjustment(&caller.tenant, &reach, id).await?;
    // One that is decided says so itself, also to whoever decided it.
    if found.state == AdjustmentState::Waiting {
        known.check(ETag(found.version))?;
    }
    let decided = api.adjustments.decide(&caller.tenant, &caller.principal, id, approve).await;
    Ok(view(decided.map_err(|error| problems::adjustment(&error))?))
}
