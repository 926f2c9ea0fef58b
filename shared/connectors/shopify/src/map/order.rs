//! Orders, inbound: from webhooks, and from pages of [`crate::document::ORDERS_UPDATED`]. Both give the same order.

use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::customer::{Address, PayloadAddress};
use super::{Connection, MapError, money, shape};
use crate::Gid;

/// An order of a store, in our words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub id: Gid,
    /// What people call it: `#1001`.
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub cancelled_at: Option<Timestamp>,
    pub email: Option<String>,
    pub total: Money,
    pub payment: Payment,
    pub fulfillment: Fulfillment,
    pub shipping_address: Option<Address>,
    pub lines: Vec<Line>,
}

/// Whether it is paid, as the store sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Payment {
    Pending,
    Authorized,
    Paid,
    PartiallyPaid,
    Refunded,
    PartiallyRefunded,
    Voided,
    Expired,
    /// A word we do not know: treated as not decided yet.
    Unknown,
}

/// How much of it was sent, as the store sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fulfillment {
    Unfulfilled,
    Partial,
    Fulfilled,
    /// A word we do not know, or a state between those.
    Unknown,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub id: Gid,
    pub sku: Option<String>,
    pub title: String,
    /// As ordered.
    pub quantity: u32,
    /// What is left of it after removals and refunds.
    pub current_quantity: u32,
    /// `None` when it was made up for this order, or is gone.
    pub variant: Option<Gid>,
}

#[derive(Deserialize)]
struct Payload {
    admin_graphql_api_id: Gid,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(default)]
    cancelled_at: Option<Timestamp>,
    #[serde(default)]
    email: Option<String>,
    currency: Currency,
    total_price: String,
    #[serde(default)]
    financial_status: Option<String>,
    #[serde(default)]
    fulfillment_status: Option<String>,
    #[serde(default)]
    shipping_address: Option<PayloadAddress>,
    line_items: Vec<PayloadLine>,
}

#[derive(Deserialize)]
struct PayloadLine {
    admin_graphql_api_id: Gid,
    #[serde(default)]
    sku: Option<String>,
    title: String,
    quantity: u32,
    current_quantity: u32,
    #[serde(default)]
    variant_id: Option<u64>,
}

