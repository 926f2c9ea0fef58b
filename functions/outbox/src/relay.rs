//! From the table's stream to the topic.
//!
//! The stream is the queue: nothing is marked or deleted when an event has been published, so an event costs no write
//! after its transaction. What cannot be published *now* is reported by the lowest sequence number that failed, and
//! Lambda delivers from there again; events after it that did go out are published twice, with the same ids, which SNS
//! (for five minutes) and consumers recognise. What can *never* be published is parked with its reason, and the stream
//! goes on: one poison event never blocks its shard. When even parking fails, the stream waits.
//!
//! It does not order events across aggregates, and does not know what events mean.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::event::dynamodb::{Event as Batch, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use kernel::Event;
use messaging::{DeadLetter, DeadLetters, Publisher};
use runtime::StreamHandler;
use table::{Item, TableError, outbox};

use crate::parked;

/// Publishes what a batch of change records says.
#[derive(Clone)]
pub struct Relay {
    publisher: Publisher,
    parked: Arc<dyn DeadLetters>,
}

impl Relay {
    /// A relay to this topic, that parks there.
    #[must_use]
    pub fn new(publisher: Publisher, parked: Arc<dyn DeadLetters>) -> Self {
        Self { publisher, parked }
    }

    /// Publishes or parks every event; the first record that could be neither.
    async fn first_failure<'a>(&self, records: &'a [EventRecord]) -> Option<&'a EventRecord> {
        let mut events = Vec::with_capacity(records.len());
        let mut sources = Vec::with_capacity(records.len());
        let mut failed = Vec::new();
        for (position, record) in records.iter().enumerate() {
            match event_of(record) {
                None => {}
                Some(Ok(event)) => {
                    events.push(event);
                    sources.push((position, record));
                }
                Some(Err(error)) => {
                    let letter = parked::undecodable(record, &error);
                    failed.extend((!self.park(letter).await).then_some(position));
                }
            }
        }
        let results = self.publisher.publish(&events).await;
        let mut published = 0_u64;
        for ((event, (position, record)), result) in events.iter().zip(sources).zip(results) {
            let settled = match result {
                Ok(()) => {
                    published += 1;
                    true
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(event_id = %event.id, %error, "event waits in the stream");
                    false
                }
                Err(error) => self.park(parked::unpublishable(record, event, &error)).await,
            };
            failed.extend((!settled).then_some(position));
        }
        tracing::info!(target: "metric", events_published = published);
        failed.into_iter().min().and_then(|position| records.get(position))
    }

    /// Whether the letter is kept.
    async fn park(&self, letter: DeadLetter) -> bool {
        tracing::info!(target: "metric", events_parked = 1_u64);
        tracing::error!(code = letter.code, reason = letter.reason, "an event is parked");
        match self.parked.put(letter).await {
            Ok(()) => true,
            Err(error) => {
                let cause: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error = cause, "the event cannot be parked and waits in the stream");
                false
            }
        }
    }
}

#[async_trait]
impl StreamHandler for Relay {
    async fn handle(&self, batch: Batch) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        // Records come in the order of their numbers, and Lambda goes back to the lowest one reported.
        if let Some(record) = self.first_failure(&batch.records).await {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number.clone();
            response.batch_item_failures.push(failure);
        }
        response
    }
}

/// The event a change record is about, if it is about a new one. The mapping's filter says the same; without it, and
/// in the local stack, all changes of the table may arrive. An event item is never modified, and removed by its time to
/// live.
fn event_of(record: &EventRecord) -> Option<Result<Event, TableError>> {
    if record.event_name != "INSERT" {
        return None;
    }
    let item = Item::from(record.change.new_image.clone());
    (item.kind() == outbox::EVENT_KIND).then(|| outbox::decode(&item))
}

#[cfg(test)]
mod tests;
