//! Sends finished spans to an OTLP/HTTP collector.
//!
//! One try within a second: a trace is not worth keeping a function alive for. What cannot be sent is gone, and said so.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use web::transport::Transport;

use crate::telemetry::Telemetry;

const TIMEOUT: Duration = Duration::from_secs(1);

/// The way to the collector.
pub(crate) struct Exporter {
    telemetry: &'static Telemetry,
    transport: Box<dyn Transport>,
    endpoint: Uri,
}

impl Exporter {
    /// `base` is `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector without a path.
    pub(crate) fn new(
        telemetry: &'static Telemetry,
        transport: Box<dyn Transport>,
        base: &str,
    ) -> Result<Self, http::uri::InvalidUri> {
        let endpoint = format!("{}/v1/traces", base.trim_end_matches('/')).parse()?;
        Ok(Self { telemetry, transport, endpoint })
    }

    pub(crate) async fn flush(&self) {
        let Some(body) = self.telemetry.export() else { return };
        let mut request = Request::post(self.endpoint.clone());
        request = request.header("content-type", "application/json");
        let Ok(request) = request.body(Bytes::from(body)) else { return };
        match self.transport.send(request, TIMEOUT).await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "the collector refused the spans"),
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "the spans could not be sent");
            }
        }
    }
}
