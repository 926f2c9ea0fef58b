//! Translation between our words and a store's, both ways. Pure: no clock, no state, no call.
//!
//! Out: GraphQL inputs. In: webhook payloads (REST words, snake case) and GraphQL nodes (camel case). What a payload has beyond what
//! is read here is ignored, and a word nobody has heard of is kept as unknown, never taken for a known one.

pub mod customer;
pub mod fulfillment;
pub mod inventory;
pub mod order;
pub mod product;
pub mod refund;

use kernel::{Currency, Money};

/// A payload that cannot be read: the reason, without its values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("the payload has another shape: {0}")]
    Shape(String),
    #[error("`{0}` is not an amount of the store's currency")]
    Amount(&'static str),
    /// There is more of these than came along: what was read is not the whole.
    #[error("there are more {0} than can be read at once")]
    Cut(&'static str),
}

/// Names the path, not the value: payloads hold personal data.
fn shape(error: &serde_json::Error) -> MapError {
    MapError::Shape(format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()))
}

/// Amounts come with two decimals whatever the currency has: `1200.00` yen.
fn money(text: &str, currency: Currency, field: &'static str) -> Result<Money, MapError> {
    let plain = match text.split_once('.') {
        Some((whole, fraction)) => {
            let kept = usize::from(currency.exponent());
            let rest = fraction.get(kept..).unwrap_or_default();
            if rest.bytes().any(|digit| digit != b'0') {
                return Err(MapError::Amount(field));
            }
            match fraction.get(..kept).unwrap_or(fraction) {
                "" => whole.to_owned(),
                fraction => format!("{whole}.{fraction}"),
            }
        }
        None => text.to_owned(),
    };
    Money::parse(&plain, currency).map_err(|_| MapError::Amount(field))
}

/// A list that came along with an object.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection<T> {
    page_info: PageInfo,
    nodes: Vec<T>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
}

impl<T> Connection<T> {
    /// All of it, or an error: a part is never taken for the whole.
    fn whole(self, what: &'static str) -> Result<Vec<T>, MapError> {
        if self.page_info.has_next_page { Err(MapError::Cut(what)) } else { Ok(self.nodes) }
    }
}

/// `a, b` of webhooks.
fn tags(text: &str) -> std::collections::BTreeSet<String> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_the_decimals_of_their_currency() {
        let (gbp, jpy) = ("GBP".parse().unwrap(), "JPY".parse().unwrap());
        assert_eq!(money("19.99", gbp, "price"), Ok(Money::from_minor(1_999, gbp)));
        assert_eq!(money("20", gbp, "price"), Ok(Money::from_minor(2_000, gbp)));
        assert_eq!(money("19.990", gbp, "price"), Ok(Money::from_minor(1_999, gbp)));
        assert_eq!(money("1200.00", jpy, "price"), Ok(Money::from_minor(1_200, jpy)));
        for text in ["19.999", "", "x", "1e3", "1,50"] {
            assert_eq!(money(text, gbp, "price"), Err(MapError::Amount("price")), "{text}");
        }
    }
}
