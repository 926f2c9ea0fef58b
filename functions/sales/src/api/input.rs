//! What comes in, checked: orders from elsewhere with their amounts, units, changes.

use inventory::{LocationId, Sku};
use kernel::{Currency, Money};
use rust_decimal::Decimal;
use sales::notes::Address;
use sales::order::Terms;
use sales::totals::{Basket, BasketLine, Charge, Discount, Taxes, totals};
use sales::{Intake, Line, Payment};
use serde::Deserialize;
use web::{FieldError, Problem, Validation};

use super::MAX_REASON;

/// An order from a channel, a till or a person.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewSalesOrder {
    /// Where it was placed.
    #[schema(example = "marketplace")]
    channel: String,
    /// Its id there; the same channel and id are the same order.
    external_id: String,
    /// Whose order it is; `main` unless given.
    company: Option<String>,
    customer_id: String,
    #[schema(value_type = String, example = "GBP")]
    currency: Currency,
    /// Whether prices and shipping contain their taxes.
    #[serde(default)]
    taxes_included: bool,
    #[schema(min_items = 1, max_items = 20)]
    lines: Vec<NewLine>,
    /// Discounts on the whole order.
    #[serde(default)]
    discounts: Vec<NewDiscount>,
    shipping: Option<NewCharge>,
    /// Together the total.
    #[serde(default)]
    payments: Vec<NewTender>,
    address: Option<NewAddress>,
    /// The location over whose counter it was sold.
    #[schema(value_type = Option<String>)]
    counter: Option<LocationId>,
    /// Takes the order though stock is short; it then waits.
    #[serde(default)]
    backorder: bool,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewLine {
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(minimum = 1, maximum = 1000)]
    quantity: i64,
    #[schema(value_type = Object)]
    unit_price: Money,
    /// A discount on the line, on all its units together.
    #[schema(value_type = Option<Object>)]
    discount: Option<Money>,
    /// Taxes on the line, if somebody else worked them out.
    #[schema(value_type = Option<Object>)]
    tax: Option<Money>,
    /// The rate to work them out by, as a fraction: `0.2`.
    tax_rate: Option<String>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewDiscount {
    /// So much, spread over the lines by their value.
    #[schema(value_type = Option<Object>)]
    amount: Option<Money>,
    /// Or this fraction: `0.1`.
    fraction: Option<String>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewCharge {
    #[schema(value_type = Object)]
    amount: Money,
    #[schema(value_type = Option<Object>)]
    tax: Option<Money>,
    tax_rate: Option<String>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewTender {
    /// `card` is asked of our provider; anything else was taken elsewhere.
    #[schema(example = "card")]
    method: String,
    /// The provider's token, or a reference of whoever took it.
    token: String,
    #[schema(value_type = Object)]
    amount: Money,
}

/// Where an order goes.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewAddress {
    name: String,
    #[schema(min_items = 1, max_items = 4)]
    lines: Vec<String>,
    city: String,
    region: Option<String>,
    postcode: Option<String>,
    #[schema(example = "GB")]
    country: String,
}

/// Units of an item.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Units {
    #[schema(value_type = String)]
    pub(crate) sku: Sku,
    #[schema(minimum = 1)]
    pub(crate) units: i64,
}

pub(crate) fn units(rows: &[Units]) -> Vec<(Sku, i64)> {
    rows.iter().map(|row| (row.sku.clone(), row.units)).collect()
}

/// A reason that fits.
pub(crate) fn reason(text: Option<&str>) -> Result<Option<&str>, Problem> {
    let mut validation = Validation::default();
    let fits = text.is_none_or(|text| (1..=MAX_REASON).contains(&text.len()));
    validation.check(fits, || FieldError::at("/reason", "too_long", format!("must have 1 to {MAX_REASON} bytes")));
    validation.finish()?;
    Ok(text)
}

