//! Setting a message aside with the reason why: the port, and how the reason travels.
//!
//! A dead letter is the message as it came, with four message attributes more: `reason` (words), `code` (a stable word),
//! `source` (the queue or stream it came from) and `receiveCount`. The body is never changed, so that sending the letter
//! back is sending the message.

use async_trait::async_trait;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::MessageAttributeValue;

use crate::queue::{Message, QueueError};

pub(crate) const REASON: &str = "reason";
pub(crate) const CODE: &str = "code";
pub(crate) const SOURCE: &str = "source";
pub(crate) const RECEIVE_COUNT: &str = "receiveCount";

/// Attributes count towards a message's size and its price; a reason is a sentence.
const MAX_REASON_CHARS: usize = 1_000;

/// A message and why it could not be handled.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The message. Its deduplication id must name this very delivery (the id of the message it was), not the event:
    /// the same event may die twice.
    pub message: Message,
    /// For a person.
    pub reason: String,
    /// For a program: `malformed_event`, `retries_exhausted`, or the handler's own word.
    pub code: String,
    /// Where the message came from: the ARN of a queue or a stream.
    pub source: String,
    /// How many times it had been received.
    pub receive_count: u32,
}

impl DeadLetter {
    pub(crate) fn into_message(self) -> Result<Message, BuildError> {
        let Self { mut message, reason, code, source, receive_count } = self;
        let reason: String = reason.chars().map(printable).take(MAX_REASON_CHARS).collect();
        for (name, value) in
            [(REASON, reason), (CODE, code), (SOURCE, source), (RECEIVE_COUNT, receive_count.to_string())]
        {
            // SQS refuses an empty value, and a reason must never be what loses a message.
            let value = if value.is_empty() { "unknown".to_owned() } else { value };
            message.attributes.insert(name.to_owned(), text_attribute(value)?);
        }
        Ok(message)
    }
}

/// A text attribute.
pub(crate) fn text_attribute(value: impl Into<String>) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

/// SQS takes no control characters.
fn printable(c: char) -> char {
    if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c }
}

/// Where what cannot be handled goes.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps the letter. When this fails, the message must be reported as failed, so that its queue keeps it.
    ///
    /// # Errors
    /// When it is not certain that the letter is kept.
    async fn put(&self, letter: DeadLetter) -> Result<(), QueueError>;
}
