//! How an order is stored: one item, with its lines, shipments, payment and history.
//!
//! | access pattern | key |
//! |---|---|
//! | one order; also the marker of its idempotency key | pk `T#t#ORDER#<id>`, sk `ORDER` |
//! | a customer's orders by time | gsi2 `T#t#CUSTOMER#<principal>#ORDERS`, sk `<placed ms>#<id>` |
//! | orders by status and time, once they are paid for or refused | gsi1 `T#t#ORDERS#<list>`, sk `<placed ms>#<id>` |
//!
//! A placed order has one index entry only, its customer's, so that placing it costs one index write. The worklist entry
//! comes with the first step after that, or when its payment could not be asked for. What stands beside an order in its
//! partition (timeline, sales, list entries, notes, addresses) is in [`crate::documents`]. Attribute names are short
//! because an order of [`crate::MAX_LINES`] lines must stay within one write unit (1 KB).

use crate::order::terms::is_default;
use crate::order::{Hold, Line, Merged, Order, OrderId, Terms};
use crate::payment::{Payment, PaymentState, Refund};
use crate::returns::Return;
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
    /// Item, units, unit price in minor units, and with discounts or taxes those of all units: `9780140449136 2 1299;…`.
    #[serde(rename = "l")]
    lines: String,
    /// The lines as they were placed.
    #[serde(rename = "l0", default, skip_serializing_if = "Option::is_none")]
    placed_lines: Option<String>,
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
    #[serde(rename = "pp", default, skip_serializing_if = "Vec::is_empty")]
    more_payments: Vec<PaymentItem>,
    #[serde(rename = "rf", default, skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<Refund>,
    #[serde(rename = "rt", default, skip_serializing_if = "Vec::is_empty")]
    returns: Vec<Return>,
    #[serde(rename = "ho", default, skip_serializing_if = "Vec::is_empty")]
    holds: Vec<Hold>,
    #[serde(rename = "t", default, skip_serializing_if = "is_default")]
    terms: Terms,
    #[serde(rename = "ad", default, skip_serializing_if = "Option::is_none")]
    address: Option<u64>,
    #[serde(rename = "li", default, skip_serializing_if = "is_default")]
    listed: bool,
    /// What the lines that are kits are made of, by the index of the line.
    #[serde(rename = "k", default, skip_serializing_if = "Vec::is_empty")]
    kits: Vec<(usize, Vec<(Sku, i64)>)>,
    #[serde(rename = "mg", default, skip_serializing_if = "Vec::is_empty")]
    merged: Vec<Merged>,
    #[serde(rename = "mi", default, skip_serializing_if = "Option::is_none")]
    merged_into: Option<OrderId>,
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
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
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
    #[serde(rename = "k", default, skip_serializing_if = "is_default")]
    captured_minor: i64,
    #[serde(rename = "am", default, skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(rename = "e", default, skip_serializing_if = "is_default")]
    external: bool,
}

/// Orders by status as the worklist keeps them. A partly shipped order of which nothing more will come is apart from
/// those still being worked on.
const PARTIAL_AND_CLOSED: &str = "PARTIALLY_SHIPPED_CLOSED";

/// Ends the list of orders of a status that wait for a person.
const HELD: &str = "_HELD";

/// The lists in which orders of a status are found.
pub(crate) fn lists(status: OrderStatus) -> Vec<String> {
    let plain = status.to_string();
    match status {
        OrderStatus::Pending | OrderStatus::Processing => vec![held_list(status), plain],
        OrderStatus::PartiallyShipped => vec![held_list(status), plain, PARTIAL_AND_CLOSED.to_owned()],
        OrderStatus::Shipped | OrderStatus::Delivered | OrderStatus::Cancelled | OrderStatus::Rejected => vec![plain],
    }
}

