//! One SNS topic: who gets what is published, and in which form.

use super::queue::{Deduplication, Incoming};
use super::{arn, is_fifo};
use crate::pattern;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(super) struct Topic {
    pub(super) name: String,
    pub(super) fifo: bool,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) deduplication: Deduplication,
}

pub(super) struct Subscription {
    pub(super) queue: String,
    pub(super) filter: Option<Value>,
    pub(super) raw: bool,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        let deduplication = Deduplication::default();
        Self { name: name.to_owned(), fifo: is_fifo(name), subscriptions: Vec::new(), deduplication }
    }
}

impl Subscription {
    /// The message as this subscription's queue gets it, or nothing when its filter refuses it.
    pub(super) fn deliver(&self, topic: &str, id: &str, message: &Incoming, now: Timestamp) -> Option<Incoming> {
        let offered = Value::Object(message.attributes.iter().map(filterable).collect());
        if self.filter.as_ref().is_some_and(|filter| !pattern::matches(filter, Some(&offered))) {
            return None;
        }
        if self.raw {
            return Some(message.clone());
        }
        let body = json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": arn("sns", topic),
            "Message": message.body,
            "Timestamp": now.to_string(),
            "MessageAttributes": message.attributes.iter().map(enveloped).collect::<Map<_, _>>(),
        });
        Some(Incoming { body: body.to_string(), attributes: Map::new(), ..message.clone() })
    }
}

/// An attribute as a filter policy sees it: a string, or the list a `String.Array` holds.
fn filterable((name, attribute): (&String, &Value)) -> (String, Value) {
    let text = attribute["StringValue"].as_str().unwrap_or_default();
    let value = match attribute["DataType"].as_str() {
        Some("String.Array") => serde_json::from_str(text).expect("a String.Array holds a JSON list"),
        _ => Value::from(text),
    };
    (name.clone(), value)
}

fn enveloped((name, attribute): (&String, &Value)) -> (String, Value) {
    let value = attribute.get("StringValue").or_else(|| attribute.get("BinaryValue"));
    (name.clone(), json!({"Type": attribute["DataType"], "Value": value}))
}
