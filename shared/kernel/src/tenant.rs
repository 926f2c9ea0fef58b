//! Whose data it is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest either half of a tenant id may be, in characters.
const MAX_PART: usize = 32;

/// A client's environment, `client.environment` (`acme.production`); each half is `[a-z0-9-]{1,32}`, so that it can
/// stand in a table key, a header or a queue name as it is. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// The text is not `client.environment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `client.environment`, each of 1 to 32 characters out of a-z, 0-9 and `-`")]
pub struct InvalidTenantId;

impl TenantId {
    /// `client.environment`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the dot.
    #[must_use]
    pub fn client(&self) -> &str {
        self.halves().0
    }

    /// The part after the dot.
    #[must_use]
    pub fn environment(&self) -> &str {
        self.halves().1
    }

    fn halves(&self) -> (&str, &str) {
        // The constructor has seen the dot.
        self.0.split_once('.').unwrap_or((&self.0, ""))
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenantId;

    fn from_str(text: &str) -> Result<Self, InvalidTenantId> {
        match text.split_once('.') {
            Some((client, environment)) if is_part(client) && is_part(environment) => Ok(Self(text.into())),
            Some(_) | None => Err(InvalidTenantId),
        }
    }
}

fn is_part(text: &str) -> bool {
    (1..=MAX_PART).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_are_client_and_environment() {
        let tenant: TenantId = "acme.production".parse().unwrap();
        assert_eq!((tenant.client(), tenant.environment()), ("acme", "production"));
        assert_eq!(tenant.as_str(), "acme.production");
        assert_eq!(format!("{tenant} {tenant:?}"), "acme.production acme.production");
    }

    #[test]
    fn anything_that_could_leave_its_place_in_a_key_is_refused() {
        let long = "a".repeat(33);
        for text in [
            "",
            ".",
            "acme",
            "acme.",
            ".production",
            "acme.production.",
            "a.b.c",
            "Acme.production",
            "acme.pro duction",
            "acme#x.production",
            "acme_x.production",
            "ac/me.production",
            "acmé.production",
            " acme.production",
            &format!("{long}.production"),
            &format!("acme.{long}"),
        ] {
            assert_eq!(text.parse::<TenantId>(), Err(InvalidTenantId), "{text}");
            assert!(serde_json::from_value::<TenantId>(text.into()).is_err());
        }
    }

    proptest! {
        #[test]
        fn every_tenant_survives_text_and_json(text in "[a-z0-9-]{1,32}\\.[a-z0-9-]{1,32}") {
            let tenant: TenantId = text.parse().unwrap();
            prop_assert_eq!(tenant.to_string(), text.clone());
            let json = serde_json::to_value(&tenant).unwrap();
            prop_assert_eq!(&json, &serde_json::Value::from(text));
            prop_assert_eq!(serde_json::from_value::<TenantId>(json).unwrap(), tenant);
        }
    }
}
