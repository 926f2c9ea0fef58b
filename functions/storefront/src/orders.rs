//! `/store/v1/orders`: placing, looking at and calling off orders, and what warehouses report of them.

use std::sync::Arc;
use std::time::Duration;

use access::Role;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use catalog::BookId;
use http::StatusCode;
use inventory::{Observation, Sku};
use kernel::TenantId;
use sales::lists::{Below, Filter};
use sales::{Figure, Order, OrderId, OrderStatus, PlaceOrder, Placed, Report, ShipmentId};
use serde::Deserialize;
use table::Position;
use tokio::time::{Instant, sleep};
use web::{
    Allowed, Caller, ETag, FieldError, IdempotencyKey, Json, List, Page, PageParams, Path, Problem, RequestMeta,
    Validation, Wait,
};

use crate::api::{Api, Customers, People, Services};
use crate::order_view::OrderView;
use crate::problems;
use crate::warehouses::own_name;

#[derive(utoipa::OpenApi)]
#[openapi(paths(place, list, get_one, cancel, report))]
pub(crate) struct Doc;

/// How often a waiting answer looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const MAX_TOKEN: usize = 200;
const MAX_REASON: usize = 200;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/store/v1/orders", get(list).post(place))
        .route("/store/v1/orders/{id}", get(get_one))
        .route("/store/v1/orders/{id}/cancel", post(cancel))
        .route("/store/v1/orders/{id}/status", post(report))
        .with_state(api)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    #[schema(min_items = 1, max_items = 20)]
    items: Vec<NewItem>,
    payment: NewPayment,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewItem {
    #[schema(value_type = String)]
    book_id: BookId,
    #[schema(minimum = 1, maximum = 1000)]
    quantity: i64,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    #[schema(example = "card")]
    method: String,
    /// The payment provider's token; never a card number.
    #[schema(example = "tok_visa")]
    token: String,
}

/// Places an order. It is PENDING until the payment provider has answered.
#[utoipa::path(post, path = "/store/v1/orders", request_body = NewOrder,
    params(("Idempotency-Key" = Option<String>, Header,), ("Prefer" = Option<String>, Header, example = "wait=10")),
    responses((status = 201, body = OrderView), (status = 409, description = "`out_of_stock`"),
        (status = 422, description = "`unknown_book`, `idempotency_key_reused`")))]
async fn place(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Customers>,
    meta: RequestMeta,
    wait: Wait,
    key: Option<IdempotencyKey>,
    Json(new): Json<NewOrder>,
) -> Result<Response, Problem> {
    let mut validation = Validation::default();
    validation
        .check(new.payment.method == "card", || FieldError::at("/payment/method", "unknown_method", "must be `card`"));
    let is_token = (1..=MAX_TOKEN).contains(&new.payment.token.len())
        && new.payment.token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    validation.check(is_token, || FieldError::at("/payment/token", "invalid_token", "must be the provider's token"));
    validation.finish()?;
    let request = PlaceOrder {
        customer: caller.principal,
        idempotency_key: key.map(|key| key.as_str().to_owned()),
        items: new.items.into_iter().map(|item| (item.book_id, item.quantity)).collect(),
        payment_method: new.payment.method,
        payment_token: new.payment.token,
    };
    let placed = api.sales.place(&caller.tenant, &request, &meta.context()).await.map_err(problems::place)?;
    let (order, replayed) = match placed {
        Placed::New(order) => (order, false),
        Placed::Replayed(order) => (order, true),
    };
    let order = match wait.0 {
        Some(limit) => settled(&api, &caller.tenant, order, limit).await?,
        // The first answer again, whatever happened since.
        None => order.as_placed(),
    };
    let location = [(http::header::LOCATION, format!("/store/v1/orders/{}", order.id))];
    let mut answer = (StatusCode::CREATED, wait, location, shown(&order)?).into_response();
    if replayed {
        answer.headers_mut().insert("idempotency-replayed", http::HeaderValue::from_static("true"));
    }
    Ok(answer)
}

