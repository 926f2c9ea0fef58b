//! What the platform answered, as a version of the contract describes it, and nothing else of it.
//!
//! Refusals are made anew: 403 and 404 say the same for every reason, what failed inside is a 502 to 504 with no word of
//! where, and what is wrong with the input is pointed at in the consumer's own words.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gateway::{Route, Version, place_in_version, public_path, to_version};
use http::header::{CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use web::{FieldError, Json, PROBLEM_JSON, Problem};

use crate::input::Checks;

/// Headers that belong to the meaning of an answer.
const KEPT: [HeaderName; 3] =
    [ETAG, HeaderName::from_static("idempotency-replayed"), HeaderName::from_static("preference-applied")];

/// 502: the platform did not do its part.
pub(crate) fn failed() -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "upstream_failed").detail("The platform failed to answer; try again.")
}

/// 504: the platform may have acted.
pub(crate) fn timed_out() -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout")
        .detail("The platform did not answer in time and may have acted; try again with the same Idempotency-Key.")
}

/// The answer for the consumer.
pub(crate) fn shown(
    checks: &Checks,
    version: &'static Version,
    route: &'static Route,
    answer: http::Response<Bytes>,
) -> Result<Response, Problem> {
    let (head, body) = answer.into_parts();
    if !head.status.is_success() {
        return Err(refusal(version, route, head.status, &head.headers, &body));
    }
    let mut response = if body.is_empty() {
        head.status.into_response()
    } else {
        let body = serde_json::from_slice(&body).map_err(|error| failed().caused_by(&error))?;
        let body = to_version(version, route, body);
        checks.tell_of(version, route, &body);
        (head.status, Json(body)).into_response()
    };
    let headers = response.headers_mut();
    headers.extend(KEPT.into_iter().filter_map(|name| Some((name.clone(), head.headers.get(name)?.clone()))));
    let location = head.headers.get(LOCATION).and_then(|internal| public_path(internal.to_str().ok()?));
    if let Some(path) = location
        && let Ok(location) = HeaderValue::try_from(format!("/public/{}{path}", version.date))
    {
        headers.insert(LOCATION, location);
    }
    Ok(response)
}

fn refusal(version: &Version, route: &Route, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Problem {
    match status {
        StatusCode::FORBIDDEN => Problem::forbidden().detail("This credential may not do that."),
        StatusCode::NOT_FOUND => Problem::not_found(),
        // The API's own throttle, or a function that asks to be left alone for a moment.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
                .detail("The service cannot answer right now; try again.")
                .retry_after(retry_after(headers).unwrap_or(Duration::from_secs(1)))
        }
        StatusCode::GATEWAY_TIMEOUT => timed_out(),
        // A 401 means that the platform did not take our own word: not the consumer's fault.
        status if !status.is_client_error() || status == StatusCode::UNAUTHORIZED => failed(),
        status => match said(headers, body) {
            Some(said) => said.again(version, route, status, retry_after(headers)),
            None => failed(),
        },
    }
}

/// A problem as the platform puts it.
#[derive(Deserialize)]
struct Said {
    code: String,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Deserialize)]
struct Fault {
    pointer: Option<String>,
    parameter: Option<String>,
    code: String,
    detail: String,
}

/// Members of a problem that are made anew.
const STANDARD: [&str; 5] = ["type", "title", "status", "instance", "requestId"];

impl Said {
    fn again(self, version: &Version, route: &Route, status: StatusCode, after: Option<Duration>) -> Problem {
        let mut problem = Problem::new(status, self.code);
        if let Some(detail) = self.detail {
            problem = problem.detail(detail);
        }
        if let Some(after) = after {
            problem = problem.retry_after(after);
        }
        let place = |place: Option<String>| place.map(|place| place_in_version(version, route, &place));
        for Fault { pointer, parameter, code, detail } in self.errors {
            let (pointer, parameter) = (place(pointer), place(parameter));
            problem = problem.error(FieldError { pointer, parameter, code: code.into(), detail: detail.into() });
        }
        let more = self.more.into_iter().filter(|(name, _)| !STANDARD.contains(&name.as_str()));
        more.fold(problem, |problem, (name, value)| problem.with(&name, value))
    }
}

fn said(headers: &HeaderMap, body: &Bytes) -> Option<Said> {
    let is_problem = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(PROBLEM_JSON.as_bytes()));
    serde_json::from_slice(body).ok().filter(|_| is_problem)
}

/// In whole seconds, as all of ours are.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
