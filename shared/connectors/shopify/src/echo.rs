//! Telling our own change from theirs: a store reports what we wrote as it reports what people wrote.
//!
//! What was written last is remembered by two fingerprints: one of the values as they are, one of what is left of them when a store has
//! tidied them (markup, case, space). The exact one recognises our change whenever it comes back, the loose one only within
//! two minutes, because a person may well change just the markup later. What is older than what we wrote is stale either way.
//! It does not compare fields: what changed is for whoever has the last snapshot.

use std::time::Duration;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How long the loose fingerprint counts.
const WINDOW: Duration = Duration::from_mins(2);

/// SHA-256 in hexadecimal.
pub type Fingerprint = String;

/// What we wrote last of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    pub exact: Fingerprint,
    pub loose: Fingerprint,
    /// By our clock.
    pub at: Timestamp,
    /// `updatedAt` in the store's answer to the write.
    pub remote_updated_at: Option<Timestamp>,
}

/// What an incoming change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Ours, come back.
    Echo,
    /// Older than what we wrote since.
    Stale,
    /// Somebody else's.
    Change,
}

impl Written {
    /// Remembers a write. `value` is what was written, in our words.
    #[must_use]
    pub fn new(value: &Value, at: Timestamp, remote_updated_at: Option<Timestamp>) -> Self {
        Self { exact: exact(value), loose: loose(value), at, remote_updated_at }
    }

    /// What an incoming state is, in the same words as what was written.
    #[must_use]
    pub fn judge(&self, incoming: &Value, updated_at: Timestamp, now: Timestamp) -> Verdict {
        if exact(incoming) == self.exact {
            return Verdict::Echo;
        }
        let recent = now.duration_since(self.at).unsigned_abs() <= WINDOW;
        if recent && loose(incoming) == self.loose {
            return Verdict::Echo;
        }
        // Equal times are of one second: what differs then was changed since.
        if self.remote_updated_at.is_some_and(|written| updated_at < written) {
            Verdict::Stale
        } else {
            Verdict::Change
        }
    }
}

/// The fingerprint of values as they are; the order of an object's keys does not matter, that of a list does.
#[must_use]
pub fn exact(value: &Value) -> Fingerprint {
    fingerprint(value, &str::to_owned)
}

fn loose(value: &Value) -> Fingerprint {
    fingerprint(value, &tidied)
}

fn fingerprint(value: &Value, text: &dyn Fn(&str) -> String) -> Fingerprint {
    let mut hash = Sha256::new();
    feed(value, text, &mut hash);
    kernel::hex(&hash.finalize())
}

/// Tagged and length-prefixed, so that different values never feed the same bytes.
fn feed(value: &Value, text: &dyn Fn(&str) -> String, hash: &mut Sha256) {
    let mut tagged = |tag: &str, body: &str| hash.update(format!("{tag}{}:{body}", body.len()));
    match value {
        // Absent and null are the same to a store.
        Value::Null => tagged("n", ""),
        Value::Bool(flag) => tagged("b", if *flag { "1" } else { "0" }),
        Value::Number(number) => tagged("d", &number.to_string()),
        Value::String(string) => tagged("s", &text(string)),
        Value::Array(items) => {
            tagged("a", &items.len().to_string());
            items.iter().for_each(|item| feed(item, text, hash));
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            tagged("o", &fields.len().to_string());
            for (name, value) in fields {
                hash.update(format!("k{}:{name}", name.len()));
                feed(value, text, hash);
            }
        }
    }
}

/// Without markup, in one case, with one space between words.
fn tidied(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut in_markup = false;
    for letter in text.chars() {
        match letter {
            '<' => in_markup = true,
            '>' if in_markup => {
                in_markup = false;
                plain.push(' ');
            }
            _ if !in_markup => plain.extend(letter.to_lowercase()),
            _ => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn our_change_is_recognised_whenever_it_comes_back() {
        let written = Written::new(&json!({ "title": "Tee", "price": "19.99" }), at(0), Some(at(1)));
        let same = json!({ "price": "19.99", "title": "Tee", "note": null });
        assert_eq!(written.judge(&same, at(1), at(4 * 3600)), Verdict::Echo);
        let other = json!({ "title": "Tee", "price": "21.00" });
        assert_eq!(written.judge(&other, at(1), at(2)), Verdict::Change);
        assert_eq!(written.judge(&other, at(0), at(2)), Verdict::Stale);
    }

    #[test]
    fn what_the_store_tidied_is_ours_for_two_minutes() {
        let written = Written::new(&json!({ "description": "<p>Very  <b>soft</b></p>" }), at(0), Some(at(1)));
        let tidied = json!({ "description": "<div>very <strong>Soft</strong></div>" });
        assert_eq!(written.judge(&tidied, at(2), at(120)), Verdict::Echo);
        assert_eq!(written.judge(&tidied, at(2), at(121)), Verdict::Change);
    }

    #[test]
    fn different_shapes_never_look_alike() {
        let values = [
            json!(null),
            json!([]),
            json!({}),
            json!(""),
            json!("1"),
            json!(1),
            json!(true),
            json!([[]]),
            json!(["a", "b"]),
            json!(["b", "a"]),
            json!(["ab"]),
            json!({ "a": "b" }),
            json!({ "ab": "" }),
            json!([{ "a": 1 }, { "b": 2 }]),
            json!([{ "a": 1, "b": 2 }]),
        ];
        let mut seen: Vec<String> = values.iter().map(exact).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), values.len());
    }

    proptest! {
        #[test]
        fn a_write_is_always_an_echo_of_itself(title in ".*", price in 0u32.., tags in proptest::collection::vec(".*", 0..4), later in 0i64..100_000) {
            let value = json!({ "title": title, "price": price, "tags": tags });
            let written = Written::new(&value, at(0), None);
            prop_assert_eq!(written.judge(&value, at(0), at(later)), Verdict::Echo);
        }
    }
}
