//! Which store: its `myshopify.com` name, which is where requests go, so nothing else may ever be one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `some-shop.myshopify.com`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shop(Box<str>);

/// The text is not the name of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected <name>.myshopify.com")]
pub struct InvalidShop;

/// DNS has no longer labels.
const MAX_NAME: usize = 63;

impl Shop {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Shop {
    type Err = InvalidShop;

    /// Source: Shopify, authorization code grant: `^[a-zA-Z0-9][a-zA-Z0-9\-_]*\.myshopify\.com$`.
    fn from_str(text: &str) -> Result<Self, InvalidShop> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_suffix(".myshopify.com").ok_or(InvalidShop)?;
        let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let all_well = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if starts_well && all_well && name.len() <= MAX_NAME { Ok(Self(lower.into())) } else { Err(InvalidShop) }
    }
}

impl fmt::Display for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Shop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Shop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_a_store_is_one() {
        assert_eq!("Some-Shop_2.myshopify.com".parse::<Shop>().unwrap().as_str(), "some-shop_2.myshopify.com");
        for text in [
            "",
            ".myshopify.com",
            "-a.myshopify.com",
            "a.myshopify.com.evil.test",
            "evil.test/a.myshopify.com",
            "a.b.myshopify.com",
            "a.myshopify.com\n",
            "a@b.myshopify.com",
            "a.myshopify.io",
            "ä.myshopify.com",
        ] {
            assert_eq!(text.parse::<Shop>(), Err(InvalidShop), "{text}");
        }
    }
}
