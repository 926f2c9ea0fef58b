//! One batch of a queue through one handler.
//!
//! - Groups of a FIFO queue run side by side, the records of one group in order. When a record is to be tried again,
//!   the rest of its group is reported as failed without being run; other groups go on.
//! - A panic fails its record only, and so does a handler that is still busy when the invocation is about to end:
//!   were the function killed instead, every record of the batch would be delivered again and count as tried.
//! - What can never succeed (not an event, refused by the handler, tried too often) goes to the dead letters at once,
//!   with its reason, and counts as dealt with. When the dead letter cannot be kept, the record is reported as failed:
//!   nothing is ever dropped.
//!
//! It does not remember what it has seen; see the crate's documentation for what a handler owes.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use futures::{FutureExt, StreamExt, stream};
use kernel::Event;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::envelope;
use crate::queue::Message;

/// Handlers mostly wait for other services; more at once than a FIFO batch has records would be for nothing.
const GROUPS_AT_ONCE: usize = 10;

/// Kept of an invocation's time for dead letters and the answer.
const RESERVE: Duration = Duration::from_secs(1);

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Dealt with, or nothing to do.
    Done,
    /// Not now: the queue delivers it again.
    Retry {
        /// For the log and, in the end, the dead letter. No personal data.
        reason: String,
    },
    /// Never: to the dead letters.
    Reject {
        /// For a person. No personal data.
        reason: String,
        /// For a program: a stable word such as `unknown_order`.
        code: &'static str,
    },
}

impl Outcome {
    /// [`Outcome::Retry`], because of this.
    pub fn retry(reason: impl ToString) -> Self {
        Self::Retry { reason: reason.to_string() }
    }

    /// [`Outcome::Reject`], because of this.
    pub fn reject(code: &'static str, reason: impl ToString) -> Self {
        Self::Reject { code, reason: reason.to_string() }
    }
}

/// What a queue's function does with an event. Kinds it does not know are its own business; usually `Done`, because the
/// subscription's filter decides what arrives.
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// Handles one event, which may be a duplicate and may come late.
    async fn handle(&self, event: &Event) -> Outcome;
}

/// Runs batches.
#[derive(Clone)]
pub struct Consumer {
    dead_letters: Arc<dyn DeadLetters>,
    max_receives: u32,
}

impl Consumer {
    /// A consumer that gives a record up when it fails on its `max_receives`th delivery. Set it to the queue's own
    /// `maxReceiveCount`: SQS moves a message only when it would be received once more, so the consumer comes first
    /// and the letter has its reason; SQS's move remains for functions that die without a word.
    #[must_use]
    pub fn new(dead_letters: Arc<dyn DeadLetters>, max_receives: u32) -> Self {
        Self { dead_letters, max_receives }
    }

    /// Handles a batch within what is left of the invocation's time, and reports what is to be delivered again.
    pub async fn consume(&self, batch: SqsEvent, time_left: Duration, handler: &dyn EventHandler) -> SqsBatchResponse {
        let deadline = Instant::now() + time_left.saturating_sub(RESERVE);
        let failed: Vec<Vec<SqsMessage>> = stream::iter(groups(batch.records))
            .map(|group| self.run_group(group, deadline, handler))
            .buffer_unordered(GROUPS_AT_ONCE)
            .collect()
            .await;
        let mut response = SqsBatchResponse::default();
        // Without an id Lambda takes the report as malformed and delivers the whole batch again: the safe side.
        response.set_failures(failed.into_iter().flatten().map(|record| record.message_id.unwrap_or_default()));
        response
    }

    /// Runs the records until one fails; returns that one and those after it.
    async fn run_group(
        &self,
        mut group: Vec<SqsMessage>,
        deadline: Instant,
        handler: &dyn EventHandler,
    ) -> Vec<SqsMessage> {
        for (position, record) in group.iter().enumerate() {
            if !self.run_record(record, deadline, handler).await {
                return group.split_off(position);
            }
        }
        Vec::new()
    }

