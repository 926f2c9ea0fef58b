//! Totals: what the lines of a basket come to, with discounts, shipping and taxes. Exact and pure.
//!
//! Decimals go in (prices and rates as written) and amounts of [`Money`] come out; between them is whole-number
//! arithmetic only. The rules:
//!
//! - A line's gross is quantity times unit price, rounded once to the minor unit, half away from zero.
//! - A discount on the whole basket is one amount (a percentage is of the sum of gross lines, rounded half away from
//!   zero). It is spread over the lines with their gross as weights, by [`spread`]. No line goes below zero: what a line
//!   cannot take goes to the others by the same rule, and a discount beyond the basket's value is cut to it.
//! - Taxes are rounded per line and rate, half away from zero. Exclusive: `amount * rate`. Inclusive, where the amount
//!   contains the taxes of all rates together: `amount * rate / (1 + sum of rates)`.
//! - Shipping is taxed like a line and takes no part in discounts.
//! - What is given back later is a part of what is stored here ([`share`]), negated, and never computed anew.
//!
//! It does not know which rate applies where, and does not convert between currencies.

use kernel::{Currency, Money, MoneyError};
use rust_decimal::Decimal;
use std::ops::Range;

/// Largest rate, as a fraction: 1000 %.
const MAX_RATE: i64 = 10;
/// Digits a rate may have after the point.
const RATE_SCALE: u32 = 9;

/// What is to be added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// Currency of every amount.
    pub currency: Currency,
    /// Whether prices and the shipping charge contain their taxes.
    pub taxes_included: bool,
    /// The lines.
    pub lines: Vec<BasketLine>,
    /// Discounts on the whole basket, taken one after the other.
    pub discounts: Vec<Discount>,
    /// What shipping costs, if anything.
    pub shipping: Option<Charge>,
}

/// One line of a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketLine {
    /// How many, not negative.
    pub quantity: Decimal,
    /// Price of one in major units (`12.50`), not negative; it may have more decimals than the currency.
    pub unit_price: Decimal,
    /// A discount on this line alone, not negative.
    pub discount: Option<Discount>,
    /// Taxes on it.
    pub taxes: Taxes,
}

/// A discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    /// So much, not negative.
    Amount(Money),
    /// This fraction (`0.1` is 10 %) of the gross it applies to, 0 to 1.
    Fraction(Decimal),
}

/// A charge beside the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// How much, not negative.
    pub amount: Money,
    /// Taxes on it.
    pub taxes: Taxes,
}

/// The taxes on a line or charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taxes {
    /// Rates as fractions (`0.2` is 20 %), 0 to 10 with at most nine decimals.
    Rates(Vec<Decimal>),
    /// Amounts that somebody else has worked out, taken as they are.
    Stated(Vec<Money>),
}

/// What one line or charge comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTotal {
    /// Quantity times unit price.
    pub gross: Money,
    /// All discounts, those of the basket included. Positive.
    pub discount: Money,
    /// One amount for each tax of the line, in its order.
    pub taxes: Vec<Money>,
    /// Their sum.
    pub tax: Money,
    /// What is to be paid: gross less discount, plus taxes that are not included.
    pub total: Money,
}

/// What a basket comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// One for each line.
    pub lines: Vec<LineTotal>,
    /// Shipping; zero when there is none.
    pub shipping: LineTotal,
    /// Sum of the gross of all lines.
    pub subtotal: Money,
    /// Sum of all discounts.
    pub discount: Money,
    /// Sum of all taxes, of shipping too, whether included or not.
    pub tax: Money,
    /// What is to be paid.
    pub total: Money,
}

/// Why a basket cannot be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TotalsError {
    /// Amounts do not fit or are of two currencies.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A quantity, price, discount or charge below zero.
    #[error("quantities, prices, discounts and charges are not negative")]
    Negative,
    /// A tax rate below 0, above 10, or with more than nine decimals.
    #[error("a tax rate is a fraction from 0 to {MAX_RATE} with at most {RATE_SCALE} decimals")]
    Rate,
    /// A discount fraction outside 0 to 1.
    #[error("a discount is a fraction from 0 to 1 with at most {RATE_SCALE} decimals")]
    Fraction,
}

