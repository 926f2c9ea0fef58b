//! The socket under `web::transport::Transport`: one request, one answer, no second try.
//!
//! It tells apart what surely was not sent (no connection came about) from what may have been, injects `traceparent`, and
//! logs method, host, status and time; never a path, a header or a body. Redirects are not followed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tracing::Instrument;
use tracing::field::Empty;
use web::transport::{Transport, TransportError};

use crate::net::{Client, NetError};
use crate::telemetry;

/// The longest answer taken: what Lambda could pass on, and then some.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Sends through a client's connections.
pub(crate) struct Wire {
    client: Client,
}

impl Wire {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    async fn exchange(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let leaving = AtomicBool::new(false);
        match tokio::time::timeout(timeout, self.answer(request, &leaving)).await {
            Ok(result) => result,
            Err(_) if leaving.load(Ordering::Relaxed) => Err(TransportError::TimedOut(timeout)),
            Err(elapsed) => Err(TransportError::NotSent(elapsed.into())),
        }
    }

    async fn answer(&self, request: Request<Bytes>, leaving: &AtomicBool) -> Result<Response<Bytes>, TransportError> {
        let sent = self.client.send(request.map(SdkBody::from), leaving).await;
        let answer = sent.map_err(|error| match error {
            NetError::NotSent(cause) => TransportError::NotSent(cause),
            NetError::Broken(cause) => TransportError::Broken(cause),
        })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                TransportError::TooLarge(MAX_ANSWER_BYTES)
            } else {
                TransportError::Broken(error)
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, mut request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let method = request.method().clone();
        let host = request.uri().host().unwrap_or_default().to_owned();
        let span = tracing::info_span!(
            "http.call",
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = %method,
            server.address = host,
            http.response.status_code = Empty,
        );
        if let Some(position) = telemetry::position_of(&span)
            && let Ok(header) = HeaderValue::try_from(position.to_string())
        {
            request.headers_mut().insert("traceparent", header);
        }
        let start = Instant::now();
        let result = self.exchange(request, timeout).instrument(span.clone()).await;
        let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        span.in_scope(|| match &result {
            Ok(answer) => {
                let status = answer.status().as_u16();
                span.record("http.response.status_code", status);
                tracing::debug!(duration_ms, "third party answered");
            }
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::warn!(error, duration_ms, "third party did not answer");
            }
        });
        result
    }
}

#[cfg(test)]
mod tests;
