//! `/sales/v1/returns` and `/sales/v1/orders/{id}/returns`: goods that come back.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use inventory::{LocationId, Sku};
use sales::order::returning::Finding;
use sales::returns::{ReturnEvent, ReturnState};
use sales::{Order, OrderId};
use serde::{Deserialize, Serialize};
use table::Position;
use web::{Allowed, ETag, FieldError, IfMatch, Json, List, Page, PageParams, Path, Problem, RequestMeta};

use super::input::{NewLine, Units, reason, units};
use super::views::{ReturnView, SalesOrderView, returns_of};
use super::{Api, Staff, editor, problems, shown, shown_page};

#[derive(utoipa::OpenApi)]
#[openapi(paths(request, list, act))]
pub(crate) struct Doc;

type Shown = Result<(ETag, Json<SalesOrderView>), Problem>;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/sales/v1/returns", get(list))
        .route("/sales/v1/orders/{id}/returns", post(request))
        .route("/sales/v1/orders/{id}/returns/{number}/actions", post(act))
        .with_state(api)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReturn {
    lines: Vec<Units>,
    /// Where the goods are to go.
    #[schema(value_type = String)]
    location: LocationId,
    reason: String,
}

/// Asks for units that left to be taken back. The return is the last one of the order.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/returns", request_body = NewReturn,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`invalid_transition`"),
        (status = 412, description = "`stale_version`"), (status = 422, description = "`too_many_units`, `wrong_lines`")))]
async fn request(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    known: IfMatch,
    Path(id): Path<OrderId>,
    Json(new): Json<NewReturn>,
) -> Shown {
    let (why, cause) = (reason(Some(&new.reason))?, meta.context());
    let seen = api.seen(&caller, id, &known).await?;
    let (wanted, editor) = (units(&new.lines), editor(&caller, why, seen, &cause));
    let changed = api.sales.request_return(&caller.tenant, id, &wanted, &new.location, editor).await;
    shown(&changed.map_err(problems::change)?)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReturnFilter {
    /// `REQUESTED` unless given.
    status: Option<String>,
}

/// An order with returns of the status that was asked for.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Returned {
    #[schema(value_type = String)]
    order_id: OrderId,
    returns: Vec<ReturnView>,
}

/// Orders with returns of a status, by the time the order was placed, newest first; one entry a return.
#[utoipa::path(get, path = "/sales/v1/returns", params(ReturnFilter, PageParams),
    responses((status = 200, body = Page<Returned>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    list: List<ReturnFilter>,
) -> Result<Json<Page<Returned>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let status = listing.filter().status.as_deref().unwrap_or(ReturnState::Requested.as_str());
    let status: ReturnState = status.parse().map_err(|_| {
        Problem::invalid(vec![FieldError::parameter("status", "invalid_status", "is not the status of a return")])
    })?;
    let page = api
        .sales
        .orders_with_return(&caller.tenant, status, listing.start(Position::from_bytes)?, listing.limit())
        .await;
    let view = |order: Order| Ok(Returned { order_id: order.id, returns: returns_of(&order) });
    shown_page(&listing, page.map_err(|error| problems::table(&error))?, view)
}

/// What is done to a return.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum NewAction {
    /// It is allowed.
    Approve { reason: Option<String> },
    /// It is not.
    Reject { reason: Option<String> },
    /// It is on its way.
    Send { reason: Option<String> },
    /// It arrived.
    Receive { reason: Option<String> },
    /// It is called off.
    Cancel { reason: Option<String> },
    /// What was found; units in none of the three did not arrive.
    Inspect { lines: Vec<NewFinding>, reason: Option<String> },
    /// Goods go into stock, and what arrived is paid back, or becomes an order of these lines as far as it goes.
    Settle { exchange: Option<Vec<NewLine>>, reason: Option<String> },
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewFinding {
    #[schema(value_type = String)]
    sku: Sku,
    /// As good as new.
    #[serde(default)]
    restocked: i64,
    /// Damaged: paid back, not sold again.
    #[serde(default)]
    damaged: i64,
    /// Not taken back.
    #[serde(default)]
    refused: i64,
}

/// Approves, rejects, sends, receives, cancels, inspects or settles a return.
#[utoipa::path(post, path = "/sales/v1/orders/{id}/returns/{number}/actions", request_body = NewAction,
    params(("id" = String, Path,), ("number" = usize, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = SalesOrderView), (status = 409, description = "`invalid_transition`, `refund_too_large`"),
        (status = 412, description = "`stale_version`"), (status = 422, description = "`too_many_units`, `wrong_lines`")))]
async fn act(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    meta: RequestMeta,
    known: IfMatch,
    Path((id, number)): Path<(OrderId, usize)>,
    Json(action): Json<NewAction>,
) -> Shown {
    let seen = api.seen(&caller, id, &known).await?;
    let (tenant, cause) = (&caller.tenant, meta.context());
    let (event, why) = match &action {
        NewAction::Approve { reason } => (ReturnEvent::Approve, reason),
        NewAction::Reject { reason } => (ReturnEvent::Reject, reason),
        NewAction::Send { reason } => (ReturnEvent::Send, reason),
        NewAction::Receive { reason } => (ReturnEvent::Receive, reason),
        NewAction::Cancel { reason } => (ReturnEvent::Cancel, reason),
        NewAction::Inspect { reason, .. } => (ReturnEvent::Inspect, reason),
        NewAction::Settle { reason, .. } => (ReturnEvent::Settle, reason),
    };
    let editor = editor(&caller, reason(why.as_deref())?, seen, &cause);
    let changed = match &action {
        NewAction::Inspect { lines, .. } => {
            let findings: Vec<Finding> = lines.iter().map(Finding::from).collect();
            api.sales.inspect_return(tenant, (id, number), &findings, editor).await
        }
        NewAction::Settle { exchange, .. } => {
            let order = api.order(tenant, id).await?;
            let lines = exchange.as_ref().map(|lines| exchanged(&order, lines)).transpose()?;
            api.sales.settle_return(tenant, (id, number), lines.as_deref(), editor).await
        }
        NewAction::Approve { .. }
        | NewAction::Reject { .. }
        | NewAction::Send { .. }
        | NewAction::Receive { .. }
        | NewAction::Cancel { .. } => api.sales.advance_return(tenant, (id, number), event, editor).await,
    };
    shown(&changed.map_err(problems::change)?)
}

/// The lines an exchange asks for: 1 to 20, each item once. Their prices are what is to be paid, taxes contained.
fn exchanged(order: &Order, lines: &[NewLine]) -> Result<Vec<sales::Line>, Problem> {
    let lines: Vec<sales::Line> =
        lines.iter().enumerate().map(|(at, line)| line.check(order.currency, true, at)).collect::<Result<_, _>>()?;
    let plain = |line: &sales::Line| line.quantity > 0 && line.discount_minor == 0 && line.tax_minor == 0;
    let once = |line: &sales::Line| lines.iter().filter(|other| other.sku == line.sku).count() == 1;
    let fits = (1..=sales::MAX_LINES).contains(&lines.len()) && lines.iter().all(|line| plain(line) && once(line));
    if fits {
        return Ok(lines);
    }
    let detail = "must be 1 to 20 lines, each item once, at a final price without discount and tax";
    Err(Problem::invalid(vec![FieldError::at("/exchange", "out_of_range", detail)]))
}

impl From<&NewFinding> for Finding {
    fn from(new: &NewFinding) -> Self {
        let NewFinding { sku, restocked, damaged, refused } = new;
        Self { sku: sku.clone(), restocked: *restocked, damaged: *damaged, refused: *refused }
    }
}