/// The list of orders of a status that wait for a person.
pub(crate) fn held_list(status: OrderStatus) -> String {
    format!("{status}{HELD}")
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
            OrderStatus::Pending | OrderStatus::Processing | OrderStatus::PartiallyShipped
                if !self.holds.is_empty() =>
            {
                held_list(self.status)
            }
            OrderStatus::Pending if !self.listed => return None,
            OrderStatus::PartiallyShipped if !open => PARTIAL_AND_CLOSED.to_owned(),
            OrderStatus::Pending
            | OrderStatus::Processing
            | OrderStatus::PartiallyShipped
            | OrderStatus::Shipped
            | OrderStatus::Delivered
            | OrderStatus::Cancelled
            | OrderStatus::Rejected => self.status.to_string(),
        };
        Some(worklist(tenant, &list).key(&[&sortable(self.placed_ms), &self.id.to_string()]))
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
            lines: rows(order.lines.iter().map(row_of)),
            placed_lines: order.placed_lines.as_ref().map(|lines| rows(lines.iter().map(row_of))),
            shipments: order
                .shipments
                .iter()
                .map(|s| ShipmentItem {
                    location: s.location.clone(),
                    state: s.state,
                    lines: rows(s.lines.iter().map(|(sku, quantity)| format!("{} {quantity}", line_of(sku)))),
                    reason: s.reason.clone(),
                    until: s.until,
                })
                .collect(),
            planned: order.planned,
            payment: PaymentItem::from(&order.payment),
            history: order.history.iter().map(|(s, at)| (*s, at.as_millisecond())).collect(),
            fingerprint: order.fingerprint.clone(),
            more_payments: order.more_payments.iter().map(PaymentItem::from).collect(),
            refunds: order.refunds.clone(),
            returns: order.returns.clone(),
            holds: order.holds.clone(),
            terms: order.terms.clone(),
            address: order.address,
            listed: order.listed,
            kits: (0..).zip(&order.lines).filter(|(_, l)| l.is_kit()).map(|(n, l)| (n, l.components.clone())).collect(),
            merged: order.merged.clone(),
            merged_into: order.merged_into,
        }
    }
}

impl OrderItem {
    fn into_order(self, version: u64) -> Option<Order> {
        let at = |ms| Timestamp::from_millisecond(ms).ok();
        let read = |text: &str| text.split(';').map(line).collect::<Option<Vec<Line>>>();
        let mut lines = read(&self.lines)?;
        for (at, components) in self.kits {
            lines.get_mut(at)?.components = components;
        }
        let placed_lines = match &self.placed_lines {
            Some(text) => Some(read(text)?),
            None => None,
        };
        let shipments: Option<Vec<Shipment>> = self
            .shipments
            .into_iter()
            .enumerate()
            .map(|(number, s)| {
                let of: Option<Vec<(Sku, i64)>> = s.lines.split(';').map(|row| parcel_line(row, &lines)).collect();
                Some(Shipment {
                    number,
                    location: s.location,
                    lines: of?,
                    state: s.state,
                    reason: s.reason,
                    until: s.until,
                })
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
            placed_lines,
            payment: self.payment.into(),
            more_payments: self.more_payments.into_iter().map(Payment::from).collect(),
            refunds: self.refunds,
            returns: self.returns,
            holds: self.holds,
            terms: self.terms,
            address: self.address,
            merged: self.merged,
            merged_into: self.merged_into,
            listed: self.listed,
            history: self.history.into_iter().map(|(s, ms)| Some((s, at(ms)?))).collect::<Option<_>>()?,
            fingerprint: self.fingerprint,
            version,
        })
    }
}

impl From<&Payment> for PaymentItem {
    fn from(payment: &Payment) -> Self {
        Self {
            method: payment.method.clone(),
            token: payment.token.clone(),
            state: payment.state,
            authorization: payment.authorization.clone(),
            decline_code: payment.decline_code.clone(),
            captured_minor: payment.captured_minor,
            amount_minor: payment.amount_minor,
            external: payment.external,
        }
    }
}

impl From<PaymentItem> for Payment {
    fn from(item: PaymentItem) -> Self {
        Self {
            method: item.method,
            token: item.token,
            state: item.state,
            authorization: item.authorization,
            decline_code: item.decline_code,
            captured_minor: item.captured_minor,
            amount_minor: item.amount_minor,
            external: item.external,
        }
    }
}

/// Rows of words in one text: a list of lists costs four bytes more a word, and a row has many words.
fn rows(rows: impl Iterator<Item = String>) -> String {
    rows.collect::<Vec<_>>().join(";")
}

fn row_of(line: &Line) -> String {
    let plain = format!("{} {} {}", line.sku, line.quantity, line.unit_price_minor);
    match (line.discount_minor, line.tax_minor) {
        (0, 0) => plain,
        (discount, tax) => format!("{plain} {discount} {tax}"),
    }
}

fn line(row: &str) -> Option<Line> {
    let mut words = row.split(' ');
    let sku = words.next()?.parse().ok()?;
    let mut number = || words.next().map(|word| word.parse::<i64>().ok());
    let (quantity, unit_price_minor) = (number()??, number()??);
    let discount_minor = number().map_or(Some(0), |n| n)?;
    let tax_minor = number().map_or(Some(0), |n| n)?;
    Some(Line { discount_minor, tax_minor, ..Line::plain(sku, quantity, unit_price_minor) })
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