/// Adds a basket up.
pub fn totals(basket: &Basket) -> Result<Totals, TotalsError> {
    let zero = Money::zero(basket.currency);
    let gross: Vec<Money> = basket.lines.iter().map(|line| gross(line, basket.currency)).collect::<Result<_, _>>()?;
    let mut off = Vec::with_capacity(gross.len());
    for (line, gross) in basket.lines.iter().zip(&gross) {
        let discount = line.discount.map_or(Ok(zero), |discount| amount_of(discount, *gross))?;
        off.push(smaller(discount, *gross));
    }
    let subtotal = sum(zero, &gross)?;
    for discount in &basket.discounts {
        let amount = smaller(amount_of(*discount, subtotal)?, subtotal.checked_sub(sum(zero, &off)?)?);
        take(&mut off, &gross, amount)?;
    }
    let mut lines = Vec::with_capacity(gross.len());
    for ((line, gross), off) in basket.lines.iter().zip(gross).zip(off) {
        lines.push(line_total(gross, off, &line.taxes, basket.taxes_included)?);
    }
    let shipping = match &basket.shipping {
        Some(charge) if charge.amount.minor() < 0 => return Err(TotalsError::Negative),
        Some(charge) => line_total(charge.amount, zero, &charge.taxes, basket.taxes_included)?,
        None => line_total(zero, zero, &Taxes::Rates(Vec::new()), basket.taxes_included)?,
    };
    let (mut discount, mut tax, mut total) = (zero, shipping.tax, shipping.total);
    for line in &lines {
        discount = discount.checked_add(line.discount)?;
        tax = tax.checked_add(line.tax)?;
        total = total.checked_add(line.total)?;
    }
    Ok(Totals { lines, shipping, subtotal, discount, tax, total })
}

/// Splits an amount over weights by largest remainder: every part is rounded down to the minor unit (towards zero when
/// the amount is negative), then what is left goes, one minor unit each, to the largest remainders, the lowest index
/// first among equals. Weights below zero count as zero; when all are zero they count as equal. The parts sum to the
/// amount.
pub fn spread(amount: Money, weights: &[Money]) -> Vec<Money> {
    let weights: Vec<u64> = weights.iter().map(|weight| u64::try_from(weight.minor()).unwrap_or(0)).collect();
    amount.allocate(&weights)
}

/// The taxes on an amount at these rates, each rounded on its own.
pub fn taxes(amount: Money, rates: &[Decimal], included: bool) -> Result<Vec<Money>, TotalsError> {
    let one = 10i64.pow(RATE_SCALE);
    let rates: Vec<i64> =
        rates.iter().map(|rate| scaled(*rate, MAX_RATE).ok_or(TotalsError::Rate)).collect::<Result<_, _>>()?;
    let all = rates.iter().try_fold(one, |sum, rate| sum.checked_add(*rate)).ok_or(TotalsError::Rate)?;
    let whole = if included { all } else { one };
    rates.iter().map(|rate| Ok(amount.mul_ratio_half_away(*rate, whole)?)).collect()
}

/// What falls to some of the `units` an amount stands for: those from `range.start` (0 is the first) to before
/// `range.end`. The amount is spread over the units with equal weights, so the shares of all units, however they are
/// grouped, sum to the amount.
pub fn share(amount: Money, units: i64, range: &Range<i64>) -> Money {
    let (from, to) = (range.start.clamp(0, units.max(0)), range.end.clamp(0, units.max(0)));
    if units <= 0 || from >= to {
        return Money::zero(amount.currency());
    }
    let (each, left) = (amount.minor() / units, amount.minor() % units);
    // The first `left` units carry one minor unit more.
    let extra = to.min(left.abs()) - from.min(left.abs());
    Money::from_minor(each * (to - from) + left.signum() * extra, amount.currency())
}

