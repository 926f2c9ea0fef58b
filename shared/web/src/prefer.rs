//! `Prefer: wait=N` (RFC 7240): the client would rather wait for the outcome than poll for it.
//!
//! Only `wait` is known; other preferences are ignored, as the RFC wants. How to wait is the handler's business.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponseParts, ResponseParts};
use http::HeaderValue;
use http::request::Parts;

/// The longest wait honoured. API Gateway gives up after 30 s, and the answer takes a moment too.
pub const MAX_WAIT: Duration = Duration::from_secs(25);

/// How long the client wants to wait, at most [`MAX_WAIT`]; `None` without the preference or when it makes no sense.
/// As a part of the answer it is `Preference-Applied`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Option<Duration>);

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let preferences = parts.headers.get_all("prefer");
        let wait = preferences.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        Ok(Self(wait.filter_map(seconds).next().map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT))))
    }
}

fn seconds(preference: &str) -> Option<u64> {
    // Parameters of the preference come after a semicolon; `wait` has none.
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    let seconds = value.trim().trim_matches('"').parse().ok()?;
    (name.trim().eq_ignore_ascii_case("wait") && seconds > 0).then_some(seconds)
}

impl IntoResponseParts for Wait {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        let applied = self.0.and_then(|wait| HeaderValue::try_from(format!("wait={}", wait.as_secs())).ok());
        if let Some(applied) = applied {
            response.headers_mut().insert("preference-applied", applied);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::response::IntoResponse;

    use super::*;

    async fn wait(headers: &[&str]) -> Option<u64> {
        let builder = headers.iter().fold(Request::post("/"), |builder, value| builder.header("Prefer", *value));
        let (mut parts, ()) = builder.body(()).unwrap().into_parts();
        let Ok(Wait(wait)) = Wait::from_request_parts(&mut parts, &()).await;
        wait.map(|wait| wait.as_secs())
    }

    #[tokio::test]
    async fn wait_is_read_wherever_it_stands_and_capped() {
        for (headers, seconds) in [
            (&["wait=10"][..], Some(10)),
            (&["respond-async, Wait = \"10\""], Some(10)),
            (&["return=minimal", "wait=3; foo"], Some(3)),
            (&["wait=10, wait=20"], Some(10)),
            (&["wait=100000"], Some(25)),
            (&["wait=0"], None),
            (&["wait=-1"], None),
            (&["wait=soon"], None),
            (&["wait"], None),
            (&[], None),
        ] {
            assert_eq!(wait(headers).await, seconds, "{headers:?}");
        }
    }

    #[test]
    fn what_was_applied_is_said() {
        let response = (Wait(Some(Duration::from_secs(10))), "x").into_response();
        assert_eq!(response.headers()["preference-applied"], "wait=10");
        assert!((Wait(None), "x").into_response().headers().get("preference-applied").is_none());
    }
}
