//! `/sales/v1/orders` and `/sales/v1/sales`: orders of every channel as people and connectors see and change them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use inventory::LocationId;
use kernel::{Money, Timestamp};
use sales::duplicates::Verdict;
use sales::edits::{Edit, Handling};
use sales::lists::{Filter, Span};
use sales::order::{Hold, holds};
use sales::payment::RefundState;
use sales::{Order, OrderId, OrderStatus, Placed, Sales, ShipmentId};
use serde::Deserialize;
use table::Position;
use web::{Allowed, ETag, FieldError, IfMatch, Json, List, Page, PageParams, Path, Problem, RequestMeta, Within};

use super::input::{NewAddress, NewLine, NewSalesOrder, Units, reason, units};
use super::views::{SaleView, SalesOrderView, StepView};
use super::{Admins, Api, Staff, editor, problems, shown, shown_page};

#[derive(utoipa::OpenApi)]
#[openapi(paths(take_in, list, get_one, change, handle, refund, confirm_refund, judge, timeline, sales_list))]
pub(crate) struct Doc;

type Shown = Result<(ETag, Json<SalesOrderView>), Problem>;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/sales/v1/orders", get(list).post(take_in))
        .route("/sales/v1/orders/{id}", get(get_one))
        .route("/sales/v1/orders/{id}/changes", post(change))
        .route("/sales/v1/orders/{id}/fulfillment-orders/{fulfillment}/actions", post(handle))
        .route("/sales/v1/orders/{id}/refunds", post(refund))
        .route("/sales/v1/orders/{id}/refunds/{number}/confirmation", post(confirm_refund))
        .route("/sales/v1/orders/{id}/verdict", post(judge))
        .route("/sales/v1/orders/{id}/timeline", get(timeline))
        .route("/sales/v1/sales", get(sales_list))
        .with_state(api)
}

/// Takes an order in. The same channel and external id are the same order, however often it is sent.
#[utoipa::path(post, path = "/sales/v1/orders", request_body = NewSalesOrder,
    responses((status = 201, body = SalesOrderView), (status = 409, description = "`out_of_stock`, `order_exists`"),
        (status = 422, description = "`unbalanced_payments`, `counter_sale_unpaid`, `total_too_large`")))]
