//! Optimistic locking over HTTP: an entity's `version` is its `ETag`, and an update says which one it has seen.
//!
//! Tags are strong. Making the write itself conditional on the version is the store's job; the check here only saves it.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponseParts, ResponseParts};
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::Problem;

/// The tag of one version: `"7"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag(pub u64);

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        // Digits and quotes are always a header value.
        if let Ok(value) = HeaderValue::try_from(self.to_string()) {
            response.headers_mut().insert(ETAG, value);
        }
        Ok(response)
    }
}

/// `If-Match`; without the header 428.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever version there is.
    Any,
    /// One of these. A tag that is not ours, a weak one too, is dropped: it matches nothing.
    OneOf(Vec<ETag>),
}

impl IfMatch {
    /// 412 unless `current` is (one of) the version(s) the client has seen.
    pub fn check(&self, current: ETag) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(tags) if tags.contains(&current) => Ok(()),
            Self::OneOf(_) => Err(stale()),
        }
    }
}

/// 412: somebody else has changed it since. Also for when the store's own condition fails.
#[must_use]
pub fn stale() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "stale_version")
        .detail("The resource has changed since it was read; read it again.")
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        let mut found = false;
        for value in parts.headers.get_all(IF_MATCH) {
            found = true;
            for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Self::Any);
                }
                tags.extend(parse(tag));
            }
        }
        if found { Ok(Self::OneOf(tags)) } else { Err(missing()) }
    }
}

fn parse(tag: &str) -> Option<ETag> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().map(ETag).ok()
}

fn missing() -> Problem {
    Problem::new(StatusCode::PRECONDITION_REQUIRED, "if_match_required")
        .detail("Send If-Match with the ETag of the version you have read.")
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::response::IntoResponse;

    use super::*;

    async fn if_match(header: Option<&str>) -> Result<IfMatch, Problem> {
        let mut builder = Request::put("/");
        if let Some(header) = header {
            builder = builder.header(IF_MATCH, header);
        }
        let (mut parts, ()) = builder.body(()).unwrap().into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn an_update_without_if_match_is_428() {
        assert_eq!(if_match(None).await.unwrap_err().status(), StatusCode::PRECONDITION_REQUIRED);
    }

    #[tokio::test]
    async fn only_the_current_strong_tag_passes() {
        for (header, passes) in [
            ("\"7\"", true),
            ("\"6\", \"7\"", true),
            ("*", true),
            ("\"8\"", false),
            ("W/\"7\"", false),
            ("7", false),
            ("", false),
        ] {
            let result = if_match(Some(header)).await.unwrap().check(ETag(7));
            assert_eq!(result.is_ok(), passes, "{header}");
            if let Err(problem) = result {
                assert_eq!(problem.status(), StatusCode::PRECONDITION_FAILED);
            }
        }
    }

    #[tokio::test]
    async fn the_tag_of_an_answer_is_accepted_back() {
        let response = (ETag(u64::MAX), "x").into_response();
        let tag = response.headers()[ETAG].to_str().unwrap();
        assert!(if_match(Some(tag)).await.unwrap().check(ETag(u64::MAX)).is_ok());
    }
}
