//! The gateway's question "who is this?", as a REQUEST authorizer with payload 2.0 and simple answers.
//!
//! Five kinds of credential, told apart by their form, each judged at its own door and at no other: `Basic` is a user, `ApiKey`
//! a partner's system, `Hop` our own gateway passing on one request, `Bearer` with five parts an access token, and any other
//! `Bearer` a service's secret. What has the form of one is never tried as another.
//!
//! A wrong credential is let through without a principal, so that the API itself answers 401 in its own format; only what
//! cannot be judged is stopped at the gate (docs/decisions/0006-authorizer-answers.md). A token that is good but not for this
//! route is denied: the gateway caches answers by header and route, so the answer may depend on both. Roles are not looked at
//! here: which one a route wants is said where the route is.

use access::{Access, ApiKeys, AuthenticateError, Hop, Identity, Services, TokenDoor, permits};
use async_trait::async_trait;
use kernel::TenantId;
use runtime::Failure;
use serde_json::{Value, json};

/// Knows users, services, keys and tokens of one tenant.
pub struct Authorizer {
    tenant: TenantId,
    access: Access,
    services: Services,
    tokens: Option<TokenDoor>,
    keys: Option<ApiKeys>,
}

/// Whom the gate has before it.
enum Verdict {
    /// Somebody known; with a token, what it is good for; with an assertion, which request it is for.
    Known {
        principal: String,
        role: String,
        scope: Option<String>,
        request: Option<String>,
    },
    /// The token is good, and not for this route.
    NotForThis {
        principal: String,
    },
    Nobody,
}

impl Verdict {
    fn scoped(principal: String, role: String, scope: String, route: &str) -> Self {
        if permits(scope.split(' '), route) {
            Self::Known { principal, role, scope: Some(scope), request: None }
        } else {
            Self::NotForThis { principal }
        }
    }
}

impl From<Option<Identity>> for Verdict {
    fn from(found: Option<Identity>) -> Self {
        found.map_or(Self::Nobody, |Identity { principal, role }| Self::Known {
            principal,
            role: role.to_string(),
            scope: None,
            request: None,
        })
    }
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
    /// Users and services only: what a stack without applications has.
    #[must_use]
    pub fn new(tenant: TenantId, access: Access, services: Services) -> Self {
        Self { tenant, access, services, tokens: None, keys: None }
    }

    /// Takes access tokens and API keys too.
    #[must_use]
    pub fn with_applications(self, tokens: TokenDoor, keys: ApiKeys) -> Self {
        Self { tokens: Some(tokens), keys: Some(keys), ..self }
    }

    async fn judge(&self, event: &Value) -> Result<Verdict, Unjudged> {
        let (header, route) = (authorization(event)?, route(event)?);
        let (scheme, value) = header.trim().split_once(' ').unwrap_or((header, ""));
        let value = value.trim_start();
        if scheme.eq_ignore_ascii_case("apikey") {
            let Some(keys) = &self.keys else { return Ok(Verdict::Nobody) };
            let found = keys.authenticate(&self.tenant, header).await?;
            return Ok(found.map_or(Verdict::Nobody, |key| {
                let scope = key.scopes.into_iter().collect::<Vec<_>>().join(" ");
                Verdict::scoped(key.id.to_string(), key.role.to_string(), scope, route)
            }));
        }
        if scheme.eq_ignore_ascii_case("hop") {
            return self.judge_hop(value, event, route).await;
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Ok(self.access.authenticate_basic(&self.tenant, header).await?.into());
        }
        // What has five parts is a token, good or not; a service's secret has none.
        if value.matches('.').count() != 4 {
            return Ok(self.services.authenticate_bearer(header).await?.into());
        }
        let Some(tokens) = &self.tokens else { return Ok(Verdict::Nobody) };
        Ok(match tokens.access(value).await? {
            Some(claims) => Verdict::scoped(claims.sub, claims.role, claims.scope, route),
            None => Verdict::Nobody,
        })
    }

    /// An assertion is for one request. Its URL is compared here; the body, and the URL again when this answer is kept, by the
    /// function (`web::hop`).
    async fn judge_hop(&self, value: &str, event: &Value, route: &str) -> Result<Verdict, Unjudged> {
        let Some(tokens) = &self.tokens else { return Ok(Verdict::Nobody) };
        let line = request_line(event)?;
        let hop = tokens.hop(value).await?.filter(|hop| hop.request.starts_with(&line));
        let Some(Hop { id, principal, role, scope, request }) = hop else { return Ok(Verdict::Nobody) };
        tracing::info!(hop = id, "passed on by the gateway");
        Ok(match Verdict::scoped(principal, role, scope, route) {
            Verdict::Known { principal, role, scope, .. } => {
                Verdict::Known { principal, role, scope, request: Some(request) }
            }
            other @ (Verdict::NotForThis { .. } | Verdict::Nobody) => other,
        })
    }
}

#[async_trait]
impl runtime::Task for Authorizer {
    async fn run(&self, event: Value) -> Result<Value, Failure> {
        // A failure is no answer: the gateway lets nobody in and, unlike a denial, does not keep it for minutes.
        match self.judge(&event).await.map_err(|error| Failure::new("AuthorizerFailed", error))? {
            Verdict::Known { principal, role, scope, request } => {
                tracing::info!(principal, role, "let in");
                let mut context = json!({ "principal": principal, "role": role, "tenant": self.tenant });
                for (name, value) in [("scope", scope), ("request", request)] {
                    if let Some(value) = value {
                        context[name] = value.into();
                    }
                }
                Ok(json!({ "isAuthorized": true, "context": context }))
            }
            Verdict::NotForThis { principal } => {
                tracing::info!(principal, "a token without the scope of the route");
                Ok(json!({ "isAuthorized": false }))
            }
            Verdict::Nobody => {
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

/// Method and URL, as far as an assertion is bound to them.
fn request_line(event: &Value) -> Result<String, Unjudged> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).ok_or(Unjudged::Malformed);
    Ok(web::hop::line(text("/requestContext/http/method")?, text("/rawPath")?, text("/rawQueryString")?))
}

/// The route, as the template names it.
fn route(event: &Value) -> Result<&str, Unjudged> {
    event.get("routeKey").and_then(Value::as_str).ok_or(Unjudged::Malformed)
}

#[cfg(test)]
mod tests;
