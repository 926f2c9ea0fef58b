//! `/v1/shipments`: the store's instructions and the log of what came of them.

use std::collections::HashSet;
use std::sync::Arc;

use ::inventory::Sku;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use table::Position;
use web::{Allowed, FieldError, Json, List, NoFilter, Page, PageParams, Path, Problem, RequestMeta};

use super::input::{invalid_text, out_of_range, parse_isbn, repeated};
use super::lists::shown;
use super::{Api, Name, Staff, TheStore};
use crate::problem;
use crate::ship::Shipped;
use crate::shipment::{
    Instruction, Line, MAX_LINES, OrderId, QUANTITIES, ShipTo, Shipment, ShipmentId, ShipmentLine, ShipmentStatus,
};

const MAX_NAME: usize = 200;
const MAX_ADDRESS_LINES: usize = 6;

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, get_one, ship))]
pub(super) struct Doc;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/shipments", get(list).post(ship)).route("/v1/shipments/{id}", get(get_one))
}

/// What the store asks for.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = warehouse::NewShipment)]
struct NewShipment {
    #[schema(value_type = String, example = "shp_01J8ZQ4H0000000000000000AB")]
    shipment_id: ShipmentId,
    #[schema(value_type = String, example = "ord_01J8ZQ4H0000000000000000AB")]
    order_id: OrderId,
    #[schema(min_items = 1, max_items = 20)]
    lines: Vec<NewLine>,
    ship_to: Option<ShipTo>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = warehouse::NewShipmentLine)]
struct NewLine {
    #[schema(example = "9780140449136")]
    isbn: String,
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: i64,
}

impl NewShipment {
    fn check(self) -> Result<Instruction, Problem> {
        let (mut errors, mut seen) = (Vec::new(), HashSet::new());
        if !(1..=MAX_LINES).contains(&self.lines.len()) {
            errors.push(FieldError::at("/lines", "out_of_range", format!("must have 1 to {MAX_LINES} lines")));
        }
        let lines = self.lines.iter().enumerate().take(MAX_LINES);
        let lines = lines.filter_map(|(index, line)| line.check(index, &mut seen, &mut errors)).collect();
        errors.extend(self.ship_to.iter().flat_map(address_errors));
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(Instruction { id: self.shipment_id, order: self.order_id, lines, ship_to: self.ship_to })
    }
}

impl NewLine {
    fn check(&self, index: usize, seen: &mut HashSet<Sku>, errors: &mut Vec<FieldError>) -> Option<Line> {
        errors.extend(out_of_range(format!("/lines/{index}/quantity"), self.quantity, &QUANTITIES));
        let pointer = format!("/lines/{index}/isbn");
        match parse_isbn(pointer.as_str(), &self.isbn) {
            Ok(sku) if seen.insert(sku.clone()) => return Some(Line { sku, quantity: self.quantity }),
            Ok(_) => errors.push(repeated(pointer)),
            Err(error) => errors.push(error),
        }
        None
    }
}

fn address_errors(to: &ShipTo) -> Vec<FieldError> {
    let mut errors = Vec::new();
    errors.extend(invalid_text("/shipTo/name", &to.name, MAX_NAME));
    if !(1..=MAX_ADDRESS_LINES).contains(&to.address.len()) {
        let detail = format!("must have 1 to {MAX_ADDRESS_LINES} lines");
        errors.push(FieldError::at("/shipTo/address", "out_of_range", detail));
    }
    for (index, line) in to.address.iter().enumerate() {
        errors.extend(invalid_text(format!("/shipTo/address/{index}"), line, MAX_NAME));
    }
    if to.country.len() != 2 || !to.country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        errors.push(FieldError::at("/shipTo/country", "invalid_country", "must be two capital letters"));
    }
    errors
}

/// An entry of the shipment log.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = warehouse::Shipment)]
struct ShipmentView {
    #[schema(value_type = String)]
    shipment_id: ShipmentId,
    #[schema(value_type = String)]
    order_id: OrderId,
    status: ShipmentStatus,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "insufficient_stock")]
    reason: Option<&'static str>,
    lines: Vec<LineView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ship_to: Option<ShipTo>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = warehouse::ShipmentLine)]
struct LineView {
    isbn: String,
    quantity: i64,
    /// The figure after the shipment; as it was found, when the shipment was rejected.
    on_hand: i64,
    /// Version of that figure.
    version: u64,
}

impl From<Shipment> for ShipmentView {
    fn from(shipment: Shipment) -> Self {
        let line = |ShipmentLine { sku, quantity, on_hand, version }| LineView {
            isbn: sku.into(),
            quantity,
            on_hand,
            version,
        };
        Self {
            shipment_id: shipment.id,
            order_id: shipment.order,
            status: shipment.status,
            reason: shipment.reason(),
            lines: shipment.lines.into_iter().map(line).collect(),
            ship_to: shipment.ship_to,
            created_at: shipment.created_at,
        }
    }
}

/// Instructs the warehouse to send a parcel. It is sent whole or rejected; either is final, and sending the instruction
/// again gives the same answer.
#[utoipa::path(
    post,
    path = "/warehouses/{name}/v1/shipments",
    tag = "warehouse shipments",
    params(Name),
    request_body = NewShipment,
    responses(
        (status = 201, body = ShipmentView, description = "Shipped, or rejected for want of stock"),
        (status = 200, body = ShipmentView, description = "This very instruction came before"),
        (status = 422, description = "The shipmentId was used for another instruction"),
        (status = 503, description = "Too many others want the same books right now"),
    ),
)]
async fn ship(
    State(api): State<Arc<Api>>,
    TheStore(caller): TheStore,
    meta: RequestMeta,
    Json(body): Json<NewShipment>,
) -> Result<(StatusCode, Json<ShipmentView>), Problem> {
    let instruction = body.check()?;
    match api.warehouse.ship(&caller.tenant, &caller.principal, &instruction, &meta.context()).await? {
        Shipped::New(shipment) => Ok((StatusCode::CREATED, Json(shipment.into()))),
        Shipped::Replayed(shipment) => Ok((StatusCode::OK, Json(shipment.into()))),
    }
}

/// The log, newest first.
#[utoipa::path(
    get,
    path = "/warehouses/{name}/v1/shipments",
    tag = "warehouse shipments",
    params(Name, PageParams),
    responses((status = 200, body = Page<ShipmentView>)),
)]
async fn list(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<Staff>,
    list: List<NoFilter>,
) -> Result<Json<Page<ShipmentView>>, Problem> {
    let list = list.open(&*api.cursor_secret, &caller.tenant).await?;
    let shipments = api.warehouse.shipments(&caller.tenant, list.start(Position::from_bytes)?, list.limit()).await;
    Ok(Json(shown(&list, shipments.map_err(|error| problem::table(&error))?)))
}

/// An entry of the log.
#[utoipa::path(
    get,
    path = "/warehouses/{name}/v1/shipments/{id}",
    tag = "warehouse shipments",
    params(Name, ("id" = String, Path, description = "The shipment")),
    responses((status = 200, body = ShipmentView), (status = 404, description = "No such shipment")),
)]
async fn get_one(
    State(api): State<Arc<Api>>,
    Allowed { 0: caller, .. }: Allowed<Staff>,
    Path(id): Path<ShipmentId>,
) -> Result<Json<ShipmentView>, Problem> {
    let shipment = api.warehouse.shipment(&caller.tenant, id).await.map_err(|error| problem::table(&error))?;
    shipment.map(|shipment| Json(shipment.into())).ok_or_else(Problem::not_found)
}
