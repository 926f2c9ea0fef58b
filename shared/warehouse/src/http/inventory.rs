//! `/v1/inventory`: rows of stock, counting them, correcting them, and the ledger behind each.

use std::collections::HashSet;
use std::sync::Arc;

use ::inventory::{Entry, Level, Sku};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use kernel::{Isbn, Timestamp};
use serde::{Deserialize, Serialize};
use table::Position;
use web::{Allowed, FieldError, IdempotencyKey, Json, List, NoFilter, Page, PageParams, Path, Problem, RequestMeta};

use super::input::{invalid_text, out_of_range, parse_isbn, repeated};
use super::lists::shown;
use super::{Api, Name, NameAndIsbn, Staff, StaffOrServices, sku};
use crate::problem;
use crate::shipment::QUANTITIES;
use crate::stock::{Adjusted, Adjustment, AdjustmentId, Count, Counted};

/// Longest reason, in characters.
const MAX_REASON: usize = 200;

/// Most rows of one batch.
const MAX_ROWS: usize = 100;

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, get_one, count_one, count_many, adjust, ledger))]
pub(super) struct Doc;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/inventory", get(list).put(count_many))
        .route("/v1/inventory/adjustments", post(adjust))
        .route("/v1/inventory/{isbn}", get(get_one).put(count_one))
        .route("/v1/inventory/{isbn}/ledger", get(ledger))
}

/// How many copies of a book the warehouse holds.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = warehouse::Row)]
struct Row {
    #[schema(example = "9780140449136")]
    isbn: String,
    on_hand: i64,
    /// Grows with every change of the row.
    version: u64,
}

impl From<Level> for Row {
    fn from(level: Level) -> Self {
        Self { on_hand: level.on_hand, version: level.seq, isbn: level.sku.into() }
    }
}

/// All rows, by ISBN.
#[utoipa::path(
    get,
    path = "/warehouses/{name}/v1/inventory",
    tag = "warehouse inventory",
    params(Name, PageParams),
    responses((status = 200, body = Page<Row>)),
)]
async fn list(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<StaffOrServices>,
    list: List<NoFilter>,
) -> Result<Json<Page<Row>>, Problem> {
    let list = list.open(&*api.cursor_secret, &caller.tenant).await?;
    let levels = api.warehouse.levels(&caller.tenant, list.start(Position::from_bytes)?, list.limit()).await;
    Ok(Json(shown(&list, levels.map_err(|error| problem::table(&error))?)))
}

/// One row.
#[utoipa::path(
    get,
    path = "/warehouses/{name}/v1/inventory/{isbn}",
    tag = "warehouse inventory",
    params(NameAndIsbn),
    responses((status = 200, body = Row), (status = 404, description = "The warehouse never held it")),
)]
async fn get_one(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<StaffOrServices>,
    Path(isbn): Path<Isbn>,
) -> Result<Json<Row>, Problem> {
    let level = api.warehouse.level(&caller.tenant, &sku(isbn)).await.map_err(|error| problem::table(&error))?;
    level.map(|level| Json(level.into())).ok_or_else(Problem::not_found)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = warehouse::NewFigure)]
struct NewFigure {
    #[schema(minimum = 0, maximum = 1_000_000)]
    on_hand: i64,
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Sets a row to what was counted. Counting the same again changes nothing.
#[utoipa::path(
    put,
    path = "/warehouses/{name}/v1/inventory/{isbn}",
    tag = "warehouse inventory",
    params(NameAndIsbn),
    request_body = NewFigure,
    responses((status = 200, body = Row)),
)]
async fn count_one(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<Staff>,
    meta: RequestMeta,
    Path(isbn): Path<Isbn>,
    Json(body): Json<NewFigure>,
) -> Result<Json<Row>, Problem> {
    let NewFigure { on_hand, reason } = body;
    let errors = figure_errors(on_hand, reason.as_deref());
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let count = Count { sku: sku(isbn), on_hand, reason };
    let counted = api.warehouse.count(&caller.tenant, &caller.principal, count, &meta.context()).await;
    Ok(Json(counted.map_err(|error| problem::stock(&error))?.into_level().into()))
}

