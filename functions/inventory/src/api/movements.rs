//! `/inventory/v1/movements`: what happens to stock, posted one by one or up to 100 at a time.
//!
//! A movement is `{"location", "sku", "movement": {"kind": …}, "source"?, "reason"?, "effectiveAt"?}` with an
//! `Idempotency-Key`; its answer is the ledger entry it left, with what it did to the value. Kinds, by what they do:
//!
//! | kind | members | units | value |
//! |---|---|---|---|
//! | `goodsReceived` | `quantity`, `announced`?, `condition`?, and `cost` of all or `unitCost` | on hand up, `announced` of them no longer incoming | the cost, or what the others cost |
//! | `announced` | `delta` | incoming up or down | |
//! | `issued` | `quantity` | sold and gone: on hand down | by the company's method |
//! | `shipped`, `released` | `quantity` | committed units gone; or available again | by the method; none |
//! | `returned` | `quantity`, `condition`?, and `cost` of all or `leftWith` (`sequence`, `effectiveAt` of the entry of the sale) | on hand up | what they left with, or what the others cost |
//! | `damaged`, `repaired` | `quantity` | available becomes damaged, or the other way round | |
//! | `qualityHeld`, `qualityReleased` | `quantity`, `damaged`? | available becomes quality control, or it becomes available or damaged | |
//! | `writtenOff` | `quantity`, `condition` | damaged units, or units in quality control, gone | by the method |
//! | `safetyStockSet` | `units` | kept back from now on | |
//! | `costAdded` | `amount`, `units`, `receipt`? | | late cost: books forward |
//! | `standardCostSet` | `unitCost` | | revalues what is there |
//!
//! `condition` is `SELLABLE` (unless given), `DAMAGED` or `QUALITY_CONTROL`. What is found, lost or miscounted is an adjustment or
//! a count, because these are approved; moving stock elsewhere is a transfer.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use inventory::movements::{MovementId, NewMovement, Posted};
use inventory::{Company, Condition, LocationId, MAX_UNITS, Movement, Sku};
use kernel::{Currency, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use web::{Batch, BatchAnswer, FieldError, IdempotencyKey, Json, Path, Problem, Validation, Within};

use super::amounts::{Amount, UNIT_DECIMALS};
use super::views::EntryView;
use super::{Api, REPLAYED, Request, Staff, check_range, check_text, check_units, done_at, problems, seen_at};

#[derive(utoipa::OpenApi)]
#[openapi(paths(post_one, post_many, get_one))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/movements", post(post_one))
        .route("/inventory/v1/movements/batch", post(post_many))
        .route("/inventory/v1/movements/{id}", get(get_one))
        .with_state(api)
}

