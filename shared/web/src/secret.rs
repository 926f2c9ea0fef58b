//! Secrets as a port: read now, read again when one turns out to have been rotated.
//!
//! `runtime` reads them from Secrets Manager and caches them; values never print.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::BoxError;

/// One secret, by whatever name `runtime` knows it.
#[async_trait]
pub trait Secret: Send + Sync {
    /// The value, which may be some minutes old.
    async fn read(&self) -> Result<SecretString, BoxError>;
    /// The value as it is now: for when the one read before was refused. Asking often does not read often.
    async fn refresh(&self) -> Result<SecretString, BoxError>;
}

/// A secret that is replaced from here.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The value as it is now, and which version that is.
    async fn read(&self) -> Result<(SecretString, String), BoxError>;
    /// Makes the secret, or puts a value over whatever is there.
    async fn put(&self, value: &SecretString) -> Result<(), BoxError>;
    /// Replaces the version that was seen; `false` when somebody else has.
    async fn replace(&self, value: &SecretString, seen: &str) -> Result<bool, BoxError>;
}

/// A credential in rotation, as JSON: both values are accepted, the current one is sent. An empty previous one is none.
#[derive(Debug, Clone, Deserialize)]
pub struct Rotating {
    pub current: SecretString,
    #[serde(default, deserialize_with = "unless_empty")]
    pub previous: Option<SecretString>,
}

/// A key of no length is one that everybody has.
fn unless_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let previous = Option::<SecretString>::deserialize(deserializer)?;
    Ok(previous.filter(|previous| !previous.expose_secret().is_empty()))
}

impl Rotating {
    /// Reads `{"current": "…", "previous": "…"}`.
    ///
    /// # Errors
    /// Says that, not what, is wrong: a parser's message could quote the secret.
    pub fn parse(json: &SecretString) -> Result<Self, InvalidSecret> {
        let rotating: Self = serde_json::from_str(json.expose_secret()).map_err(|_| InvalidSecret)?;
        if rotating.current.expose_secret().is_empty() { Err(InvalidSecret) } else { Ok(rotating) }
    }
}

/// The secret is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is not JSON with `current` and perhaps `previous`")]
pub struct InvalidSecret;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_values_are_read_and_neither_prints() {
        let secret = Rotating::parse(&r#"{"current":"new-one","previous":"old-one"}"#.into()).unwrap();
        assert_eq!(secret.current.expose_secret(), "new-one");
        assert_eq!(secret.previous.as_ref().unwrap().expose_secret(), "old-one");
        assert!(!format!("{secret:?}").contains("-one"));
    }

    #[test]
    fn an_empty_value_is_no_key() {
        let rotated = Rotating::parse(&r#"{"current":"new","previous":""}"#.into()).unwrap();
        assert!(rotated.previous.is_none());
        assert!(Rotating::parse(&r#"{"current":""}"#.into()).is_err());
    }

    #[test]
    fn what_is_no_secret_is_refused_without_quoting_it() {
        let error = Rotating::parse(&"hunter2".into()).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
