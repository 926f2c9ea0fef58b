//! The feed of levels: from the table's stream to the topic, so that a change of stock costs no write to be told.
//!
//! Each level of a batch is told once, as it is after its last change (`inventory.level.changed.v1`), in order per item and
//! location. The event's id follows from the level and its sequence, so a batch that is delivered again publishes the same
//! events. What cannot be published now is reported, and Lambda delivers again from there; what can never be is parked, as
//! is a level that cannot be read.
//!
//! It tells states, not movements: who missed one loses nothing with the next. Parts of places (shards, goods on the way)
//! are nobody's offer and are not told.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::event::dynamodb::{Event as Batch, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use inventory::Level;
use inventory::store::{decode_level, is_level};
use kernel::{Event, EventId, TenantId};
use messaging::{DeadLetter, DeadLetters, Message, Publisher, envelope};
use runtime::StreamHandler;
use serde_json::json;
use table::{Item, Key};

/// Event: a level is different. Its data is the level as it is now.
pub const LEVEL_CHANGED: &str = "inventory.level.changed.v1";

/// Tells what a batch of change records did to levels.
#[derive(Clone)]
pub struct LevelFeed {
    publisher: Publisher,
    parked: Arc<dyn DeadLetters>,
}

impl LevelFeed {
    /// A feed to this topic, that parks there.
    #[must_use]
    pub fn new(publisher: Publisher, parked: Arc<dyn DeadLetters>) -> Self {
        Self { publisher, parked }
    }

    /// The position of the first record that could be neither told nor parked.
    async fn first_failure(&self, records: &[EventRecord]) -> Option<usize> {
        let mut events: Vec<(usize, Event)> = Vec::new();
        let mut failed = Vec::new();
        for (key, position) in last_changes(records) {
            let Some(record) = records.get(position) else { continue };
            match event_of(&key, Item::from(record.change.new_image.clone())) {
                Ok(Some(event)) => events.push((position, event)),
                Ok(None) => {}
                Err(reason) => {
                    let body = serde_json::to_string(&record.change.new_image).unwrap_or_default();
                    let letter = letter(record, envelope::safe(body), "undecodable_level", reason);
                    failed.extend((!self.park(letter).await).then_some(position));
                }
            }
        }
        events.sort_by_key(|(position, _)| *position);
        let (positions, events): (Vec<usize>, Vec<Event>) = events.into_iter().unzip();
        let results = self.publisher.publish(&events).await;
        let mut told = 0_u64;
        for ((position, event), result) in positions.into_iter().zip(&events).zip(results) {
            let settled = match result {
                Ok(()) => {
                    told += 1;
                    true
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(event_id = %event.id, %error, "a level waits in the stream");
                    false
                }
                Err(error) => match records.get(position) {
                    Some(record) => {
                        let letter = letter(record, envelope::encode(event), error.code(), error.to_string());
                        self.park(letter).await
                    }
                    None => false,
                },
            };
            failed.extend((!settled).then_some(position));
        }
        tracing::info!(target: "metric", levels_told = told);
        failed.into_iter().min()
    }

    /// Whether the letter is kept.
    async fn park(&self, letter: DeadLetter) -> bool {
        tracing::error!(code = letter.code, reason = letter.reason, "a level is parked");
        match self.parked.put(letter).await {
            Ok(()) => true,
            Err(error) => {
                let cause: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error = cause, "the level cannot be parked and waits in the stream");
                false
            }
        }
    }
}

#[async_trait]
impl StreamHandler for LevelFeed {
    async fn handle(&self, batch: Batch) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        // What comes before the first failure is told; of what comes after it, the same events are told again.
        let first = self.first_failure(&batch.records).await;
        if let Some(record) = first.and_then(|position| batch.records.get(position)) {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number.clone();
            response.batch_item_failures.push(failure);
        }
        response
    }
}

/// The last record of each level that was written. The mapping's filter passes levels only; without it, and in the
/// local stack, all changes of the table may arrive.
fn last_changes(records: &[EventRecord]) -> BTreeMap<Key, usize> {
    let mut last = BTreeMap::new();
    for (position, record) in records.iter().enumerate().filter(|(_, record)| record.event_name != "REMOVE") {
        let item = Item::from(record.change.new_image.clone());
        if let Some(key) = item.key().filter(|_| is_level(&item)) {
            last.insert(key, position);
        }
    }
    last
}

/// What is told of a level; nothing of a part of a place.
fn event_of(key: &Key, item: Item) -> Result<Option<Event>, String> {
    let version = item.version();
    let tenant = key.pk().split('#').nth(1).unwrap_or_default();
    let tenant: TenantId = tenant.parse().map_err(|error: kernel::InvalidTenantId| error.to_string())?;
    let level = decode_level(item).map_err(|error| error.to_string())?;
    if level.location.is_virtual() {
        return Ok(None);
    }
    let aggregate_id = format!("{}/{}", level.location, level.sku);
    let id = EventId::derive(&[LEVEL_CHANGED, tenant.as_str(), &aggregate_id, &version.to_string()]);
    Ok(Some(Event {
        id,
        kind: LEVEL_CHANGED.to_owned(),
        tenant,
        group: aggregate_id.clone(),
        aggregate_id,
        aggregate_version: version,
        correlation_id: id.to_string(),
        causation_id: None,
        traceparent: None,
        time: level.effective_at,
        data: data(&level),
    }))
}

fn data(level: &Level) -> serde_json::Value {
    let mut data = json!({
        "location": level.location,
        "sku": level.sku,
        "available": level.available(),
        "sequence": level.seq,
        "asOf": level.effective_at,
    });
    for (bucket, units) in level.balances.named() {
        data[bucket] = units.into();
    }
    data
}

fn letter(record: &EventRecord, body: String, code: &str, reason: String) -> DeadLetter {
    let sequence = record.change.sequence_number.clone().unwrap_or_default();
    DeadLetter {
        message: Message { body, deduplication: sequence, ..Message::default() },
        reason,
        code: code.to_owned(),
        source: record.event_source_arn.clone().unwrap_or_default(),
        receive_count: 1,
    }
}

#[cfg(test)]
mod tests;
