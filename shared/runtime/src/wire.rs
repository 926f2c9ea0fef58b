//! The socket under `web::transport::Transport`: one request, one answer, no second try.
//!
//! It tells apart what surely was not sent (no connection came about) from what may have been, injects `traceparent`, and
//! logs method, host, status and time; never a path, a header or a body. Redirects are not followed.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tracing::Instrument;
use tracing::field::Empty;
use web::transport::{Transport, TransportError};

use crate::telemetry;

/// The longest answer taken: what Lambda could pass on, and then some.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Sends through a connection pool.
pub(crate) struct Wire {
    connector: SharedHttpConnector,
}

impl Wire {
    pub(crate) fn new(connector: SharedHttpConnector) -> Self {
        Self { connector }
    }

    async fn exchange(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let connection = CaptureSmithyConnection::new();
        let mut request =
            HttpRequest::try_from(request.map(SdkBody::from)).map_err(|e| TransportError::NotSent(e.into()))?;
        request.add_extension(connection.clone());
        let exchange = async {
            let answer = self.connector.call(request).await.map_err(|error| {
                // Without a connection not a byte of the request has left.
                if connection.get().is_none() {
                    TransportError::NotSent(error.into())
                } else {
                    TransportError::Broken(error.into())
                }
            })?;
            read(answer).await
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(elapsed) if connection.get().is_none() => Err(TransportError::NotSent(elapsed.into())),
            Err(_) => Err(TransportError::TimedOut(timeout)),
        }
    }
}

async fn read(answer: HttpResponse) -> Result<Response<Bytes>, TransportError> {
    let answer = answer.try_into_http1x().map_err(|error| TransportError::Broken(error.into()))?;
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
