//! Publishing events to a FIFO topic.
//!
//! Message group = the event's group, deduplication id = the event's id, so a repeated publication within SNS's five
//! minutes is dropped by SNS and a later one is recognised by consumers. The order of a group is kept: a batch carries
//! one event of a group at most (SNS may refuse any entry of a batch and take the next), and when an event cannot be
//! sent now, the later ones of its group are withheld.
//!
//! It publishes what it is given and tells what became of each event; where events come from and what happens to the
//! refused ones is the caller's business.

mod plan;

use std::error::Error;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use kernel::{Backoff, Event};

use plan::{Entry, Plan};

/// Four attempts within about a second: longer outages are waited out by whoever calls (the stream, a queue, an
/// operator), not inside a paid invocation.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(50), Duration::from_millis(500), 4);

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The event is larger than the topic takes ([`Publisher::MAX_BYTES`]).
    #[error("the event has {bytes} bytes on the wire, more than a topic takes")]
    TooLarge {
        /// Body and attributes.
        bytes: usize,
    },
    /// SNS will never take this event.
    #[error("refused by SNS ({code}): {reason}")]
    Refused {
        /// SNS's error code.
        code: String,
        /// SNS's words.
        reason: String,
    },
    /// Not now: throttled, unreachable, not permitted, or unknown whether it was taken.
    #[error("not taken by SNS ({code}): {reason}")]
    Unavailable {
        /// SNS's error code, or what happened to the call.
        code: String,
        /// SNS's words.
        reason: String,
    },
    /// Not tried, because an earlier event of its group or the whole topic is unavailable.
    #[error("held back behind an event that could not be published")]
    Withheld,
}

impl PublishError {
    /// Whether the same event may go through later. The others are to be parked.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Withheld => true,
            Self::TooLarge { .. } | Self::Refused { .. } => false,
        }
    }

    /// A stable word for metrics and dead letters.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Refused { .. } => "refused_by_topic",
            Self::Unavailable { .. } => "topic_unavailable",
            Self::Withheld => "withheld",
        }
    }
}

/// Publishes to one topic. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    client: Client,
    topic_arn: String,
}

impl Publisher {
    /// The largest event, and the largest batch, a topic takes unless its `MaximumMessageSize` says otherwise.
    pub const MAX_BYTES: usize = plan::MAX_BATCH_BYTES;

    /// A publisher to the topic with this ARN.
    #[must_use]
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }

    /// Publishes the events, in batches of ten at most, and says for each, in the order given, what became of it.
    /// Only what failed is tried again, with full jitter, four times at most.
    pub async fn publish(&self, events: &[Event]) -> Vec<Result<(), PublishError>> {
        let mut plan = Plan::new(events);
        while let Some(batch) = plan.next_batch() {
            let settled = self.send_batch(batch).await;
            let outage = settled.iter().all(|(_, result)| result.as_ref().is_err_and(PublishError::is_retryable));
            for (entry, result) in settled {
                plan.settle(&entry, result);
            }
            if outage {
                break;
            }
        }
        plan.into_results()
    }

    /// One batch to its end: taken, refused, or out of attempts.
    async fn send_batch(&self, mut batch: Vec<Entry>) -> Vec<(Entry, Result<(), PublishError>)> {
        let mut settled = Vec::with_capacity(batch.len());
        let mut rng = fastrand::Rng::new();
        for attempt in 1.. {
            let results = self.call(&batch).await;
            let mut again = Vec::new();
            let delay = BACKOFF.delay(attempt, &mut rng);
            for (entry, result) in batch.into_iter().zip(results) {
                match result {
                    Err(error) if error.is_retryable() && delay.is_some() => again.push(entry),
                    result => settled.push((entry, result)),
                }
            }
            let (Some(delay), false) = (delay, again.is_empty()) else { break };
            batch = again;
            tracing::debug!(attempt, entries = batch.len(), "publishing what SNS did not take again");
            tokio::time::sleep(delay).await;
        }
        settled
    }

    /// One call; a batch that SNS refuses as a whole because of its content is sent one by one to find the culprit.
    async fn call(&self, batch: &[Entry]) -> Vec<Result<(), PublishError>> {
        match Box::pin(self.publish_batch(batch)).await {
            Ok(results) => results,
            Err(PublishError::Refused { .. }) if batch.len() > 1 => {
                let mut results = Vec::with_capacity(batch.len());
                for entry in batch {
                    let alone = Box::pin(self.publish_batch(std::slice::from_ref(entry))).await;
                    results.extend(alone.unwrap_or_else(|error| vec![Err(error)]));
                }
                results
            }
            Err(error) => vec![Err(error); batch.len()],
        }
    }

    async fn publish_batch(&self, batch: &[Entry]) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        let mut request = self.client.publish_batch().topic_arn(&self.topic_arn);
        for (index, entry) in batch.iter().enumerate() {
            request = request.publish_batch_request_entries(wire_entry(index, entry)?);
        }
        // This module retries, and only what failed; the client's own retries would multiply with these.
        let once = aws_sdk_sns::config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = request.customize().config_override(once).send().await.map_err(|error| {
            let code = error.code().unwrap_or("CallFailed").to_owned();
            let reason = error.message().map_or_else(|| chain(&error), str::to_owned);
            classify(code, reason, true)
        })?;
        // What is reported neither way is unknown, and unknown means again: SNS drops the duplicate.
        let unknown = || PublishError::Unavailable { code: "NotReported".into(), reason: "no result".into() };
        let mut results: Vec<_> = batch.iter().map(|_| Err(unknown())).collect();
        for taken in answer.successful() {
            set(&mut results, taken.id(), Ok(()));
        }
        for failed in answer.failed() {
            let reason = failed.message().unwrap_or_default().to_owned();
            set(
                &mut results,
                Some(failed.id()),
                Err(classify(failed.code().to_owned(), reason, failed.sender_fault())),
            );
        }
        Ok(results)
    }
}

/// Only a complaint about the content is for good. Missing permissions, keys and topics are the deployment's fault,
/// not the event's: the event waits until somebody repairs them.
fn classify(code: String, reason: String, sender_fault: bool) -> PublishError {
    const CONTENT: [&str; 5] =
        ["InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "Validation", "BatchRequestTooLong"];
    let name = code.rsplit('.').next().unwrap_or_default();
    let name = name.strip_suffix("Exception").unwrap_or(name);
    if sender_fault && CONTENT.contains(&name) {
        PublishError::Refused { code, reason }
    } else {
        PublishError::Unavailable { code, reason }
    }
}

/// An error and its sources in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn set(results: &mut [Result<(), PublishError>], id: Option<&str>, result: Result<(), PublishError>) {
    if let Some(slot) = id.and_then(|id| results.get_mut(id.parse::<usize>().ok()?)) {
        *slot = result;
    }
}

fn wire_entry(index: usize, entry: &Entry) -> Result<PublishBatchRequestEntry, PublishError> {
    let refused = |error: aws_sdk_sns::error::BuildError| PublishError::Refused {
        code: "Unbuildable".into(),
        reason: error.to_string(),
    };
    let mut request = PublishBatchRequestEntry::builder()
        .id(index.to_string())
        .message(&entry.body)
        .message_group_id(&entry.group)
        .message_deduplication_id(&entry.deduplication);
    for (name, value) in &entry.attributes {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value);
        request = request.message_attributes(*name, value.build().map_err(refused)?);
    }
    request.build().map_err(refused)
}

#[cfg(test)]
mod tests;
