//! Secrets from Secrets Manager, by ARN, kept for a while.
//!
//! A warm function reads a secret once in five minutes. When somebody finds a value refused (a peer has rotated it), it may
//! ask for a fresh one, which is read at most every ten seconds, so that forged credentials cannot turn into a bill.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use kernel::{Clock, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use web::BoxError;

const TTL: Duration = Duration::from_secs(300);
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// One secret and its last value.
pub(crate) struct Cached {
    client: Client,
    arn: String,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Timestamp, SecretString)>>,
}

impl Cached {
    pub(crate) fn new(client: Client, arn: String, clock: Arc<dyn Clock>) -> Self {
        Self { client, arn, clock, last: Mutex::default() }
    }

    async fn no_older_than(&self, age: Duration) -> Result<SecretString, BoxError> {
        // Held while reading: whoever comes meanwhile wants the same value.
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        if let Some((read_at, value)) = &*last
            && now.duration_since(*read_at).unsigned_abs() < age
        {
            return Ok(value.clone());
        }
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await?;
        let value: SecretString = answer.secret_string.ok_or("the secret has no text")?.into();
        *last = Some((now, value.clone()));
        Ok(value)
    }
}

#[async_trait]
impl web::secret::Secret for Cached {
    async fn read(&self) -> Result<SecretString, BoxError> {
        self.no_older_than(TTL).await
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.no_older_than(REFRESH_AT_MOST_EVERY).await
    }
}

kernel::typed_id!(
    /// A version of a secret, named after the one it replaces.
    SuccessorId,
    "successor"
);

/// A secret that is replaced from here, always read afresh.
pub(crate) struct Replaceable {
    client: Client,
    arn: String,
}

impl Replaceable {
    pub(crate) fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }
}

#[async_trait]
impl web::secret::SecretStore for Replaceable {
    async fn read(&self) -> Result<(SecretString, String), BoxError> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await?;
        let value: SecretString = answer.secret_string.ok_or("the secret has no text")?.into();
        Ok((value, answer.version_id.ok_or("the secret has no version")?))
    }

    async fn replace(&self, value: &SecretString, seen: &str) -> Result<bool, BoxError> {
        // The name of the new version follows from the old one's. Secrets Manager refuses a name that has another value
        // already, so of two who replace one version the second learns it.
        let version = SuccessorId::derive(&[seen]).to_string();
        let request = self.client.put_secret_value().secret_id(&self.arn).client_request_token(version);
        let answer = request.secret_string(value.expose_secret()).send().await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_exists_exception()) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
