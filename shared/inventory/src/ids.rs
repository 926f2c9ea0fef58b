//! The names stock is kept under: what (`Sku`), where (`LocationId`) and whose (`CompanyId`).
//!
//! All are chosen by people or by other systems, so they are checked text and not generated ids.

use serde::{Deserialize, Serialize};
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
    /// A place that holds stock, such as a warehouse: `alpha`. Parts of places and places that are none, which only this
    /// crate makes, have a `~` in their name.
    LocationId, "location", 40, "a-z, 0-9 and '-'",
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'~')
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

    /// Whether it is a part of a place, or none: people can neither send goods there nor count them.
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
        assert_eq!("alpha-2".parse::<LocationId>().map(String::from).as_deref(), Ok("alpha-2"));
    }
}
