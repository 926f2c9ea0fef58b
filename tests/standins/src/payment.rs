//! A payment provider as Stripe's Payment Intents API is one: bearer key, form bodies, idempotency keys, manual capture,
//! cancellation, refunds, and Stripe's errors. `GET /standin/intents` shows every intent, for tests.
//!
//! Source: Stripe API reference, Payment Intents, Refunds, Errors, Idempotent requests. Only what an order needs is here;
//! what else Stripe has is refused as unknown, so that a client that relies on it is found out. Tokens that misbehave:
//!
//! | `payment_method` | what happens |
//! |---|---|
//! | `tok_visa` | approved |
//! | `tok_chargeDeclined`, `tok_chargeDeclinedInsufficientFunds` | declined: 402 with a `decline_code` |
//! | `tok_timeout` | approved, but the first call is never answered; repeated with its key it is, at once |
//! | `tok_late` | approved, answered after six seconds; until then its key is in use (409) |
//! | `tok_error` | two answers of 500 with nothing done, then approved |

mod answer;
mod book;
#[cfg(test)]
mod tests;

use answer::Answer;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use book::{Book, Call, Delivery};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// More than any form of this API needs.
const MAX_FORM_BYTES: usize = 64 * 1024;
/// Stripe's own limit.
const MAX_KEY_BYTES: usize = 255;

/// Where the money of an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    /// The card was declined; nothing is held.
    RequiresPaymentMethod,
    /// The amount is held.
    RequiresCapture,
    /// `amount_received` was taken and the rest of the hold released.
    Succeeded,
    /// The hold was released.
    Canceled,
}

/// A payment intent. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Intent {
    pub id: String,
    pub status: IntentStatus,
    pub amount: u64,
    pub amount_received: u64,
    /// What of that was given back.
    pub amount_refunded: u64,
    pub currency: String,
    pub payment_method: String,
    pub metadata: BTreeMap<String, String>,
}

/// The provider, on a port of this machine until it is dropped.
pub struct PaymentProvider {
    url: String,
    desk: Arc<Desk>,
    accepting: JoinHandle<()>,
}

impl PaymentProvider {
    /// Listens on the loopback interface; port 0 takes any that is free. `key` is the account's secret key.
    pub async fn start(port: u16, key: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let desk = Arc::new(Desk { key: key.to_owned(), book: Mutex::default() });
        let router = router(Arc::clone(&desk));
        // Serving does not end by itself: accepting never fails for good.
        let accepting = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, desk, accepting })
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every intent, oldest first.
    #[must_use]
    pub fn intents(&self) -> Vec<Intent> {
        self.desk.with(|book| book.intents())
    }
}

impl Drop for PaymentProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One account and its secret key.
struct Desk {
    key: String,
    book: Mutex<Book>,
}

impl Desk {
    fn with<T>(&self, use_it: impl FnOnce(&mut Book) -> T) -> T {
        use_it(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|key| key.ct_eq(self.key.as_bytes()).into())
    }
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new().fallback(answer).with_state(desk)
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    // No key: it is not part of what is stood in for, and holds no secret.
    if (&head.method, path) == (&Method::GET, "/standin/intents") {
        return Answer::ok(&desk.with(|book| book.intents())).into_response(false);
    }
    if !desk.admits(&head.headers) {
        return Answer::unauthorized().into_response(false);
    }
    if head.method != Method::POST {
        return Answer::unrecognized(&head.method, path).into_response(false);
    }
    let body = to_bytes(body, MAX_FORM_BYTES).await.unwrap_or_default();
    let call = match call(path, &head.headers, &body) {
        Ok(call) => call,
        Err(refusal) => return refusal.into_response(false),
    };
    let (answer, delivery) = desk.with(|book| book.take(call, Instant::now()));
    match delivery {
        Delivery::Now => answer.into_response(false),
        Delivery::Again => answer.into_response(true),
        Delivery::At(time) => {
            sleep_until(time).await;
            answer.into_response(false)
        }
        // Until the client gives up and closes the connection.
        Delivery::Never => std::future::pending().await,
    }
}

fn call(path: &str, headers: &HeaderMap, body: &Bytes) -> Result<Call, Answer> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_form = header(CONTENT_TYPE.as_str()).is_some_and(|t| t.starts_with("application/x-www-form-urlencoded"));
    if !is_form && !body.is_empty() {
        return Err(Answer::invalid("parameter_invalid", None, "The body must be form-encoded."));
    }
    let key = header("idempotency-key");
    if key.as_ref().is_some_and(|key| key.len() > MAX_KEY_BYTES) {
        return Err(Answer::invalid("parameter_invalid", None, "Idempotency keys are up to 255 characters long."));
    }
    Ok(Call { path: path.to_owned(), key, form: form_urlencoded::parse(body).into_owned().collect() })
}