fn gross(line: &BasketLine, currency: Currency) -> Result<Money, TotalsError> {
    let (quantity, price) = (line.quantity.normalize(), line.unit_price.normalize());
    if quantity.is_sign_negative() && !quantity.is_zero() || price.is_sign_negative() && !price.is_zero() {
        return Err(TotalsError::Negative);
    }
    let exact = quantity.mantissa().checked_mul(price.mantissa()).ok_or(MoneyError::Overflow)?;
    let (scale, exponent) = (quantity.scale() + price.scale(), u32::from(currency.exponent()));
    let minor = if scale <= exponent {
        exact.checked_mul(10i128.pow(exponent - scale))
    } else {
        // Not negative, so away from zero is up.
        10i128.checked_pow(scale - exponent).map_or(Some(0), |one| exact.checked_add(one / 2).map(|n| n / one))
    };
    let minor = minor.and_then(|minor| i64::try_from(minor).ok()).ok_or(MoneyError::Overflow)?;
    Ok(Money::from_minor(minor, currency))
}

fn amount_of(discount: Discount, gross: Money) -> Result<Money, TotalsError> {
    match discount {
        Discount::Amount(amount) if amount.minor() < 0 => Err(TotalsError::Negative),
        Discount::Amount(amount) => {
            // Refuses another currency.
            gross.checked_sub(amount)?;
            Ok(amount)
        }
        Discount::Fraction(fraction) => {
            let part = scaled(fraction, 1).ok_or(TotalsError::Fraction)?;
            Ok(gross.mul_ratio_half_away(part, 10i64.pow(RATE_SCALE))?)
        }
    }
}

/// Adds `amount`, which all lines together can take, to what is off each line.
fn take(off: &mut [Money], gross: &[Money], amount: Money) -> Result<(), TotalsError> {
    let mut left = amount;
    while left.minor() > 0 {
        let open = |(off, gross): (&Money, &Money)| {
            if off.minor() < gross.minor() { *gross } else { Money::zero(amount.currency()) }
        };
        let weights: Vec<Money> = off.iter().zip(gross).map(open).collect();
        for ((off, gross), part) in off.iter_mut().zip(gross).zip(spread(left, &weights)) {
            let taken = smaller(part, gross.checked_sub(*off)?);
            *off = off.checked_add(taken)?;
            left = left.checked_sub(taken)?;
        }
    }
    Ok(())
}

fn line_total(gross: Money, discount: Money, taxed: &Taxes, included: bool) -> Result<LineTotal, TotalsError> {
    let net = gross.checked_sub(discount)?;
    let taxes = match taxed {
        Taxes::Rates(rates) => taxes(net, rates, included)?,
        Taxes::Stated(amounts) => amounts.clone(),
    };
    let tax = sum(Money::zero(gross.currency()), &taxes)?;
    let total = if included { net } else { net.checked_add(tax)? };
    Ok(LineTotal { gross, discount, taxes, tax, total })
}

fn sum(zero: Money, amounts: &[Money]) -> Result<Money, MoneyError> {
    amounts.iter().try_fold(zero, |sum, amount| sum.checked_add(*amount))
}

fn smaller(a: Money, b: Money) -> Money {
    if a.minor() <= b.minor() { a } else { b }
}

/// A fraction from 0 to `max` in units of 10^-9.
fn scaled(fraction: Decimal, max: i64) -> Option<i64> {
    let fraction = fraction.normalize();
    if fraction.scale() > RATE_SCALE || fraction < Decimal::ZERO || fraction > Decimal::from(max) {
        return None;
    }
    i64::try_from(fraction.mantissa()).ok()?.checked_mul(10i64.pow(RATE_SCALE - fraction.scale()))
}

#[cfg(test)]
mod tests;
