//! Services: other parts of the system that call with a secret of their own.
//!
//! Every service has its own secret, so that a leaked one names its owner and is replaced alone. Two are valid at a
//! time, the current and the previous one, so that it can be replaced without a moment in which calls fail. Where
//! they are kept and for how long they are cached is `runtime`'s business.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use futures::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use web::BoxError;
use web::secret::{Rotating, Secret};

use crate::credentials::Credentials;
use crate::{AuthenticateError, Identity, Role};

/// A shorter secret could be guessed.
const MIN_SECRET_BYTES: usize = 16;
const MAX_NAME_BYTES: usize = 64;

/// The identity of a service: `store`, `warehouse:alpha`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

/// The text is no name for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {MAX_NAME_BYTES} characters out of a-z, 0-9, `-` and `:`")]
pub struct InvalidServiceName;

impl FromStr for ServiceName {
    type Err = InvalidServiceName;

    fn from_str(text: &str) -> Result<Self, InvalidServiceName> {
        let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b':');
        if (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidServiceName)
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secrets of a service cannot be used. It never quotes them.
#[derive(Debug, thiserror::Error)]
#[error("the secret of {service} cannot be used")]
pub struct SecretError {
    service: ServiceName,
    #[source]
    source: BoxError,
}

/// The services that may call, each with the place of its secret.
#[derive(Clone, Default)]
pub struct Services(Vec<(ServiceName, Arc<dyn Secret>)>);

impl Services {
    #[must_use]
    pub fn new(services: Vec<(ServiceName, Arc<dyn Secret>)>) -> Self {
        Self(services)
    }

    /// The service behind an `Authorization: Bearer` header; `None` when it is nobody's secret.
    pub async fn authenticate_bearer(&self, header: &str) -> Result<Option<Identity>, AuthenticateError> {
        let Some(Credentials::Bearer(presented)) = Credentials::parse(header) else { return Ok(None) };
        let mut owner = self.owner(&presented, false).await?;
        if owner.is_none() {
            // It may be newer than what is cached.
            owner = self.owner(&presented, true).await?;
        }
        Ok(owner.map(|name| Identity { principal: format!("service:{name}"), role: Role::Service }))
    }

    /// Compares with both secrets of every service, in the same time whichever it is, or none.
    async fn owner(&self, presented: &SecretString, fresh: bool) -> Result<Option<&ServiceName>, SecretError> {
        let accepted = try_join_all(self.0.iter().map(|(name, secret)| async move {
            let choice = accepts(&**secret, presented, fresh).await;
            choice.map_err(|source| SecretError { service: name.clone(), source })
        }));
        let accepted = accepted.await?;
        Ok(self.0.iter().zip(accepted).find(|(_, accepted)| bool::from(*accepted)).map(|((name, _), _)| name))
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

async fn accepts(secret: &dyn Secret, presented: &SecretString, fresh: bool) -> Result<Choice, BoxError> {
    let json = if fresh { secret.refresh().await } else { secret.read().await }?;
    let Rotating { current, previous } = Rotating::parse(&json)?;
    // Without a rotation `previous` may be empty instead of absent.
    let previous = previous.filter(|secret| !secret.expose_secret().is_empty());
    let mut accepted = Choice::from(0);
    for valid in std::iter::once(current).chain(previous) {
        let valid = valid.expose_secret().as_bytes();
        if valid.len() < MIN_SECRET_BYTES {
            return Err(format!("it is shorter than {MIN_SECRET_BYTES} bytes").into());
        }
        accepted |= valid.ct_eq(presented.expose_secret().as_bytes());
    }
    Ok(accepted)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// What is stored, and what of it a cache has seen.
    struct Stored {
        now: String,
        cached: Mutex<String>,
    }

    #[async_trait]
    impl Secret for Stored {
        async fn read(&self) -> Result<SecretString, BoxError> {
            Ok(self.cached.lock().unwrap().clone().into())
        }

        async fn refresh(&self) -> Result<SecretString, BoxError> {
            self.cached.lock().unwrap().clone_from(&self.now);
            self.read().await
        }
    }

    fn service(name: &str, cached: &str, now: &str) -> (ServiceName, Arc<dyn Secret>) {
        let cached = Mutex::new(cached.to_owned());
        (name.parse().unwrap(), Arc::new(Stored { now: now.to_owned(), cached }))
    }

    fn services(json: &str) -> Services {
        let store = r#"{"current": "store-secret-0001"}"#;
        Services::new(vec![service("store", store, store), service("warehouse:alpha", json, json)])
    }

    async fn owner(services: &Services, secret: &str) -> Option<String> {
        let found = services.authenticate_bearer(&format!("Bearer {secret}")).await.unwrap();
        assert!(found.iter().all(|identity| identity.role == Role::Service));
        found.map(|identity| identity.principal)
    }

    #[tokio::test]
    async fn both_secrets_of_a_rotation_are_valid_and_name_their_owner() {
        let services = services(r#"{"current": "alpha-secret-0002", "previous": "alpha-secret-0001"}"#);
        assert_eq!(owner(&services, "store-secret-0001").await.as_deref(), Some("service:store"));
        for secret in ["alpha-secret-0001", "alpha-secret-0002"] {
            assert_eq!(owner(&services, secret).await.as_deref(), Some("service:warehouse:alpha"));
        }
        for wrong in ["", "alpha-secret-0003", "store-secret-000", "store-secret-00011", "STORE-SECRET-0001"] {
            assert_eq!(owner(&services, wrong).await, None, "{wrong}");
        }
        assert_eq!(services.authenticate_bearer("Basic store-secret-0001").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_secret_newer_than_the_cache_is_valid_at_once() {
        let old = r#"{"current": "alpha-secret-0001"}"#;
        let new = r#"{"current": "alpha-secret-0002", "previous": "alpha-secret-0001"}"#;
        let services = Services::new(vec![service("warehouse:alpha", old, new)]);
        assert!(owner(&services, "alpha-secret-0002").await.is_some());
        assert!(owner(&services, "alpha-secret-0001").await.is_some());
    }

    #[tokio::test]
    async fn without_a_rotation_there_is_one_secret() {
        for previous in ["null", "\"\""] {
            let services = services(&format!(r#"{{"current": "alpha-secret-0001", "previous": {previous}}}"#));
            assert!(owner(&services, "alpha-secret-0001").await.is_some());
            assert_eq!(owner(&services, "").await, None);
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_weak_or_no_secret_lets_nobody_in_and_is_not_quoted() {
        for json in
            [r#"{"current": "short-secret"}"#, r#"{"current": "alpha-secret-0001", "previous": "x"}"#, "hunter2"]
        {
            let error = services(json).authenticate_bearer("Bearer alpha-secret-0001").await.unwrap_err();
            let shown = format!("{error:?} {error}");
            assert!(shown.contains("alpha") && !shown.contains("secret-0001") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!("warehouse:alpha-2".parse::<ServiceName>().is_ok());
        for bad in ["", "Store", "a b", "a#b", &"x".repeat(65)] {
            assert_eq!(bad.parse::<ServiceName>(), Err(InvalidServiceName));
        }
    }
}
