//! What every answer has in common, whatever the route: [`finish`] wraps a context's router in it.
//!
//! A panic is a 500; every status from 400 up is a problem with the request's id, also those axum makes itself (404, 405),
//! unless it says that it is another standard's ([`Verbatim`]);
//! security headers; `no-store` on what is the caller's own; CORS. What went wrong inside is logged here, once.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures::FutureExt;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, HeaderName, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::{Caller, Problem, RequestMeta};

/// The request's id, on every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An API answers with data, never with anything a browser should run, frame or guess at.
const SECURITY: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
];

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, prefer, traceparent";
const EXPOSED_HEADERS: &str = "etag, location, retry-after, preference-applied, idempotency-replayed, x-request-id";

/// Which browser origins may call. None unless stated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors(Vec<String>);

impl Cors {
    /// Comma-separated origins (`https://shop.example`), or `*` for any. Cookies are never allowed.
    #[must_use]
    pub fn new(origins: &str) -> Self {
        Self(origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(str::to_owned).collect())
    }

    fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        self.0.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin.as_bytes()).then_some(origin)
    }
}

/// The route an answer came from (`POST /store/v1/orders`), in its extensions: what metrics and logs call the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation(pub String);

/// In the extensions of a refusal: its body is what another standard wants (OAuth 2.0), and stays as it is.
#[derive(Debug, Clone, Copy)]
pub struct Verbatim;

/// Wraps a router in everything this module promises. `runtime` does it for every function; a test does it for itself.
pub fn finish(router: Router, cors: Cors) -> Router {
    router.layer(from_fn_with_state(Arc::new(cors), edge))
}

async fn edge(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
    let meta = request.extensions().get::<RequestMeta>().cloned().unwrap_or_default();
    let own = request.extensions().get::<Caller>().is_some();
    let origin = cors.allowed(request.headers()).cloned();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let operation = Operation(format!("{} {route}", request.method()));

    let mut response = if is_preflight(&request) {
        preflight(origin.is_some())
    } else {
        let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        answered.unwrap_or_else(|panic| crashed(&*panic))
    };
    if response.status().as_u16() >= 400 && response.extensions().get::<Verbatim>().is_none() {
        response = refuse(response, &meta.request_id);
    }
    dress(response.headers_mut(), own, origin, &cors, &meta.request_id);
    response.extensions_mut().insert(operation);
    response
}

fn crashed(panic: &(dyn Any + Send)) -> Response {
    let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    // The panic hook has logged where; this says which request it cost.
    tracing::error!(panic = message.unwrap_or("no message"), "the handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").render(None)
}

/// Makes a problem of any refusal, and logs its cause. A problem the layers below already gave the id (a replayed one)
/// is left as it was.
fn refuse(mut response: Response, request_id: &str) -> Response {
    let replayed = response.headers().contains_key("idempotency-replayed");
    if replayed {
        return response;
    }
    let status = response.status();
    let allow = response.headers().get(ALLOW).cloned();
    let problem = response.extensions_mut().remove().unwrap_or_else(|| Problem::for_status(status, allow));
    if let Some(cause) = problem.cause() {
        if status.is_server_error() {
            tracing::error!(code = problem.code(), cause, "the request failed");
        } else {
            tracing::info!(code = problem.code(), cause, "the request was refused");
        }
    }
    let mut refusal = problem.render(Some(request_id));
    // Headers that a layer or handler added beside the problem stay, unless the problem says otherwise.
    for (name, value) in response.headers() {
        if !refusal.headers().contains_key(name) && name != http::header::CONTENT_LENGTH {
            refusal.headers_mut().append(name, value.clone());
        }
    }
    refusal
}

fn dress(headers: &mut HeaderMap, own: bool, origin: Option<HeaderValue>, cors: &Cors, request_id: &str) {
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if own || !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !cors.0.is_empty() {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(allowed: bool) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if allowed {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
    response
}

#[cfg(test)]
mod tests;
