//! Orders, inbound: from webhooks, and from pages of [`crate::document::ORDERS_UPDATED`]. Both give the same order.

use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::customer::{Address, PayloadAddress};
use super::refund::{self, PayloadRefund, Refunds};
use super::{Connection, MapError, money, shape};
use crate::Gid;

/// An order of a store, in our words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    pub id: Gid,
    /// What people call it: `#1001`.
    pub name: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub cancelled_at: Option<Timestamp>,
    pub email: Option<String>,
    /// Who ordered; `None` for a guest the store does not know.
    pub customer: Option<Gid>,
    pub total: Money,
    /// Whether prices and shipping contain their taxes.
    pub taxes_included: bool,
    pub shipping: Charge,
    pub payment: Payment,
    /// What was given back; `None` in pages of orders, which do not tell.
    pub refunds: Option<Refunds>,
    pub fulfillment: Fulfillment,
    pub shipping_address: Option<Address>,
    pub lines: Vec<Line>,
}

/// What is charged beside the lines, discounts taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    pub amount: Money,
    pub tax: Money,
}

/// Whether it is paid, as the store sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fulfillment {
    Unfulfilled,
    Partial,
    Fulfilled,
    /// A word we do not know, or a state between those.
    Unknown,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub id: Gid,
    pub sku: Option<String>,
    pub title: String,
    /// As ordered.
    pub quantity: u32,
    /// What is left of it after removals and refunds.
    pub current_quantity: u32,
    /// Of one unit, before discounts.
    pub unit_price: Money,
    /// On all units together, the line's part of discounts on the whole order among them.
    pub discount: Money,
    /// On all units together.
    pub tax: Money,
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
    taxes_included: bool,
    #[serde(default)]
    customer: Option<PayloadCustomer>,
    #[serde(default)]
    shipping_lines: Vec<PayloadShipping>,
    #[serde(default)]
    financial_status: Option<String>,
    #[serde(default)]
    refunds: Option<Vec<PayloadRefund>>,
    #[serde(default)]
    fulfillment_status: Option<String>,
    #[serde(default)]
    shipping_address: Option<PayloadAddress>,
    line_items: Vec<PayloadLine>,
}

#[derive(Deserialize)]
struct PayloadCustomer {
    id: u64,
}

#[derive(Deserialize)]
struct PayloadShipping {
    discounted_price: String,
    #[serde(default)]
    tax_lines: Vec<PayloadTax>,
}

#[derive(Deserialize)]
struct PayloadTax {
    price: String,
}

#[derive(Deserialize)]
struct PayloadAllocation {
    amount: String,
}

#[derive(Deserialize)]
struct PayloadLine {
    admin_graphql_api_id: Gid,
    #[serde(default)]
    sku: Option<String>,
    title: String,
    quantity: u32,
    current_quantity: u32,
    price: String,
    #[serde(default)]
    discount_allocations: Vec<PayloadAllocation>,
    #[serde(default)]
    tax_lines: Vec<PayloadTax>,
}

impl PayloadLine {
    fn read(self, currency: Currency) -> Result<Line, MapError> {
        let discounts = self.discount_allocations.iter().map(|part| part.amount.as_str());
        Ok(Line {
            discount: sum(discounts, currency, "discount_allocations")?,
            tax: sum(self.tax_lines.iter().map(|tax| tax.price.as_str()), currency, "tax_lines")?,
            unit_price: money(&self.price, currency, "price")?,
            id: self.admin_graphql_api_id,
            sku: self.sku.filter(|sku| !sku.is_empty()),
            title: self.title,
            quantity: self.quantity,
            current_quantity: self.current_quantity,
        })
    }
}