/// A name that people and keys can live with.
fn is_name(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl NewAddress {
    pub(crate) fn check(self, pointer: &str) -> Result<Address, Problem> {
        let Self { name, lines, city, region, postcode, country } = self;
        let address = Address { name, lines, city, region, postcode, country };
        let mut validation = Validation::default();
        validation.check(address.is_plausible(), || {
            FieldError::at(pointer, "invalid_address", "every part has 1 to 120 bytes; country is two capital letters")
        });
        validation.finish()?;
        Ok(address)
    }
}

impl NewLine {
    /// The line with its amounts, when it is added to an order.
    pub(crate) fn check(&self, currency: Currency, taxes_included: bool, at: usize) -> Result<Line, Problem> {
        let mut validation = Validation::default();
        let line = self.basket_line(currency, &format!("/lines/{at}"), &mut validation);
        validation.finish()?;
        let basket = Basket {
            currency,
            taxes_included,
            lines: line.into_iter().collect(),
            discounts: Vec::new(),
            shipping: None,
        };
        let amounts = totals(&basket).map_err(|error| {
            Problem::invalid(vec![FieldError::at(format!("/lines/{at}"), "invalid_amount", error.to_string())])
        })?;
        let (discount, tax) = amounts.lines.first().map_or((0, 0), |line| (line.discount.minor(), line.tax.minor()));
        Ok(self.line(discount, tax))
    }

    fn line(&self, discount_minor: i64, tax_minor: i64) -> Line {
        let plain = Line::plain(self.sku.clone(), self.quantity, self.unit_price.minor());
        Line { discount_minor, tax_minor, ..plain }
    }

    fn basket_line(&self, currency: Currency, pointer: &str, validation: &mut Validation) -> Option<BasketLine> {
        let price = self.unit_price;
        validation.check(price.currency() == currency && price.minor() >= 0, || {
            FieldError::at(
                format!("{pointer}/unitPrice"),
                "invalid_amount",
                "must be in the order's currency, not below zero",
            )
        });
        let in_range = (0..=sales::MAX_QUANTITY).contains(&self.quantity);
        validation
            .check(in_range, || FieldError::at(format!("{pointer}/quantity"), "out_of_range", "must be 1 to 1000"));
        let taxes = taxes(self.tax, self.tax_rate.as_deref(), pointer, validation)?;
        let unit_price = price.amount().parse().ok()?;
        Some(BasketLine {
            quantity: Decimal::from(self.quantity),
            unit_price,
            discount: self.discount.map(Discount::Amount),
            taxes,
        })
    }
}

/// Taxes as stated, or by their rate, or none.
fn taxes(stated: Option<Money>, rate: Option<&str>, pointer: &str, validation: &mut Validation) -> Option<Taxes> {
    match (stated, rate) {
        (Some(_), Some(_)) => {
            validation
                .check(false, || FieldError::at(format!("{pointer}/tax"), "ambiguous", "give `tax` or `taxRate`"));
            None
        }
        (Some(tax), None) => {
            validation.check(tax.minor() >= 0, || {
                FieldError::at(format!("{pointer}/tax"), "invalid_amount", "is below zero")
            });
            Some(Taxes::Stated(vec![tax]))
        }
        (None, Some(rate)) => {
            let rate = decimal(rate, &format!("{pointer}/taxRate"), validation)?;
            Some(Taxes::Rates(vec![rate]))
        }
        (None, None) => Some(Taxes::Rates(Vec::new())),
    }
}

fn decimal(text: &str, pointer: &str, validation: &mut Validation) -> Option<Decimal> {
    // Plain notation, as for amounts.
    let plain = text.parse::<kernel::Quantity>().map(kernel::Quantity::decimal);
    validation.parse(pointer, "invalid_number", plain)
}

impl NewSalesOrder {
    /// The order with its amounts worked out.
    pub(crate) fn check(self) -> Result<Intake, Problem> {
        let mut validation = Validation::default();
        for (pointer, text, max) in [
            ("/channel", self.channel.as_str(), 32),
            ("/externalId", &self.external_id, 128),
            ("/customerId", &self.customer_id, 128),
            ("/company", self.company.as_deref().unwrap_or("main"), 32),
        ] {
            validation.check(is_name(text, max), || {
                FieldError::at(pointer, "invalid_name", format!("must be 1 to {max} visible ASCII characters"))
            });
        }
        let ours = ["storefront", sales::take_back::EXCHANGE].contains(&self.channel.as_str());
        validation.check(!ours, || FieldError::at("/channel", "reserved", "is a channel of our own"));
        let basket = self.basket(&mut validation);
        validation.finish()?;
        let invalid = |error: sales::totals::TotalsError| {
            Problem::invalid(vec![FieldError::at("/lines", "invalid_amount", error.to_string())])
        };
        let amounts = totals(&basket).map_err(invalid)?;
        let lines = self.lines.iter().zip(&amounts.lines);
        let payments = self.payments.into_iter().map(|payment| payment.check(self.currency));
        Ok(Intake {
            customer: self.customer_id,
            terms: Terms {
                channel: Some(self.channel),
                external_id: Some(self.external_id),
                company: self.company,
                taxes_included: self.taxes_included,
                shipping_minor: amounts.shipping.gross.minor(),
                shipping_tax_minor: amounts.shipping.tax.minor(),
                ..Terms::default()
            },
            currency: self.currency,
            lines: lines.map(|(line, worth)| line.line(worth.discount.minor(), worth.tax.minor())).collect(),
            payments: payments.collect::<Result<_, _>>()?,
            address: self.address.map(|address| address.check("/address")).transpose()?,
            counter: self.counter,
            backorder: self.backorder,
        })
    }

    fn basket(&self, validation: &mut Validation) -> Basket {
        let mut lines = Vec::with_capacity(self.lines.len());
        for (at, line) in self.lines.iter().enumerate() {
            lines.extend(line.basket_line(self.currency, &format!("/lines/{at}"), validation));
        }
        let mut discounts = Vec::new();
        for (at, discount) in self.discounts.iter().enumerate() {
            let pointer = format!("/discounts/{at}");
            match (discount.amount, &discount.fraction) {
                (Some(amount), None) => discounts.push(Discount::Amount(amount)),
                (None, Some(fraction)) => {
                    discounts.extend(decimal(fraction, &pointer, validation).map(Discount::Fraction))
                }
                (Some(_), Some(_)) | (None, None) => {
                    validation.check(false, || FieldError::at(&pointer, "ambiguous", "give `amount` or `fraction`"));
                }
            }
        }
        let shipping = self.shipping.as_ref().and_then(|charge| {
            validation.check(charge.amount.currency() == self.currency, || {
                FieldError::at("/shipping/amount", "invalid_amount", "must be in the order's currency")
            });
            let taxes = taxes(charge.tax, charge.tax_rate.as_deref(), "/shipping", validation)?;
            Some(Charge { amount: charge.amount, taxes })
        });
        Basket { currency: self.currency, taxes_included: self.taxes_included, lines, discounts, shipping }
    }
}

impl NewTender {
    fn check(self, currency: Currency) -> Result<Payment, Problem> {
        let known = is_name(&self.method, 32) && is_name(&self.token, 200);
        if !known || self.amount.currency() != currency {
            let detail = "needs a method and token of visible ASCII characters, and an amount in the order's currency";
            return Err(Problem::invalid(vec![FieldError::at("/payments", "invalid_payment", detail)]));
        }
        let minor = self.amount.minor();
        Ok(if self.method == "card" {
            Payment { amount_minor: Some(minor), ..Payment::pending(&self.method, &self.token) }
        } else {
            Payment::taken_elsewhere(&self.method, &self.token, minor)
        })
    }
}
