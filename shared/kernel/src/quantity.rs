//! Exact amounts of goods, whole or fractional (1.5 kg).
//!
//! It has no unit of measure; that belongs to the article.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::plain_decimal;

/// An exact decimal of at most 18 digits before and 9 after the point, so that sums stay exact. `1.50` and `1.5` are
/// one value with one text, `1.5`. Outside it is a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(Decimal);

/// Not a quantity, or a sum that is none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    #[error("expected a quantity in plain decimal notation, such as 1.5")]
    NotDecimal,
    #[error("a quantity has at most 18 digits before and 9 after the point")]
    OutOfRange,
}

impl Quantity {
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Digits after the point.
    const MAX_DECIMALS: u32 = 9;
    /// The first whole number too large.
    const LIMIT: i64 = 1_000_000_000_000_000_000;

    /// Takes any decimal in range.
    pub fn new(value: Decimal) -> Result<Self, InvalidQuantity> {
        let value = value.normalize();
        if value.scale() <= Self::MAX_DECIMALS && value.abs() < Decimal::from(Self::LIMIT) {
            Ok(Self(value))
        } else {
            Err(InvalidQuantity::OutOfRange)
        }
    }

    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// The number of whole pieces, when there is no fraction.
    #[must_use]
    pub fn whole(self) -> Option<i64> {
        if self.0.is_integer() { self.0.try_into().ok() } else { None }
    }

    pub fn checked_add(self, other: Self) -> Result<Self, InvalidQuantity> {
        Self::new(self.0.checked_add(other.0).ok_or(InvalidQuantity::OutOfRange)?)
    }

    pub fn checked_sub(self, other: Self) -> Result<Self, InvalidQuantity> {
        Self::new(self.0.checked_sub(other.0).ok_or(InvalidQuantity::OutOfRange)?)
    }
}

impl From<u32> for Quantity {
    fn from(pieces: u32) -> Self {
        Self(pieces.into())
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        plain_decimal(text).ok_or(InvalidQuantity::NotDecimal)?;
        Self::new(Decimal::from_str_exact(text).map_err(|_| InvalidQuantity::OutOfRange)?)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn one_value_has_one_text() {
        assert_eq!(quantity("1.50"), quantity("1.5"));
        assert_eq!(quantity("1.50").to_string(), "1.5");
        assert_eq!(quantity("100").to_string(), "100");
        assert_eq!(quantity("-0.0").to_string(), "0");
        assert_eq!(quantity("-0"), Quantity::ZERO);
        assert_eq!(format!("{:?}", quantity("2.50")), "2.5");
    }

    #[test]
    fn only_whole_quantities_are_pieces() {
        assert_eq!(quantity("3.00").whole(), Some(3));
        assert_eq!(quantity("-3").whole(), Some(-3));
        assert_eq!(quantity("3.1").whole(), None);
        assert_eq!(Quantity::from(7).whole(), Some(7));
        assert_eq!(quantity("999999999999999999").whole(), Some(999_999_999_999_999_999));
    }

    #[test]
    fn sums_are_exact_at_the_limits() {
        let sum = quantity("999999999999999998.999999999").checked_add(quantity("0.000000001"));
        assert_eq!(sum, Ok(quantity("999999999999999999")));
        let largest = quantity("999999999999999999.999999999");
        assert_eq!(largest.checked_add(quantity("0.000000001")), Err(InvalidQuantity::OutOfRange));
        assert_eq!(quantity("-999999999999999999").checked_sub(largest), Err(InvalidQuantity::OutOfRange));
        assert_eq!(largest.checked_sub(largest), Ok(Quantity::ZERO));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for text in
            ["1000000000000000000", "-1000000000000000000", "0.0000000001", "99999999999999999999999999999999999999"]
        {
            assert_eq!(text.parse::<Quantity>(), Err(InvalidQuantity::OutOfRange), "{text}");
        }
        assert_eq!(quantity("0.10000000000000").to_string(), "0.1");
        assert_eq!(Quantity::new(Decimal::MAX), Err(InvalidQuantity::OutOfRange));
    }

    #[test]
    fn json_is_a_string_in_plain_notation() {
        assert_eq!(serde_json::to_value(quantity("1.5")).unwrap(), json!("1.5"));
        assert_eq!(serde_json::from_value::<Quantity>(json!("1.5")).unwrap(), quantity("1.5"));
        for other in
            [json!(1), json!(1.5), json!("1e3"), json!("+1"), json!(" 1"), json!("1_0"), json!(""), json!("NaN")]
        {
            assert!(serde_json::from_value::<Quantity>(other.clone()).is_err(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_quantity_survives_text_and_json(mantissa in 1 - Quantity::LIMIT..Quantity::LIMIT, scale in 0..=9u32) {
            let value = Quantity::new(Decimal::new(mantissa, scale)).unwrap();
            prop_assert_eq!(value.to_string().parse::<Quantity>(), Ok(value));
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Quantity>(&json).unwrap(), value);
        }

        #[test]
        fn subtraction_undoes_addition(a: i64, b: i64, scale_a in 1..=9u32, scale_b in 1..=9u32) {
            let a = Quantity::new(Decimal::new(a, scale_a)).unwrap();
            let b = Quantity::new(Decimal::new(b, scale_b)).unwrap();
            if let Ok(sum) = a.checked_add(b) {
                prop_assert_eq!(sum.checked_sub(b), Ok(a));
            }
        }
    }
}
