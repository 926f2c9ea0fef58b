//! `Json<T>`: the strict way in and the plain way out.
//!
//! In: media type (415), size (413), syntax and shape (400 with a JSON pointer to the first thing that does not fit).
//! Types say `#[serde(deny_unknown_fields)]` themselves; what a value may be beyond its type is [`crate::Validation`].

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{FieldError, Problem};

/// The largest request body accepted, in bytes (1 MiB), where a route does not say otherwise.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// A JSON body, as an extractor and as an answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let LargeJson(value) = LargeJson::<T, MAX_BODY_BYTES>::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// A JSON body of up to so many bytes. What Lambda takes as an event is 6 MB, in which the body is a JSON string.
#[derive(Debug)]
pub struct LargeJson<T, const MAX: usize>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for LargeJson<T, MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let Raw(bytes) = Raw::<MAX>::from_request(request, state).await?;
        decode(&bytes).map(Self)
    }
}

/// A body of up to so many bytes, as it came.
#[derive(Debug)]
pub struct Raw<const MAX: usize>(pub Bytes);

impl<S: Send + Sync, const MAX: usize> FromRequest<S> for Raw<MAX> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        read(request, MAX).await.map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => json(bytes),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

fn json(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(bytes.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Decodes JSON, pointing at the value that does not fit.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refused(pointer(error.path()), error.inner()))?;
    deserializer.end().map_err(|error| refused(String::new(), &error))?;
    Ok(value)
}

/// The whole body, or 413.
pub(crate) async fn read(request: Request, max: usize) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > max) {
        return Err(too_large(max));
    }
    let mut stream = request.into_body().into_data_stream();
    let mut whole = Bytes::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request("unreadable_body").caused_by(&error))?;
        if whole.len().saturating_add(chunk.len()) > max {
            return Err(too_large(max));
        }
        // Behind API Gateway there is one chunk, and it is not copied.
        whole = if whole.is_empty() { chunk } else { [whole, chunk].concat().into() };
    }
    Ok(whole)
}

fn too_large(max: usize) -> Problem {
    let detail = format!("The body may have {} MiB at most.", max >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large").detail(detail)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => Ok(()),
        Some(kind) if kind.starts_with("application/") && kind.ends_with("+json") => Ok(()),
        Some(_) | None => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            .detail("The body must be application/json.")),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut pointer, segment| {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => push_escaped(&mut pointer, key),
            Segment::Enum { variant } => push_escaped(&mut pointer, variant),
            // A key that is not text: the parent is as near as one can point.
            Segment::Unknown => {
                pointer.pop();
            }
        }
        pointer
    })
}

/// RFC 6901: `~` and `/` inside a key.
fn push_escaped(pointer: &mut String, key: &str) {
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// serde says what is wrong in words only, so the code comes from how they begin.
fn refused(mut pointer: String, error: &serde_json::Error) -> Problem {
    if error.is_syntax() || error.is_eof() || error.is_io() {
        return Problem::bad_request("malformed_json").detail(format!("The body is not JSON: {error}."));
    }
    let text = error.to_string();
    // " at line 1 column 7" tells a program nothing that the pointer does not.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
    const KINDS: [(&str, &str); 6] = [
        ("unknown field", "unknown_field"),
        ("missing field", "missing_field"),
        ("duplicate field", "duplicate_field"),
        ("unknown variant", "unknown_value"),
        ("invalid type", "invalid_type"),
        ("invalid length", "invalid_length"),
    ];
    let code = KINDS.iter().find(|(start, _)| text.starts_with(start)).map_or("invalid_value", |(_, code)| code);
    // serde points a missing or repeated field's error at the object it should be in.
    if matches!(code, "missing_field" | "duplicate_field")
        && let Some(name) = text.split('`').nth(1)
    {
        pointer.push('/');
        push_escaped(&mut pointer, name);
    }
    Problem::invalid(vec![FieldError::at(pointer, code, text)])
}

#[cfg(test)]
mod tests;
