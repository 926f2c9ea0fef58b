//! AWS services of which an operation or two is used, called by AWS JSON without the service's own SDK.
//!
//! An SDK weighs more than such a call is worth, in every function that makes it (docs/decisions/0017-calls-without-sdk.md).
//! Retries, timeouts and connections are those of the SDKs here, whose orchestrator runs these calls too; the signature is
//! [`crate::signing`]'s. Requests and answers are secrets until somebody exposes them: nothing here can log one.
//!
//! Source: Smithy, "AWS JSON 1.0 and 1.1 protocols", which differ in the content type.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use kernel::Clock;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::signing::Signer;

/// What all services are reached with.
pub(crate) struct Way {
    pub(crate) credentials: Credentials,
    pub(crate) region: String,
    pub(crate) connections: SharedHttpClient,
    pub(crate) sleep: SharedAsyncSleep,
    pub(crate) timeouts: TimeoutConfig,
    pub(crate) retries: RetryConfig,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Calls one service.
#[async_trait]
pub trait JsonCalls: Send + Sync {
    /// Does `operation` and gives its answer, a JSON text.
    async fn call(&self, operation: &str, body: &Value) -> Result<SecretString, CallError>;
}

/// Which of the two a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json10,
    Json11,
}

/// A service: what its host name begins with, what signatures call it, with which name and version targets begin.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    pub host: &'static str,
    pub name: &'static str,
    pub prefix: &'static str,
    pub protocol: Protocol,
}

/// Calls a service of AWS.
#[derive(Debug)]
pub(crate) struct JsonService {
    operation: Operation<Call, SecretString, Refused>,
    prefix: &'static str,
}

#[derive(Debug)]
struct Call {
    target: String,
    body: SecretString,
}

/// Why there is no answer that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service said no; `code` as its documentation names it, without a namespace.
    #[error("{code}: {message}")]
    Refused { code: String, message: String },
    /// It was not reached, not in time, or not understood.
    #[error("no answer")]
    Failed(#[source] BoxError),
}

/// An error as the protocol writes it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(ErrorMetadata);

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl JsonService {
    pub(crate) fn new(service: Service, url: &str, way: Way) -> Self {
        let Service { host: _, name, prefix, protocol } = service;
        let content_type = match protocol {
            Protocol::Json10 => "application/x-amz-json-1.0",
            Protocol::Json11 => "application/x-amz-json-1.1",
        };
        let Way { credentials, region, connections, sleep, timeouts, retries, clock } = way;
        let (signer, to) = (Signer::default(), format!("{}/", url.trim_end_matches('/')));
        let operation = Operation::builder()
            .service_name(name)
            .operation_name(name)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(connections)
            .endpoint_url(url)
            .sleep_impl(sleep)
            .timeout_config(timeouts)
            .standard_retry(&retries)
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refused>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
            // Signed when it is written; a try is repeated within seconds, and the signature holds for minutes.
            .no_auth()
            .serializer(move |call: Call| {
                let mut request = request(&to, content_type, &call)?;
                let signed = signer.sign(&mut request, &credentials, [&region, name], SystemTime::from(clock.now()))?;
                if signed { Ok(request) } else { Err("a request of this form cannot be signed".into()) }
            })
            .deserializer(answer)
            .build();
        Self { operation, prefix }
    }
}

#[async_trait]
impl JsonCalls for JsonService {
    async fn call(&self, operation: &str, body: &Value) -> Result<SecretString, CallError> {
        let call = Call { target: format!("{}.{operation}", self.prefix), body: body.to_string().into() };
        self.operation.invoke(call).await.map_err(|error| match error.as_service_error() {
            Some(Refused(told)) => CallError::Refused {
                code: told.code().unwrap_or_default().to_owned(),
                message: told.message().unwrap_or_default().to_owned(),
            },
            None => CallError::Failed(error.into()),
        })
    }
}

fn request(url: &str, content_type: &'static str, call: &Call) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(call.body.expose_secret()));
    request.set_method("POST")?;
    request.set_uri(url.to_owned())?;
    let headers = request.headers_mut();
    headers.insert("content-type", content_type);
    headers.insert("x-amz-target", call.target.clone());
    Ok(request)
}

fn answer(answer: &HttpResponse) -> Result<SecretString, OrchestratorError<Refused>> {
    let body = answer.body().bytes().unwrap_or_default();
    if answer.status().is_success() {
        let text = std::str::from_utf8(body).map_err(OrchestratorError::other)?;
        return Ok(text.into());
    }
    #[derive(Default, Deserialize)]
    struct Told {
        #[serde(default, rename = "__type")]
        code: String,
        #[serde(default, alias = "Message")]
        message: String,
    }
    // Whatever is in between may answer with something else than JSON.
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let code = told.code.rsplit('#').next().unwrap_or_default();
    let code = if code.is_empty() { answer.status().as_u16().to_string() } else { code.to_owned() };
    Err(OrchestratorError::operation(Refused(ErrorMetadata::builder().code(code).message(told.message).build())))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
