//! Events set aside by the relay: what the letters say, and how they get back to the topic.
//!
//! The queue is a standard one, because Lambda itself puts its notices there too when it gives up a stream batch
//! without the relay having had a say (see [`notice`]); those hold no events.

use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::dynamodb::EventRecord;
use kernel::{Event, Timestamp};
use messaging::{DeadLetter, Destination, Letter, Message, PublishError, Publisher, envelope};
use serde::Deserialize;
use table::{Item, TableError, outbox};

/// An event SNS will never take.
pub(crate) fn unpublishable(record: &EventRecord, event: &Event, error: &PublishError) -> DeadLetter {
    letter(record, envelope::encode(event), error.code(), error.to_string())
}

/// An event item that cannot be read: its image, in `DynamoDB`'s JSON.
pub(crate) fn undecodable(record: &EventRecord, error: &TableError) -> DeadLetter {
    let image = serde_json::to_string(&record.change.new_image);
    let body = image.unwrap_or_else(|error| format!("an image that cannot be written down: {error}"));
    letter(record, envelope::safe(body), "undecodable_event", error.to_string())
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

/// The topic, as the place parked events go back to.
#[derive(Debug, Clone)]
pub(crate) struct Topic(pub(crate) Publisher);

#[async_trait]
impl Destination for Topic {
    /// Publishes the event, with the id it always had. An image that could not be read is tried again: the code may
    /// have been put right since.
    async fn deliver(&self, letter: &Letter) -> Result<(), String> {
        let event = match &letter.event {
            Some(event) => event.clone(),
            None => image(&letter.message.body)?,
        };
        let results = self.0.publish(&[event]).await;
        results.into_iter().try_for_each(|result| result.map_err(|error| error.to_string()))
    }
}

fn image(body: &str) -> Result<Event, String> {
    if let Some(notice) = notice(body) {
        return Err(notice.to_string());
    }
    let image: serde_dynamo::Item = serde_json::from_str(body).map_err(|error| error.to_string())?;
    outbox::decode(&Item::from(image)).map_err(|error| error.to_string())
}

/// An event's own time, by which windows go, is a little before its arrival in the stream.
const MARGIN: Duration = Duration::from_secs(60);

/// Lambda's notice that it gave up a batch of the stream: the relay died over it, again and again, or was down for too
/// long. The events are in the table; republishing the window brings them out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notice {
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: GivenUp,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenUp {
    approximate_arrival_of_first_record: Timestamp,
    approximate_arrival_of_last_record: Timestamp,
}

pub(crate) fn notice(body: &str) -> Option<Notice> {
    serde_json::from_str(body).ok()
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let GivenUp { approximate_arrival_of_first_record: first, approximate_arrival_of_last_record: last } =
            self.batch;
        let from = first.checked_sub(MARGIN).unwrap_or(first);
        let to = last.checked_add(MARGIN).unwrap_or(last);
        write!(f, "Lambda gave up stream records that arrived from {first} to {last}: republish from {from} to {to}")
    }
}
