//! Global ids: `gid://shopify/Product/632910392`.
//!
//! Numbers go past 2^53 and are never floating point. What may follow a number (`?inventory_item_id=…` of a level) is part of
//! the id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of anything in a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gid {
    text: Box<str>,
    /// Where the number begins.
    number_at: usize,
}

/// The text is not `gid://shopify/<Type>/<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected gid://shopify/<Type>/<number>")]
pub struct InvalidGid;

const PREFIX: &str = "gid://shopify/";

impl Gid {
    /// The id of a type and number, as webhooks give them.
    #[must_use]
    pub fn new(kind: &str, number: u64) -> Self {
        Self { text: format!("{PREFIX}{kind}/{number}").into(), number_at: PREFIX.len() + kind.len() + 1 }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `Product`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text.get(PREFIX.len()..self.number_at.saturating_sub(1)).unwrap_or_default()
    }

    /// `632910392`.
    #[must_use]
    pub fn number(&self) -> u64 {
        let rest = self.text.get(self.number_at..).unwrap_or_default();
        // Read when it was made.
        rest.split('?').next().and_then(|number| number.parse().ok()).unwrap_or_default()
    }
}

impl FromStr for Gid {
    type Err = InvalidGid;

    fn from_str(text: &str) -> Result<Self, InvalidGid> {
        let (kind, rest) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')).ok_or(InvalidGid)?;
        let number = rest.split('?').next().unwrap_or_default();
        let good_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let good_number = number.parse::<u64>().is_ok() && !number.starts_with('+');
        if !(good_kind && good_number) {
            return Err(InvalidGid);
        }
        Ok(Self { text: text.into(), number_at: PREFIX.len() + kind.len() + 1 })
    }
}

impl fmt::Display for Gid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Gid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Gid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_read_back() {
        let level: Gid = "gid://shopify/InventoryLevel/24826418?inventory_item_id=7".parse().unwrap();
        assert_eq!((level.kind(), level.number()), ("InventoryLevel", 24_826_418));
        assert_eq!(serde_json::from_str::<Gid>("\"gid:\\/\\/shopify/Order/5\"").unwrap(), Gid::new("Order", 5));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "632910392",
            "gid://shopify/Product",
            "gid://shopify/Product/",
            "gid://shopify//1",
            "gid://shopify/Product/x",
            "gid://shopify/Product/+1",
            "gid://other/Product/1",
            "gid://shopify/Pro duct/1",
            "gid://shopify/Product/18446744073709551616",
        ] {
            assert_eq!(text.parse::<Gid>(), Err(InvalidGid), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_text_and_json(kind in "[A-Z][a-zA-Z]{0,20}", number: u64) {
            let id = Gid::new(&kind, number);
            prop_assert_eq!(id.to_string().parse::<Gid>().unwrap(), id.clone());
            prop_assert_eq!((id.kind(), id.number()), (kind.as_str(), number));
            prop_assert_eq!(serde_json::from_value::<Gid>(serde_json::to_value(&id).unwrap()).unwrap(), id);
        }
    }
}
