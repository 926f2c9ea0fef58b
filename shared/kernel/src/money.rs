//! Amounts of money: whole minor units inside, decimal text outside, no floats anywhere.
//!
//! Every operation says when it cannot be exact or does not fit. It does not convert between currencies and does not
//! format for people.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Currency;
use crate::text::plain_decimal;

/// An amount in a currency's minor unit, negative for refunds and corrections. Outside it is
/// `{"amount":"12.34","currency":"GBP"}`. There is no order: amounts of two currencies do not compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why an amount could not be read or computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{left} and {right} do not mix")]
    CurrencyMismatch { left: Currency, right: Currency },
    /// Beyond 64 bits of minor units.
    #[error("the amount is too large")]
    Overflow,
    #[error("a ratio cannot have the denominator zero")]
    ZeroDenominator,
    #[error("expected an amount in plain decimal notation, such as 12.34")]
    NotDecimal,
    #[error("{currency} has at most {} decimals", currency.exponent())]
    TooManyDecimals { currency: Currency },
}

/// What to do with exactly half a minor unit.
#[derive(Clone, Copy)]
enum Half {
    Even,
    AwayFromZero,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    currency: Currency,
}

impl Money {
    /// An amount in minor units: pence, cents, whole yen.
    #[must_use]
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in that currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::from_minor(0, currency)
    }

    /// Reads `-?(0|[1-9][0-9]*)(\.[0-9]+)?` with no more decimals than the currency has; fewer are taken as written
    /// (`12.5` is 12.50).
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let number = plain_decimal(amount).ok_or(MoneyError::NotDecimal)?;
        let missing = usize::from(currency.exponent())
            .checked_sub(number.fraction.len())
            .ok_or(MoneyError::TooManyDecimals { currency })?;
        let padding = [b'0'; 4];
        let digits = number.whole.iter().chain(number.fraction).chain(padding.iter().take(missing));
        // Counted downwards, since there is one more negative number than positive ones.
        let negative =
            digits.into_iter().try_fold(0i64, |sum, digit| sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0')));
        let minor = if number.negative { negative } else { negative.and_then(i64::checked_neg) };
        Ok(Self::from_minor(minor.ok_or(MoneyError::Overflow)?, currency))
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount in plain decimal notation with all its decimals: `12.30`.
    #[must_use]
    pub fn amount(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let exponent = self.currency.exponent();
        let one = 10u64.pow(exponent.into());
        let (whole, part) = (self.minor.unsigned_abs() / one, self.minor.unsigned_abs() % one);
        match usize::from(exponent) {
            0 => format!("{sign}{whole}"),
            decimals => format!("{sign}{whole}.{part:0decimals$}"),
        }
    }

    /// The sum, in one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with_minor(self.minor.checked_add(other.minor))
    }

    /// The difference, in one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        self.with_minor(self.minor.checked_sub(other.minor))
    }

    /// So many times the amount.
    pub fn checked_mul(self, times: i64) -> Result<Self, MoneyError> {
        self.with_minor(self.minor.checked_mul(times))
    }

    /// `self * numerator / denominator`, rounded once, half a minor unit to the even neighbour (no drift over many
    /// roundings).
    pub fn mul_ratio(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        self.mul_rounded(numerator, denominator, Half::Even)
    }

    /// `self * numerator / denominator`, rounded once, half a minor unit away from zero (what most tax offices ask
    /// for).
    pub fn mul_ratio_half_away(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        self.mul_rounded(numerator, denominator, Half::AwayFromZero)
    }

    /// Splits the amount by weight into one part a weight. The parts sum to the whole and each is less than one minor
    /// unit off its exact share: every part is rounded towards zero, then what is left goes, one minor unit each, to
    /// the largest remainders, the lower index first among equals. Weights that are all zero count as equal. Without
    /// weights there are no parts.
    #[must_use]
    pub fn allocate(self, weights: &[u64]) -> Vec<Self> {
        if !weights.is_empty() && weights.iter().all(|weight| *weight == 0) {
            return self.allocate(&vec![1; weights.len()]);
        }
        let total: i128 = weights.iter().copied().map(i128::from).sum();
        let mut left = i128::from(self.minor);
        let mut parts = Vec::with_capacity(weights.len());
        for (index, weight) in weights.iter().enumerate() {
            let exact = i128::from(self.minor) * i128::from(*weight);
            left -= exact / total;
            parts.push((index, exact / total, exact % total));
        }

        parts.sort_by_key(|(_, _, remainder)| Reverse(remainder.abs()));
        for (_, part, _) in &mut parts {
            let step = left.signum();
            *part += step;
            left -= step;
        }
        parts.sort_by_key(|(index, _, _)| *index);
        // No part is larger than the whole, so each fits.
        parts
            .into_iter()
            .map(|(_, part, _)| i64::try_from(part).unwrap_or(self.minor))
            .map(|minor| Self { minor, ..self })
            .collect()
    }

    fn mul_rounded(self, numerator: i64, denominator: i64, half: Half) -> Result<Self, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::ZeroDenominator);
        }
        let exact = i128::from(self.minor) * i128::from(numerator);
        let denominator = i128::from(denominator);
        let towards_zero = exact / denominator;
        let rest = (exact % denominator).abs();
        let away = match (2 * rest).cmp(&denominator.abs()) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => match half {
                Half::Even => towards_zero % 2 != 0,
                Half::AwayFromZero => true,
            },
        };
        let step = if away { exact.signum() * denominator.signum() } else { 0 };
        self.with_minor(i64::try_from(towards_zero + step).ok())
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }

    fn with_minor(self, minor: Option<i64>) -> Result<Self, MoneyError> {
        minor.map(|minor| Self { minor, ..self }).ok_or(MoneyError::Overflow)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl TryFrom<Wire> for Money {
    type Error = MoneyError;

    fn try_from(wire: Wire) -> Result<Self, MoneyError> {
        Self::parse(&wire.amount, wire.currency)
    }
}

impl From<Money> for Wire {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency }
    }
}

#[cfg(test)]
mod tests;