async fn take_in(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    Json(new): Json<NewSalesOrder>,
) -> Result<Response, Problem> {
    let intake = new.check()?;
    let placed = api.sales.take_in(&caller.tenant, &intake, &caller.principal, &meta.context()).await;
    let (order, replayed) = match placed.map_err(problems::intake)? {
        Placed::New(order) => (order, false),
        Placed::Replayed(order) => (order, true),
    };
    let mut response = (StatusCode::CREATED, shown(&order)?).into_response();
    if replayed {
        response.headers_mut().insert("idempotency-replayed", http::HeaderValue::from_static("true"));
    }
    Ok(response)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OrderFilter {
    /// One status. Orders of our own shop are in `PENDING` when their payment provider does not answer.
    status: Option<String>,
    /// Whether they wait for a person.
    held: Option<bool>,
    customer: Option<String>,
    channel: Option<String>,
    /// With `channel`: only the order with this id there.
    external_id: Option<String>,
    company: Option<String>,
    /// Who has a parcel of them.
    location: Option<String>,
    /// Placed from then on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Placed before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Orders that have everything in common that is asked for, newest first; those of the main company when nothing is. A
/// page may have fewer orders than `limit` and yet go on: see `next`.
#[utoipa::path(get, path = "/sales/v1/orders", params(OrderFilter, PageParams),
    responses((status = 200, body = Page<SalesOrderView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    list: List<OrderFilter>,
) -> Result<Json<Page<SalesOrderView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let asked = listing.filter();
    let is_own = asked.external_id.is_none() && asked.location.as_deref().is_some_and(|at| reach.contains(at));
    if !is_own && !reach.is_everywhere() {
        return Err(Problem::forbidden().detail("You may list the orders of your own locations: give `location`."));
    }
    let status = asked.status.as_deref().map(str::parse::<OrderStatus>).transpose();
    let status = status.map_err(|_| unsupported("status", "is not the status of an order"))?;
    let filter = Filter {
        statuses: status.as_slice(),
        held: asked.held,
        customer: asked.customer.as_deref(),
        channel: asked.channel.as_deref(),
        company: asked.company.as_deref(),
        location: asked.location.as_deref(),
        span: Span { from: asked.from, to: asked.to },
    };
    let (orders, next) = if let Some(external) = &asked.external_id {
        let channel = asked.channel.as_deref().ok_or_else(|| unsupported("externalId", "needs `channel`"))?;
        let id = Sales::id_of(&caller.tenant, channel, external);
        let found = api.sales.order(&caller.tenant, id).await.map_err(|error| problems::table(&error))?;
        (found.into_iter().filter(|order| filter.matches(order)).collect(), None)
    } else {
        let below = listing.start(|bytes| serde_json::from_slice(bytes))?;
        let page = api.sales.search(&caller.tenant, &filter, below.as_ref(), listing.limit()).await;
        page.map_err(|error| problems::table(&error))?
    };
    let next = next.and_then(|next| serde_json::to_vec(&next).ok());
    let views = orders.iter().map(SalesOrderView::try_from).collect::<Result<_, _>>();
    Ok(Json(listing.page(views.map_err(|error| Problem::internal(&error))?, next.as_deref())))
}

fn unsupported(parameter: &'static str, detail: &'static str) -> Problem {
    Problem::invalid(vec![FieldError::parameter(parameter, "unsupported_filter", detail)])
}

/// One order, if the caller may see a location that has a parcel of it.
#[utoipa::path(get, path = "/sales/v1/orders/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = SalesOrderView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path(id): Path<OrderId>,
) -> Shown {
    let order = api.order(&caller.tenant, id).await?;
    let is_own = order.shipments.iter().any(|parcel| reach.contains(parcel.location.as_str()));
    if is_own || reach.is_everywhere() { shown(&order) } else { Err(Problem::not_found()) }
}

/// A change of an order.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum NewChange {
    /// These lines replace those of the same items, or are new. A quantity of 0 takes one away.
    Lines { lines: Vec<NewLine>, reason: Option<String> },
    /// It goes elsewhere.
    Address { address: NewAddress, reason: Option<String> },
    /// These units are called off.
    CancelUnits { lines: Vec<Units>, reason: Option<String> },
    /// All of it is called off.
    Cancel { reason: Option<String> },
    /// It is to wait.
    Hold { reason: String },
    /// It no longer waits, for the reason with this code or for any.
    Release { code: Option<String>, reason: Option<String> },
    /// Stock is looked for again.
    Allocate { reason: Option<String> },
}

impl NewChange {
    fn check(self, order: &Order) -> Result<(Edit, Option<String>), Problem> {
        Ok(match self {
            Self::Lines { lines, reason } => {
                let taxed = order.terms.taxes_included;
                let lines = lines.iter().enumerate().map(|(at, line)| line.check(order.currency, taxed, at));
                (Edit::Lines(lines.collect::<Result<_, _>>()?), reason)
            }
            Self::Address { address, reason } => (Edit::Address(address.check("/address")?), reason),
            Self::CancelUnits { lines, reason } => (Edit::CancelUnits(units(&lines)), reason),
            Self::Cancel { reason } => (Edit::Cancel, reason),
            Self::Hold { reason } => {
                let hold = Hold { code: holds::MANUAL.to_owned(), reason: reason.clone(), other: None };
                (Edit::Hold(hold), Some(reason))
            }
            Self::Release { code, reason } => (Edit::Release(code), reason),
            Self::Allocate { reason } => (Edit::Allocate, reason),
        })
    }
}

