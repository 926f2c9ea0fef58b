//! `/inventory/v1/transfers`: goods on their way from one location to another.
//!
//! Whoever is bound to some locations sees a transfer that has one of them at either end, may draft one (it moves nothing), and
//! may take the steps that change the stock of their own locations only.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use inventory::transfer::{Leftover, Transfer, TransferId, TransferLine, TransferState, TransferStep};
use inventory::{LocationId, Sku};
use serde::{Deserialize, Serialize};
use web::{
    ETag, IdempotencyKey, IfMatch, Json, List, NoFilter, Page, PageParams, Path, Problem, Reach, Validation, Within,
};

use super::{Api, Request, Staff, check_units, done_at, problems, shown, start};

#[derive(utoipa::OpenApi)]
#[openapi(paths(draft, list, get_one, act))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/transfers", get(list).post(draft))
        .route("/inventory/v1/transfers/{id}", get(get_one))
        .route("/inventory/v1/transfers/{id}/actions", post(act))
        .with_state(api)
}

/// Goods to be sent elsewhere, within one company.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTransfer {
    #[schema(value_type = String, example = "alpha")]
    from: LocationId,
    #[schema(value_type = String, example = "beta")]
    to: LocationId,
    /// No item twice.
    #[schema(min_items = 1, max_items = 16)]
    lines: Vec<TransferUnits>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TransferUnits {
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(minimum = 1)]
    quantity: i64,
}

fn units(lines: Vec<TransferUnits>) -> Result<Vec<(Sku, i64)>, Problem> {
    let mut validation = Validation::default();
    for (at, line) in lines.iter().enumerate() {
        check_units(&mut validation, &format!("/lines/{at}/quantity"), line.quantity);
    }
    validation.finish()?;
    Ok(lines.into_iter().map(|TransferUnits { sku, quantity }| (sku, quantity)).collect())
}

/// A transfer.
#[derive(Serialize, utoipa::ToSchema)]
struct TransferView {
    #[schema(value_type = String)]
    id: TransferId,
    #[schema(value_type = String)]
    from: LocationId,
    #[schema(value_type = String)]
    to: LocationId,
    /// `DRAFT`, `APPROVED`, `IN_TRANSIT`, `CLOSED` or `CANCELLED`.
    #[schema(value_type = String)]
    status: TransferState,
    lines: Vec<TransferLineView>,
    /// What may happen to it now.
    allowed: Vec<&'static str>,
    version: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
struct TransferLineView {
    #[schema(value_type = String)]
    sku: Sku,
    quantity: i64,
    received: i64,
    /// Units that arrived beyond what was sent.
    overage: i64,
    returned: i64,
    /// Units that never arrived.
    shortage: i64,
    /// Units not settled yet: still to be sent, or on the way.
    open: i64,
}

impl From<TransferLine> for TransferLineView {
    fn from(line: TransferLine) -> Self {
        let open = line.open();
        let TransferLine { sku, quantity, received, overage, returned, shortage } = line;
        Self { sku, quantity, received, overage, returned, shortage, open }
    }
}

impl From<Transfer> for TransferView {
    fn from(Transfer { id, from, to, lines, state, version, .. }: Transfer) -> Self {
        let lines = lines.into_iter().map(TransferLineView::from).collect();
        Self { id, from, to, status: state, lines, allowed: state.allowed().to_vec(), version }
    }
}

/// Whether one end of a transfer is a location of the caller.
fn has_end(reach: &Reach, from: &LocationId, to: &LocationId) -> bool {
    [from, to].into_iter().any(|end| reach.contains(end.as_str()))
}

/// 403 unless the caller may act wherever the step changes stock. What is on the way may end at either end.
fn may_take(reach: &Reach, step: &TransferStep, transfer: &Transfer) -> Result<(), Problem> {
    let Transfer { from, to, state, .. } = transfer;
    match step {
        TransferStep::Approve | TransferStep::Send => done_at(reach, from),
        TransferStep::Receive(_) => done_at(reach, to),
        TransferStep::End(_) if *state == TransferState::InTransit => {
            done_at(reach, from)?;
            done_at(reach, to)
        }
        TransferStep::End(_) => done_at(reach, from),
    }
}

type Shown = Result<(ETag, Json<TransferView>), Problem>;

fn view(transfer: Transfer) -> (ETag, Json<TransferView>) {
    (ETag(transfer.version), Json(transfer.into()))
}

/// Drafts a transfer; it moves nothing yet.
#[utoipa::path(post, path = "/inventory/v1/transfers", request_body = NewTransfer,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = TransferView),
        (status = 422, description = "`different_companies`, `idempotency_key_reused`")))]
