//! RFC 9457 problem details: the only body any refused request ever gets.
//!
//! What the client reads (`code`, `detail`, `errors`) is kept apart from what the log reads (`cause`): the cause never
//! leaves the process, the edge logs it once. It does not decide which error of a use case is which problem; every
//! context converts its own errors, exhaustively.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a client may try after a 401.
const CHALLENGES: &str = r#"Basic realm="crossdock", charset="UTF-8", Bearer realm="crossdock""#;

/// One thing wrong with the input, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body; absent when the trouble is a parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the query parameter, path parameter or header; absent when the trouble is in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Stable name of the rule that was broken.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// For people.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// Something in the body at `pointer` (`/items/0/quantity`; the empty pointer is the whole body).
    pub fn at(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, code: code.into(), detail: detail.into() }
    }

    /// Something with the parameter or header called `name`.
    pub fn parameter(
        name: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { pointer: None, parameter: Some(name.into()), code: code.into(), detail: detail.into() }
    }
}

/// Collects everything wrong with an input, so that a client sees all of it at once.
#[derive(Debug, Default)]
pub struct Validation(Vec<FieldError>);

impl Validation {
    /// Records `error` unless `ok`.
    pub fn check(&mut self, ok: bool, error: impl FnOnce() -> FieldError) {
        if !ok {
            self.0.push(error());
        }
    }

    /// Records an error and gives back the value of a parse, so that the other fields are still looked at.
    pub fn parse<T, E: fmt::Display>(&mut self, pointer: &str, code: &'static str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.0.push(FieldError::at(pointer, code, error.to_string()))).ok()
    }

    /// The 400 problem if anything was recorded.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }
}

/// A refusal: status, stable code, text for people, and what of the input is to blame.
///
/// `code` is part of the API: it does not change once published. Extension members may not be called like a standard
/// member (`type`, `title`, `status`, `detail`, `instance`, `code`, `requestId`, `errors`): the standard one wins.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
    allow: Option<HeaderValue>,
    challenges: &'static str,
    cause: Option<String>,
}

