//! The gateway's question "who is this?", as a REQUEST authorizer with payload 2.0 and simple answers.
//!
//! A wrong credential is let through without a principal, so that the API itself answers 401 in its own format; only
//! what cannot be judged is stopped at the gate (docs/decisions/0006-authorizer-answers.md). The answer depends on the
//! `Authorization` header alone, because the gateway caches it by that header for all routes. Roles are not looked at
//! here: which one a route wants is said where the route is.

use access::{Access, AuthenticateError, Identity, Services};
use async_trait::async_trait;
use kernel::TenantId;
use runtime::Failure;
use serde_json::{Value, json};

/// Knows users and services of one tenant.
pub struct Authorizer {
    tenant: TenantId,
    access: Access,
    services: Services,
}

/// Why no answer can be given.
#[derive(Debug, thiserror::Error)]
enum Unjudged {
    #[error("the event is not a request for an authorizer with payload 2.0")]
    Malformed,
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
}

impl Authorizer {
    #[must_use]
    pub fn new(tenant: TenantId, access: Access, services: Services) -> Self {
        Self { tenant, access, services }
    }

    async fn judge(&self, event: &Value) -> Result<Option<Identity>, Unjudged> {
        let header = authorization(event)?;
        match self.services.authenticate_bearer(header).await? {
            Some(service) => Ok(Some(service)),
            None => Ok(self.access.authenticate_basic(&self.tenant, header).await?),
        }
    }
}

#[async_trait]
impl runtime::Task for Authorizer {
    async fn run(&self, event: Value) -> Result<Value, Failure> {
        // A failure is no answer: the gateway lets nobody in and, unlike a denial, does not keep it for minutes.
        match self.judge(&event).await.map_err(|error| Failure::new("AuthorizerFailed", error))? {
            Some(Identity { principal, role }) => {
                tracing::info!(principal, role = role.as_str(), "let in");
                let context = json!({ "principal": principal, "role": role, "tenant": self.tenant });
                Ok(json!({ "isAuthorized": true, "context": context }))
            }
            None => {
                tracing::info!("invalid credentials");
                Ok(json!({ "isAuthorized": true, "context": { "denied": "invalid_credentials" } }))
            }
        }
    }
}

/// The header; empty, which nobody has, when there is none.
fn authorization(event: &Value) -> Result<&str, Unjudged> {
    let is = |name: &str, text: &str| event.get(name).and_then(Value::as_str) == Some(text);
    if !is("version", "2.0") || !is("type", "REQUEST") {
        return Err(Unjudged::Malformed);
    }
    let headers = event.get("headers").and_then(Value::as_object).ok_or(Unjudged::Malformed)?;
    match headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        Some((_, value)) => value.as_str().ok_or(Unjudged::Malformed),
        None => Ok(""),
    }
}

#[cfg(test)]
mod tests;
