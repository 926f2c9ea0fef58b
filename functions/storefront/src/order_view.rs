//! Orders as they are shown.

use catalog::BookId;
use kernel::{Money, MoneyError, Timestamp};
use sales::{Order, OrderId, OrderStatus, PaymentState, ShipmentId, ShipmentState};
use serde::Serialize;

/// An order.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderView {
    #[schema(value_type = String, example = "ord_3FYCHHF306F87396C9VY4P7814")]
    id: OrderId,
    customer_id: String,
    #[schema(value_type = String, example = "PENDING")]
    status: OrderStatus,
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    #[schema(value_type = Object, example = json!({"amount": "37.50", "currency": "GBP"}))]
    total: Money,
    items: Vec<ItemView>,
    payment: PaymentView,
    shipments: Vec<ShipmentView>,
    history: Vec<StatusView>,
    /// Grows with every change.
    version: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    #[schema(value_type = Option<String>)]
    book_id: Option<BookId>,
    isbn: String,
    quantity: i64,
    #[schema(value_type = Object)]
    unit_price: Money,
    /// Units that have left.
    shipped: i64,
    /// Units that could not be filled and are not charged.
    unfilled: i64,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct PaymentView {
    method: String,
    #[schema(value_type = String, example = "AUTHORIZED")]
    status: PaymentState,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    /// What was taken.
    #[schema(value_type = Object)]
    captured: Money,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShipmentView {
    #[schema(value_type = String)]
    id: ShipmentId,
    warehouse: String,
    #[schema(value_type = String, example = "REQUESTED")]
    status: ShipmentState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    items: Vec<ShipmentItemView>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ShipmentItemView {
    isbn: String,
    quantity: i64,
}

#[derive(Serialize, utoipa::ToSchema)]
struct StatusView {
    #[schema(value_type = String)]
    status: OrderStatus,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl TryFrom<&Order> for OrderView {
    type Error = MoneyError;

    fn try_from(order: &Order) -> Result<Self, MoneyError> {
        let money = |minor| Money::from_minor(minor, order.currency);
        let item = |line: &sales::Line| ItemView {
            book_id: line.sku.as_str().parse().ok().map(BookId::of),
            isbn: line.sku.to_string(),
            quantity: line.quantity,
            unit_price: money(line.unit_price_minor),
            shipped: order.shipped(&line.sku),
            unfilled: order.unfilled(line),
        };
        let shipment = |s: &sales::Shipment| ShipmentView {
            id: s.id(order.id),
            warehouse: s.location.to_string(),
            status: s.state,
            reason: s.reason.clone(),
            items: s.lines.iter().map(|(sku, q)| ShipmentItemView { isbn: sku.to_string(), quantity: *q }).collect(),
        };
        Ok(Self {
            id: order.id,
            customer_id: order.customer.clone(),
            status: order.status,
            placed_at: order.placed_at,
            total: order.total()?,
            items: order.lines.iter().map(item).collect(),
            payment: PaymentView {
                method: order.payment.method.clone(),
                status: order.payment.state,
                decline_code: order.payment.decline_code.clone(),
                captured: money(order.captured_minor()),
            },
            shipments: order.shipments.iter().map(shipment).collect(),
            history: order.history.iter().map(|(status, at)| StatusView { status: *status, at: *at }).collect(),
            version: order.version,
        })
    }
}
