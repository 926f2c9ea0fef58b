//! SNS's query protocol over the topics: form fields in, XML out.

use super::queue::Incoming;
use super::{LocalQueues, State, last_part};
use crate::wire::{ApiReply, ApiRequest};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;

/// SNS takes messages and batches of up to 256 KiB.
const MAX_BYTES: usize = 256 * 1024;

/// The fields below one prefix, by the rest of their name.
type Fields<'a> = BTreeMap<&'a str, &'a str>;

/// Code and message of an entry or a request that is refused.
type Refusal = (&'static str, &'static str);

impl LocalQueues {
    pub(super) fn answer_sns(&self, request: &ApiRequest) -> ApiReply {
        let fields: Fields<'_> = request.body.as_object().into_iter().flatten().filter_map(text_field).collect();
        let (state, now) = (&mut self.state(), self.now());
        let topic = last_part(fields.get("TopicArn").copied().unwrap_or_default());
        if !state.topics.contains_key(topic) {
            return ApiReply::sns_error(404, "NotFound", "Topic does not exist");
        }
        let outcome = match request.api.as_str() {
            "Publish" => publish(state, topic, &fields, now),
            "PublishBatch" => publish_batch(state, topic, &fields, request.partial, now),
            _ => Err(("InvalidAction", "This topic takes Publish and PublishBatch only")),
        };
        match outcome {
            Ok(result) => {
                let api = &request.api;
                let body = format!("<{api}Response><{api}Result>{result}</{api}Result></{api}Response>");
                ApiReply::xml(200, body)
            }
            Err((code, message)) => ApiReply::sns_error(400, code, message),
        }
    }
}

fn publish_batch(
    state: &mut State,
    topic: &str,
    fields: &Fields<'_>,
    partial: bool,
    now: Timestamp,
) -> Result<String, Refusal> {
    let entries = members(fields, "PublishBatchRequestEntries.member.");
    check_batch(&entries)?;
    let undone = if partial { entries.len().div_ceil(2) } else { 0 };
    let (mut successful, mut failed) = (String::new(), String::new());
    for (position, entry) in entries.iter().enumerate() {
        let id = escape(entry.get("Id").copied().unwrap_or_default());
        let outcome = match position < undone {
            true => Err(("InternalError", "Internal error")),
            false => publish(state, topic, entry, now),
        };
        let written = match outcome {
            Ok(result) => write!(successful, "<member><Id>{id}</Id>{result}</member>"),
            Err((code, message)) => {
                let theirs = code != "InternalError";
                let reason = format!("<Code>{code}</Code><Message>{message}</Message>");
                write!(failed, "<member><Id>{id}</Id>{reason}<SenderFault>{theirs}</SenderFault></member>")
            }
        };
        written.expect("writing to a string succeeds");
    }
    Ok(format!("<Successful>{successful}</Successful><Failed>{failed}</Failed>"))
}

/// Publishes one message to every subscription it fits; answers its id and sequence number in XML.
fn publish(state: &mut State, topic: &str, fields: &Fields<'_>, now: Timestamp) -> Result<String, Refusal> {
    let message = incoming(fields)?;
    state.sent += 1;
    let number = state.sent;
    let id = format!("{number:08x}-0000-4000-9000-000000000000");
    let found = state.topics.get_mut(topic).expect("the caller found the topic");
    if found.fifo {
        let (Some(_), Some(deduplication)) = (&message.group, &message.deduplication) else {
            return Err(("InvalidParameter", "A FIFO topic needs MessageGroupId and MessageDeduplicationId"));
        };
        if let Some((id, number)) = found.deduplication.known(deduplication, now) {
            return Ok(result(&id, number));
        }
        found.deduplication.remember(deduplication, now, &id, number);
    }
    let deliveries: Vec<(String, Incoming)> = found
        .subscriptions
        .iter()
        .filter_map(|to| Some((to.queue.clone(), to.deliver(&found.name, &id, &message, now)?)))
        .collect();
    for (queue, content) in deliveries {
        state.send(&queue, content, now);
    }
    Ok(result(&id, number))
}

fn result(id: &str, number: u64) -> String {
    format!("<MessageId>{id}</MessageId><SequenceNumber>{number:020}</SequenceNumber>")
}

fn incoming(fields: &Fields<'_>) -> Result<Incoming, Refusal> {
    let body = fields.get("Message").copied().unwrap_or_default();
    if body.is_empty() || body.len() > MAX_BYTES {
        return Err(("InvalidParameter", "Invalid parameter: a message has between 1 byte and 256 KiB"));
    }
    let own = |name| fields.get(name).map(|value| (*value).to_owned());
    Ok(Incoming {
        body: body.to_owned(),
        attributes: members(fields, "MessageAttributes.entry.").iter().map(attribute).collect(),
        group: own("MessageGroupId"),
        deduplication: own("MessageDeduplicationId"),
    })
}

fn attribute(entry: &Fields<'_>) -> (String, Value) {
    let value = entry.iter().filter_map(|(name, text)| Some((name.strip_prefix("Value.")?.to_owned(), json!(text))));
    (entry.get("Name").copied().unwrap_or_default().to_owned(), Value::Object(value.collect()))
}

/// The members of a list: the fields `<prefix><n>.<rest>`, in order of `n`.
fn members<'a>(fields: &Fields<'a>, prefix: &str) -> Vec<Fields<'a>> {
    let mut members: BTreeMap<u32, Fields<'a>> = BTreeMap::new();
    for (name, value) in fields {
        let indexed = name.strip_prefix(prefix).and_then(|rest| rest.split_once('.'));
        if let Some((index, rest)) = indexed.and_then(|(index, rest)| Some((index.parse().ok()?, rest))) {
            members.entry(index).or_default().insert(rest, value);
        }
    }
    members.into_values().collect()
}

fn check_batch(entries: &[Fields<'_>]) -> Result<(), Refusal> {
    let ids: HashSet<&str> = entries.iter().filter_map(|entry| entry.get("Id").copied()).collect();
    let bytes: usize = entries.iter().filter_map(|entry| entry.get("Message")).map(|body| body.len()).sum();
    match entries.len() {
        0 => Err(("EmptyBatchRequest", "The batch has no entries")),
        11.. => Err(("TooManyEntriesInBatchRequest", "The batch has more than ten entries")),
        count if ids.len() < count => Err(("BatchEntryIdsNotDistinct", "Two entries have the same id")),
        _ if bytes > MAX_BYTES => Err(("BatchRequestTooLong", "The batch is over 256 KiB")),
        _ => Ok(()),
    }
}

fn text_field<'a>((name, value): (&'a String, &'a Value)) -> Option<(&'a str, &'a str)> {
    Some((name, value.as_str()?))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