/// Something that happened to the stock of an item at a location.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MovementInput {
    #[schema(value_type = String, example = "alpha")]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    movement: MovementKind,
    /// The document behind it, such as a purchase order; the movement itself when there is none.
    #[schema(min_length = 1, max_length = 200)]
    source: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
    /// When it happened, if that is not now; not in the future. What happened before the last entry is booked at its time.
    #[schema(value_type = Option<String>, format = DateTime)]
    effective_at: Option<Timestamp>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum MovementKind {
    /// Goods came in from outside.
    GoodsReceived {
        quantity: i64,
        /// How many of them were announced.
        #[serde(default)]
        announced: i64,
        #[serde(default)]
        #[schema(value_type = String)]
        condition: Condition,
        /// What all of them cost.
        cost: Option<Amount>,
        /// What one of them cost.
        unit_cost: Option<Amount>,
    },
    /// Goods are expected, or no longer.
    Announced {
        delta: i64,
    },
    /// Units were sold and are gone.
    Issued {
        quantity: i64,
    },
    /// Committed units are gone.
    Shipped {
        quantity: i64,
    },
    /// Committed units are available again.
    Released {
        quantity: i64,
    },
    /// Units came back from a customer.
    Returned {
        quantity: i64,
        #[serde(default)]
        #[schema(value_type = String)]
        condition: Condition,
        /// What all of them left with.
        cost: Option<Amount>,
        /// Or the ledger entry with which they left.
        left_with: Option<LeftWith>,
    },
    Damaged {
        quantity: i64,
    },
    Repaired {
        quantity: i64,
    },
    QualityHeld {
        quantity: i64,
    },
    QualityReleased {
        quantity: i64,
        /// Whether they failed.
        #[serde(default)]
        damaged: bool,
    },
    /// Units that are not sellable were thrown away.
    WrittenOff {
        quantity: i64,
        #[schema(value_type = String)]
        condition: Condition,
    },
    SafetyStockSet {
        units: i64,
    },
    /// Freight, duty or a corrected invoice; below zero for a credit.
    CostAdded {
        amount: Amount,
        /// Units of the receipt.
        units: i64,
        /// Sequence of the receipt's entry; needed where cost is kept in layers.
        receipt: Option<u64>,
    },
    StandardCostSet {
        unit_cost: Amount,
    },
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LeftWith {
    sequence: u64,
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
}

/// A posted movement.
#[derive(Serialize, utoipa::ToSchema)]
struct MovementView {
    #[schema(value_type = String)]
    id: MovementId,
    #[schema(value_type = String)]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    entry: EntryView,
}

impl MovementView {
    fn new(posted: Posted, currency: Option<Currency>) -> Self {
        let NewMovement { id, location, sku, .. } = posted.asked;
        Self { id, location, sku, entry: EntryView::new(posted.entry, currency) }
    }
}

impl MovementInput {
    fn check(&self) -> Result<(), Problem> {
        let mut validation = Validation::default();
        check_text(&mut validation, "/source", self.source.as_deref());
        check_text(&mut validation, "/reason", self.reason.as_deref());
        match &self.movement {
            MovementKind::GoodsReceived { quantity, announced, cost, unit_cost, .. } => {
                check_units(&mut validation, "/movement/quantity", *quantity);
                check_range(&mut validation, "/movement/announced", *announced, 0, (*quantity).clamp(0, MAX_UNITS));
                one_of(&mut validation, "/movement/unitCost", cost.is_some(), unit_cost.is_some());
            }
            MovementKind::Returned { quantity, cost, left_with, .. } => {
                check_units(&mut validation, "/movement/quantity", *quantity);
                one_of(&mut validation, "/movement/leftWith", cost.is_some(), left_with.is_some());
            }
            MovementKind::Announced { delta } => {
                check_range(&mut validation, "/movement/delta", *delta, -MAX_UNITS, MAX_UNITS);
                check_range(&mut validation, "/movement/delta", delta.saturating_abs(), 1, i64::MAX);
            }
            MovementKind::Issued { quantity }
            | MovementKind::Shipped { quantity }
            | MovementKind::Released { quantity }
            | MovementKind::Damaged { quantity }
            | MovementKind::Repaired { quantity }
            | MovementKind::QualityHeld { quantity }
            | MovementKind::QualityReleased { quantity, .. } => {
                check_units(&mut validation, "/movement/quantity", *quantity);
            }
            MovementKind::WrittenOff { quantity, condition } => {
                check_units(&mut validation, "/movement/quantity", *quantity);
                validation.check(*condition != Condition::Sellable, || {
                    let detail = "what is sellable is adjusted, with a reason";
                    FieldError::at("/movement/condition", "not_written_off", detail)
                });
            }
            MovementKind::SafetyStockSet { units } => {
                check_range(&mut validation, "/movement/units", *units, 0, MAX_UNITS)
            }
            MovementKind::CostAdded { units, .. } => check_units(&mut validation, "/movement/units", *units),
            MovementKind::StandardCostSet { .. } => {}
        }
        validation.finish()
    }
}

fn one_of(validation: &mut Validation, pointer: &str, one: bool, other: bool) {
    validation.check(!(one && other), || FieldError::at(pointer, "ambiguous", "give one or the other"));
}

impl MovementKind {
    /// The movement, with costs in the company's currency. `left` is what returned goods left with.
    fn movement(&self, company: Option<&Company>, left: Option<Decimal>) -> Result<Movement, Problem> {
        let decimals = company.map_or(0, |company| company.policy.decimals);
        let of =
            |cost: &Option<Amount>, pointer| cost.as_ref().map(|cost| cost.of(company, decimals, pointer)).transpose();
        Ok(match self {
            Self::GoodsReceived { quantity, announced, condition, cost, unit_cost } => {
                let (quantity, announced, condition) = (*quantity, *announced, *condition);
                let each = unit_cost.as_ref().map(|unit| unit.times(quantity, company, "/movement/unitCost"));
                let cost = of(cost, "/movement/cost")?.or(each.transpose()?);
                Movement::GoodsReceived { quantity, announced, condition, cost }
            }
            Self::Announced { delta } => Movement::Announced { delta: *delta },
            Self::Issued { quantity } => Movement::Issued { quantity: *quantity },
            Self::Shipped { quantity } => Movement::Shipped { quantity: *quantity },
            Self::Released { quantity } => Movement::Released { quantity: *quantity },
            Self::Returned { quantity, condition, cost, .. } => {
                let cost = of(cost, "/movement/cost")?.or(left);
                Movement::Returned { quantity: *quantity, condition: *condition, cost }
            }
            Self::Damaged { quantity } => Movement::Damaged { quantity: *quantity },
            Self::Repaired { quantity } => Movement::Repaired { quantity: *quantity },
            Self::QualityHeld { quantity } => Movement::QualityHeld { quantity: *quantity },
            Self::QualityReleased { quantity, damaged } => {
                Movement::QualityReleased { quantity: *quantity, damaged: *damaged }
            }
            Self::WrittenOff { quantity, condition } => {
                Movement::WrittenOff { quantity: *quantity, condition: *condition }
            }
            Self::SafetyStockSet { units } => Movement::SafetyStockSet { units: *units },
            Self::CostAdded { amount, units, receipt } => {
                let amount = amount.of(company, decimals, "/movement/amount")?;
                Movement::CostAdded { amount, units: *units, receipt: *receipt }
            }
            Self::StandardCostSet { unit_cost } => {
                Movement::StandardCostSet { unit: unit_cost.of(company, UNIT_DECIMALS, "/movement/unitCost")? }
            }
        })
    }
}

impl Api {
    async fn post_movement(
        &self,
        request: &Request<'_>,
        input: MovementInput,
    ) -> Result<(MovementView, bool), Problem> {
        done_at(request.reach, &input.location)?;
        input.check()?;
        let (tenant, MovementInput { location, sku, .. }) = (&request.caller.tenant, &input);
        let company = self.company_of(tenant, location).await?;
        let left = self.left_with(request, &input, company.as_ref()).await?;
        let new = NewMovement {
            id: MovementId::derive(&request.parts()),
            location: location.clone(),
            sku: sku.clone(),
            movement: input.movement.movement(company.as_ref(), left)?,
            source: input.source,
            reason: input.reason,
            effective_at: input.effective_at,
        };
        let posted = self.movements.post(tenant, &request.caller.principal, &new).await;
        let posted = posted.map_err(|error| problems::movement(&error))?;
        let replayed = posted.replayed;
        Ok((MovementView::new(posted, company.map(|company| company.currency)), replayed))
    }

    /// What the units of a return left with, if it says with which entry.
    async fn left_with(
        &self,
        request: &Request<'_>,
        MovementInput { location, sku, movement, .. }: &MovementInput,
        company: Option<&Company>,
    ) -> Result<Option<Decimal>, Problem> {
        let MovementKind::Returned { quantity, left_with: Some(LeftWith { sequence, effective_at }), .. } = movement
        else {
            return Ok(None);
        };
        let decimals = company.ok_or_else(super::amounts::not_valued)?.policy.decimals;
        let entry = (*effective_at, *sequence);
        let found = self
            .inventory
            .cost_left_with(&request.caller.tenant, (location, sku), entry, (*quantity, decimals))
            .await
            .map_err(|error| problems::table(&error))?;
        let unknown = || {
            Problem::unprocessable("not_left_with").detail("With that entry not so many units of a known cost left.")
        };
        found.ok_or_else(unknown).map(Some)
    }
}

/// Posts a movement: it is booked once, however often it is sent.
#[utoipa::path(post, path = "/inventory/v1/movements", request_body = MovementInput,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = MovementView),
        (status = 409, description = "`insufficient_stock`, `not_committed`, `not_held`, `stock_frozen`, `no_change`, `not_valued`, `no_standard_cost`, `too_many_layers`"),
        (status = 422, description = "`idempotency_key_reused`, `wrong_currency`, `amount_too_large`, `negative_cost`, `receipt_needed`, `not_left_with`, `stock_out_of_range`")))]
