//! Answers in Stripe's shape, errors above all.

use super::{Intent, IntentStatus};
use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

/// A status and a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    pub(super) fn ok(body: &impl Serialize) -> Self {
        // Strings, numbers and maps with string keys always are JSON.
        Self { status: StatusCode::OK, body: serde_json::to_value(body).unwrap_or_default() }
    }

    /// The intent as Stripe shows it.
    pub(super) fn intent(intent: &Intent) -> Self {
        Self::ok(&shown(intent))
    }

    pub(super) fn unauthorized() -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "invalid_request_error", None, "Invalid API key provided.")
    }

    pub(super) fn unrecognized(method: &Method, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::error(StatusCode::NOT_FOUND, "invalid_request_error", None, &message)
    }

    /// A form that cannot be used; nothing was done, and the idempotency key is still free.
    pub(super) fn invalid(code: &str, param: Option<&str>, message: &str) -> Self {
        let mut answer = Self::error(StatusCode::BAD_REQUEST, "invalid_request_error", Some(code), message);
        if let Some(param) = param {
            answer.body["error"]["param"] = param.into();
        }
        answer
    }

    pub(super) fn missing(what: &str, id: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self::error(StatusCode::NOT_FOUND, "invalid_request_error", Some("resource_missing"), &message)
    }

    /// The intent is not in a state for this.
    pub(super) fn unexpected_state(intent: &Intent, message: &str) -> Self {
        let mut answer = Self::invalid("payment_intent_unexpected_state", None, message);
        answer.body["error"]["payment_intent"] = shown(intent);
        answer
    }

    pub(super) fn declined(intent: &Intent, decline_code: &str) -> Self {
        let (code, message) = (Some("card_declined"), "Your card was declined.");
        let mut answer = Self::error(StatusCode::PAYMENT_REQUIRED, "card_error", code, message);
        answer.body["error"]["decline_code"] = decline_code.into();
        answer.body["error"]["payment_intent"] = shown(intent);
        answer
    }

    pub(super) fn key_reused(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. \
             Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::error(StatusCode::BAD_REQUEST, "idempotency_error", None, &message)
    }

    pub(super) fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this Idempotent Key.";
        let code = Some("idempotency_key_in_use");
        Self::error(StatusCode::CONFLICT, "invalid_request_error", code, message)
    }

    pub(super) fn broken() -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, "api_error", None, "Something went wrong on our end.")
    }

    fn error(status: StatusCode, kind: &str, code: Option<&str>, message: &str) -> Self {
        let mut error = json!({ "type": kind, "message": message });
        if let Some(code) = code {
            error["code"] = code.into();
        }
        Self { status, body: json!({ "error": error }) }
    }

    /// As HTTP; `replayed` marks an answer given before.
    pub(super) fn into_response(self, replayed: bool) -> Response {
        let mut response = Response::new(Body::from(self.body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if replayed {
            let name = HeaderName::from_static("idempotent-replayed");
            response.headers_mut().insert(name, HeaderValue::from_static("true"));
        }
        response
    }
}

fn shown(intent: &Intent) -> Value {
    let held = if intent.status == IntentStatus::RequiresCapture { intent.amount } else { 0 };
    json!({
        "id": intent.id,
        "object": "payment_intent",
        "status": intent.status,
        "amount": intent.amount,
        "amount_capturable": held,
        "amount_received": intent.amount_received,
        "currency": intent.currency,
        "capture_method": "manual",
        "payment_method": intent.payment_method,
        "metadata": intent.metadata,
    })
}
