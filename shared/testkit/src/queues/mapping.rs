//! Delivers a queue to a function as Lambda's event source mapping does.
//!
//! It does not scale out: batches come one after the other. Pump from several tasks to have concurrent invocations.

use super::queue::Message;
use super::sqs::system_attributes;
use super::{LocalQueues, REGION, arn, last_part};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fmt::Display;
use std::future::Future;

/// Lambda's default batch.
const BATCH: usize = 10;

/// Rounds after which a queue that still holds messages never will be empty.
const PATIENCE: usize = 100;

/// What a delivery came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pumped {
    /// Messages handed to the function, each time they were.
    pub delivered: usize,
    /// Of those, the ones it reported as failed, alone or with their whole batch.
    pub failed: usize,
    /// What the function said when it failed as a whole.
    pub errors: Vec<String>,
}

impl LocalQueues {
    /// Delivers what is visible in `queue` until nothing is. What fails stays in the queue, hidden until its visibility
    /// timeout is over; reported failures are honoured, and a report that names an unknown message fails the batch.
    pub async fn pump<H, F, E>(&self, queue: &str, handler: H) -> Pumped
    where
        H: Fn(SqsEvent) -> F,
        F: Future<Output = Result<SqsBatchResponse, E>>,
        E: Display,
    {
        let mut pumped = Pumped::default();
        loop {
            let batch = self.next_batch(queue);
            if batch.is_empty() {
                return pumped;
            }
            pumped.delivered += batch.len();
            let failed = match handler(event(queue, &batch)).await {
                Ok(response) => failures(&batch, &response),
                Err(error) => {
                    pumped.errors.push(error.to_string());
                    ids(&batch)
                }
            };
            pumped.failed += failed.len();
            self.delete_handled(queue, &batch, &failed);
        }
    }

    /// Pumps `queue` until it is empty, moving the clock past the visibility timeout between rounds. What keeps failing
    /// leaves by the queue's redrive policy; without one this panics.
    pub async fn drain<H, F, E>(&self, queue: &str, handler: H) -> Pumped
    where
        H: Fn(SqsEvent) -> F,
        F: Future<Output = Result<SqsBatchResponse, E>>,
        E: Display,
    {
        let mut total = Pumped::default();
        for _ in 0..PATIENCE {
            let pumped = self.pump(queue, &handler).await;
            total.delivered += pumped.delivered;
            total.failed += pumped.failed;
            total.errors.extend(pumped.errors);
            let visibility = {
                let mut state = self.state();
                let queue = state.queue(queue);
                if queue.messages.is_empty() {
                    return total;
                }
                queue.visibility
            };
            self.clock.advance(visibility.unsigned_abs());
        }
        panic!("{queue} still holds {:?} after {PATIENCE} rounds", self.waiting(queue));
    }

    fn next_batch(&self, queue: &str) -> Vec<Message> {
        let mut state = self.state();
        let size = state.unruly.as_mut().map_or(BATCH, |random| random.usize(1..=BATCH));
        state.receive(queue, size, None, self.now())
    }

    fn delete_handled(&self, queue: &str, batch: &[Message], failed: &HashSet<&str>) {
        let mut state = self.state();
        for message in batch.iter().filter(|message| !failed.contains(message.id.as_str())) {
            // Once only, so that being unruly alone never makes a dead letter.
            let lost = message.receives == 1 && state.unruly.as_mut().is_some_and(|random| random.u8(0..4) == 0);
            if !lost {
                let receipt = message.receipt.as_deref().expect("a received message has a receipt");
                // A handler that outlived the visibility timeout loses its deletion, as in AWS.
                state.queue(queue).delete(receipt, self.now());
            }
        }
    }
}

fn ids(batch: &[Message]) -> HashSet<&str> {
    batch.iter().map(|message| message.id.as_str()).collect()
}

/// The messages a response reports as failed; all of them when it names one that is not in the batch.
fn failures<'a>(batch: &'a [Message], response: &SqsBatchResponse) -> HashSet<&'a str> {
    let known = ids(batch);
    let reported: Vec<&str> =
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    if reported.iter().all(|id| known.contains(id)) {
        known.into_iter().filter(|id| reported.contains(id)).collect()
    } else {
        known
    }
}

fn event(queue: &str, batch: &[Message]) -> SqsEvent {
    let records: Vec<Value> = batch.iter().map(|message| record(queue, message)).collect();
    serde_json::from_value(json!({"Records": records})).expect("an SQS event")
}

fn record(queue: &str, message: &Message) -> Value {
    let attributes: Map<String, Value> = message.content.attributes.iter().map(attribute).collect();
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.content.body,
        "attributes": system_attributes(message),
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", last_part(queue)),
        "awsRegion": REGION,
    })
}

fn attribute((name, value): (&String, &Value)) -> (String, Value) {
    let mut lambda = json!({"dataType": value["DataType"], "stringListValues": [], "binaryListValues": []});
    for (theirs, ours) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
        if let Some(content) = value.get(theirs) {
            lambda[ours] = content.clone();
        }
    }
    (name.clone(), lambda)
}