fn figure_errors(on_hand: i64, reason: Option<&str>) -> Vec<FieldError> {
    let range = 0..=*QUANTITIES.end();
    let figure = out_of_range("/onHand", on_hand, &range);
    figure.into_iter().chain(reason.and_then(|reason| invalid_text("/reason", reason, MAX_REASON))).collect()
}

/// What was counted, row by row.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = warehouse::Batch)]
struct Batch {
    #[schema(min_items = 1, max_items = 100)]
    rows: Vec<BatchRow>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = warehouse::BatchRow)]
struct BatchRow {
    isbn: String,
    #[schema(minimum = 0, maximum = 1_000_000)]
    on_hand: i64,
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = warehouse::BatchAnswer)]
struct BatchAnswer {
    /// One for each row, in their order.
    results: Vec<BatchResult>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = warehouse::BatchResult)]
struct BatchResult {
    /// Place of the row in the request, from 0.
    index: usize,
    #[serde(flatten)]
    outcome: BatchOutcome,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "status", rename_all = "camelCase")]
#[schema(as = warehouse::BatchOutcome)]
enum BatchOutcome {
    Changed { row: Row },
    Unchanged { row: Row },
    Refused { problem: RowProblem },
}

/// Why a row was refused.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = warehouse::RowProblem)]
struct RowProblem {
    /// Always `validation_failed`.
    code: &'static str,
    /// Their pointers start at the row.
    errors: Vec<FieldError>,
}

/// Sets many rows to what was counted, each on its own.
#[utoipa::path(
    put,
    path = "/warehouses/{name}/v1/inventory",
    tag = "warehouse inventory",
    params(Name),
    request_body = Batch,
    responses((status = 200, body = BatchAnswer)),
)]
async fn count_many(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<Staff>,
    meta: RequestMeta,
    Json(body): Json<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    if !(1..=MAX_ROWS).contains(&body.rows.len()) {
        let detail = format!("must have 1 to {MAX_ROWS} rows");
        return Err(Problem::invalid(vec![FieldError::at("/rows", "out_of_range", detail)]));
    }
    let (mut counts, mut seen) = (Vec::new(), HashSet::new());
    let rows: Vec<Result<(), Vec<FieldError>>> =
        body.rows.into_iter().map(|row| row.check(&mut seen).map(|count| counts.push(count))).collect();
    let counted = api.warehouse.count_many(&caller.tenant, &caller.principal, counts, &meta.context()).await;
    let mut counted = counted.map_err(|error| problem::stock(&error))?.into_iter();
    let outcome = |row: Result<(), _>| match row {
        Ok(()) => counted.next().map(BatchOutcome::from),
        Err(errors) => Some(BatchOutcome::Refused { problem: RowProblem { code: "validation_failed", errors } }),
    };
    let outcomes = rows.into_iter().filter_map(outcome).enumerate();
    Ok(Json(BatchAnswer { results: outcomes.map(|(index, outcome)| BatchResult { index, outcome }).collect() }))
}

