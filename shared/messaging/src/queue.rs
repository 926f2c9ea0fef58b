//! One SQS queue: the few calls the platform makes to it.
//!
//! It moves messages as they are; what they mean is `dead_letter`'s and `redrive`'s business. Functions *consume*
//! queues through Lambda, never through [`Queue::receive`], which serves operators.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
};

use crate::dead_letter::{DeadLetter, DeadLetters};

/// A call to SQS failed.
#[derive(Debug, thiserror::Error)]
#[error("SQS {action} failed ({})", code.as_deref().unwrap_or("no answer"))]
pub struct QueueError {
    action: &'static str,
    code: Option<String>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl QueueError {
    fn call<E, R>(action: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| Self { action, code: error.code().map(str::to_owned), source: error.into() }
    }

    fn build(action: &'static str) -> impl FnOnce(BuildError) -> Self {
        move |error| Self { action, code: None, source: error.into() }
    }

    /// SQS's error code, when SQS answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// The body, kept byte for byte on its way through dead letters and back.
    pub body: String,
    /// At most ten.
    pub attributes: BTreeMap<String, MessageAttributeValue>,
    /// The FIFO group. Ignored by a standard queue.
    pub group: String,
    /// The FIFO deduplication id. Ignored by a standard queue.
    pub deduplication: String,
}

/// A message received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, MessageAttributeValue>,
    pub(crate) group: Option<String>,
    /// The queue SQS itself moved it from.
    pub(crate) moved_from: Option<String>,
    /// Epoch milliseconds.
    pub(crate) sent_at: Option<i64>,
}

/// A queue, by its URL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue at this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    fn is_fifo(&self) -> bool {
        self.url.ends_with(".fifo")
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When SQS did not confirm it; it may have been sent all the same.
    pub async fn send(&self, message: Message) -> Result<(), QueueError> {
        let Message { body, attributes, group, deduplication } = message;
        let fifo = self.is_fifo();
        let request = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .set_message_attributes(Some(attributes.into_iter().collect()))
            .set_message_group_id(fifo.then_some(group))
            .set_message_deduplication_id(fifo.then_some(deduplication));
        Box::pin(request.send()).await.map_err(QueueError::call("SendMessage"))?;
        Ok(())
    }

    /// Up to ten messages, hidden from everybody else for `hidden` seconds. Waits a second for stragglers: an empty
    /// answer means that nothing more is to be had now.
    pub(crate) async fn receive(&self, hidden: i32) -> Result<Vec<Received>, QueueError> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(hidden)
            .wait_time_seconds(1)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = Box::pin(request.send()).await.map_err(QueueError::call("ReceiveMessage"))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    pub(crate) async fn delete(&self, receipt: &str) -> Result<(), QueueError> {
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        Box::pin(request.send()).await.map_err(QueueError::call("DeleteMessage"))?;
        Ok(())
    }

    /// Makes received messages visible again at once. An entry SQS does not take becomes visible by itself later.
    pub(crate) async fn release(&self, receipts: &[String]) -> Result<(), QueueError> {
        for chunk in receipts.chunks(10) {
            let mut request = self.client.change_message_visibility_batch().queue_url(&self.url);
            for (index, receipt) in chunk.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .visibility_timeout(0)
                    .build()
                    .map_err(QueueError::build("ChangeMessageVisibilityBatch"))?;
                request = request.entries(entry);
            }
            Box::pin(request.send()).await.map_err(QueueError::call("ChangeMessageVisibilityBatch"))?;
        }
        Ok(())
    }

    /// About how many messages wait in the queue.
    pub(crate) async fn depth(&self) -> Result<u64, QueueError> {
        let depth = self.attribute(QueueAttributeName::ApproximateNumberOfMessages).await?;
        Ok(depth.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// Lets SQS move everything from this dead-letter queue to `destination`, and returns the task's handle.
    pub(crate) async fn start_move(&self, destination: &Self) -> Result<Option<String>, QueueError> {
        let request = self
            .client
            .start_message_move_task()
            .set_source_arn(self.attribute(QueueAttributeName::QueueArn).await?)
            .set_destination_arn(destination.attribute(QueueAttributeName::QueueArn).await?);
        let answer = Box::pin(request.send()).await.map_err(QueueError::call("StartMessageMoveTask"))?;
        Ok(answer.task_handle)
    }

    async fn attribute(&self, name: QueueAttributeName) -> Result<Option<String>, QueueError> {
        let request = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone());
        let answer = Box::pin(request.send()).await.map_err(QueueError::call("GetQueueAttributes"))?;
        Ok(answer.attributes.and_then(|mut attributes| attributes.remove(&name)))
    }
}

#[async_trait]
impl DeadLetters for Queue {
    async fn put(&self, letter: DeadLetter) -> Result<(), QueueError> {
        let message = letter.into_message().map_err(QueueError::build("SendMessage"))?;
        self.send(message).await
    }
}

fn received(message: aws_sdk_sqs::types::Message) -> Received {
    let mut system = message.attributes.unwrap_or_default();
    let sent_at = system.get(&MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
    Received {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: message.message_attributes.unwrap_or_default().into_iter().collect(),
        group: system.remove(&MessageSystemAttributeName::MessageGroupId),
        moved_from: system.remove(&MessageSystemAttributeName::DeadLetterQueueSourceArn),
        sent_at,
    }
}

#[cfg(test)]
impl QueueError {
    pub(crate) fn for_test(action: &'static str) -> Self {
        Self { action, code: None, source: "the network is away".into() }
    }
}