/// Changes an order: lines, address, units, holds. What was before and after is in its timeline.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/changes", request_body = NewChange,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`invalid_transition`, `no_stock`, `no_change`, `already_dispatched`, `order_held`"),
        (status = 412, description = "`stale_version`"), (status = 422, description = "`wrong_lines`, `too_many_units`")))]
async fn change(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    known: IfMatch,
    Path(id): Path<OrderId>,
    Json(new): Json<NewChange>,
) -> Shown {
    let seen = api.seen(&caller, id, &known).await?;
    let order = api.order(&caller.tenant, id).await?;
    let (edit, why) = new.check(&order)?;
    let (why, cause) = (reason(why.as_deref())?, meta.context());
    let changed = api.sales.edit(&caller.tenant, id, &edit, editor(&caller, why, seen, &cause)).await;
    shown(&changed.map_err(problems::change)?)
}

/// What is done to a fulfilment order.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum NewHandling {
    /// Wait for a person.
    Hold { reason: String },
    /// No longer wait.
    Release,
    /// Wait until then.
    Schedule {
        #[schema(value_type = String, format = DateTime)]
        until: Timestamp,
    },
    /// Go to another location.
    Move {
        #[schema(value_type = String)]
        location: LocationId,
    },
    /// Put these units into a fulfilment order of their own.
    Split { lines: Vec<Units> },
    /// Take these others of the same location in.
    Merge {
        #[schema(value_type = Vec<String>)]
        others: Vec<ShipmentId>,
    },
    /// Its goods were taken from their shelves.
    Pick,
    /// They are packed.
    Pack,
    /// Call it off, with its units.
    Cancel,
}

impl From<NewHandling> for Handling {
    fn from(new: NewHandling) -> Self {
        match new {
            NewHandling::Hold { reason } => Self::Hold(reason),
            NewHandling::Release => Self::Release,
            NewHandling::Schedule { until } => Self::Schedule(until),
            NewHandling::Move { location } => Self::Move(location),
            NewHandling::Split { lines } => Self::Split(units(&lines)),
            NewHandling::Merge { others } => Self::Merge(others),
            NewHandling::Pick => Self::Pick,
            NewHandling::Pack => Self::Pack,
            NewHandling::Cancel => Self::Cancel,
        }
    }
}

/// Holds, releases, schedules, moves, splits, merges, picks, packs or cancels a fulfilment order.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/fulfillment-orders/{fulfillment}/actions", request_body = NewHandling,
    params(("id" = String, Path,), ("fulfillment" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`invalid_transition`, `no_stock`, `too_many_shipments`, `other_location`"),
        (status = 412, description = "`stale_version`"), (status = 422, description = "`wrong_lines`, `too_many_units`")))]
async fn handle(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    known: IfMatch,
    Path((id, fulfillment)): Path<(OrderId, ShipmentId)>,
    Json(new): Json<NewHandling>,
) -> Shown {
    let seen = api.seen(&caller, id, &known).await?;
    let (handling, cause) = (Handling::from(new), meta.context());
    if let Handling::Hold(why) = &handling {
        reason(Some(why))?;
    }
    let editor = editor(&caller, None, seen, &cause);
    let changed = api.sales.handle(&caller.tenant, (id, fulfillment), &handling, editor).await;
    shown(&changed.map_err(problems::change)?)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    #[schema(value_type = Object)]
    amount: Money,
    reason: String,
}

/// Gives money back, from the first payment on. The provider is asked within seconds.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/refunds", request_body = NewRefund,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`refund_too_large`"),
        (status = 412, description = "`stale_version`")))]
async fn refund(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    known: IfMatch,
    Path(id): Path<OrderId>,
    Json(new): Json<NewRefund>,
) -> Shown {
    let why = reason(Some(&new.reason))?.unwrap_or_default();
    let seen = api.seen(&caller, id, &known).await?;
    let who = (caller.principal.as_str(), &meta.context());
    let changed = api.sales.refund(&caller.tenant, id, new.amount, why, who, seen).await;
    shown(&changed.map_err(problems::change)?)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// Whether the money was given back.
    done: bool,
}

