//! What can go wrong with the table, free of transport: one enum, built in this file from whatever the SDK answers.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::{Item, Key};

/// A cause kept for the log.
pub type Source = Box<dyn Error + Send + Sync>;

/// Why the table did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A business answer: the item is not as the caller assumed.
    #[error("the item is not as the condition demands")]
    ConditionFailed {
        /// The item that stands in the way; `None` when there is none.
        old: Option<Item>,
    },
    /// Others wrote the same items at the same time, more often than we were willing to retry.
    #[error("another transaction is writing the same item")]
    Conflict(#[source] Source),
    /// `DynamoDB` asked us to slow down, more often than we were willing to retry.
    #[error("the table is throttling")]
    Throttled(#[source] Source),
    /// More than [`crate::size::ITEM_LIMIT`], and not of a kind that may grow (see [`crate::Entity::LARGE`]).
    #[error("a `{kind}` item of {bytes} bytes is over DynamoDB's limit of 400 KB")]
    ItemTooLarge { kind: String, bytes: usize },
    /// More than 100 actions or 4 MB.
    #[error("a transaction of {actions} actions and {bytes} bytes is over DynamoDB's limit of 100 actions and 4 MB")]
    TransactionTooLarge { actions: usize, bytes: usize },
    /// A value cannot be written as attributes, or uses a name that belongs to the table.
    #[error("a `{kind}` cannot be written as an item")]
    Encode {
        kind: &'static str,
        #[source]
        source: Source,
    },
    /// What is stored is not what this code wrote.
    #[error("stored data is damaged: {what}")]
    Corrupt {
        what: String,
        #[source]
        source: Option<Source>,
    },
    /// `DynamoDB` refuses the request as such (validation, permission, missing table): retrying will not help.
    #[error("the table refused the request ({code})")]
    Rejected {
        code: String,
        #[source]
        source: Source,
    },
    /// No answer, or an internal error: whether the write happened is unknown.
    #[error("the table cannot be reached")]
    Unavailable(#[source] Source),
}

impl TableError {
    /// Whether the same request may succeed later. After `Unavailable` a write may also have happened already.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict(_) | Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::ConditionFailed { .. }
            | Self::ItemTooLarge { .. }
            | Self::TransactionTooLarge { .. }
            | Self::Encode { .. }
            | Self::Corrupt { .. }
            | Self::Rejected { .. } => false,
        }
    }

    pub(crate) fn encode(kind: &'static str, source: impl Into<Source>) -> Self {
        Self::Encode { kind, source: source.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), source: None }
    }

    pub(crate) fn damaged(key: Option<&Key>, source: impl Into<Source>) -> Self {
        let what = key.map_or_else(|| "an item without a key".to_owned(), |key| format!("{} {}", key.pk(), key.sk()));
        Self::Corrupt { what, source: Some(source.into()) }
    }

    /// What a failed call means. Conditions that carry an old item are taken out by the caller first.
    pub(crate) fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enum is open: what is unknown may have happened")]
        match &error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().unwrap_or("unknown").to_owned();
                let server_side = context.raw().status().is_server_error();
                Self::from_code(code, server_side, Box::new(error))
            }
            SdkError::ConstructionFailure(_) => {
                Self::Rejected { code: "construction".to_owned(), source: error.into() }
            }
            // Timeouts, broken connections and unreadable answers.
            _ => Self::Unavailable(error.into()),
        }
    }

    /// What a `DynamoDB` error code, or the code of a cancellation reason, means.
    pub(crate) fn from_code(code: String, server_side: bool, source: Source) -> Self {
        match code.as_str() {
            "ConditionalCheckFailedException" | "ConditionalCheckFailed" => Self::ConditionFailed { old: None },
            "TransactionConflictException"
            | "TransactionConflict"
            | "TransactionInProgressException"
            | "ReplicatedWriteConflictException" => Self::Conflict(source),
            "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "RequestLimitExceeded" => Self::Throttled(source),
            "InternalServerError" | "ServiceUnavailable" => Self::Unavailable(source),
            _ if server_side => Self::Unavailable(source),
            _ => Self::Rejected { code, source },
        }
    }
}
