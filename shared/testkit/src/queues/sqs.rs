//! SQS's JSON protocol over the queues.

use super::queue::{Incoming, Message};
use super::{LocalQueues, State, arn, is_fifo, last_part, url};
use crate::wire::{ApiReply, ApiRequest};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// SQS takes messages and batches of up to 1 MiB.
const MAX_BYTES: usize = 1024 * 1024;

/// What a call comes to: an answer, or SQS's error code (in its JSON and in its older query form).
type Answer = Result<Value, Refusal>;

pub(super) struct Refusal {
    code: &'static str,
    query_code: &'static str,
}

const fn refusal(code: &'static str, query_code: &'static str) -> Refusal {
    Refusal { code, query_code }
}

const NO_QUEUE: Refusal = refusal("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
const INVALID: Refusal = refusal("InvalidParameterValue", "InvalidParameterValue");
const EXPIRED: Refusal = refusal("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid");
const NOT_IN_FLIGHT: Refusal = refusal("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight");
const FAILED: Refusal = refusal("InternalError", "InternalError");

impl LocalQueues {
    pub(super) fn answer_sqs(&self, request: &ApiRequest) -> ApiReply {
        let mut call = Call { state: &mut self.state(), now: self.now(), partial: request.partial };
        match call.answer(&request.api, &request.body) {
            Ok(answer) => ApiReply::json(200, &answer),
            Err(refusal) => ApiReply::sqs_error(refusal.code, refusal.query_code),
        }
    }
}

struct Call<'a> {
    state: &'a mut State,
    now: Timestamp,
    partial: bool,
}

