//! Secrets from Secrets Manager, by ARN, kept for a while.
//!
//! A warm function reads a secret once in five minutes. When somebody finds a value refused (a peer has rotated it), it may
//! ask for a fresh one, which is read at most every ten seconds, so that forged credentials cannot turn into a bill.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use web::BoxError;

use crate::json_service::{CallError, JsonCalls, Protocol, Service};

/// Its operations that are used here.
pub(crate) const SECRETS_MANAGER: Service =
    Service { host: "secretsmanager", name: "secretsmanager", prefix: "secretsmanager", protocol: Protocol::Json11 };

const TTL: Duration = Duration::from_secs(300);
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: SecretString,
    version_id: String,
}

async fn value(manager: &dyn JsonCalls, arn: &str) -> Result<SecretValue, BoxError> {
    let answer = manager.call("GetSecretValue", &json!({ "SecretId": arn })).await?;
    // What serde says would quote the secret.
    serde_json::from_str(answer.expose_secret()).map_err(|_| "the secret has no text".into())
}

/// One secret and its last value.
pub(crate) struct Cached {
    manager: Arc<dyn JsonCalls>,
    arn: String,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Timestamp, SecretString)>>,
}

impl Cached {
    pub(crate) fn new(manager: Arc<dyn JsonCalls>, arn: String, clock: Arc<dyn Clock>) -> Self {
        Self { manager, arn, clock, last: Mutex::default() }
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
        let value = value(&*self.manager, &self.arn).await?.secret_string;
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
    manager: Arc<dyn JsonCalls>,
    /// Or its name, for one that is made from here.
    arn: String,
}

impl Replaceable {
    pub(crate) fn new(manager: Arc<dyn JsonCalls>, arn: String) -> Self {
        Self { manager, arn }
    }
}

#[async_trait]
impl web::secret::SecretStore for Replaceable {
    async fn read(&self) -> Result<(SecretString, String), BoxError> {
        let SecretValue { secret_string, version_id } = value(&*self.manager, &self.arn).await?;
        Ok((secret_string, version_id))
    }

    async fn put(&self, value: &SecretString) -> Result<(), BoxError> {
        let value = value.expose_secret();
        // The same value again is the same version.
        let version = SuccessorId::derive(&["put", value]).to_string();
        let made = json!({ "Name": self.arn, "ClientRequestToken": version, "SecretString": value });
        match self.manager.call("CreateSecret", &made).await {
            Ok(_) => Ok(()),
            Err(CallError::Refused { code, .. }) if code == "ResourceExistsException" => {
                let over = json!({ "SecretId": self.arn, "ClientRequestToken": version, "SecretString": value });
                self.manager.call("PutSecretValue", &over).await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn replace(&self, value: &SecretString, seen: &str) -> Result<bool, BoxError> {
        // The name of the new version follows from the old one's. Secrets Manager refuses a name that has another value
        // already, so of two who replace one version the second learns it.
        let version = SuccessorId::derive(&[seen]).to_string();
        let request = json!({
            "SecretId": self.arn, "ClientRequestToken": version, "SecretString": value.expose_secret(),
        });
        match self.manager.call("PutSecretValue", &request).await {
            Ok(_) => Ok(true),
            Err(CallError::Refused { code, .. }) if code == "ResourceExistsException" => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
