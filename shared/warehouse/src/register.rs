//! Makes the warehouse known to the store.
//!
//! When it is deployed it tries patiently, because the store may be coming up at the same time. After that a schedule
//! repeats the registration once a minute: the store takes it any number of times, and a store that lost its registry
//! learns of the warehouse again. Whether a warehouse is up is found out by the store's health check, not here.

mod custom_resource;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use inventory::LocationId;
use serde_json::{Value, json};
use web::transport::{Circuit, Transport};

use crate::peer::{Post, Reply, StoreClient};
use custom_resource::{CustomResource, Deployment, Status};

/// Tries of a deployment, the wait between two, and for each: together less than the function's 90 seconds.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(3);

/// The scheduled task.
pub struct Registration {
    store: StoreClient,
    /// For `CloudFormation`, which wants its answers at a URL of its own.
    transport: Arc<dyn Transport>,
    location: LocationId,
    url: String,
}

/// Why the task did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The store says no.
    #[error("the store refuses the registration: {status} {code}")]
    Refused { status: StatusCode, code: String },
    /// The store does not answer.
    #[error("the store does not take the registration: {0}")]
    Unavailable(String),
    /// It looks like a request of `CloudFormation`, but cannot be answered.
    #[error("the custom resource request is malformed")]
    Malformed(#[source] serde_json::Error),
    /// `CloudFormation`'s URL did not take the answer.
    #[error("the answer to CloudFormation is not delivered: {0}")]
    NotAnswered(String),
}

impl Registration {
    /// `url` is where this warehouse is reached, with its prefix: `https://…/warehouses/alpha`.
    #[must_use]
    pub fn new(store: StoreClient, transport: Arc<dyn Transport>, location: LocationId, url: &str) -> Self {
        Self { store, transport, location, url: url.trim_end_matches('/').to_owned() }
    }

    /// Runs the task for what invoked it: a request of `CloudFormation` (a custom resource), the news that a stack is
    /// there (`{"source": "aws.cloudformation"}`, or `"deploy"` from a person), or anything else, which is the schedule.
    pub async fn run(&self, input: Value) -> Result<(), RegistrationError> {
        if input.get("ResponseURL").is_some() {
            let request = serde_json::from_value(input).map_err(RegistrationError::Malformed)?;
            self.answer(&request).await
        } else if matches!(input["source"].as_str(), Some("aws.cloudformation" | "deploy")) {
            self.register_patiently().await
        } else {
            self.register(1).await
        }
    }

    /// Patience is this task's own: each attempt of a deployment has its own circuit, or the transport's breaker would
    /// leave out most of them.
    async fn register(&self, attempt: u32) -> Result<(), RegistrationError> {
        let post = Post {
            path: "/v1/warehouses/register",
            body: &json!({ "id": self.location, "name": format!("Warehouse {}", self.location), "url": self.url }),
            timeout: TIMEOUT,
            key: None,
            circuit: Some(Circuit(format!("registration {attempt}"))),
        };
        match self.store.post(post).await {
            Reply::Accepted => Ok(()),
            Reply::Refused { status, code } => Err(RegistrationError::Refused { status, code }),
            Reply::Unavailable(reason) => Err(RegistrationError::Unavailable(reason)),
        }
    }

    /// A refusal is tried again too: while a store is being deployed, its gateway refuses what it will take later.
    async fn register_patiently(&self) -> Result<(), RegistrationError> {
        for attempt in 1..TRIES {
            match self.register(attempt).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(attempt, %error, "not registered yet"),
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        self.register(TRIES).await
    }

    /// `CloudFormation` waits an hour for an answer, so there always is one. A store that cannot be reached does not fail
    /// the warehouse's deployment: the schedule goes on trying.
    async fn answer(&self, request: &CustomResource) -> Result<(), RegistrationError> {
        let (status, reason) = match request.deployment() {
            Deployment::Removed => (Status::Success, "the store notices by itself".to_owned()),
            Deployment::Made => match self.register_patiently().await {
                Ok(()) => (Status::Success, "registered".to_owned()),
                Err(error) => {
                    tracing::error!(%error, "deployed without being registered; the schedule goes on trying");
                    (Status::Success, format!("not registered yet: {error}"))
                }
            },
            Deployment::Unknown(kind) => (Status::Failed, format!("unknown request type `{kind}`")),
        };
        request.answer(&*self.transport, status, &reason, &self.location).await
    }
}

#[cfg(test)]
mod tests;