impl Call<'_> {
    fn answer(&mut self, api: &str, body: &Value) -> Answer {
        if api == "StartMessageMoveTask" {
            return self.move_messages(body);
        }
        let field = if api == "GetQueueUrl" { "QueueName" } else { "QueueUrl" };
        let queue = last_part(text(body, field).ok_or(INVALID)?).to_owned();
        if !self.state.queues.contains_key(&queue) {
            return Err(NO_QUEUE);
        }
        match api {
            "SendMessage" => self.send(&queue, body),
            "SendMessageBatch" => self.batch(body, |call, entry| call.send(&queue, entry)),
            "ReceiveMessage" => Ok(self.receive(&queue, body)),
            "DeleteMessage" => self.delete(&queue, body),
            "DeleteMessageBatch" => self.batch(body, |call, entry| call.delete(&queue, entry)),
            "ChangeMessageVisibility" => self.change_visibility(&queue, body),
            "ChangeMessageVisibilityBatch" => self.batch(body, |call, entry| call.change_visibility(&queue, entry)),
            "GetQueueAttributes" => Ok(self.attributes(&queue, body)),
            "GetQueueUrl" => Ok(json!({"QueueUrl": url(&queue)})),
            _ => Err(refusal("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")),
        }
    }

    /// Does `one` for each entry; an entry that fails is reported and does not stop the others.
    fn batch(&mut self, body: &Value, mut one: impl FnMut(&mut Self, &Value) -> Answer) -> Answer {
        let entries = body["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        check_batch(entries)?;
        let undone = if self.partial { entries.len().div_ceil(2) } else { 0 };
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (position, entry) in entries.iter().enumerate() {
            let outcome = if position < undone { Err(FAILED) } else { one(self, entry) };
            match outcome {
                Ok(mut answer) => {
                    answer["Id"] = entry["Id"].clone();
                    successful.push(answer);
                }
                Err(refusal) => {
                    let ours = refusal.code == FAILED.code;
                    failed.push(json!({"Id": entry["Id"], "Code": refusal.code, "SenderFault": !ours}));
                }
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }

    fn send(&mut self, queue: &str, entry: &Value) -> Answer {
        let content = Incoming {
            body: text(entry, "MessageBody").ok_or(INVALID)?.to_owned(),
            attributes: entry["MessageAttributes"].as_object().cloned().unwrap_or_default(),
            group: text(entry, "MessageGroupId").map(str::to_owned),
            deduplication: text(entry, "MessageDeduplicationId").map(str::to_owned),
        };
        let addressed = content.group.is_some() && content.deduplication.is_some();
        if content.body.is_empty() || content.body.len() > MAX_BYTES || (is_fifo(queue) && !addressed) {
            return Err(INVALID);
        }
        let (id, sequence) = self.state.send(queue, content, self.now);
        Ok(json!({"MessageId": id, "SequenceNumber": sequence_number(sequence)}))
    }

    fn receive(&mut self, queue: &str, body: &Value) -> Value {
        let max = body["MaxNumberOfMessages"].as_u64().and_then(|max| usize::try_from(max).ok()).unwrap_or(1);
        let hide = body["VisibilityTimeout"].as_i64().map(SignedDuration::from_secs);
        let messages = self.state.receive(queue, max, hide, self.now);
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                json!({
                    "MessageId": message.id,
                    "ReceiptHandle": message.receipt,
                    "Body": message.content.body,
                    "MessageAttributes": message.content.attributes,
                    "Attributes": system_attributes(message),
                })
            })
            .collect();
        json!({"Messages": messages})
    }

    fn delete(&mut self, queue: &str, entry: &Value) -> Answer {
        let receipt = text(entry, "ReceiptHandle").ok_or(INVALID)?;
        if self.state.queue(queue).delete(receipt, self.now) { Ok(json!({})) } else { Err(EXPIRED) }
    }

    fn change_visibility(&mut self, queue: &str, entry: &Value) -> Answer {
        let receipt = text(entry, "ReceiptHandle").ok_or(INVALID)?;
        let hide = SignedDuration::from_secs(entry["VisibilityTimeout"].as_i64().ok_or(INVALID)?);
        let found = self.state.queue(queue).change_visibility(receipt, hide, self.now);
        if found { Ok(json!({})) } else { Err(NOT_IN_FLIGHT) }
    }

    fn attributes(&mut self, name: &str, body: &Value) -> Value {
        let now = self.now;
        let queue = self.state.queue(name);
        let visible = queue.messages.iter().filter(|message| message.visible <= now).count();
        let mut attributes = json!({
            "QueueArn": arn("sqs", name),
            "FifoQueue": queue.fifo.to_string(),
            "VisibilityTimeout": queue.visibility.as_secs().to_string(),
            "ApproximateNumberOfMessages": visible.to_string(),
            "ApproximateNumberOfMessagesNotVisible": (queue.messages.len() - visible).to_string(),
            "ApproximateNumberOfMessagesDelayed": "0",
        });
        if let Some(redrive) = &queue.redrive {
            let target = arn("sqs", &redrive.queue);
            let policy = json!({"deadLetterTargetArn": target, "maxReceiveCount": redrive.max_receives});
            attributes["RedrivePolicy"] = Value::String(policy.to_string());
        }
        let wanted: Vec<&str> =
            body["AttributeNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let all = wanted.contains(&"All");
        let fields = attributes.as_object().into_iter().flatten();
        let given: Map<String, Value> = fields
            .filter(|(name, _)| all || wanted.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        json!({"Attributes": given})
    }

    /// Moves every visible message at once: to the given queue, or each to the queue it died in. The moved ones are new
    /// messages, as in AWS.
    fn move_messages(&mut self, body: &Value) -> Answer {
        let no_source = refusal("ResourceNotFoundException", "ResourceNotFoundException");
        let name = last_part(text(body, "SourceArn").ok_or(INVALID)?).to_owned();
        let source = self.state.queues.get_mut(&name).ok_or(no_source)?;
        let target = text(body, "DestinationArn").map(|arn| last_part(arn).to_owned());
        let now = self.now;
        let may_move = |message: &Message| message.visible <= now && (target.is_some() || message.source.is_some());
        let (moving, staying) = std::mem::take(&mut source.messages).into_iter().partition(may_move);
        source.messages = staying;
        for message in moving {
            let Message { content, source, id, .. } = message;
            let home = target.clone().or(source).expect("only messages with somewhere to go are moved");
            // The service moves it, so the five minutes of the sender's deduplication id do not apply.
            let fresh = Incoming { deduplication: content.deduplication.as_ref().map(|_| id), ..content.clone() };
            self.state.send(&home, fresh, now);
            if let Some(moved) = self.state.queue(&home).messages.last_mut() {
                moved.content.deduplication = content.deduplication;
            }
        }
        Ok(json!({"TaskHandle": format!("move-{name}")}))
    }
}

fn check_batch(entries: &[Value]) -> Result<(), Refusal> {
    let ids: HashSet<&str> = entries.iter().filter_map(|entry| text(entry, "Id")).collect();
    let bytes: usize = entries.iter().filter_map(|entry| text(entry, "MessageBody")).map(str::len).sum();
    match entries.len() {
        0 => Err(refusal("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest")),
        11.. => Err(refusal("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")),
        count if ids.len() < count => {
            Err(refusal("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"))
        }
        _ if bytes > MAX_BYTES => Err(refusal("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")),
        _ => Ok(()),
    }
}

/// SQS's own attributes of a message, all of them strings.
pub(super) fn system_attributes(message: &Message) -> Value {
    let millis = |time: Timestamp| time.as_millisecond().to_string();
    let mut attributes = json!({
        "ApproximateReceiveCount": message.receives.to_string(),
        "SentTimestamp": millis(message.sent),
        "ApproximateFirstReceiveTimestamp": millis(message.first_received.unwrap_or(message.sent)),
        "SenderId": "TESTKIT",
    });
    let optional = [
        ("MessageGroupId", message.content.group.clone()),
        ("MessageDeduplicationId", message.content.deduplication.clone()),
        ("SequenceNumber", message.content.group.as_ref().map(|_| sequence_number(message.sequence))),
        ("DeadLetterQueueSourceArn", message.source.as_deref().map(|queue| arn("sqs", queue))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            attributes[name] = Value::String(value);
        }
    }
    attributes
}

fn sequence_number(number: u64) -> String {
    format!("{number:020}")
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}