impl BatchRow {
    /// What was counted, unless something is wrong with the row or its book is `seen` already.
    fn check(self, seen: &mut HashSet<Sku>) -> Result<Count, Vec<FieldError>> {
        let Self { isbn, on_hand, reason } = self;
        let mut errors = figure_errors(on_hand, reason.as_deref());
        match parse_isbn("/isbn", &isbn) {
            Ok(sku) if !seen.insert(sku.clone()) => errors.push(repeated("/isbn")),
            Ok(sku) if errors.is_empty() => return Ok(Count { sku, on_hand, reason }),
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
        Err(errors)
    }
}

impl From<Counted> for BatchOutcome {
    fn from(counted: Counted) -> Self {
        match counted {
            Counted::Changed(level) => Self::Changed { row: level.into() },
            Counted::Unchanged(level) => Self::Unchanged { row: level.into() },
        }
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = warehouse::NewAdjustment)]
struct NewAdjustment {
    isbn: String,
    /// Signed, not 0.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    delta: i64,
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// A correction, and the row after it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = warehouse::Adjustment)]
struct AdjustmentView {
    #[schema(value_type = String)]
    adjustment_id: AdjustmentId,
    isbn: String,
    delta: i64,
    reason: String,
    on_hand: i64,
    version: u64,
}

impl From<Adjusted> for AdjustmentView {
    fn from(Adjusted { adjustment, on_hand, version }: Adjusted) -> Self {
        let Adjustment { id, sku, delta, reason } = adjustment;
        Self { adjustment_id: id, isbn: sku.into(), delta, reason, on_hand, version }
    }
}

/// Corrects a row by so many copies. With an `Idempotency-Key` it happens once, however often it is sent.
#[utoipa::path(
    post,
    path = "/warehouses/{name}/v1/inventory/adjustments",
    tag = "warehouse inventory",
    params(Name, ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters")),
    request_body = NewAdjustment,
    responses(
        (status = 201, body = AdjustmentView),
        (status = 409, description = "There are fewer copies than that"),
        (status = 422, description = "The key was used for another adjustment"),
    ),
)]
async fn adjust(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<Staff>,
    key: Option<IdempotencyKey>,
    Json(body): Json<NewAdjustment>,
) -> Result<(StatusCode, Json<AdjustmentView>), Problem> {
    let NewAdjustment { isbn, delta, reason } = body;
    let largest = *QUANTITIES.end();
    let mut errors: Vec<FieldError> = out_of_range("/delta", delta, &(-largest..=largest)).into_iter().collect();
    if delta == 0 {
        errors.push(FieldError::at("/delta", "out_of_range", "must not be 0"));
    }
    errors.extend(invalid_text("/reason", &reason, MAX_REASON));
    let sku = match parse_isbn("/isbn", &isbn) {
        Ok(sku) if errors.is_empty() => sku,
        parsed => {
            errors.extend(parsed.err());
            return Err(Problem::invalid(errors));
        }
    };
    let id = match &key {
        Some(key) => AdjustmentId::derive(&[caller.tenant.as_str(), &caller.principal, key.as_str()]),
        None => api.warehouse.new_adjustment_id(),
    };
    let adjustment = Adjustment { id, sku, delta, reason };
    let adjusted = api.warehouse.adjust(&caller.tenant, &caller.principal, &adjustment).await?;
    Ok((StatusCode::CREATED, Json(adjusted.into())))
}

/// One change of a row.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = warehouse::LedgerEntry)]
struct EntryView {
    /// Position in the ledger, from 1 without gaps; the row's version after it.
    version: u64,
    #[schema(example = "Issued")]
    movement: String,
    delta: i64,
    /// The figure after it.
    on_hand: i64,
    /// The shipment, adjustment or request behind it.
    source: String,
    /// Who did it.
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// SHA-256 over this entry and the hash of the one before, in hexadecimal.
    hash: String,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            version: entry.seq,
            movement: entry.movement.into_owned(),
            delta: entry.delta.on_hand,
            on_hand: entry.after.on_hand,
            source: entry.source,
            actor: entry.actor,
            reason: entry.reason,
            at: entry.effective_at,
            hash: entry.hash.to_string(),
        }
    }
}

/// Everything that ever changed a row, oldest first.
#[utoipa::path(
    get,
    path = "/warehouses/{name}/v1/inventory/{isbn}/ledger",
    tag = "warehouse inventory",
    params(NameAndIsbn, PageParams),
    responses((status = 200, body = Page<EntryView>)),
)]
async fn ledger(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<Staff>,
    Path(isbn): Path<Isbn>,
    list: List<NoFilter>,
) -> Result<Json<Page<EntryView>>, Problem> {
    let list = list.open(&*api.cursor_secret, &caller.tenant).await?;
    let entries =
        api.warehouse.ledger(&caller.tenant, &sku(isbn), list.start(Position::from_bytes)?, list.limit()).await;
    Ok(Json(shown(&list, entries.map_err(|error| problem::table(&error))?)))
}
