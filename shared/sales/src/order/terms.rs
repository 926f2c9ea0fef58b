//! What is agreed when an order is placed: its lines, where and for whom it was placed, and why it may wait. Pure.

use super::OrderId;
use inventory::Sku;
use serde::{Deserialize, Serialize};

/// One ordered item. The price is the one of the moment of ordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The item.
    pub sku: Sku,
    /// Units ordered, as things stand: 0 when all of them were called off.
    pub quantity: i64,
    /// Price of one unit in minor units of the order's currency.
    pub unit_price_minor: i64,
    /// Discounts on all its units together, not negative.
    pub discount_minor: i64,
    /// Taxes on all its units together, on top of the price or contained in it as [`Terms`] say.
    pub tax_minor: i64,
    /// Units of each item that one unit is made of, when it is a kit; as it was when it was ordered.
    pub components: Vec<(Sku, i64)>,
}

impl Line {
    /// A line without discounts and taxes.
    pub fn plain(sku: Sku, quantity: i64, unit_price_minor: i64) -> Self {
        Self { sku, quantity, unit_price_minor, discount_minor: 0, tax_minor: 0, components: Vec::new() }
    }

    /// Whether it is made of other items, which are what is held in stock.
    pub fn is_kit(&self) -> bool {
        !self.components.is_empty()
    }

    /// The items held in stock, and how many of each one unit is.
    pub fn items(&self) -> impl Iterator<Item = (&Sku, i64)> {
        let own = (!self.is_kit()).then_some((&self.sku, 1));
        own.into_iter().chain(self.components.iter().map(|(sku, units)| (sku, *units)))
    }
}

/// What is agreed when an order is placed and does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Where it was placed; `None` is [`STOREFRONT`].
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Its id there.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whose order it is, of the tenant's companies; `None` is [`MAIN_COMPANY`].
    #[serde(rename = "co", default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Whether prices and shipping contain their taxes.
    #[serde(rename = "ti", default, skip_serializing_if = "is_default")]
    pub taxes_included: bool,
    /// What shipping costs, in minor units.
    #[serde(rename = "sh", default, skip_serializing_if = "is_default")]
    pub shipping_minor: i64,
    /// Taxes on shipping.
    #[serde(rename = "st", default, skip_serializing_if = "is_default")]
    pub shipping_tax_minor: i64,
    /// The order it came out of, by an exchange.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OrderId>,
    /// It came without an idempotency key: nobody vouched that it does not repeat another.
    #[serde(rename = "u", default, skip_serializing_if = "is_default")]
    pub unkeyed: bool,
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why an order waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// A stable code: [`holds`].
    #[serde(rename = "c")]
    pub code: String,
    /// The reason, for people.
    #[serde(rename = "r")]
    pub reason: String,
    /// The order it is suspected to repeat.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OrderId>,
}

/// An order that repeated another and became part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// Which.
    #[serde(rename = "o")]
    pub order: OrderId,
    /// Where it was placed.
    #[serde(rename = "c")]
    pub channel: String,
    /// Its id there.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// The codes of [`Hold`].
pub mod holds {
    /// A person wants to look.
    pub const MANUAL: &str = "manual";
    /// It may repeat another order.
    pub const DUPLICATE: &str = "suspected_duplicate";
    /// Some of it has no stock. Lifted by allocating it or calling it off.
    pub const OUT_OF_STOCK: &str = "out_of_stock";
    /// A payment that became due by an edit was declined.
    pub const PAYMENT: &str = "payment_declined";
}