/// The order as soon as nothing more is going to happen to it soon, or as it is when the time is up.
async fn settled(api: &Api, tenant: &TenantId, mut order: Order, limit: Duration) -> Result<Order, Problem> {
    let until = Instant::now() + limit;
    while matches!(order.status, OrderStatus::Pending | OrderStatus::Processing) && Instant::now() < until {
        sleep(LOOK_AGAIN).await;
        order = stored(api, tenant, order.id).await?;
    }
    Ok(order)
}

async fn stored(api: &Api, tenant: &TenantId, id: OrderId) -> Result<Order, Problem> {
    let order = api.sales.order(tenant, id).await.map_err(|error| problems::table(&error))?;
    order.ok_or_else(Problem::not_found)
}

fn shown(order: &Order) -> Result<(ETag, Json<OrderView>), Problem> {
    let view = OrderView::try_from(order).map_err(|error| Problem::internal(&error))?;
    Ok((ETag(order.version), Json(view)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OrderFilter {
    /// For administrators: only orders of this status. `PENDING` ones are not listed; they become something else
    /// within seconds, and the alarm on their queue tells when they do not.
    status: Option<String>,
}

/// A customer's own orders, or for an administrator all orders. Newest first.
#[utoipa::path(get, path = "/store/v1/orders", params(OrderFilter, PageParams),
    responses((status = 200, body = Page<OrderView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<People>,
    list: List<OrderFilter>,
) -> Result<Json<Page<OrderView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let wanted = wanted(&caller, listing.filter().status.as_deref())?;
    let (orders, next) = if let Some(statuses) = wanted {
        let below: Option<Below> = listing.start(|bytes| serde_json::from_slice(bytes))?;
        let filter = Filter { statuses: &statuses, ..Filter::default() };
        let page = api.sales.search(&caller.tenant, &filter, below.as_ref(), listing.limit()).await;
        let (orders, next) = page.map_err(|error| problems::table(&error))?;
        (orders, next.and_then(|next| serde_json::to_vec(&next).ok()))
    } else {
        let start = listing.start(Position::from_bytes)?;
        let page = api.sales.orders_of(&caller.tenant, &caller.principal, start, listing.limit()).await;
        let page = page.map_err(|error| problems::table(&error))?;
        (page.items, page.next.map(|next| next.to_bytes()))
    };
    let views: Result<Vec<OrderView>, _> = orders.iter().map(OrderView::try_from).collect();
    let views = views.map_err(|error| Problem::internal(&error))?;
    Ok(Json(listing.page(views, next.as_deref())))
}

/// Which statuses an administrator lists; `None` for a customer, who lists their own orders of any.
fn wanted(caller: &Caller, status: Option<&str>) -> Result<Option<Vec<OrderStatus>>, Problem> {
    let invalid = |detail| Problem::invalid(vec![FieldError::parameter("status", "invalid_status", detail)]);
    match (caller.is(Role::StoreAdmin.as_str()), status) {
        (true, None) => Ok(Some(OrderStatus::ALL.into_iter().filter(|s| *s != OrderStatus::Pending).collect())),
        (true, Some(status)) => Ok(Some(vec![status.parse().map_err(|_| invalid("is not the status of an order"))?])),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(invalid("is for administrators")),
    }
}

/// One order: a customer's own, for an administrator any.
#[utoipa::path(get, path = "/store/v1/orders/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = OrderView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<People>,
    Path(id): Path<OrderId>,
) -> Result<(ETag, Json<OrderView>), Problem> {
    shown(&visible(&api, &caller, id).await?)
}

/// The order, if the caller may see it; somebody else's is not there.
async fn visible(api: &Api, caller: &Caller, id: OrderId) -> Result<Order, Problem> {
    let order = stored(api, &caller.tenant, id).await?;
    let may_see = caller.is(Role::StoreAdmin.as_str()) || order.customer == caller.principal;
    if may_see { Ok(order) } else { Err(Problem::not_found()) }
}

/// Calls an order off, while no warehouse can have begun to pack it.
#[utoipa::path(post, path = "/store/v1/orders/{id}/cancel", params(("id" = String, Path,)),
    responses((status = 200, body = OrderView), (status = 409, description = "`invalid_transition`, `already_dispatched`")))]
