//! `Idempotency-Key`: the same request sent twice has its effect once and gets the same answer.
//!
//! The header comes as an extractor ([`IdempotencyKey`]), for use cases that fold the key into what they write; and as a
//! layer ([`idempotent`]), which keeps answers in an [`IdempotencyStore`]. The layer cannot promise more than any
//! store beside the effect can: a crash between the effect and the stored answer lets the effect be repeated once the
//! claim has expired. Where that matters the use case writes the marker in its own transaction instead.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{BoxError, Caller, FieldError, MAX_BODY_BYTES, Problem};

/// Name of the header.
pub const HEADER: &str = "idempotency-key";
/// The longest key taken, in characters.
pub const MAX_KEY: usize = 128;

/// The headers of an answer that belong to its meaning.
const KEPT: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

/// What the client sent as `Idempotency-Key`: 1 to 128 visible ASCII characters. 400 when it is missing or anything
/// else; as `Option` only when it is anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = value
            .to_str()
            .ok()
            .filter(|key| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
        match (key, values.next()) {
            (Some(key), None) => Ok(Some(Self(key.to_owned()))),
            (Some(_) | None, _) => Err(refused("invalid_value", "must be 1 to 128 visible ASCII characters, once")),
        }
    }
}

fn refused(code: &'static str, detail: &'static str) -> Problem {
    Problem::invalid(vec![FieldError::parameter("Idempotency-Key", code, detail)])
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)?.ok_or_else(|| refused("missing_field", "this request needs the header"))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Problem> {
        Self::read(&parts.headers)
    }
}

/// One request, told apart from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub tenant: TenantId,
    /// Hash of caller, method, URL and key: what must be the same for it to be the same request.
    pub key: [u8; 32],
    /// Hash of the body: what must then be the same too.
    pub fingerprint: [u8; 32],
}

/// An answer worth giving again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Text; nothing else is ever answered to a request with a key.
    pub body: String,
}

/// What a claim met.
pub enum Claimed {
    /// Nobody had it (or had it and let it expire): go ahead.
    Fresh(Box<dyn Held>),
    /// Somebody has it and is not done.
    Running,
    /// It is done; this was the answer.
    Done(Answer),
    /// The key was used with another body.
    Reused,
}

/// Keeps claims and answers. Every claim expires by itself, so that a crash does not lock the key for good.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Takes the claim, atomically, or says what became of it.
    async fn claim(&self, claim: &Claim) -> Result<Claimed, BoxError>;
}

/// A claim taken: the right to do the work, and the duty to say how it ended.
#[async_trait]
pub trait Held: Send {
    /// Keeps the answer.
    async fn complete(self: Box<Self>, answer: &Answer) -> Result<(), BoxError>;
    /// Gives the claim back: nothing happened.
    async fn release(self: Box<Self>) -> Result<(), BoxError>;
}

/// State of [`idempotent`].
#[derive(Clone)]
pub struct Idempotency {
    pub store: Arc<dyn IdempotencyStore>,
    /// Whose data the public routes write, where there is no caller to say it.
    pub tenant: TenantId,
}

/// The layer: `axum::middleware::from_fn_with_state(idempotency, web::idempotent)` on the routes that want it. Requests
/// without the header pass. The first answer is given again unless it was a 5xx or 429, after which a retry starts afresh.
pub async fn idempotent(State(idempotency): State<Idempotency>, request: Request, next: Next) -> Response {
    run(&idempotency, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn run(idempotency: &Idempotency, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = IdempotencyKey::read(request.headers())? else { return Ok(next.run(request).await) };
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>();
    let url = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let principal = caller.map(|caller| caller.principal.as_str()).unwrap_or_default();
    let tenant = caller.map_or(&idempotency.tenant, |caller| &caller.tenant).clone();
    let key = hash(&[principal.as_bytes(), parts.method.as_str().as_bytes(), url.as_bytes(), key.0.as_bytes()]);

    let body = crate::body::read(Request::from_parts(parts.clone(), body), MAX_BODY_BYTES).await?;
    let claim = Claim { tenant, key, fingerprint: hash(&[&body]) };
    match idempotency.store.claim(&claim).await.map_err(|error| Problem::unavailable(&*error))? {
        Claimed::Fresh(held) => {
            let response = next.run(Request::from_parts(parts, body.into())).await;
            keep(held, response).await
        }
        Claimed::Running => Err(running()),
        Claimed::Reused => Err(reused()),
        Claimed::Done(answer) => Ok(replay(answer)),
    }
}

/// Keeps the answer, or gives the claim back. When the store fails here the effect has happened all the same, so the
/// client gets its answer; until the claim expires a repetition is told that the first is still running.
async fn keep(held: Box<dyn Held>, response: Response) -> Result<Response, Problem> {
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        if let Err(error) = held.release().await {
            tracing::warn!(%error, "an idempotency claim could not be released");
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    // Our own handlers answer from memory: there is no limit to enforce, and reading cannot fail.
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(&error))?;
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let headers =
        KEPT.into_iter().filter_map(|name| Some((name.to_string(), text(parts.headers.get(&name)?)?))).collect();
    let answer = String::from_utf8(body.to_vec()).map(|body| Answer { status: status.as_u16(), headers, body });
    let kept = match answer {
        Ok(answer) => held.complete(&answer).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "an answer could not be kept for its idempotency key");
    }
    Ok(Response::from_parts(parts, body.into()))
}

fn replay(answer: Answer) -> Response {
    let mut response = Response::new(answer.body.into());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

/// 422: the same key came with another body. Also for use cases that keep the marker themselves.
#[must_use]
pub fn reused() -> Problem {
    Problem::unprocessable("idempotency_key_reused").detail("This Idempotency-Key was used for another request.")
}

/// 409: the first request with this key is not done.
#[must_use]
pub fn running() -> Problem {
    Problem::conflict("request_in_progress")
        .detail("The first request with this Idempotency-Key is still running.")
        .retry_after(std::time::Duration::from_secs(1))
}

/// SHA-256 over parts that cannot run into each other.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
