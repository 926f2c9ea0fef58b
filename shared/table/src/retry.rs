//! When a call is tried again: always bounded, with full jitter, by the SDK itself, which keeps the serialised request
//! (and with it a transaction's request token) for the next attempt.
//!
//! Throttling and conflicts mean that nothing happened, so everything is tried again. A lost answer (timeout, broken
//! connection, internal error) means that it may have happened, so only what may happen twice is tried again: reads,
//! unconditional puts and deletes, batches, and transactions, which `DynamoDB` knows by their token.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, InterceptorContext};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use kernel::Backoff;

/// How often a call is made at most, the first time included.
const ATTEMPTS: u32 = 6;
/// The longest wait before the second attempt; it doubles for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// For what the SDK cannot try again: the unprocessed part of a batch.
pub(crate) const BACKOFF: Backoff = Backoff::exponential(FIRST_WAIT, LONGEST_WAIT, ATTEMPTS);

/// What a lost answer calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LostAnswer {
    /// The call may happen twice.
    TryAgain,
    /// It may not: the caller must find out.
    Report,
}

/// The same client, with the table's own idea of retries.
pub(crate) fn client(client: &Client, lost_answer: LostAnswer) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_WAIT)
        .with_max_backoff(LONGEST_WAIT);
    // Every call has its bound; the SDK's quota for all calls together would be used up by one contended item.
    let quota = RetryPartition::custom("table").token_bucket(TokenBucket::unlimited()).build();
    let config = client.config().to_builder().retry_config(retries).retry_partition(quota);
    Client::from_conf(config.retry_classifier(Retries { lost_answer }).build())
}

/// Says what the SDK does not know about retries of `DynamoDB` calls; it already knows throttling and lost answers.
#[derive(Debug)]
struct Retries {
    lost_answer: LostAnswer,
}

impl ClassifyRetry for Retries {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let server_side = context.response().is_some_and(|response| response.status().is_server_error());
        match error.as_operation_error() {
            Some(error) if is_conflict(error) => RetryAction::throttling_error(),
            Some(_) if !server_side => RetryAction::NoActionIndicated,
            _ if self.lost_answer == LostAnswer::Report => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Table"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether others were writing the same items, or a transaction was throttled: nothing was written.
fn is_conflict(error: &Error) -> bool {
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.downcast_ref() {
        let reasons = cancelled.cancellation_reasons().iter();
        let mut codes = reasons.filter_map(|reason| reason.code()).filter(|code| *code != "None").peekable();
        return codes.peek().is_some() && codes.all(passes);
    }
    matches!(error.downcast_ref(), Some(PutItemError::TransactionConflictException(_)))
        || matches!(error.downcast_ref(), Some(UpdateItemError::TransactionConflictException(_)))
        || matches!(error.downcast_ref(), Some(DeleteItemError::TransactionConflictException(_)))
}

/// Whether a transaction that was cancelled for this reason may succeed when nothing but time has passed.
pub(crate) fn passes(code: &str) -> bool {
    matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" | "InternalServerError")
}

#[cfg(test)]
mod tests {
    use testkit::{Effect, Side};

    use crate::testing::{faulty_table, note, tenant};

    #[tokio::test(start_paused = true)]
    async fn retries_of_earlier_calls_do_not_use_up_those_of_later_ones() {
        let (table, faults) = faulty_table();
        for call in 0..100 {
            for attempt in 0..5 {
                faults.at(call * 6 + attempt, Side::Before, Effect::Throttle);
            }
            table.create(&tenant(), &note(&call.to_string())).await.unwrap();
        }
        assert_eq!(faults.count(), 600);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_and_stay_under_their_ceilings() {
        let (table, faults) = faulty_table();
        faults.always("PutItem", Side::Before, Effect::Throttle);
        let mut longest = std::time::Duration::ZERO;
        for _ in 0..50 {
            let start = tokio::time::Instant::now();
            table.create(&tenant(), &note("n1")).await.unwrap_err();
            longest = longest.max(start.elapsed());
        }
        // 20 + 40 + 80 + 160 + 320 ms, jittered.
        assert!((250..=625).contains(&longest.as_millis()), "{longest:?}");
    }
}