/// Whoever took a payment elsewhere tells what became of its refund.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/refunds/{number}/confirmation", request_body = Confirmation,
    params(("id" = String, Path,), ("number" = usize, Path,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`payment_already_settled`")))]
async fn confirm_refund(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    Path((id, number)): Path<(OrderId, usize)>,
    Json(confirmation): Json<Confirmation>,
) -> Shown {
    let order = api.order(&caller.tenant, id).await?;
    let tender = order.refunds.get(number).map(|refund| refund.tender);
    let external = tender.and_then(|tender| order.payments().nth(tender)).is_some_and(|payment| payment.external);
    if !external {
        // Our own provider is asked by us.
        return Err(Problem::not_found());
    }
    let state = if confirmation.done { RefundState::Done } else { RefundState::Failed };
    let who = &caller.principal;
    let changed = api.sales.confirm_refund(&caller.tenant, (id, number), state, who, &meta.context()).await;
    shown(&changed.map_err(problems::change)?)
}

/// What a person makes of a suspected duplicate.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum NewVerdict {
    /// It is the other order once more: it is called off. The other order gets its notes, files and external id, and of
    /// its lines these units, if any are wanted beside what the other order has.
    Merge {
        #[serde(default)]
        lines: Vec<Units>,
    },
    /// These units are wanted beside the other order; the rest is called off.
    Split { lines: Vec<Units> },
    /// It is an order of its own.
    Dismiss,
}

/// Decides about an order that is held as a suspected duplicate.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/verdict", request_body = NewVerdict,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`no_change`, `invalid_transition`"),
        (status = 412, description = "`stale_version`")))]
async fn judge(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    known: IfMatch,
    Path(id): Path<OrderId>,
    Json(new): Json<NewVerdict>,
) -> Shown {
    let seen = api.seen(&caller, id, &known).await?;
    let verdict = match new {
        NewVerdict::Merge { lines } => Verdict::Merge(units(&lines)),
        NewVerdict::Split { lines } => Verdict::Split(units(&lines)),
        NewVerdict::Dismiss => Verdict::Dismiss,
    };
    let who = (caller.principal.as_str(), &meta.context());
    let changed = api.sales.judge(&caller.tenant, id, &verdict, who, seen).await;
    shown(&changed.map_err(problems::change)?)
}

/// Every step of an order: who, what, when, before and after. Oldest first.
#[utoipa::path(get, path = "/sales/v1/orders/{id}/timeline", params(("id" = String, Path,), PageParams),
    responses((status = 200, body = Page<StepView>)))]
async fn timeline(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(id): Path<OrderId>,
    list: List<web::NoFilter>,
) -> Result<Json<Page<StepView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    api.order(&caller.tenant, id).await?;
    let page = api.sales.timeline(&caller.tenant, id, listing.start(Position::from_bytes)?, listing.limit()).await;
    shown_page(&listing, page.map_err(|error| problems::table(&error))?, |entry| Ok(StepView::from(entry)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SaleFilter {
    /// `main` unless given.
    company: Option<String>,
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Revenue as it was posted, newest first: one sale a shipment.
#[utoipa::path(get, path = "/sales/v1/sales", params(SaleFilter, PageParams),
    responses((status = 200, body = Page<SaleView>)))]
async fn sales_list(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    list: List<SaleFilter>,
) -> Result<Json<Page<SaleView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let filter = listing.filter();
    let company = filter.company.as_deref().unwrap_or(sales::order::MAIN_COMPANY);
    let span = Span { from: filter.from, to: filter.to };
    let page =
        api.sales.sales(&caller.tenant, company, span, listing.start(Position::from_bytes)?, listing.limit()).await;
    shown_page(&listing, page.map_err(|error| problems::table(&error))?, |sale| Ok(SaleView::from(sale)))
}