async fn draft(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(NewTransfer { from, to, lines }): Json<NewTransfer>,
) -> Result<(StatusCode, (ETag, Json<TransferView>)), Problem> {
    let id = TransferId::derive(&Request::new((&caller, &reach), &key).parts());
    if !has_end(&reach, &from, &to) {
        return Err(Problem::forbidden());
    }
    let draft = Transfer::draft(id, from, to, &units(lines)?);
    let draft = draft.map_err(|refused| problems::transfer(&refused.into()))?;
    let drafted = api.transfers.draft(&caller.tenant, draft).await;
    Ok((StatusCode::CREATED, view(drafted.map_err(|error| problems::transfer(&error))?)))
}

/// The transfers that are under way, by id. A page may have fewer than `limit` and yet go on: see `next`.
#[utoipa::path(get, path = "/inventory/v1/transfers", params(PageParams),
    responses((status = 200, body = Page<TransferView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    list: List<NoFilter>,
) -> Result<Json<Page<TransferView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let page = api.transfers.open(&caller.tenant, start(&listing)?, listing.limit()).await;
    let mut page = page.map_err(|error| problems::table(&error))?;
    page.items.retain(|transfer| has_end(&reach, &transfer.from, &transfer.to));
    Ok(shown(&listing, page, TransferView::from))
}

impl Api {
    async fn transfer(&self, tenant: &kernel::TenantId, reach: &Reach, id: TransferId) -> Result<Transfer, Problem> {
        let found = self.transfers.transfer(tenant, id).await.map_err(|error| problems::table(&error))?;
        found.filter(|found| has_end(reach, &found.from, &found.to)).ok_or_else(Problem::not_found)
    }
}

/// One transfer.
#[utoipa::path(get, path = "/inventory/v1/transfers/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = TransferView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path(id): Path<TransferId>,
) -> Shown {
    Ok(view(api.transfer(&caller.tenant, &reach, id).await?))
}

/// What happens to a transfer.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum TransferAction {
    /// The source promises the units.
    Approve {},
    /// They leave.
    Send {},
    /// These units arrived.
    Receive { lines: Vec<TransferUnits> },
    /// Nothing more is expected: a draft or approved transfer is called off, one in transit is closed.
    End {
        /// `RETURNED` or `WRITTEN_OFF`: what became of units that are still on the way.
        #[schema(value_type = Option<String>)]
        leftover: Option<Leftover>,
    },
}

/// Approves, sends, receives in parts or ends a transfer.
#[utoipa::path(post, path = "/inventory/v1/transfers/{id}/actions", request_body = TransferAction,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = TransferView),
        (status = 409, description = "`invalid_transition`, `insufficient_stock`, `leftover_needed`, `stock_frozen`"),
        (status = 412, description = "`stale_version`"), (status = 422, description = "`unknown_item`")))]
async fn act(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    known: IfMatch,
    Path(id): Path<TransferId>,
    Json(action): Json<TransferAction>,
) -> Shown {
    let step = match action {
        TransferAction::Approve {} => TransferStep::Approve,
        TransferAction::Send {} => TransferStep::Send,
        TransferAction::Receive { lines } => TransferStep::Receive(units(lines)?),
        TransferAction::End { leftover } => TransferStep::End(leftover),
    };
    let transfer = api.transfer(&caller.tenant, &reach, id).await?;
    may_take(&reach, &step, &transfer)?;
    let version = transfer.version;
    known.check(ETag(version))?;
    let after = api.transfers.step(&caller.tenant, &caller.principal, (id, version), &step).await;
    Ok(view(after.map_err(|error| problems::transfer(&error))?))
}
