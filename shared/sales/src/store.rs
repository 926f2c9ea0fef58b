//! How an order is stored: one item, with its lines, shipments, payment and history.
//!
//! | access pattern | key |
//! |---|---|
//! | one order; also the marker of its idempotency key | pk `T#t#ORDER#<id>`, sk `ORDER` |
//! | a customer's orders by time | gsi2 `T#t#CUSTOMER#<principal>#ORDERS`, sk `<placed ms>#<id>` |
//! | orders by status and time, once they are paid for or refused | gsi1 `T#t#ORDERS#<list>`, sk `<placed ms>#<id>` |
//!
//! A placed order has one index entry only, its customer's, so that placing it costs one index write. The worklist entry
//! comes with the first step after that. Attribute names are short because an order of [`crate::MAX_LINES`] lines must
//! stay within one write unit (1 KB).

use crate::order::{Line, Order, OrderId};
use crate::payment::{Payment, PaymentState};
use crate::shipment::{Shipment, ShipmentState};
use crate::status::OrderStatus;
use inventory::{LocationId, Sku};
use kernel::{Currency, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, Partition, TableError, Versioned};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrderItem {
    id: OrderId,
    #[serde(rename = "c")]
    customer: String,
    #[serde(rename = "s")]
    status: OrderStatus,
    #[serde(rename = "at")]
    placed_ms: i64,
    #[serde(rename = "cu")]
    currency: Currency,
    /// Item, units, unit price in minor units: `9780140449136 2 1299;…`.
    #[serde(rename = "l")]
    lines: String,
    #[serde(rename = "sh")]
    shipments: Vec<ShipmentItem>,
    #[serde(rename = "np")]
    planned: usize,
    #[serde(rename = "p")]
    payment: PaymentItem,
    #[serde(rename = "h")]
    history: Vec<(OrderStatus, i64)>,
    #[serde(rename = "f")]
    fingerprint: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShipmentItem {
    #[serde(rename = "l")]
    location: LocationId,
    #[serde(rename = "s")]
    state: ShipmentState,
    /// Index of the order's line, units: `0 2;…`.
    #[serde(rename = "i")]
    lines: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PaymentItem {
    #[serde(rename = "m")]
    method: String,
    #[serde(rename = "t")]
    token: String,
    #[serde(rename = "s")]
    state: PaymentState,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    authorization: Option<String>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
    #[serde(rename = "k", default, skip_serializing_if = "is_zero")]
    captured_minor: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Orders by status as the worklist keeps them. A partly shipped order of which nothing more will come is apart from
/// those still being worked on.
const PARTIAL_AND_CLOSED: &str = "PARTIALLY_SHIPPED_CLOSED";

/// The lists in which orders of a status are found.
pub(crate) fn lists(status: OrderStatus) -> Vec<&'static str> {
    match status {
        OrderStatus::PartiallyShipped => vec![status.as_str(), PARTIAL_AND_CLOSED],
        OrderStatus::Pending
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelled
        | OrderStatus::Rejected => vec![status.as_str()],
    }
}

/// Partition of a worklist.
pub(crate) fn worklist(tenant: &TenantId, list: &str) -> Partition {
    Partition::tenant(tenant, &["ORDERS", list])
}

/// Partition of a customer's orders.
pub(crate) fn of_customer(tenant: &TenantId, customer: &str) -> Partition {
    Partition::tenant(tenant, &["CUSTOMER", customer, "ORDERS"])
}

/// Key of an order.
pub(crate) fn order_key(tenant: &TenantId, id: OrderId) -> Key {
    Key::tenant(tenant, &["ORDER", &id.to_string()], &["ORDER"])
}

/// Milliseconds as text that sorts like the number.
pub(crate) fn sortable(ms: i64) -> String {
    format!("{ms:015}")
}

impl Entity for OrderItem {
    const KIND: &'static str = "order";

    fn key(&self, tenant: &TenantId) -> Key {
        order_key(tenant, self.id)
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let open = self.shipments.iter().any(|s| s.state.is_open());
        let list = match self.status {
            OrderStatus::Pending => return None,
            OrderStatus::PartiallyShipped if !open => PARTIAL_AND_CLOSED,
            OrderStatus::Processing
            | OrderStatus::PartiallyShipped
            | OrderStatus::Shipped
            | OrderStatus::Delivered
            | OrderStatus::Cancelled
            | OrderStatus::Rejected => self.status.as_str(),
        };
        Some(worklist(tenant, list).key(&[&sortable(self.placed_ms), &self.id.to_string()]))
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(of_customer(tenant, &self.customer).key(&[&sortable(self.placed_ms), &self.id.to_string()]))
    }
}

impl From<&Order> for OrderItem {
    fn from(order: &Order) -> Self {
        let line_of = |sku: &Sku| order.lines.iter().position(|l| l.sku == *sku).unwrap_or(usize::MAX);
        Self {
            id: order.id,
            customer: order.customer.clone(),
            status: order.status,
            placed_ms: order.placed_at.as_millisecond(),
            currency: order.currency,
            lines: rows(order.lines.iter().map(|l| format!("{} {} {}", l.sku, l.quantity, l.unit_price_minor))),
            shipments: order
                .shipments
                .iter()
                .map(|s| ShipmentItem {
                    location: s.location.clone(),
                    state: s.state,
                    lines: rows(s.lines.iter().map(|(sku, quantity)| format!("{} {quantity}", line_of(sku)))),
                    reason: s.reason.clone(),
                })
                .collect(),
            planned: order.planned,
            payment: PaymentItem {
                method: order.payment.method.clone(),
                token: order.payment.token.clone(),
                state: order.payment.state,
                authorization: order.payment.authorization.clone(),
                decline_code: order.payment.decline_code.clone(),
                captured_minor: order.payment.captured_minor,
            },
            history: order.history.iter().map(|(s, at)| (*s, at.as_millisecond())).collect(),
            fingerprint: order.fingerprint.clone(),
        }
    }
}

impl OrderItem {
    fn into_order(self, version: u64) -> Option<Order> {
        let at = |ms| Timestamp::from_millisecond(ms).ok();
        let lines: Vec<Line> = self.lines.split(';').map(line).collect::<Option<_>>()?;
        let shipments: Option<Vec<Shipment>> = self
            .shipments
            .into_iter()
            .enumerate()
            .map(|(number, s)| {
                let of: Option<Vec<(Sku, i64)>> = s.lines.split(';').map(|row| parcel_line(row, &lines)).collect();
                Some(Shipment { number, location: s.location, lines: of?, state: s.state, reason: s.reason })
            })
            .collect();
        Some(Order {
            id: self.id,
            customer: self.customer,
            status: self.status,
            placed_at: at(self.placed_ms)?,
            currency: self.currency,
            shipments: shipments?,
            lines,
            planned: self.planned,
            payment: Payment {
                method: self.payment.method,
                token: self.payment.token,
                state: self.payment.state,
                authorization: self.payment.authorization,
                decline_code: self.payment.decline_code,
                captured_minor: self.payment.captured_minor,
            },
            history: self.history.into_iter().map(|(s, ms)| Some((s, at(ms)?))).collect::<Option<_>>()?,
            fingerprint: self.fingerprint,
            version,
        })
    }
}

/// Rows of words in one text: a list of lists costs four bytes more a word, and a row has many words.
fn rows(rows: impl Iterator<Item = String>) -> String {
    rows.collect::<Vec<_>>().join(";")
}

fn line(row: &str) -> Option<Line> {
    let mut words = row.split(' ');
    let sku = words.next()?.parse().ok()?;
    Some(Line { sku, quantity: words.next()?.parse().ok()?, unit_price_minor: words.next()?.parse().ok()? })
}

fn parcel_line(row: &str, lines: &[Line]) -> Option<(Sku, i64)> {
    let (index, quantity) = row.split_once(' ')?;
    Some((lines.get(index.parse::<usize>().ok()?)?.sku.clone(), quantity.parse().ok()?))
}

/// Reads an order from an item of a mixed read.
pub(crate) fn decode(item: Item) -> Result<Order, TableError> {
    let Versioned { value, version } = item.decode::<OrderItem>()?;
    let id = value.id;
    value.into_order(version).ok_or_else(|| TableError::Corrupt { what: format!("order {id}"), source: None })
}
