//! Who asks, and what the platform knows of the request itself.
//!
//! Both are put into the request's extensions by whoever receives it from the gateway; nothing here reads a credential.
//! A role is text: which roles exist is the business of the contexts.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

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

/// In the extensions instead of a [`Caller`]: why there is none, where it is not for want of a good credential.
#[derive(Debug, Clone, Copy)]
pub enum Denied {
    /// Somebody is known, and may not call this route.
    Forbidden,
    /// Too many have failed to sign in from there: nothing is tried for so many seconds.
    TooManyFailures { reset: u32 },
}

/// Whoever the gateway vouches for; else 401, or 403 or 429 where it knows better.
fn vouched(parts: &Parts) -> Result<&Caller, Problem> {
    parts.extensions.get().ok_or_else(|| match parts.extensions.get() {
        Some(Denied::Forbidden) => Problem::forbidden(),
        Some(Denied::TooManyFailures { reset }) => Problem::rate_limited(*reset),
        None => Problem::unauthenticated(),
    })
}

/// 401 when nobody was authenticated. `Option<Caller>` is for the routes that are on the list of public ones.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        vouched(parts).cloned()
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

/// When the caller's token ends, in epoch seconds; none for callers without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionEnd(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for SessionEnd {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// The locations a caller may do something at. A list fetches these and no others, so that nothing else is ever read.
///
/// As text (how the authorizer hands it on): `only alpha beta`, or `but alpha`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Every location but these, also one nobody has heard of yet.
    AllBut(BTreeSet<String>),
    /// These and no other.
    Only(BTreeSet<String>),
}

impl Reach {
    /// Whether a location may be shown.
    #[must_use]
    pub fn contains(&self, location: &str) -> bool {
        match self {
            Self::AllBut(hidden) => !hidden.contains(location),
            Self::Only(shown) => shown.contains(location),
        }
    }

    /// Whether no location is left out.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        matches!(self, Self::AllBut(hidden) if hidden.is_empty())
    }

    /// Whether there is no location at all.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        matches!(self, Self::Only(shown) if shown.is_empty())
    }
}

/// Everywhere: what callers have whose rights are not bound to places.
impl Default for Reach {
    fn default() -> Self {
        Self::AllBut(BTreeSet::new())
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, names) = match self {
            Self::AllBut(hidden) => ("but", hidden),
            Self::Only(shown) => ("only", shown),
        };
        f.write_str(word)?;
        names.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// The text is no [`Reach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `only` or `but` and names")]
pub struct InvalidReach;

impl FromStr for Reach {
    type Err = InvalidReach;

    fn from_str(text: &str) -> Result<Self, InvalidReach> {
        let mut words = text.split(' ');
        let word = words.next();
        let names = words.map(str::to_owned).collect();
        match word {
            Some("but") => Ok(Self::AllBut(names)),
            Some("only") => Ok(Self::Only(names)),
            Some(_) | None => Err(InvalidReach),
        }
    }
}

/// A set of roles, named by a type so that a handler's signature says who may call it.
pub trait Roles {
    const ALLOWED: &'static [&'static str];
}

/// The caller, if its role is in `R` and not bound to some locations; else 401 or 403. Being no body extractor it refuses
/// before the body is looked at. A route that can leave locations out says so with [`Within`].
#[derive(Debug, Clone)]
pub struct Allowed<R>(pub Caller, pub PhantomData<fn() -> R>);

impl<R: Roles, S: Send + Sync> FromRequestParts<S> for Allowed<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = vouched(parts)?;
        caller.require(R::ALLOWED)?;
        match parts.extensions.get::<Reach>() {
            Some(reach) if !reach.is_everywhere() => Err(Problem::forbidden()),
            Some(_) | None => Ok(Self(caller.clone(), PhantomData)),
        }
    }
}

/// The caller, if its role is in `R`, and the locations it may do this at. Whoever takes it leaves out all others.
#[derive(Debug, Clone)]
pub struct Within<R>(pub Caller, pub Reach, pub PhantomData<fn() -> R>);

impl<R: Roles, S: Send + Sync> FromRequestParts<S> for Within<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let caller = vouched(parts)?;
        caller.require(R::ALLOWED)?;
        let reach = parts.extensions.get().cloned().unwrap_or_default();
        Ok(Self(caller.clone(), reach, PhantomData))
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
        status_within(path, role, None).await
    }

    async fn status_within(path: &str, role: Option<&str>, reach: Option<&str>) -> StatusCode {
        let router = Router::new()
            .route("/any", get(|_: Caller| async {}))
            .route("/public", get(|_: Option<Caller>| async {}))
            .route("/some", get(|Within(_, reach, _): Within<Admins>| async move { reach.to_string() }))
            .route("/admin", get(|Allowed(caller, _): Allowed<Admins>| async move { caller.principal }));
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(role) = role {
            request.extensions_mut().insert(Caller {
                principal: "p".to_owned(),
                role: role.to_owned(),
                tenant: "acme.test".parse().unwrap(),
            });
        }
        if let Some(reach) = reach {
            request.extensions_mut().insert(reach.parse::<Reach>().unwrap());
        }
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn whoever_is_known_and_may_not_gets_403_and_who_may_not_even_try_429() {
        let router = Router::new()
            .route("/any", get(|_: Caller| async {}))
            .route("/admin", get(|Allowed(caller, _): Allowed<Admins>| async move { caller.principal }));
        for path in ["/any", "/admin"] {
            let denied = async |denied: Denied| {
                let mut request = Request::get(path).body(Body::empty()).unwrap();
                request.extensions_mut().insert(denied);
                router.clone().oneshot(request).await.unwrap()
            };
            assert_eq!(denied(Denied::Forbidden).await.status(), StatusCode::FORBIDDEN);
            let later = denied(Denied::TooManyFailures { reset: 9 }).await;
            assert_eq!(
                (later.status(), &later.headers()["retry-after"]),
                (StatusCode::TOO_MANY_REQUESTS, &"9".parse().unwrap())
            );
        }
    }

    #[tokio::test]
    async fn whoever_is_bound_to_places_is_refused_where_places_are_not_looked_at() {
        for (reach, admin) in [(None, 200), (Some("but"), 200), (Some("but alpha"), 403), (Some("only alpha"), 403)] {
            assert_eq!(status_within("/admin", Some("STORE_ADMIN"), reach).await, admin, "{reach:?}");
            assert_eq!(status_within("/some", Some("STORE_ADMIN"), reach).await, 200, "{reach:?}");
            assert_eq!(status_within("/some", Some("CUSTOMER"), reach).await, 403, "{reach:?}");
        }
    }

    #[test]
    fn a_reach_is_read_as_it_was_written() {
        for text in ["but", "only", "but alpha", "only alpha beta"] {
            assert_eq!(text.parse::<Reach>().unwrap().to_string(), text);
        }
        assert!(Reach::default().is_everywhere() && Reach::default().contains("x"));
        let only: Reach = "only alpha".parse().unwrap();
        assert!(only.contains("alpha") && !only.contains("beta") && !only.is_nowhere());
        assert!("only".parse::<Reach>().unwrap().is_nowhere());
        for bad in ["", "everywhere", "alpha"] {
            assert_eq!(bad.parse::<Reach>(), Err(InvalidReach));
        }
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
