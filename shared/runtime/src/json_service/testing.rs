//! A service that answers from a script.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};

use kernel::{ManualClock, Timestamp};

use super::*;

/// Status and answer to the call with this number; the first is 1.
pub(crate) type Answers = fn(usize) -> (u16, Value);

#[derive(Debug, Clone)]
pub(crate) struct Script {
    answers: Answers,
    sent: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Script {
    pub(crate) fn new(answers: Answers) -> Self {
        Self { answers, sent: Arc::default() }
    }

    /// Targets and bodies of the calls so far.
    pub(crate) fn sent(&self) -> Vec<(String, Value)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert!(request.headers().get("authorization").unwrap().starts_with("AWS4-HMAC-SHA256 Credential=id/"));
        let target = request.headers().get("x-amz-target").unwrap().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let mut sent = self.sent.lock().unwrap();
        sent.push((target, body));
        let (status, answer) = (self.answers)(sent.len());
        let body = if answer.is_null() { "<html>".to_owned() } else { answer.to_string() };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}

/// Nobody waits in a test.
#[derive(Debug)]
struct Instantly;

impl AsyncSleep for Instantly {
    fn sleep(&self, duration: std::time::Duration) -> Sleep {
        // What bounds a call must not be over before the call.
        if duration.as_secs() < 60 { Sleep::new(std::future::ready(())) } else { Sleep::new(std::future::pending()) }
    }
}

pub(crate) fn service(service: Service, script: &Script) -> JsonService {
    let connector = SharedHttpConnector::new(script.clone());
    let minutes = std::time::Duration::from_secs(60);
    let way = Way {
        credentials: Credentials::new("id", "secret", None, None, "test"),
        region: "eu-west-1".to_owned(),
        connections: SharedHttpClient::new(http_client_fn(move |_, _| connector.clone())),
        sleep: SharedAsyncSleep::new(Instantly),
        timeouts: TimeoutConfig::builder().operation_attempt_timeout(minutes).operation_timeout(minutes).build(),
        retries: RetryConfig::standard().with_max_attempts(3),
        clock: Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)),
    };
    JsonService::new(service, "https://things.eu-west-1.amazonaws.com", way)
}