async fn post_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(input): Json<MovementInput>,
) -> Result<Response, Problem> {
    let (view, replayed) = api.post_movement(&Request::new((&caller, &reach), &key), input).await?;
    let created = (StatusCode::CREATED, Json(view));
    Ok(if replayed { ([REPLAYED], created).into_response() } else { created.into_response() })
}

/// Posts up to 100 movements, one after the other, each on its own.
#[utoipa::path(post, path = "/inventory/v1/movements/batch", request_body = Batch,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 200, body = BatchAnswer)))]
async fn post_many(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(batch): Json<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    let row = |index, input: MovementInput| {
        let (api, request) = (&api, Request::row((&caller, &reach), &key, index));
        async move {
            let (view, replayed) = api.post_movement(&request, input).await?;
            Ok((if replayed { StatusCode::OK } else { StatusCode::CREATED }, view))
        }
    };
    Ok(Json(batch.run(row).await?))
}

/// A posted movement, with its ledger entry.
#[utoipa::path(get, path = "/inventory/v1/movements/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = MovementView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path(id): Path<MovementId>,
) -> Result<Json<MovementView>, Problem> {
    let posted = api.movements.movement(&caller.tenant, id).await.map_err(|error| problems::table(&error))?;
    let posted = posted.ok_or_else(Problem::not_found)?;
    seen_at(&reach, &posted.asked.location)?;
    let company = api.company_of(&caller.tenant, &posted.asked.location).await?;
    Ok(Json(MovementView::new(posted, company.map(|company| company.currency))))
}
