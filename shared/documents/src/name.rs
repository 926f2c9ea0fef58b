//! Names that people give: document types and connections. They stand in keys, queue names and URLs as they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name, in characters.
const MAX: usize = 64;

/// The text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 characters out of a-z, 0-9, `-` and `.`, a letter or digit first and last")]
pub struct InvalidName;

fn is_name(text: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let bytes = text.as_bytes();
    (1..=MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(byte) || matches!(byte, b'-' | b'.'))
        && bytes.first().is_some_and(plain)
        && bytes.last().is_some_and(plain)
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A name that stands in the code; a test looks at each.
            #[must_use]
            pub fn literal(text: &'static str) -> Self {
                Self(text.to_owned())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// What kind of document it is: `product`, `sales-order`, `stock.level`.
    DocumentType
);
name!(
    /// One account at one other system, or one connector: what is paused, limited and measured together.
    ConnectionId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_keys_and_urls_can_hold() {
        for good in ["a", "sales-order", "shopify.eu-1", &"x".repeat(64)] {
            assert_eq!(good.parse::<DocumentType>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", ".a", "A", "a b", "a#b", "é", &"x".repeat(65)] {
            assert_eq!(bad.parse::<ConnectionId>(), Err(InvalidName), "{bad}");
        }
    }
}
