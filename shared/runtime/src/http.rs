//! API Gateway HTTP API events (payload 2.0) to requests for an axum router, and its answers back.
//!
//! Read here rather than with `lambda_http`: that brings a URL parser with its Unicode tables and text encodings along, and
//! copies of the event we do not read.

use std::borrow::Cow;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tower::ServiceExt;
use web::{Caller, Denied, Operation, Reach, RequestMeta, Scope, SessionEnd, hop};

use crate::invoke::{self, Adapter, Call, Done, Failure};

/// What a URL cannot have as it is, before and behind its question mark; a `%` is one of an escape.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
const NOT_IN_PATH: &AsciiSet = &NOT_IN_QUERY.add(b'?').add(b'`').add(b'{').add(b'}').add(b'\\').add(b'^').add(b'|');

/// What is read of the event; the rest of it only repeats these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    #[serde(default)]
    pub(crate) raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default, deserialize_with = "headers")]
    pub(crate) headers: HeaderMap,
    pub(crate) request_context: Gateway,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
pub(crate) struct Gateway {
    pub(crate) http: Line,
    stage: Option<String>,
    authorizer: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) method: String,
    pub(crate) source_ip: Option<String>,
}

/// Without what HTTP does not allow as a header.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    struct Headers;
    impl<'de> Visitor<'de> for Headers {
        type Value = HeaderMap;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("headers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderMap, A::Error> {
            let mut headers = HeaderMap::with_capacity(32);
            while let Some((name, value)) = map.next_entry::<String, String>()? {
                if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
                    headers.append(name, value);
                }
            }
            Ok(headers)
        }
    }
    deserializer.deserialize_map(Headers)
}

impl Gateway {
    /// What the authorizer said. Anything but all three of them is nobody.
    fn caller(&self) -> Option<Caller> {
        let said = self.authorizer.as_ref()?.get("lambda")?;
        let text = |name: &str| said.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Caller { principal: text("principal")?, role: text("role")?, tenant: text("tenant")?.parse().ok()? })
    }
}

impl Gateway {
    /// The locations the caller's rights for this route are bound to; what cannot be read is nowhere.
    fn reach(&self) -> Option<Reach> {
        let said = self.authorizer.as_ref()?.get("lambda")?.get("reach")?;
        let reach = said.as_str().and_then(|text| text.parse().ok());
        Some(reach.unwrap_or_else(|| Reach::Only([].into())))
    }

    /// Why there is no caller, where it is not for want of a good credential.
    fn denied(&self) -> Option<Denied> {
        let said = self.authorizer.as_ref()?.get("lambda")?;
        let reset = || said.get("retryAfter")?.as_str()?.parse().ok();
        match said.get("denied")?.as_str()? {
            "forbidden" => Some(Denied::Forbidden),
            "too_many_failures" => reset().map(|reset| Denied::TooManyFailures { reset }),
            _ => None,
        }
    }

    /// When the caller's token ends.
    fn session_end(&self) -> SessionEnd {
        let said = self.authorizer.as_ref().and_then(|said| said.get("lambda")?.get("until")?.as_str());
        SessionEnd(said.and_then(|text| text.parse().ok()))
    }

    /// What the caller's token is good for.
    fn scope(&self) -> Scope {
        let said = self.authorizer.as_ref().and_then(|said| said.get("lambda")?.get("scope")?.as_str());
        Scope(said.unwrap_or_default().to_owned())
    }
}

impl Event {
    /// The path without the stage, which is in front of it unless it is the default one.
    pub(crate) fn path(&self) -> &str {
        let stage = self.request_context.stage.as_deref().filter(|stage| *stage != "$default");
        let rest = stage.and_then(|stage| self.raw_path.strip_prefix('/')?.strip_prefix(stage));
        rest.filter(|rest| rest.starts_with('/')).unwrap_or(&self.raw_path)
    }