async fn cancel(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<People>,
    meta: RequestMeta,
    Path(id): Path<OrderId>,
) -> Result<(ETag, Json<OrderView>), Problem> {
    visible(&api, &caller, id).await?;
    let order = api.sales.cancel(&caller.tenant, id, &caller.principal, &meta.context()).await;
    shown(&order.map_err(problems::change_order)?)
}

/// What a warehouse reports of one of its parcels.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewReport {
    #[schema(value_type = String)]
    shipment_id: ShipmentId,
    /// Must be the order of the path, when given.
    #[schema(value_type = Option<String>)]
    order_id: Option<OrderId>,
    status: ReportedStatus,
    reason: Option<String>,
    /// Every line of the parcel; none for DELIVERED.
    #[serde(default)]
    lines: Vec<ReportedLine>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ReportedStatus {
    Shipped,
    Rejected,
    Delivered,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReportedLine {
    isbn: String,
    quantity: i64,
    /// The warehouse's own figure, and its version.
    #[schema(minimum = 0)]
    on_hand: i64,
    version: u64,
}

impl NewReport {
    fn check(self, path: OrderId) -> Result<(ShipmentId, Report), Problem> {
        let mut validation = Validation::default();
        validation.check(self.order_id.is_none_or(|id| id == path), || {
            FieldError::at("/orderId", "wrong_order", "must be the order of the path")
        });
        let reason = self.reason.unwrap_or_default();
        validation.check(reason.len() <= MAX_REASON, || {
            FieldError::at("/reason", "too_long", format!("must have at most {MAX_REASON} bytes"))
        });
        let mut figures = Vec::new();
        for (index, line) in self.lines.into_iter().enumerate() {
            let isbn = format!("/lines/{index}/isbn");
            let sku: Option<Sku> = validation.parse(&isbn, "invalid_isbn", line.isbn.parse());
            let in_range = (0..=inventory::MAX_UNITS).contains(&line.on_hand);
            validation.check(in_range, || {
                FieldError::at(format!("/lines/{index}/onHand"), "out_of_range", "must be 0 to a billion")
            });
            let observed = Observation { on_hand: line.on_hand, version: line.version };
            figures.extend(sku.map(|sku| Figure { sku, quantity: line.quantity, observed }));
        }
        validation.finish()?;
        let report = match self.status {
            ReportedStatus::Shipped => Report::Shipped(figures),
            ReportedStatus::Rejected => Report::Refused(reason, figures),
            ReportedStatus::Delivered => Report::Delivered,
        };
        Ok((self.shipment_id, report))
    }
}

/// A warehouse confirms or rejects a parcel. A report that was taken before answers 409 `shipment_already_settled`.
#[utoipa::path(post, path = "/store/v1/orders/{id}/status", params(("id" = String, Path,)), request_body = NewReport,
    responses((status = 200, body = OrderView), (status = 403, description = "`not_your_shipment`"),
        (status = 409, description = "`shipment_already_settled`")))]
async fn report(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Services>,
    meta: RequestMeta,
    Path(id): Path<OrderId>,
    Json(new): Json<NewReport>,
) -> Result<(ETag, Json<OrderView>), Problem> {
    let warehouse = own_name(&caller.principal)?;
    let (shipment, report) = new.check(id)?;
    let order = api.sales.report(&caller.tenant, (id, shipment), &warehouse, &report, &meta.context()).await;
    shown(&order.map_err(problems::change_order)?)
}
