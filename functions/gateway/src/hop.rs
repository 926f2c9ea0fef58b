//! The way on: the same request to the platform's own API, signed by the gateway for the one it speaks for. The caller's own
//! credential stays here.

use std::time::Duration;

use access::Hop;
use bytes::Bytes;
use gateway::{Asked, Route};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use kernel::hex;
use sha2::{Digest, Sha256};
use web::Problem;
use web::transport::{Circuit, TransportError};

use crate::Gateway;
use crate::answer::{failed, timed_out};
use crate::door::Consumer;

/// Everything together, tries that may be repeated included: more than the slowest function behind takes, less than this one.
const TIMEOUT: Duration = Duration::from_secs(22);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(web::idempotency::HEADER);

impl Gateway {
    /// The answer, whatever its status.
    pub(crate) async fn hop(
        &self,
        route: &Route,
        path: &str,
        Asked { query, body }: Asked,
        mut headers: HeaderMap,
        consumer: &Consumer,
        id: String,
    ) -> Result<Response<Bytes>, Problem> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if let Some(key) = headers.get(IDEMPOTENCY_KEY) {
            let own = of_consumer(&consumer.id, key).map_err(|error| Problem::internal(&error))?;
            headers.insert(IDEMPOTENCY_KEY, own);
        }
        let hop = Hop {
            id,
            principal: consumer.principal.clone(),
            role: consumer.role.clone(),
            scope: route.scope.to_owned(),
            request: web::hop::bound(route.method, path, &query, &headers, &body),
        };
        let assertion = self.tokens.hop(&self.tenant, &hop, self.clock.now()).await;
        let assertion = assertion.map_err(|error| Problem::unavailable(&error))?;
        let mut authorization =
            HeaderValue::try_from(format!("Hop {assertion}")).map_err(|error| Problem::internal(&error))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let separator = if query.is_empty() { "" } else { "?" };
        let uri = format!("{}{path}{separator}{query}", self.url);
        let request = Request::builder().method(route.method).uri(uri).body(body);
        let mut request = request.map_err(|error| Problem::internal(&error))?;
        *request.headers_mut() = headers;
        // One host, many functions: one that fails does not close the others.
        request.extensions_mut().insert(Circuit(format!("{} {}", route.method, route.internal)));
        self.platform.send(request, TIMEOUT).await.map_err(|error| match error {
            TransportError::TimedOut(_) => timed_out().caused_by(&error),
            TransportError::NotSent(_)
            | TransportError::CircuitOpen
            | TransportError::Broken(_)
            | TransportError::TooLarge(_) => failed().caused_by(&error),
        })
    }
}

/// The same key of two consumers is two keys.
fn of_consumer(consumer: &str, key: &HeaderValue) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut hash = Sha256::new();
    hash.update(consumer.as_bytes());
    hash.update(b"\n");
    hash.update(key.as_bytes());
    HeaderValue::try_from(hex(&hash.finalize()))
}