    /// Whether this is the one request that its caller's assertion is for; other credentials are for none in particular.
    fn is_as_signed(&self, body: &[u8]) -> bool {
        let said = self.request_context.authorizer.as_ref().and_then(|said| said.get("lambda")?.get("request"));
        let method = &self.request_context.http.method;
        said.is_none_or(|said| *said == hop::bound(method, self.path(), &self.raw_query_string, &self.headers, body))
    }

    fn into_request(mut self, call: &Call) -> Result<Request<Body>, Failure> {
        // The gateway has decoded the path, whatever was in it, but for `%25`.
        let path = utf8_percent_encode(self.path(), NOT_IN_PATH);
        let uri = match self.raw_query_string.as_str() {
            "" => path.to_string(),
            query => format!("{path}?{}", utf8_percent_encode(query, NOT_IN_QUERY)),
        };
        let body = match self.body.take() {
            Some(text) if self.is_base64_encoded => {
                Bytes::from(STANDARD.decode(text).map_err(|error| Failure::new("MalformedEvent", error))?)
            }
            Some(text) => Bytes::from(text),
            None => Bytes::new(),
        };
        let caller = self.request_context.caller().filter(|_| self.is_as_signed(&body));
        if let Ok(cookies) = HeaderValue::try_from(self.cookies.join("; "))
            && !cookies.is_empty()
        {
            self.headers.insert(COOKIE, cookies);
        }
        let mut request = Request::builder()
            .method(self.request_context.http.method.as_str())
            .uri(uri)
            .body(Body::from(body))
            .map_err(|error| Failure::new("MalformedEvent", error))?;
        if let Some(caller) = caller {
            call.tenant(caller.tenant.as_str());
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(self.request_context.scope());
            request.extensions_mut().insert(self.request_context.session_end());
            if let Some(reach) = self.request_context.reach() {
                request.extensions_mut().insert(reach);
            }
        } else if let Some(denied) = self.request_context.denied() {
            request.extensions_mut().insert(denied);
        }
        request.extensions_mut().insert(RequestMeta {
            request_id: call.request_id.clone(),
            traceparent: call.traceparent(),
            source_ip: self.request_context.http.source_ip.take(),
        });
        *request.headers_mut() = self.headers;
        Ok(request)
    }
}

/// A resource API.
pub(crate) struct Http(pub(crate) Router);

#[async_trait]
impl Adapter for Http {
    async fn call(&self, event: &str, call: &Call) -> Result<Done, Failure> {
        let event: Event = serde_json::from_str(event).map_err(|error| Failure::malformed(&error))?;
        call.join(event.headers.get("traceparent").and_then(|value| value.to_str().ok()));
        let request = event.into_request(call)?;
        let Ok(response) = self.0.clone().oneshot(request).await;
        let status = response.status();
        let operation = response.extensions().get().map_or_else(String::new, |Operation(name)| name.clone());
        call.status(status.as_u16());
        Ok(Done { answer: answer(response).await?, operation, fields: Vec::new(), failed: status.is_server_error() })
    }
}

/// The answer as API Gateway wants it.
async fn answer(response: Response<Body>) -> Result<Box<RawValue>, Failure> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Failure::new("BrokenAnswer", error))?;
    let (body, is_base64_encoded) = match std::str::from_utf8(&body) {
        Ok(text) => (Cow::from(text), false),
        Err(_) => (Cow::from(STANDARD.encode(&body)), true),
    };
    let cookies =
        parts.headers.get_all(SET_COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let status_code = parts.status.as_u16();
    invoke::answer(&Answer { status_code, headers: &parts.headers, cookies, body, is_base64_encoded })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    #[serde(serialize_with = "lines")]
    headers: &'a HeaderMap,
    cookies: Vec<Cow<'a, str>>,
    body: Cow<'a, str>,
    is_base64_encoded: bool,
}

/// All but the cookies. Several lines of one header mean the same as one line with commas.
fn lines<S: Serializer>(headers: &&HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.keys().filter(|name| *name != SET_COOKIE).map(|name| {
        let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let first = values.next().unwrap_or_default();
        (name.as_str(), values.fold(first, |line, value| line + ", " + value))
    }))
}

#[cfg(test)]
mod tests;