impl Problem {
    /// A problem of any status from 400 up.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            status,
            code: code.into(),
            detail: None,
            errors: Vec::new(),
            extensions: Map::new(),
            retry_after: None,
            allow: None,
            challenges: CHALLENGES,
            cause: None,
        }))
    }

    /// 400 with a code of its own.
    pub fn bad_request(code: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// 400 `validation_failed`.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::bad_request("validation_failed").detail("The request is not valid; see errors.");
        problem.0.errors = errors;
        problem
    }

    /// 401: nobody we know.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated").detail("This needs valid credentials.")
    }

    /// 403: somebody we know, but not for this.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden").detail("This role may not do that.")
    }

    /// 404. Also the answer for what exists but belongs to somebody else, so that ids cannot be probed.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found").detail("There is no such resource.")
    }

    /// 409 with a code of its own.
    pub fn conflict(code: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// 422 with a code of its own: well-formed, but the business says no.
    pub fn unprocessable(code: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code)
    }

    /// 429: to be tried again when the window is over, in so many seconds.
    #[must_use]
    pub fn rate_limited(reset: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
            .detail("Too many requests; try again when the minute is over.")
            .retry_after(Duration::from_secs(reset.into()))
    }

    /// 500 that tells the client nothing; `cause` and its sources go to the log.
    #[must_use]
    pub fn internal(cause: &dyn Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").caused_by(cause)
    }

    /// 503 `unavailable`: trying the same again soon is right.
    #[must_use]
    pub fn unavailable(cause: &dyn Error) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            .detail("The service cannot answer right now; try again.")
            .retry_after(Duration::from_secs(1))
            .caused_by(cause)
    }

    /// 503 `contended`: others were first, more often than we were willing to begin again.
    #[must_use]
    pub fn contended() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "contended")
            .detail("Too many others are changing the same thing; try again.")
            .retry_after(Duration::from_secs(1))
    }

    /// Text for the client.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// An extension member, such as `currentStatus` on a refused transition.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// One more thing wrong with the input.
    #[must_use]
    pub fn error(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// Sends `Retry-After`, in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// What a client may try after a 401, where it is not a user's password or a service's secret.
    #[must_use]
    pub fn challenges(mut self, challenges: &'static str) -> Self {
        self.0.challenges = challenges;
        self
    }

    /// Text for the log only: the error and its chain of sources.
    #[must_use]
    pub fn caused_by(mut self, cause: &dyn Error) -> Self {
        let mut text = cause.to_string();
        let mut source = cause.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        self.0.cause = Some(text);
        self
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The problem for an answer that has only a status, keeping the `Allow` of a 405.
    pub(crate) fn for_status(status: StatusCode, allow: Option<HeaderValue>) -> Self {
        let mut problem = match status {
            StatusCode::UNAUTHORIZED => Self::unauthenticated(),
            StatusCode::FORBIDDEN => Self::forbidden(),
            StatusCode::NOT_FOUND => Self::not_found(),
            _ => {
                let title = status.canonical_reason().unwrap_or("error");
                Self::new(status, title.to_ascii_lowercase().replace([' ', '-', '\''], "_"))
            }
        };
        problem.0.allow = allow;
        problem
    }

    /// The body, `requestId` included when it is known.
    pub(crate) fn to_json(&self, request_id: Option<&str>) -> Vec<u8> {
        let body = Body {
            kind: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or("Error"),
            status: self.0.status.as_u16(),
            code: &self.0.code,
            detail: self.0.detail.as_deref(),
            request_id,
            errors: &self.0.errors,
        };
        let mut members = self.0.extensions.clone();
        if let Ok(Value::Object(standard)) = serde_json::to_value(&body) {
            members.extend(standard);
        }
        Value::Object(members).to_string().into_bytes()
    }

    pub(crate) fn render(self, request_id: Option<&str>) -> Response {
        let mut response = Response::new(self.to_json(request_id).into());
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(self.0.challenges));
        }
        if let Some(after) = self.0.retry_after {
            let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.0.allow.clone() {
            headers.insert(ALLOW, allow);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The standard members, in the order they are documented.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.to_json(Some("r-1"))).unwrap()
    }

    #[test]
    fn validation_lists_every_error_with_its_pointer() {
        let mut validation = Validation::default();
        validation.check(false, || FieldError::at("/items/0/quantity", "out_of_range", "must be 1 to 999"));
        validation.check(true, || FieldError::at("/never", "never", "never"));
        assert_eq!(validation.parse("/n", "not_a_number", "x".parse::<u8>()), None);
        let problem = validation.finish().unwrap_err();
        insta::assert_json_snapshot!(body(&problem), @r#"
        {
          "code": "validation_failed",
          "detail": "The request is not valid; see errors.",
          "errors": [
            {
              "code": "out_of_range",
              "detail": "must be 1 to 999",
              "pointer": "/items/0/quantity"
            },
            {
              "code": "not_a_number",
              "detail": "invalid digit found in string",
              "pointer": "/n"
            }
          ],
          "requestId": "r-1",
          "status": 400,
          "title": "Bad Request",
          "type": "about:blank"
        }
        "#);
    }

    #[test]
    fn a_clean_validation_passes() {
        let mut validation = Validation::default();
        assert_eq!(validation.parse("/n", "not_a_number", "7".parse::<u8>()), Some(7));
        assert!(validation.finish().is_ok());
    }

    #[test]
    fn extensions_are_members_but_never_replace_a_standard_one() {
        let problem = Problem::conflict("order_not_cancellable").with("currentStatus", "SHIPPED").with("status", 200);
        let body = body(&problem);
        assert_eq!(body["currentStatus"], "SHIPPED");
        assert_eq!(body["status"], 409);
    }

    #[test]
    fn the_cause_is_kept_for_the_log_and_out_of_the_body() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::fmt::Error);
        let problem = Problem::internal(&Outer(std::fmt::Error));
        assert!(problem.cause().unwrap().starts_with("outer: an error occurred"));
        assert!(!body(&problem).to_string().contains("outer"));
    }

    #[test]
    fn retry_after_rounds_up_to_whole_seconds() {
        let problem = Problem::unavailable(&std::fmt::Error).retry_after(Duration::from_millis(1_200));
        assert_eq!(problem.into_response().headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn unauthenticated_says_how_to_authenticate() {
        let response = Problem::unauthenticated().into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic "));
    }
}
