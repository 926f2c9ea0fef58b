//! Orders, sales, timelines as they are shown.

use inventory::Sku;
use kernel::{Money, MoneyError, Timestamp};
use sales::documents::{Sale, TimelineEntry};
use sales::order::money::Worth;
use sales::order::{Hold, Merged};
use sales::returns::Return;
use sales::shipment::FulfillmentStatus;
use sales::{Order, OrderId, OrderStatus, Payment, PaymentState, ShipmentId, ShipmentState};
use serde::Serialize;
use serde_json::{Map, Value};

/// An order.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SalesOrderView {
    #[schema(value_type = String, example = "ord_3FYCHHF306F87396C9VY4P7814")]
    id: OrderId,
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    company: String,
    customer_id: String,
    /// The order it came out of, by an exchange.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<OrderId>,
    /// Orders that repeated it and became part of it.
    merged: Vec<MergedView>,
    /// The order it repeated and became part of.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<OrderId>,
    #[schema(value_type = String, example = "PROCESSING")]
    status: OrderStatus,
    /// Why it waits.
    holds: Vec<HoldView>,
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    taxes_included: bool,
    lines: Vec<LineView>,
    #[schema(value_type = Object)]
    shipping: Money,
    #[schema(value_type = Object)]
    tax: Money,
    #[schema(value_type = Object, example = json!({"amount": "37.50", "currency": "GBP"}))]
    total: Money,
    payments: Vec<TenderView>,
    refunds: Vec<RefundView>,
    fulfillment_orders: Vec<FulfillmentView>,
    returns: Vec<ReturnView>,
    /// What may happen to it now.
    #[schema(value_type = Vec<String>)]
    allowed: Vec<sales::Step>,
    /// Grows with every change.
    version: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct HoldView {
    #[schema(example = "suspected_duplicate")]
    code: String,
    reason: String,
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<OrderId>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct MergedView {
    #[schema(value_type = String)]
    order_id: OrderId,
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

impl From<&Merged> for MergedView {
    fn from(merged: &Merged) -> Self {
        Self { order_id: merged.order, channel: merged.channel.clone(), external_id: merged.external_id.clone() }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct LineView {
    #[schema(value_type = String)]
    sku: Sku,
    quantity: i64,
    #[schema(value_type = Object)]
    unit_price: Money,
    #[schema(value_type = Object)]
    discount: Money,
    #[schema(value_type = Object)]
    tax: Money,
    #[schema(value_type = Object)]
    total: Money,
    /// Units that have left.
    shipped: i64,
    /// Units without stock, or that could not be filled.
    unfilled: i64,
    /// Units that left and are in no return.
    returnable: i64,
    /// What one unit is made of, when it is a kit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<UnitsView>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenderView {
    method: String,
    #[schema(value_type = String)]
    status: PaymentState,
    /// Taken by somebody else: a channel, a till.
    external: bool,
    #[schema(value_type = Object)]
    amount: Money,
    #[schema(value_type = Object)]
    captured: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundView {
    number: usize,
    payment: usize,
    #[schema(value_type = Object)]
    amount: Money,
    #[schema(value_type = String)]
    status: sales::payment::RefundState,
    reason: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct FulfillmentView {
    #[schema(value_type = String)]
    id: ShipmentId,
    location: String,
    #[schema(value_type = String, example = "OPEN")]
    status: FulfillmentStatus,
    #[schema(value_type = String, example = "REQUESTED")]
    shipment_status: ShipmentState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_for: Option<Timestamp>,
    lines: Vec<UnitsView>,
    /// What may happen to it now.
    #[schema(value_type = Vec<String>)]
    allowed: Vec<sales::shipment::ShipmentEvent>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct UnitsView {
    #[schema(value_type = String)]
    sku: Sku,
    units: i64,
}

impl From<&(Sku, i64)> for UnitsView {
    fn from((sku, units): &(Sku, i64)) -> Self {
        Self { sku: sku.clone(), units: *units }
    }
}

/// A return.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReturnView {
    number: usize,
    #[schema(value_type = String, example = "REQUESTED")]
    status: sales::returns::ReturnState,
    location: String,
    reason: String,
    lines: Vec<ReturnLineView>,
    /// What was given back or became part of an exchange.
    #[schema(value_type = Object)]
    value: Money,
    /// The order that was made of it.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<OrderId>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct ReturnLineView {
    #[schema(value_type = String)]
    sku: Sku,
    units: i64,
    restocked: i64,
    damaged: i64,
    refused: i64,
}

impl TryFrom<&Order> for SalesOrderView {
    type Error = MoneyError;

    fn try_from(order: &Order) -> Result<Self, MoneyError> {
        let money = |minor| Money::from_minor(minor, order.currency);
        let Worth { tax, total, .. } = order.worth_in_all()?;
        let lines = order.lines.iter().map(|line| line_view(order, line)).collect::<Result<_, _>>()?;
        Ok(Self {
            id: order.id,
            channel: order.channel().to_owned(),
            external_id: order.terms.external_id.clone(),
            company: order.company().to_owned(),
            customer_id: order.customer.clone(),
            origin: order.terms.origin,
            merged: order.merged.iter().map(MergedView::from).collect(),
            merged_into: order.merged_into,
            status: order.status,
            holds: order.holds.iter().map(HoldView::from).collect(),
            placed_at: order.placed_at,
            taxes_included: order.terms.taxes_included,
            lines,
            shipping: money(order.terms.shipping_minor),
            tax: money(tax),
            total: money(total),
            payments: order.payments().map(|payment| payment_view(order, payment, total)).collect(),
            refunds: (0..)
                .zip(&order.refunds)
                .map(|(number, refund)| RefundView {
                    number,
                    payment: refund.tender,
                    amount: money(refund.minor),
                    status: refund.state,
                    reason: refund.reason.clone(),
                })
                .collect(),
            fulfillment_orders: order
                .shipments
                .iter()
                .map(|shipment| FulfillmentView {
                    id: shipment.id(order.id),
                    location: shipment.location.to_string(),
                    status: shipment.state.fulfilment(),
                    shipment_status: shipment.state,
                    reason: shipment.reason.clone(),
                    scheduled_for: shipment.until,
                    lines: shipment.lines.iter().map(UnitsView::from).collect(),
                    allowed: order.allowed_of(shipment),
                })
                .collect(),
            returns: returns_of(order),
            allowed: order.allowed(),
            version: order.version,
        })
    }
}

impl From<&Hold> for HoldView {
    fn from(hold: &Hold) -> Self {
        Self { code: hold.code.clone(), reason: hold.reason.clone(), other: hold.other }
    }
}

fn line_view(order: &Order, line: &sales::Line) -> Result<LineView, MoneyError> {
    let money = |minor| Money::from_minor(minor, order.currency);
    let worth = order.worth_of(line, &(0..line.quantity))?;
    Ok(LineView {
        sku: line.sku.clone(),
        quantity: line.quantity,
        unit_price: money(line.unit_price_minor),
        discount: money(line.discount_minor),
        tax: money(line.tax_minor),
        total: money(worth.total),
        shipped: order.shipped(&line.sku),
        unfilled: order.unfilled(line),
        returnable: order.returnable(&line.sku),
        components: line.components.iter().map(UnitsView::from).collect(),
    })
}

fn payment_view(order: &Order, payment: &Payment, total: i64) -> TenderView {
    let money = |minor| Money::from_minor(minor, order.currency);
    TenderView {
        method: payment.method.clone(),
        status: payment.state,
        external: payment.external,
        amount: money(payment.amount_minor.unwrap_or(total)),
        captured: money(payment.captured_minor),
        decline_code: payment.decline_code.clone(),
    }
}

pub(crate) fn returns_of(order: &Order) -> Vec<ReturnView> {
    (0..).zip(&order.returns).map(|(number, held)| return_view(order, number, held)).collect()
}

fn return_view(order: &Order, number: usize, held: &Return) -> ReturnView {
    ReturnView {
        number,
        status: held.state,
        location: held.location.to_string(),
        reason: held.reason.clone(),
        lines: held
            .lines
            .iter()
            .map(|line| ReturnLineView {
                sku: line.sku.clone(),
                units: line.units,
                restocked: line.restocked,
                damaged: line.damaged,
                refused: line.refused,
            })
            .collect(),
        value: Money::from_minor(held.value_minor, order.currency),
        exchange: held.exchange,
    }
}

/// One step of an order.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct StepView {
    version: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    actor: String,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What changed, as it was.
    #[schema(value_type = Object)]
    before: Map<String, Value>,
    /// The same, as it is.
    #[schema(value_type = Object)]
    after: Map<String, Value>,
}

impl From<TimelineEntry> for StepView {
    fn from(entry: TimelineEntry) -> Self {
        let TimelineEntry { version, at, actor, what, reason, before, after, .. } = entry;
        Self { version, at, actor, what, reason, before, after }
    }
}

/// Revenue: goods that left.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaleView {
    #[schema(value_type = String)]
    order_id: OrderId,
    shipment: usize,
    company: String,
    channel: String,
    #[schema(value_type = String, format = DateTime)]
    posted_at: Timestamp,
    lines: Vec<SaleLineView>,
    #[schema(value_type = Object)]
    shipping: Money,
    #[schema(value_type = Object)]
    tax: Money,
    #[schema(value_type = Object)]
    total: Money,
}

#[derive(Serialize, utoipa::ToSchema)]
struct SaleLineView {
    #[schema(value_type = String)]
    sku: Sku,
    units: i64,
    #[schema(value_type = Object)]
    gross: Money,
    #[schema(value_type = Object)]
    discount: Money,
    #[schema(value_type = Object)]
    tax: Money,
    #[schema(value_type = Object)]
    total: Money,
}

impl From<Sale> for SaleView {
    fn from(sale: Sale) -> Self {
        let money = |minor| Money::from_minor(minor, sale.currency);
        let line = |line: &sales::documents::SaleLine| SaleLineView {
            sku: line.sku.clone(),
            units: line.units,
            gross: money(line.gross_minor),
            discount: money(line.discount_minor),
            tax: money(line.tax_minor),
            total: money(line.total_minor),
        };
        Self {
            order_id: sale.order,
            shipment: sale.shipment,
            lines: sale.lines.iter().map(line).collect(),
            shipping: money(sale.shipping_minor),
            tax: money(sale.tax_minor),
            total: money(sale.total_minor),
            company: sale.company,
            channel: sale.channel,
            posted_at: sale.posted_at,
        }
    }
}
