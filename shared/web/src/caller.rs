//! Who asks, and what the platform knows of the request itself.
//!
//! Both are put into the request's extensions by whoever receives it from the gateway; nothing here reads a credential.
//! A role is text: which roles exist is the business of the contexts.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use kernel::{Context, TenantId};

use crate::Problem;

/// The authenticated caller, as the gateway's authorizer vouched for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// A stable id: a customer's, a user's or a service's (`warehouse:alpha`).
    pub principal: String,
    pub role: String,
    pub tenant: TenantId,
}

impl Caller {
    /// Whether the caller has this role.
    #[must_use]
    pub fn is(&self, role: &str) -> bool {
        self.role == role
    }

    /// 403 unless the caller has one of `roles`.
    pub fn require(&self, roles: &[&str]) -> Result<(), Problem> {
        if roles.contains(&self.role.as_str()) { Ok(()) } else { Err(Problem::forbidden()) }
    }
}

/// 401 when nobody was authenticated. `Option<Caller>` is for the routes that are on the list of public ones.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthenticated)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

/// What the caller's token may be used for, separated by spaces; empty for callers without a token. The authorizer has
/// already compared it with the route: this is for the few handlers whose answer depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Scope {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// A set of roles, named by a type so that a handler's signature says who may call it.
pub trait Roles {
    const ALLOWED: &'static [&'static str];
}

/// The caller, if its role is in `R`; else 401 or 403. Being no body extractor it refuses before the body is looked at.
#[derive(Debug, Clone)]
pub struct Allowed<R>(pub Caller, pub PhantomData<fn() -> R>);

impl<R: Roles, S: Send + Sync> FromRequestParts<S> for Allowed<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller: &Caller = parts.extensions.get().ok_or_else(Problem::unauthenticated)?;
        caller.require(R::ALLOWED)?;
        Ok(Self(caller.clone(), PhantomData))
    }
}

/// What the platform knows of a request. Always there; outside a function (in a test) it is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMeta {
    /// What problems and logs call this request.
    pub request_id: String,
    /// W3C trace context of this request's own span.
    pub traceparent: Option<String>,
    /// Address of the client as the gateway saw it.
    pub source_ip: Option<String>,
}

impl RequestMeta {
    /// The cause of every event this request leads to.
    #[must_use]
    pub fn context(&self) -> Context {
        Context::root(&self.request_id, self.traceparent.clone())
    }
}

impl Default for RequestMeta {
    fn default() -> Self {
        Self { request_id: "none".to_owned(), traceparent: None, source_ip: None }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestMeta {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::routing::get;
    use axum::{Router, body::Body};
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    struct Admins;
    impl Roles for Admins {
        const ALLOWED: &'static [&'static str] = &["STORE_ADMIN"];
    }

    async fn status(path: &str, role: Option<&str>) -> StatusCode {
        let router = Router::new()
            .route("/any", get(|_: Caller| async {}))
            .route("/public", get(|_: Option<Caller>| async {}))
            .route("/admin", get(|Allowed(caller, _): Allowed<Admins>| async move { caller.principal }));
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(role) = role {
            request.extensions_mut().insert(Caller {
                principal: "p".to_owned(),
                role: role.to_owned(),
                tenant: "acme.test".parse().unwrap(),
            });
        }
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn an_unknown_caller_gets_401_and_a_wrong_role_403() {
        assert_eq!(status("/any", None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status("/any", Some("CUSTOMER")).await, StatusCode::OK);
        assert_eq!(status("/public", None).await, StatusCode::OK);
        assert_eq!(status("/admin", None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status("/admin", Some("CUSTOMER")).await, StatusCode::FORBIDDEN);
        assert_eq!(status("/admin", Some("STORE_ADMIN")).await, StatusCode::OK);
    }

    #[test]
    fn a_request_is_the_cause_of_its_events() {
        let meta = RequestMeta { request_id: "r-1".to_owned(), traceparent: Some("tp".to_owned()), source_ip: None };
        let context = meta.context();
        assert_eq!(context.correlation_id, "r-1");
        assert_eq!(context.causation_id.as_deref(), Some("r-1"));
        assert_eq!(context.traceparent.as_deref(), Some("tp"));
    }
}
