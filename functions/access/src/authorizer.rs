//! The gateway's question "who is this?", as a REQUEST authorizer with payload 2.0 and simple answers.
//!
//! Five kinds of credential, told apart by their form, each judged at its own door and at no other: `Basic` is a user, `ApiKey`
//! a partner's system, `Hop` our own gateway passing on one request, `Bearer` with five parts an access token, and any other
//! `Bearer` a service's secret. What has the form of one is never tried as another.
//!
//! Whoever is known gets to a route as its caller when the resolver says so: role and grants have its permission, everywhere or
//! at some locations, which are handed on (docs/decisions/0045-rights-at-the-gate.md); and, with a token or a key, when one of
//! its scopes is that permission. Everybody else is let through without a principal, so that the API itself answers 401 or 403
//! in its own format; only what cannot be judged is stopped at the gate (docs/decisions/0006-authorizer-answers.md). The
//! gateway caches answers by header and route, so the answer may depend on both.

use std::collections::BTreeSet;

use access::{
    Access, Admitted, ApiKeys, AuthenticateError, Directory, DirectoryError, Hop, Identity, Rights, Role, Services,
    TokenDoor, permits,
};
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
    directory: Option<Directory>,
}

/// Somebody known.
struct Known {
    principal: String,
    role: String,
    /// With a token, a key or an assertion: what it is good for.
    scope: Option<String>,
    /// What was read with the credential of what is granted.
    rights: Option<Rights>,
    /// With an assertion: which request it is for.
    request: Option<String>,
    /// With a token: when it ends, in epoch seconds.
    until: Option<i64>,
}

impl From<Identity> for Known {
    fn from(Identity { principal, role }: Identity) -> Self {
        Self { principal, role: role.to_string(), scope: None, rights: None, request: None, until: None }
    }
}

/// Why no answer can be given.
#[derive(Debug, thiserror::Error)]
enum Unjudged {
    #[error("the event is not a request for an authorizer with payload 2.0")]
    Malformed,
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Authorizer {
    /// Users and services only, who may do what their role may: what a stack without applications has.
    #[must_use]
    pub fn new(tenant: TenantId, access: Access, services: Services) -> Self {
        Self { tenant, access, services, tokens: None, keys: None, directory: None }
    }

    /// Takes access tokens and API keys too, and looks at what the directory grants.
    #[must_use]
    pub fn with_applications(self, tokens: TokenDoor, keys: ApiKeys, directory: Directory) -> Self {
        Self { tokens: Some(tokens), keys: Some(keys), directory: Some(directory), ..self }
    }

    /// Whoever the credential is of; `None` for what is no good one.
    async fn judge(&self, event: &Value) -> Result<Option<Known>, Unjudged> {
        let header = authorization(event)?;
        let (scheme, value) = header.trim().split_once(' ').unwrap_or((header, ""));
        let value = value.trim_start();
        if scheme.eq_ignore_ascii_case("apikey") {
            let Some(keys) = &self.keys else { return Ok(None) };
            let found = keys.admitted(&self.tenant, header).await?;
            return Ok(found.map(|(key, granted)| Known {
                principal: key.id.to_string(),
                role: key.role.to_string(),
                scope: Some(key.scopes.into_iter().collect::<Vec<_>>().join(" ")),
                rights: Some(granted),
                request: None,
                until: None,
            }));
        }
        if scheme.eq_ignore_ascii_case("hop") {
            return self.judge_hop(value, event).await;
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            let address = event.pointer("/requestContext/http/sourceIp").and_then(Value::as_str).unwrap_or_default();
            return Ok(self.access.authenticate_basic(&self.tenant, header, address).await?.map(Known::from));
        }
        // What has five parts is a token, good or not; a service's secret has none.
        if value.matches('.').count() != 4 {
            return Ok(self.services.authenticate_bearer(header).await?.map(Known::from));
        }
        let Some(tokens) = &self.tokens else { return Ok(None) };
        Ok(tokens.admitted(value).await?.map(|(claims, granted)| Known {
            principal: claims.sub,
            role: claims.role,
            scope: Some(claims.scope),
            rights: Some(granted),
            request: None,
            until: Some(claims.exp),
        }))
    }

    /// An assertion is for one request. Its URL is compared here; the body, and the URL again when this answer is kept, by the
    /// function (`web::hop`).
    async fn judge_hop(&self, value: &str, event: &Value) -> Result<Option<Known>, Unjudged> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let line = request_line(event)?;
        let hop = tokens.hop(value).await?.filter(|hop| hop.request.starts_with(&line));
        let Some(Hop { id, principal, role, scope, request }) = hop else { return Ok(None) };
        tracing::info!(hop = id, "passed on by the gateway");
        Ok(Some(Known { principal, role, scope: Some(scope), rights: None, request: Some(request), until: None }))
    }

    /// What was granted to somebody whose credential is not a token. Customers' and services' roles are all they have.
    async fn granted(&self, principal: &str, role: &str) -> Result<Rights, Unjudged> {
        let has_none = role == Role::Customer.as_str() || role == Role::Service.as_str();
        let Some(directory) = self.directory.as_ref().filter(|_| !has_none) else { return Ok(Rights::default()) };
        let groups = match principal.parse() {
            Ok(user) => directory.user(&self.tenant, user).await?.value.groups,
            Err(_) => BTreeSet::new(),
        };
        Ok(directory.rights(&self.tenant, principal, &groups).await?)
    }

    async fn answer(&self, event: &Value) -> Result<Value, Unjudged> {
        let denied = |why: &str| Ok(json!({ "isAuthorized": true, "context": { "denied": why } }));
        let route = route(event)?;
        let known = match self.judge(event).await {
            Err(Unjudged::Authenticate(AuthenticateError::TooManyFailures { reset })) => {
                tracing::warn!("too many failed sign-ins from one network");
                let context = json!({ "denied": "too_many_failures", "retryAfter": reset.to_string() });
                return Ok(json!({ "isAuthorized": true, "context": context }));
            }
            judged => judged?,
        };
        let Some(Known { principal, role, scope, rights, request, until }) = known else {
            tracing::info!("invalid credentials");
            return denied("invalid_credentials");
        };
        if scope.as_ref().is_some_and(|scope| !permits(scope.split(' '), route)) {
            tracing::info!(principal, "a token without the scope of the route");
            return denied("forbidden");
        }
        let rights = match rights {
            Some(rights) => rights,
            None => self.granted(&principal, &role).await?,
        };
        let Some(Admitted { role, reach }) = rights.admit(&role, route) else {
            tracing::info!(principal, role, "neither role nor grants have the permission of the route");
            return denied("forbidden");
        };
        tracing::info!(principal, role, "let in");
        let mut context = json!({ "principal": principal, "role": role, "tenant": self.tenant });
        let reach = Some(reach).filter(|reach| !reach.is_everywhere()).map(|reach| reach.to_string());
        let until = until.map(|until| until.to_string());
        for (name, value) in [("scope", scope), ("reach", reach), ("request", request), ("until", until)] {
            if let Some(value) = value {
                context[name] = value.into();
            }
        }
        Ok(json!({ "isAuthorized": true, "context": context }))
    }
}

#[async_trait]
impl runtime::Task for Authorizer {
    async fn run(&self, event: Value) -> Result<Value, Failure> {
        // A failure is no answer: the gateway lets nobody in and, unlike a denial, does not keep it for minutes.
        self.answer(&event).await.map_err(|error| Failure::new("AuthorizerFailed", error))
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