/// Reads the webhooks `orders/create`, `orders/updated` and `orders/cancelled`.
pub fn from_webhook(body: &[u8]) -> Result<Order, MapError> {
    let payload: Payload = serde_json::from_slice(body).map_err(|error| shape(&error))?;
    let fulfillment = match payload.fulfillment_status.as_deref() {
        // Nothing was sent: webhooks say so with null.
        None => Fulfillment::Unfulfilled,
        Some("partial") => Fulfillment::Partial,
        Some("fulfilled") => Fulfillment::Fulfilled,
        Some(_) => Fulfillment::Unknown,
    };
    Ok(Order {
        id: payload.admin_graphql_api_id,
        name: payload.name,
        created_at: payload.created_at,
        updated_at: payload.updated_at,
        cancelled_at: payload.cancelled_at,
        email: payload.email.filter(|email| !email.is_empty()),
        total: money(&payload.total_price, payload.currency, "total_price")?,
        payment: payment(payload.financial_status.as_deref().unwrap_or_default()),
        fulfillment,
        shipping_address: payload.shipping_address.map(Address::from),
        lines: payload
            .line_items
            .into_iter()
            .map(|line| Line {
                id: line.admin_graphql_api_id,
                sku: line.sku.filter(|sku| !sku.is_empty()),
                title: line.title,
                quantity: line.quantity,
                current_quantity: line.current_quantity,
                variant: line.variant_id.map(|number| Gid::new("ProductVariant", number)),
            })
            .collect(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: Gid,
    name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    cancelled_at: Option<Timestamp>,
    email: Option<String>,
    currency_code: Currency,
    total_price_set: Bag,
    display_financial_status: Option<String>,
    display_fulfillment_status: String,
    shipping_address: Option<Address>,
    line_items: Connection<NodeLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bag {
    shop_money: Amount,
}

#[derive(Deserialize)]
struct Amount {
    amount: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeLine {
    id: Gid,
    sku: Option<String>,
    title: String,
    quantity: u32,
    current_quantity: u32,
    variant: Option<Identified>,
}

#[derive(Deserialize)]
struct Identified {
    id: Gid,
}

/// What a node gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    Whole(Box<Order>),
    /// It has more lines than came along: it has to be read by itself.
    Cut(Gid),
}

/// Reads an order of a page, or one by itself.
pub fn from_node(node: Value) -> Result<Read, MapError> {
    let node: Node = serde_json::from_value(node).map_err(|error| shape(&error))?;
    if node.line_items.page_info.has_next_page {
        return Ok(Read::Cut(node.id));
    }
    let fulfillment = match node.display_fulfillment_status.as_str() {
        "UNFULFILLED" => Fulfillment::Unfulfilled,
        "PARTIALLY_FULFILLED" => Fulfillment::Partial,
        "FULFILLED" => Fulfillment::Fulfilled,
        _ => Fulfillment::Unknown,
    };
    Ok(Read::Whole(Box::new(Order {
        id: node.id,
        name: node.name,
        created_at: node.created_at,
        updated_at: node.updated_at,
        cancelled_at: node.cancelled_at,
        email: node.email.filter(|email| !email.is_empty()),
        total: money(&node.total_price_set.shop_money.amount, node.currency_code, "totalPriceSet")?,
        payment: payment(&node.display_financial_status.unwrap_or_default().to_lowercase()),
        fulfillment,
        shipping_address: node.shipping_address,
        lines: node
            .line_items
            .nodes
            .into_iter()
            .map(|line| Line {
                id: line.id,
                sku: line.sku.filter(|sku| !sku.is_empty()),
                title: line.title,
                quantity: line.quantity,
                current_quantity: line.current_quantity,
                variant: line.variant.map(|variant| variant.id),
            })
            .collect(),
    })))
}

fn payment(word: &str) -> Payment {
    match word {
        "pending" => Payment::Pending,
        "authorized" => Payment::Authorized,
        "paid" => Payment::Paid,
        "partially_paid" => Payment::PartiallyPaid,
        "refunded" => Payment::Refunded,
        "partially_refunded" => Payment::PartiallyRefunded,
        "voided" => Payment::Voided,
        "expired" => Payment::Expired,
        _ => Payment::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload() -> Value {
        json!({
            "admin_graphql_api_id": "gid://shopify/Order/9007199254741000", "id": 9_007_199_254_741_000_u64, "name": "#1001",
            "created_at": "2026-07-01T12:00:00Z", "updated_at": "2026-07-01T12:00:01Z", "cancelled_at": null,
            "email": "ada@example.com", "currency": "GBP", "total_price": "59.97", "financial_status": "paid",
            "fulfillment_status": null, "test": false, "browser_ip": "192.0.2.1",
            "shipping_address": { "first_name": "Ada", "address1": "1 High St", "city": "London", "country_code": "GB" },
            "line_items": [{ "admin_graphql_api_id": "gid://shopify/LineItem/1", "sku": "TEE-S", "title": "Tee", "quantity": 3,
                "current_quantity": 2, "variant_id": 7, "price": "19.99" },
                { "admin_graphql_api_id": "gid://shopify/LineItem/2", "sku": "", "title": "Wrapping", "quantity": 1,
                "current_quantity": 1, "variant_id": null, "price": "0.00" }],
        })
    }

    #[test]
    fn a_webhook_is_read() {
        let order = from_webhook(payload().to_string().as_bytes()).unwrap();
        assert_eq!((order.id.number(), order.name.as_str()), (9_007_199_254_741_000, "#1001"));
        assert_eq!(order.total, Money::from_minor(5_997, "GBP".parse().unwrap()));
        assert_eq!((order.payment, order.fulfillment), (Payment::Paid, Fulfillment::Unfulfilled));
        assert_eq!((order.lines[0].quantity, order.lines[0].current_quantity), (3, 2));
        assert_eq!((&order.lines[1].sku, &order.lines[1].variant), (&None, &None));
        assert_eq!(order.shipping_address.unwrap().country_code.as_deref(), Some("GB"));
    }

    #[test]
    fn words_nobody_knows_are_unknown() {
        let mut payload = payload();
        payload["financial_status"] = json!("in_escrow");
        payload["fulfillment_status"] = json!("teleported");
        let order = from_webhook(payload.to_string().as_bytes()).unwrap();
        assert_eq!((order.payment, order.fulfillment), (Payment::Unknown, Fulfillment::Unknown));
    }

    #[test]
    fn quantities_below_zero_and_unknown_currencies_are_refused() {
        for (pointer, value) in [("/line_items/0/quantity", json!(-1)), ("/currency", json!("XQQ"))] {
            let mut payload = payload();
            *payload.pointer_mut(pointer).unwrap() = value;
            assert!(from_webhook(payload.to_string().as_bytes()).is_err());
        }
    }
}
