//! `@idempotent`: a mutation that has it is applied once a key; the answer to a repetition is made of what is there now.
//!
//! Source: Shopify, "Implementing idempotency"; which mutations need it is so since version 2026-04.

use std::collections::HashMap;
use std::time::Duration;

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::world::Object;

/// How long a key is remembered.
const RETENTION: Duration = Duration::from_hours(24);

/// Of the mutations kept here, those that must carry `@idempotent`.
pub(crate) const REQUIRED: [&str; 3] = ["inventoryActivate", "inventoryAdjustQuantities", "inventorySetQuantities"];

#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, Known>);

#[derive(Debug)]
struct Known {
    call: String,
    payload: Object,
    failed: bool,
    until: Timestamp,
}

/// What a key says about a call.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Not seen yet: apply it.
    Fresh,
    /// Applied before; its payload, whose ids are resolved anew.
    Replay(Object),
    /// Refused, with this user error.
    Refused(Object),
}

impl Keys {
    pub(crate) fn look_up(&self, key: &str, mutation: &str, arguments: &Value, now: Timestamp) -> Verdict {
        match self.0.get(key).filter(|known| now < known.until) {
            None => Verdict::Fresh,
            Some(known) if known.call != call(mutation, arguments) => Verdict::Refused(refusal(
                "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
                "The key was used with other parameters.",
            )),
            Some(known) if known.failed => {
                Verdict::Refused(refusal("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "The attempt with this key failed."))
            }
            Some(known) => Verdict::Replay(known.payload.clone()),
        }
    }

    pub(crate) fn remember(&mut self, key: &str, mutation: &str, arguments: &Value, payload: &Object, now: Timestamp) {
        let failed = payload.get("userErrors").and_then(Value::as_array).is_some_and(|errors| !errors.is_empty());
        let until = now.checked_add(RETENTION).unwrap_or(Timestamp::MAX);
        let known = Known { call: call(mutation, arguments), payload: payload.clone(), failed, until };
        self.0.insert(key.to_owned(), known);
    }
}

pub(crate) fn concurrent() -> Object {
    refusal("IDEMPOTENCY_CONCURRENT_REQUEST", "A request with this key is still running.")
}

fn refusal(code: &str, message: &str) -> Object {
    let mut payload = Object::new();
    payload.insert("userErrors".to_owned(), json!([{ "field": null, "code": code, "message": message }]));
    payload
}

fn call(mutation: &str, arguments: &Value) -> String {
    format!("{mutation} {arguments}")
}