/// Several amounts together.
fn sum<'a>(amounts: impl Iterator<Item = &'a str>, currency: Currency, field: &'static str) -> Result<Money, MapError> {
    let mut all = Money::zero(currency);
    for amount in amounts {
        all = all.checked_add(money(amount, currency, field)?).map_err(|_| MapError::Amount(field))?;
    }
    Ok(all)
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
    let currency = payload.currency;
    let refunds = payload.refunds.map(|refunds| refund::read(refunds, currency)).transpose()?;
    let shipped = &payload.shipping_lines;
    let shipping_taxes = shipped.iter().flat_map(|line| &line.tax_lines).map(|tax| tax.price.as_str());
    Ok(Order {
        id: payload.admin_graphql_api_id,
        name: payload.name,
        created_at: payload.created_at,
        updated_at: payload.updated_at,
        cancelled_at: payload.cancelled_at,
        email: payload.email.filter(|email| !email.is_empty()),
        customer: payload.customer.map(|customer| Gid::new("Customer", customer.id)),
        total: money(&payload.total_price, currency, "total_price")?,
        taxes_included: payload.taxes_included,
        shipping: Charge {
            amount: sum(shipped.iter().map(|line| line.discounted_price.as_str()), currency, "shipping_lines")?,
            tax: sum(shipping_taxes, currency, "shipping_lines")?,
        },
        payment: payment(payload.financial_status.as_deref().unwrap_or_default()),
        refunds,
        fulfillment,
        shipping_address: payload.shipping_address.map(Address::from),
        lines: payload.line_items.into_iter().map(|line| line.read(currency)).collect::<Result<_, _>>()?,
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
    taxes_included: bool,
    customer: Option<Identified>,
    shipping_lines: Connection<NodeShipping>,
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

impl Bag {
    fn text(&self) -> &str {
        &self.shop_money.amount
    }
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
    original_unit_price_set: Bag,
    discount_allocations: Vec<NodeAllocation>,
    tax_lines: Vec<NodeTax>,
}

impl NodeLine {
    fn read(self, currency: Currency) -> Result<Line, MapError> {
        let discounts = self.discount_allocations.iter().map(|part| part.allocated_amount_set.text());
        Ok(Line {
            discount: sum(discounts, currency, "discountAllocations")?,
            tax: sum(self.tax_lines.iter().map(|tax| tax.price_set.text()), currency, "taxLines")?,
            unit_price: money(self.original_unit_price_set.text(), currency, "originalUnitPriceSet")?,
            id: self.id,
            sku: self.sku.filter(|sku| !sku.is_empty()),
            title: self.title,
            quantity: self.quantity,
            current_quantity: self.current_quantity,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeShipping {
    discounted_price_set: Bag,
    tax_lines: Vec<NodeTax>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeAllocation {
    allocated_amount_set: Bag,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeTax {
    price_set: Bag,
}

#[derive(Deserialize)]
struct Identified {
    id: Gid,
}

/// What a node gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    Whole(Box<Order>),
    /// It has more lines, or ways of shipping, than came along: it has to be read by itself.
    Cut(Gid),
}

/// Reads an order of a page, or one by itself.
pub fn from_node(node: Value) -> Result<Read, MapError> {
    let node: Node = serde_json::from_value(node).map_err(|error| shape(&error))?;
    if node.line_items.page_info.has_next_page || node.shipping_lines.page_info.has_next_page {
        return Ok(Read::Cut(node.id));
    }
    let currency = node.currency_code;
    let shipped = &node.shipping_lines.nodes;
    let shipping_taxes = shipped.iter().flat_map(|line| &line.tax_lines).map(|tax| tax.price_set.text());
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
        customer: node.customer.map(|customer| customer.id),
        total: money(node.total_price_set.text(), currency, "totalPriceSet")?,
        taxes_included: node.taxes_included,
        shipping: Charge {
            amount: sum(shipped.iter().map(|line| line.discounted_price_set.text()), currency, "shippingLines")?,
            tax: sum(shipping_taxes, currency, "shippingLines")?,
        },
        payment: payment(&node.display_financial_status.unwrap_or_default().to_lowercase()),
        refunds: None,
        fulfillment,
        shipping_address: node.shipping_address,
        lines: node.line_items.nodes.into_iter().map(|line| line.read(currency)).collect::<Result<_, _>>()?,
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
            "email": "ada@example.com", "currency": "GBP", "total_price": "58.96", "financial_status": "paid",
            "taxes_included": true, "customer": { "id": 115_310_627_314_723_954_u64, "email": "ada@example.com" },
            "shipping_lines": [{ "price": "4.99", "discounted_price": "3.99", "tax_lines": [{ "price": "0.67", "rate": 0.2 }] }],
            "fulfillment_status": null, "test": false, "browser_ip": "192.0.2.1",
            "shipping_address": { "first_name": "Ada", "address1": "1 High St", "city": "London", "country_code": "GB" },
            "line_items": [{ "admin_graphql_api_id": "gid://shopify/LineItem/1", "sku": "TEE-S", "title": "Tee", "quantity": 3,
                "current_quantity": 2, "variant_id": 7, "price": "19.99",
                "discount_allocations": [{ "amount": "3.00" }, { "amount": "2.00" }], "tax_lines": [{ "price": "9.16" }] },
                { "admin_graphql_api_id": "gid://shopify/LineItem/2", "sku": "", "title": "Wrapping", "quantity": 1,
                "current_quantity": 1, "variant_id": null, "price": "0.00" }],
        })
    }

    #[test]
    fn a_webhook_is_read() {
        let order = from_webhook(payload().to_string().as_bytes()).unwrap();
        assert_eq!((order.id.number(), order.name.as_str()), (9_007_199_254_741_000, "#1001"));
        let gbp = |minor| Money::from_minor(minor, "GBP".parse().unwrap());
        assert_eq!((order.total, order.taxes_included), (gbp(5_896), true));
        assert_eq!((order.shipping.amount, order.shipping.tax), (gbp(399), gbp(67)));
        assert_eq!(order.customer, Some(Gid::new("Customer", 115_310_627_314_723_954)));
        assert_eq!((order.payment, order.fulfillment), (Payment::Paid, Fulfillment::Unfulfilled));
        assert_eq!((order.lines[0].quantity, order.lines[0].current_quantity), (3, 2));
        let line = |n: usize| (order.lines[n].unit_price, order.lines[n].discount, order.lines[n].tax);
        assert_eq!((line(0), line(1)), ((gbp(1_999), gbp(500), gbp(916)), (gbp(0), gbp(0), gbp(0))));
        assert_eq!(order.lines[1].sku, None);
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