    /// Whether the record is dealt with.
    async fn run_record(&self, record: &SqsMessage, deadline: Instant, handler: &dyn EventHandler) -> bool {
        let event = match envelope::decode_body(record.body.as_deref().unwrap_or_default()) {
            Ok(event) => event,
            Err(error) => return self.bury(record, error.to_string(), "malformed_event").await,
        };
        let span = tracing::info_span!(
            "event",
            otel.kind = "consumer",
            otel.status_code = tracing::field::Empty,
            event_id = %event.id,
            event_type = event.kind,
            tenant = %event.tenant,
            correlation_id = event.correlation_id,
            traceparent = event.traceparent,
        );
        async {
            match run(&event, deadline, handler).await {
                Outcome::Done => true,
                Outcome::Reject { reason, code } => self.bury(record, reason, code).await,
                Outcome::Retry { reason } if receive_count(record) >= self.max_receives => {
                    self.bury(record, reason, "retries_exhausted").await
                }
                Outcome::Retry { reason } => {
                    tracing::Span::current().record("otel.status_code", "ERROR");
                    tracing::info!(target: "metric", events_retried = 1_u64);
                    tracing::warn!(reason, receive_count = receive_count(record), "event will be delivered again");
                    false
                }
            }
        }
        .instrument(span)
        .await
    }

    /// Whether the dead letter is kept.
    async fn bury(&self, record: &SqsMessage, reason: String, code: &str) -> bool {
        let message_id = record.message_id.clone().unwrap_or_default();
        tracing::Span::current().record("otel.status_code", "ERROR");
        tracing::info!(target: "metric", dead_letters = 1_u64);
        tracing::error!(code, reason, message_id, "message goes to the dead letters");
        let letter = DeadLetter {
            message: Message {
                body: record.body.clone().unwrap_or_default(),
                attributes: record.message_attributes.iter().filter_map(attribute).collect(),
                group: group_of(record).unwrap_or(&message_id).to_owned(),
                deduplication: message_id,
            },
            reason,
            code: code.to_owned(),
            source: record.event_source_arn.clone().unwrap_or_default(),
            receive_count: receive_count(record),
        };
        match self.dead_letters.put(letter).await {
            Ok(()) => true,
            Err(error) => {
                let cause: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error = cause, "dead letter not kept; the message stays in its queue");
                false
            }
        }
    }
}

/// The handler's outcome, whatever it does.
async fn run(event: &Event, deadline: Instant, handler: &dyn EventHandler) -> Outcome {
    if Instant::now() >= deadline {
        return Outcome::retry("no time was left to run it");
    }
    match timeout_at(deadline, AssertUnwindSafe(handler.handle(event)).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Outcome::retry(panic_message(panic.as_ref())),
        Err(_) => Outcome::retry("it was not done when the function's time was up"),
    }
}

/// The records by FIFO group, each group in order. Records of a standard queue depend on nothing.
fn groups(records: Vec<SqsMessage>) -> Vec<Vec<SqsMessage>> {
    let mut groups: Vec<Vec<SqsMessage>> = Vec::with_capacity(records.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    for record in records {
        let place = group_of(&record).map(|name| *places.entry(name.to_owned()).or_insert(groups.len()));
        match place.and_then(|place| groups.get_mut(place)) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups
}

/// The FIFO group. A standard queue's messages may carry one too (fair queues), where it promises no order.
fn group_of(record: &SqsMessage) -> Option<&str> {
    let fifo = record.event_source_arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo"));
    record.attributes.get("MessageGroupId").map(String::as_str).filter(|_| fifo)
}

fn receive_count(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The attribute as SQS takes it back; one without a value SQS would not have delivered.
fn attribute((name, value): (&String, &SqsMessageAttribute)) -> Option<(String, MessageAttributeValue)> {
    let value = MessageAttributeValue::builder()
        .data_type(value.data_type.as_deref().unwrap_or("String"))
        .set_string_value(value.string_value.clone())
        .set_binary_value(value.binary_value.as_ref().map(|data| Blob::new(data.0.clone())))
        .build();
    value.ok().map(|value| (name.clone(), value))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", words.unwrap_or("without words"))
}

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod tests;
