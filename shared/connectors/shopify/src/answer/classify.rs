//! Which of the eleven classes a failure is in.

use std::time::Duration;

use documents::{Outcome, Remote, Report};
use http::StatusCode;
use kernel::Timestamp;
use serde_json::Value;
use web::transport::TransportError;

use super::UserError;

/// The store failed, perhaps after it had acted: what may be repeated is, of anything else it is looked up first.
pub(super) fn lost(repeatable: bool) -> Outcome {
    if repeatable { Outcome::Transient } else { Outcome::Unknown }
}

pub(super) fn transport(error: &TransportError) -> Report {
    let outcome = if error.surely_not_sent() { Outcome::Transient } else { Outcome::Unknown };
    Report::new(outcome, error.to_string())
}

pub(super) fn status(status: StatusCode, retry_after: Option<Duration>, repeatable: bool, now: Timestamp) -> Report {
    let outcome = match status.as_u16() {
        401 => Outcome::AuthExpired,
        // 402: the shop is frozen. 403: the app may not. 404: the shop or the app is gone.
        402..=404 => Outcome::AuthBroken,
        // 423: the shop is locked.
        423 => Outcome::AuthBroken,
        429 => Outcome::Throttled { until: retry_after.and_then(|wait| now.checked_add(wait).ok()) },
        430 => Outcome::Throttled { until: None },
        500..=599 => lost(repeatable),
        // A redirect is not followed with a token, and any other refusal is for good.
        _ => Outcome::Rejected { code: format!("HTTP_{}", status.as_u16()), field: None },
    };
    Report::new(outcome, format!("the store answered {status}"))
}

/// Errors of the whole call: the most telling one decides. `wait` is how long the bucket needs.
pub(super) fn errors(errors: &Value, wait: Duration, repeatable: bool, now: Timestamp) -> Report {
    let Some(list) = errors.as_array() else {
        // A text: the token was refused before anything was read.
        return Report::new(Outcome::AuthExpired, text(errors));
    };
    let codes: Vec<&str> =
        list.iter().filter_map(|error| error.pointer("/extensions/code").and_then(Value::as_str)).collect();
    let has = |code: &str| codes.contains(&code);
    let outcome = if has("THROTTLED") {
        Outcome::Throttled { until: now.checked_add(wait).ok() }
    } else if has("ACCESS_DENIED") || has("SHOP_INACTIVE") {
        Outcome::AuthBroken
    } else if has("INTERNAL_SERVER_ERROR") || has("TIMEOUT") {
        // It can come after the change was made.
        lost(repeatable)
    } else {
        let code = codes.first().map_or("INVALID_REQUEST", |code| *code);
        Outcome::Rejected { code: code.to_owned(), field: None }
    };
    let said = list.first().map(|error| text(error.get("message").unwrap_or(&Value::Null))).unwrap_or_default();
    Report::new(outcome, said)
}

/// How a mutation that answered with these ended; `done` when there are none.
pub fn user_errors(errors: &[UserError], done: Remote) -> Report {
    user_errors_of(errors).unwrap_or_else(|| Outcome::Done(done).into())
}

/// How a mutation that was refused ended; `None` when it was not. The most urgent refusal decides.
pub fn user_errors_of(errors: &[UserError]) -> Option<Report> {
    let first = errors.first()?;
    let of = |code: &str| errors.iter().any(|error| error.code.as_deref() == Some(code));
    let missing = errors.iter().find(|error| error.code.as_deref().is_some_and(is_missing));
    let outcome = if errors.iter().any(is_daily_quota) {
        Outcome::Throttled { until: None }
    } else if of("IDEMPOTENCY_CONCURRENT_REQUEST")
        || of("SERVICE_UNAVAILABLE")
        || of("OPERATION_IN_PROGRESS")
        || of("LIMIT_REACHED")
    {
        Outcome::Transient
    } else if of("CHANGE_FROM_QUANTITY_STALE") || of("COMPARE_QUANTITY_STALE") {
        Outcome::Conflict
    } else if let Some(missing) = missing {
        Outcome::DependencyMissing { what: field(missing).unwrap_or_else(|| code(missing)) }
    } else {
        Outcome::Rejected { code: code(first), field: field(first) }
    };
    // Messages of user errors repeat what was sent, so only their codes and fields are kept.
    Some(Report::new(outcome, format!("{} refused by the store: {}", errors.len(), code(first))))
}

/// Refusals that go away once something else exists. An item that is not kept at a location has had a code of its own, and
/// in newer versions that of an unknown location: keeping it there is tried, and tells which of the two it is.
fn is_missing(code: &str) -> bool {
    matches!(
        code,
        "ITEM_NOT_STOCKED_AT_LOCATION"
            | "INVALID_LOCATION"
            | "INVALID_INVENTORY_ITEM"
            | "PRODUCT_DOES_NOT_EXIST"
            | "PRODUCT_VARIANT_DOES_NOT_EXIST"
            | "NO_SUCH_FILE"
    )
}

/// A large store may create only so many variants a day; the refusal has no code of its own.
pub(crate) fn is_daily_quota(error: &UserError) -> bool {
    error.message.contains("Daily variant creation limit")
}

fn code(error: &UserError) -> String {
    error.code.clone().unwrap_or_else(|| "USER_ERROR".to_owned())
}

fn field(error: &UserError) -> Option<String> {
    error.field.as_ref().map(|path| format!("/{}", path.join("/")))
}

fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or("the store refused the call");
    text.chars().take(200).collect()
}
