//! The names stock is kept under: what (`Sku`), where (`LocationId`) and whose (`CompanyId`).
//!
//! All are chosen by people or by other systems, so they are checked text and not generated ids.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name was empty, too long, or held a character that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 1 to {max} characters of {allowed}")]
pub struct InvalidName {
    what: &'static str,
    max: usize,
    allowed: &'static str,
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let ok: fn(u8) -> bool = $ok;
                if (1..=$max).contains(&text.len()) && text.bytes().all(ok) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { what: $what, max: $max, allowed: $allowed })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_name!(
    /// A stock keeping unit. For books it is the ISBN-13 without hyphens.
    Sku, "sku", 64, "A-Z, a-z, 0-9, '.', '_' and '-'",
    |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
);

checked_name!(
    /// A place that holds stock, such as a warehouse: `alpha`. Parts of places and places that are none have a `~` in their
    /// name; only this crate makes them, and nobody outside can name one.
    LocationId, "location", 40, "a-z, 0-9 and '-'",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);

impl LocationId {
    /// A part of this location: a shard of a hot item.
    pub(crate) fn part(&self, number: u8) -> Self {
        Self(format!("{}~{number}", self.0))
    }

    /// Where goods are that are on the way.
    pub(crate) fn on_the_way(transfer: &str) -> Self {
        Self(format!("~{}", transfer.to_ascii_lowercase()))
    }

    /// A place as it is stored with levels and reservations: parts of places too. `#[serde(deserialize_with)]`.
    pub fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }

    /// Whether it is a part of a place, or none: nobody offers or counts what is there.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.0.contains('~')
    }
}

checked_name!(
    /// A company whose stock is valued by one set of rules: `acme-uk`.
    CompanyId, "company", 32, "a-z, 0-9 and '-'",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_break_a_key_or_a_path_are_refused() {
        for bad in ["", "a#b", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<Sku>().is_err(), "{bad:?}");
        }
        assert!("Alpha".parse::<LocationId>().is_err());
    }

    #[test]
    fn parts_of_places_can_be_stored_and_not_named() {
        #[derive(Deserialize)]
        struct Row(#[serde(deserialize_with = "LocationId::stored")] LocationId);
        let part = "alpha".parse::<LocationId>().unwrap().part(3);
        let text = serde_json::to_string(&part).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap().0, part);
        assert!(part.is_virtual() && part.as_str().parse::<LocationId>().is_err());
        assert!(serde_json::from_str::<LocationId>(&text).is_err());
    }

    #[test]
    fn a_location_is_lower_case() {
        assert_eq!("alpha-2".parse::<LocationId>().map(String::from).as_deref(), Ok("alpha-2"));
    }
}
