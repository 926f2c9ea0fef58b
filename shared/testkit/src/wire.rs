//! The seam between the AWS SDK and the embedded services: an HTTP client that opens no socket.
//!
//! It decodes the two protocols in use (AWS JSON for `DynamoDB` and SQS, query for SNS) into one [`ApiRequest`].
//! It does not verify signatures: the SDK signs with test credentials and nobody checks.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// The AWS service a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `DynamoDB`, its streams included.
    Dynamo,
    /// Simple Queue Service.
    Sqs,
    /// Simple Notification Service.
    Sns,
    /// Simple Storage Service.
    S3,
}

/// One decoded AWS call.
#[derive(Clone, Debug)]
pub(crate) struct ApiRequest {
    pub(crate) service: Service,
    pub(crate) api: String,
    /// The JSON body, or the form fields of a query request as an object of strings.
    pub(crate) body: Value,
    /// Set by a fault: leave the first half of a batch (rounded up) undone and say so.
    pub(crate) partial: bool,
}

/// What the service answers.
#[derive(Clone, Debug)]
pub(crate) struct ApiReply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// The error's code in SQS's older protocol, from which the SDK takes its types.
    pub(crate) query_error: Option<&'static str>,
    pub(crate) body: String,
}

impl ApiReply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/x-amz-json-1.0", query_error: None, body: body.to_string() }
    }

    /// A `DynamoDB` client error: `code` and whatever else its body holds.
    pub(crate) fn dynamo_error(code: &str, mut body: Value) -> Self {
        body["__type"] = Value::String(format!("com.amazonaws.dynamodb.v20120810#{code}"));
        Self::json(400, &body)
    }

    /// An SQS client error, by its code in the JSON protocol and in the older query protocol.
    pub(crate) fn sqs_error(code: &str, query_code: &'static str) -> Self {
        let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": code});
        Self { query_error: Some(query_code), ..Self::json(400, &body) }
    }

    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self { status, content_type: "text/xml", query_error: None, body }
    }

    /// An SNS error in the query protocol's form.
    pub(crate) fn sns_error(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
        Self::xml(status, format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Something that answers AWS calls.
pub(crate) trait Endpoint: Send + Sync + 'static {
    fn handle(&self, request: ApiRequest) -> BoxFuture<'static, Result<ApiReply, ConnectorError>>;
}

/// The HTTP client given to the SDK: every request ends in one [`Endpoint`].
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Endpoint>);

impl Connector {
    pub(crate) fn new(endpoint: impl Endpoint) -> Self {
        Self(Arc::new(endpoint))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("testkit::Connector")
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let target = request.headers().get("x-amz-target").map(str::to_owned);
        let endpoint = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let reply = endpoint.handle(decode(target.as_deref(), &body)).await?;
            Ok(respond(reply))
        })
    }
}

fn respond(reply: ApiReply) -> HttpResponse {
    let status = StatusCode::try_from(reply.status).expect("a valid HTTP status");
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    response.headers_mut().insert("content-type", reply.content_type);
    if let Some(code) = reply.query_error {
        response.headers_mut().insert("x-amzn-query-error", format!("{code};Sender"));
    }
    response
}

/// Reads a request: `X-Amz-Target` names the JSON services, a form body is SNS.
pub(crate) fn decode(target: Option<&str>, body: &[u8]) -> ApiRequest {
    match target.and_then(|target| target.split_once('.')) {
        Some((prefix, api)) => ApiRequest {
            service: if prefix == "AmazonSQS" { Service::Sqs } else { Service::Dynamo },
            api: api.to_owned(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
            partial: false,
        },
        None => {
            let fields = form_fields(body);
            let api = fields.get("Action").and_then(Value::as_str).unwrap_or_default().to_owned();
            ApiRequest { service: Service::Sns, api, body: Value::Object(fields), partial: false }
        }
    }
}

fn form_fields(body: &[u8]) -> serde_json::Map<String, Value> {
    let text = String::from_utf8_lossy(body).replace('+', " ");
    let plain = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (plain(name), Value::String(plain(value))))
        .collect()
}
