//! One address for all services, as a function sees a local stack: passes calls on, counts them, and answers for the
//! secrets itself.

use crate::usage::Usage;
use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::Listener;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use testkit::FaultInjector;

type Bytes = axum::body::Bytes;

/// As the API shows one.
const BOOK: &str = r#"{"id":"book_000000000000000008WMAPT24N","isbn":"9780140449136","title":"The Odyssey",
    "authors":["Homer","Emily Wilson"],"publicationYear":1719,"languageCode":"eng",
    "price":{"amount":"12.50","currency":"GBP"},"active":true,"available":40,"version":1}"#;

const MAX_BYTES: usize = 16 << 20;

/// The way in.
#[derive(Clone)]
pub(crate) struct Front(Arc<Inner>);

struct Inner {
    table: String,
    messages: String,
    records: [FaultInjector; 2],
    payment_key: &'static str,
    /// The keys of tokens, as `cron-access-keys` would have made them.
    token_keys: String,
    /// Where this is: the API a gateway is before.
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    usage: Mutex<Usage>,
    kept: Mutex<Kept>,
}

/// The last answer of each API, and whether it is the answer from now on.
#[derive(Default)]
struct Kept {
    answers: HashMap<String, (HeaderMap, Bytes)>,
    is_replayed: bool,
}

impl Front {
    pub(crate) fn new(
        [table, messages]: [&str; 2],
        records: [FaultInjector; 2],
        payment_key: &'static str,
        token_keys: String,
        url: String,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (table, messages) = (table.to_owned(), messages.to_owned());
        let (usage, kept) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { table, messages, records, payment_key, token_keys, url, client, usage, kept }))
    }

    pub(crate) async fn serve<L: Listener<Addr: Debug>>(self, listener: L) {
        let router = Router::new().fallback(answer).with_state(self);
        // It ends with the process.
        drop(axum::serve(listener, router).await);
    }

    fn count(&self, api: &str, request: &Value, answer: &Value) {
        self.0.usage.lock().unwrap_or_else(PoisonError::into_inner).count(api, request, answer);
        self.0.records.iter().for_each(FaultInjector::forget);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replayed(&self, target: &str) -> Option<Response> {
        let kept = self.kept();
        let (head, body) = kept.answers.get(target).filter(|_| kept.is_replayed)?;
        let mut response = Response::new(Body::from(body.clone()));
        *response.headers_mut() = head.clone();
        Some(response)
    }

    async fn pass_on(&self, head: &HeaderMap, body: Bytes) -> anyhow::Result<Response> {
        let target = head.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        if let Some(response) = self.replayed(target) {
            return Ok(response);
        }
        let (service, api) = target.split_once('.').unwrap_or_default();
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        if service == "secretsmanager" {
            self.count(api, &request, &Value::Null);
            return respond(StatusCode::OK, "application/x-amz-json-1.1", self.secret(&request).to_string());
        }
        let is_table = service.starts_with("DynamoDB");
        let uri: Uri = if is_table { &self.0.table } else { &self.0.messages }.parse()?;
        let action =
            form_urlencoded::parse(&body).find(|(name, _)| name == "Action").map(|(_, value)| value.into_owned());
        let mut forward = http::Request::post(uri).body(Full::new(body))?;
        *forward.headers_mut() = head.clone();
        forward.headers_mut().remove(HOST);
        let (mut answer_head, answer) = self.0.client.request(forward).await?.into_parts();
        let mut bytes = answer.collect().await?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        self.count(action.as_deref().filter(|_| service.is_empty()).unwrap_or(api), &request, &answer);

        // The table always reports what it consumed; on AWS it does so when asked.
        if let (true, None, Some(fields)) = (is_table, request.get("ReturnConsumedCapacity"), answer.as_object_mut()) {
            fields.remove("ConsumedCapacity");
            bytes = answer.to_string().into();
        }
        answer_head.headers.remove(CONTENT_LENGTH);
        if is_table && answer_head.status.is_success() {
            self.kept().answers.insert(target.to_owned(), (answer_head.headers.clone(), bytes.clone()));
        }
        Ok(Response::from_parts(answer_head, Body::from(bytes)))
    }

    /// Secrets are what the template says they are: services have two, everything else is one text.
    fn secret(&self, request: &Value) -> Value {
        let id = request["SecretId"].as_str().unwrap_or_default();
        let text = if id.contains("Payment") {
            self.0.payment_key.to_owned()
        } else if id.contains("Cursor") {
            "k".repeat(48)
        } else if id.contains("TokenKeys") {
            self.0.token_keys.clone()
        } else if id.contains("access-provider") {
            let pool = "https://id.example.com";
            let jwks = format!("{pool}/jwks.json");
            json!({ "url": format!("{}/access", self.0.url), "domain": pool, "issuer": pool, "jwks": jwks, "client": "bench" })
                .to_string()
        } else {
            json!({ "current": "s".repeat(48), "previous": "" }).to_string()
        };
        json!({ "ARN": id, "Name": id, "VersionId": "1", "SecretString": text })
    }
}

async fn answer(State(front): State<Front>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let answered = async {
        if head.uri.path() == "/standin/usage" {
            let usage = front.0.usage.lock().unwrap_or_else(PoisonError::into_inner).to_json();
            return respond(StatusCode::OK, "application/json", usage.to_string());
        }
        if head.method == Method::POST && head.uri.path() == "/standin/replay" {
            front.kept().is_replayed = true;
            return respond(StatusCode::OK, "application/json", "{}".to_owned());
        }
        // What a gateway passes on: one book, so that what is measured is the gateway.
        if head.uri.path().starts_with("/store/v1/books/") {
            return respond(StatusCode::OK, "application/json", BOOK.to_owned());
        }
        let body = to_bytes(body, MAX_BYTES).await.context("the request broke off")?;
        front.pass_on(&head.headers, body).await
    };
    answered.await.unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(format!("{error:#}")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

fn respond(status: StatusCode, kind: &str, body: String) -> anyhow::Result<Response> {
    Ok(Response::builder().status(status).header(CONTENT_TYPE, kind).body(Body::from(body))?)
}
