//! A payment provider that speaks Stripe's Payment Intents API: builds its requests and reads its answers.
//!
//! Source: Stripe API reference, Payment Intents (manual capture), Refunds, Idempotent requests, Errors. The socket,
//! timeouts and the circuit breaker belong to the [`Transport`]. Only what an order needs is here; webhooks, customers
//! and saved cards are not.

use crate::payment::{Authorization, Intent as For, Payment, PaymentProvider, ProviderUnavailable};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kernel::Money;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use web::secret::Secret;
use web::transport::{Transport, TransportError};

/// How long one call may take, all of it.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The adapter.
pub struct Stripe {
    transport: Arc<dyn Transport>,
    base_url: String,
    key: Arc<dyn Secret>,
}

/// What we read of a payment intent, or of a refund.
#[derive(Debug, Deserialize)]
struct Intent {
    id: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: Reason,
}

#[derive(Debug, Deserialize)]
struct Reason {
    code: Option<String>,
    decline_code: Option<String>,
    payment_intent: Option<Intent>,
}

impl Stripe {
    /// `base_url` without a trailing slash, such as `https://api.stripe.com`.
    pub fn new(transport: Arc<dyn Transport>, base_url: String, key: Arc<dyn Secret>) -> Self {
        Self { transport, base_url, key }
    }

    async fn post(
        &self,
        path: &str,
        idempotency_key: String,
        form: &[(&str, &str)],
    ) -> Result<Response<Bytes>, ProviderUnavailable> {
        let key = self.key.read().await.map_err(|error| unavailable(error.to_string()))?;
        let request = Request::post(format!("{}{path}", self.base_url))
            .header("authorization", format!("Bearer {}", key.expose_secret()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", idempotency_key)
            .body(Bytes::from(encode(form)))
            .map_err(|error| unavailable(error.to_string()))?;
        self.transport.send(request, TIMEOUT).await.map_err(|error: TransportError| unavailable(error.to_string()))
    }

    /// Captures or cancels: fine when the intent already is in the state that is wanted.
    async fn finish(
        &self,
        path: &str,
        key: String,
        form: &[(&str, &str)],
        wanted: &str,
    ) -> Result<(), ProviderUnavailable> {
        let response = self.post(path, key, form).await?;
        let status = match response.status() {
            StatusCode::OK => read::<Intent>(&response)?.status,
            StatusCode::BAD_REQUEST => {
                read::<Failure>(&response)?.error.payment_intent.map(|i| i.status).unwrap_or_default()
            }
            other => return Err(unavailable(format!("answered {other}"))),
        };
        if status == wanted { Ok(()) } else { Err(unavailable(format!("the intent is `{status}`, not `{wanted}`"))) }
    }
}

#[async_trait]
impl PaymentProvider for Stripe {
    async fn authorize(
        &self,
        intent: For,
        amount: Money,
        payment: &Payment,
    ) -> Result<Authorization, ProviderUnavailable> {
        let (minor, currency) = (amount.minor().to_string(), amount.currency().code().to_ascii_lowercase());
        let order_id = intent.order.to_string();
        let form = [
            ("amount", minor.as_str()),
            ("currency", currency.as_str()),
            ("payment_method", payment.token.as_str()),
            ("payment_method_types[]", payment.method.as_str()),
            ("confirm", "true"),
            ("capture_method", "manual"),
            ("metadata[order_id]", order_id.as_str()),
        ];
        let response = self.post("/v1/payment_intents", intent.key("authorize"), &form).await?;
        match response.status() {
            StatusCode::OK => authorization(read(&response)?),
            StatusCode::PAYMENT_REQUIRED => {
                let reason = read::<Failure>(&response)?.error;
                let code = reason.decline_code.or(reason.code).unwrap_or_else(|| "declined".to_owned());
                Ok(Authorization::Declined(code))
            }
            // The token itself is wrong: asking again cannot help.
            StatusCode::BAD_REQUEST => {
                let code = read::<Failure>(&response)?.error.code.unwrap_or_else(|| "invalid_request".to_owned());
                Ok(Authorization::Declined(code))
            }
            other => Err(unavailable(format!("answered {other}"))),
        }
    }

    async fn capture(&self, intent: For, authorization: &str, amount: Money) -> Result<(), ProviderUnavailable> {
        let minor = amount.minor().to_string();
        let path = format!("/v1/payment_intents/{}/capture", segment(authorization));
        self.finish(&path, intent.key("capture"), &[("amount_to_capture", &minor)], "succeeded").await
    }

    async fn void(&self, intent: For, authorization: &str) -> Result<(), ProviderUnavailable> {
        let path = format!("/v1/payment_intents/{}/cancel", segment(authorization));
        self.finish(&path, intent.key("void"), &[], "canceled").await
    }

    async fn refund(
        &self,
        intent: For,
        authorization: &str,
        amount: Money,
    ) -> Result<Authorization, ProviderUnavailable> {
        let minor = amount.minor().to_string();
        let form = [("payment_intent", authorization), ("amount", minor.as_str())];
        let response = self.post("/v1/refunds", intent.key("refund"), &form).await?;
        match response.status() {
            StatusCode::OK => {
                let made: Intent = read(&response)?;
                match made.status.as_str() {
                    "failed" | "canceled" => Ok(Authorization::Declined(made.status)),
                    // `pending` is on its way, and the provider sees to it.
                    _ => Ok(Authorization::Approved(made.id)),
                }
            }
            StatusCode::BAD_REQUEST => {
                let code = read::<Failure>(&response)?.error.code.unwrap_or_else(|| "invalid_request".to_owned());
                Ok(Authorization::Declined(code))
            }
            other => Err(unavailable(format!("answered {other}"))),
        }
    }
}

fn authorization(intent: Intent) -> Result<Authorization, ProviderUnavailable> {
    match intent.status.as_str() {
        "requires_capture" => Ok(Authorization::Approved(intent.id)),
        // The customer would have to act, and there is nobody there to ask.
        "requires_action" | "requires_payment_method" => {
            Ok(Authorization::Declined("authentication_required".to_owned()))
        }
        // `processing` and whatever Stripe adds: not known yet, so it stays pending and is asked again.
        other => Err(unavailable(format!("the intent is `{other}`"))),
    }
}

fn read<T: for<'de> Deserialize<'de>>(response: &Response<Bytes>) -> Result<T, ProviderUnavailable> {
    serde_json::from_slice(response.body())
        .map_err(|error| unavailable(format!("answered {} with an unreadable body: {error}", response.status())))
}

fn unavailable(reason: String) -> ProviderUnavailable {
    ProviderUnavailable { reason }
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%5F", "_")
}

fn encode(form: &[(&str, &str)]) -> String {
    let quote = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = form.iter().map(|(k, v)| format!("{}={}", quote(k), quote(v))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests;
