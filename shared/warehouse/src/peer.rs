//! The store, as a warehouse calls it: JSON over HTTP with the warehouse's own secret.
//!
//! It says what the store's answer means for trying again; what to do about it is the caller's business.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use web::BoxError;
use web::secret::Secret;
use web::transport::{Bearer, Circuit, Transport};

/// The store's API.
#[derive(Clone)]
pub struct StoreClient {
    transport: Arc<dyn Transport>,
    url: String,
}

/// A request to the store.
pub(crate) struct Post<'a> {
    /// From `/v1` on.
    pub(crate) path: &'a str,
    pub(crate) body: &'a Value,
    pub(crate) timeout: Duration,
    /// Makes the request safe to repeat on the way.
    pub(crate) key: Option<String>,
    /// The circuit to use instead of the store's.
    pub(crate) circuit: Option<Circuit>,
}

/// What the store says.
#[derive(Debug)]
pub(crate) enum Reply {
    /// 2xx.
    Accepted,
    /// 4xx, except 429: the same request will not fare better.
    Refused { status: StatusCode, code: String },
    /// Anything else, or nothing. Why, in words without secrets.
    Unavailable(String),
}

/// The part of a problem that matters.
#[derive(Deserialize)]
struct ProblemCode {
    code: String,
}

impl StoreClient {
    /// `url` is the store's base, without `/v1`; `secret` holds a [`web::secret::Rotating`] credential.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, url: &str, secret: Arc<dyn Secret>) -> Self {
        let transport = Arc::new(Bearer::new(transport, secret));
        Self { transport, url: url.trim_end_matches('/').to_owned() }
    }

    /// Sends it and says what came of it.
    pub(crate) async fn post(&self, post: Post<'_>) -> Reply {
        match self.try_post(post).await {
            Ok(answer) => meaning(&answer),
            Err(error) => Reply::Unavailable(chain(&*error)),
        }
    }

    async fn try_post(
        &self,
        Post { path, body, timeout, key, circuit }: Post<'_>,
    ) -> Result<Response<Bytes>, BoxError> {
        let uri = format!("{}{path}", self.url);
        let mut builder = Request::post(uri).header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            builder = builder.header(web::idempotency::HEADER, key);
        }
        if let Some(circuit) = circuit {
            builder = builder.extension(circuit);
        }
        let request = builder.body(Bytes::from(body.to_string()))?;
        Ok(self.transport.send(request, timeout).await?)
    }
}

fn meaning(answer: &Response<Bytes>) -> Reply {
    let status = answer.status();
    if status.is_success() {
        Reply::Accepted
    } else if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
        // A gateway's own refusals have no code.
        let code = serde_json::from_slice::<ProblemCode>(answer.body());
        Reply::Refused {
            status,
            code: code.map_or_else(|_| format!("http_{}", status.as_u16()), |problem| problem.code),
        }
    } else {
        Reply::Unavailable(format!("the store answered {}", status.as_u16()))
    }
}

/// The error and its sources, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
