//! What must not be in a log or a trace, by the name of its field.
//!
//! A net under the code that logs, not a licence to log payloads: it cannot see inside a value, except for credentials in
//! the form an `Authorization` header has.

use serde_json::Value;

const REDACTED: &str = "[redacted]";

/// Fields never shown, compared without case, `_` and `-`.
const NEVER: [&str; 24] = [
    "address",
    "apikey",
    "authorization",
    "birthday",
    "body",
    "card",
    "cookie",
    "credential",
    "credentials",
    "cvc",
    "customername",
    "email",
    "firstname",
    "iban",
    "lastname",
    "pan",
    "password",
    "payload",
    "phone",
    "postcode",
    "secret",
    "sessionid",
    "setcookie",
    "token",
];

/// Endings that give a secret away whatever comes before (`payment_token`).
const NEVER_ENDING: [&str; 6] = ["apikey", "email", "password", "phone", "secret", "token"];

/// The value, or a placeholder when the field is on the list.
pub(super) fn field(name: &str, value: Value) -> Value {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if NEVER.contains(&plain.as_str()) || NEVER_ENDING.iter().any(|ending| plain.ends_with(ending)) {
        return Value::from(REDACTED);
    }
    if let Value::String(text) = value { Value::String(scrub(text)) } else { value }
}

/// Replaces what follows `Bearer ` or `Basic `.
fn scrub(mut text: String) -> String {
    for scheme in ["Bearer ", "Basic "] {
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(scheme)) {
            let start = from + found + scheme.len();
            let secret = text.get(start..).unwrap_or_default();
            let end = start + secret.find(|c: char| c.is_whitespace() || c == '"' || c == ',').unwrap_or(secret.len());
            text.replace_range(start..end, REDACTED);
            from = start + REDACTED.len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_fields_are_hidden_however_they_are_written() {
        for name in
            ["password", "Authorization", "set-cookie", "payment_token", "customerEmail", "api_key", "x-api-key"]
        {
            assert_eq!(field(name, Value::from("hunter2")), REDACTED, "{name}");
        }
        for name in ["order_id", "status", "message", "tokens_left", "company"] {
            assert_eq!(field(name, Value::from("plain")), "plain", "{name}");
        }
    }

    #[test]
    fn credentials_inside_a_text_are_hidden() {
        let text = r#"sent "Bearer abc.def", then Basic dXNlcjpw and went on"#;
        let expected = r#"sent "Bearer [redacted]", then Basic [redacted] and went on"#;
        assert_eq!(field("message", Value::from(text)), expected);
    }
}
