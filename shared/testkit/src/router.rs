//! A client of a router without a socket, and a secret that is always the same.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use kernel::TenantId;
use secrecy::SecretString;
use serde_json::Value;
use tower::ServiceExt as _;
use web::secret::Secret;
use web::{BoxError, Caller};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Null when it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body of what was done.
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.body
    }

    /// Status and code of what was refused.
    #[must_use]
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }
}

/// Sends a request as a caller (principal and role) that the authorizer let through, or as nobody.
pub async fn send(
    router: &Router,
    tenant: TenantId,
    caller: Option<(&str, &str)>,
    mut request: Request<Body>,
) -> Answer {
    if let Some((principal, role)) = caller {
        let caller = Caller { principal: principal.to_owned(), role: role.to_owned(), tenant };
        request.extensions_mut().insert(caller);
    }
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: head.status, headers: head.headers, body: serde_json::from_slice(&body).unwrap_or_default() }
}

/// A secret of a test, long enough to sign cursors with.
pub struct FixedSecret;

#[async_trait]
impl Secret for FixedSecret {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok("0123456789-0123456789-0123456789".into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}
