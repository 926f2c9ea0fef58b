//! Several writes that happen together or not at all: the aggregate, its ledger entries, its outbox event and the
//! idempotency marker.
//!
//! Conflicts, throttling and lost answers are retried (`retry`) with one request token: a commit whose answer was lost
//! is reported as the success it was. A failed condition is a business answer and never retried.

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use kernel::{Event, TenantId};

use crate::idempotency::Marker;
use crate::item::Encoded;
use crate::meter::Metered;
use crate::retry::{LostAnswer, passes};
use crate::size::{ITEM_LIMIT, TRANSACTION_ACTIONS, TRANSACTION_LIMIT};
use crate::write::rendered;
use crate::{Condition, Entity, Item, Key, Lease, Source, Table, TableError, Update, outbox};

/// What did not hold, for one action.
#[derive(Debug)]
pub struct FailedCondition {
    /// The item that stands in the way; `None` when there is none.
    pub old: Option<Item>,
}

/// Why the transaction was not committed, or why that is unknown ([`TransactionError::is_retryable`]).
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// A business answer: for each action, in the order they were added, whether its condition failed.
    #[error("the items are not as the transaction demands")]
    Conditions(Vec<Option<FailedCondition>>),
    /// A transaction with the same [`Transaction::token`] and another content was committed within the last minutes.
    #[error("the request token was used for another transaction")]
    TokenReused,
    #[error(transparent)]
    Table(#[from] TableError),
}

impl TransactionError {
    /// The failed condition of the action that was added at this place.
    #[must_use]
    pub fn failed(&self, action: usize) -> Option<&FailedCondition> {
        match self {
            Self::Conditions(actions) => actions.get(action)?.as_ref(),
            Self::TokenReused | Self::Table(_) => None,
        }
    }

    /// Whether the same transaction may succeed later. It says that we gave up, not that nothing was written: an
    /// earlier attempt whose answer was lost may have.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Table(error) => error.is_retryable(),
            Self::Conditions(_) | Self::TokenReused => false,
        }
    }
}

impl Table {
    /// Starts a transaction.
    pub fn transaction(&self, tenant: &TenantId) -> Transaction {
        Transaction {
            table: self.clone(),
            tenant: tenant.clone(),
            actions: Vec::new(),
            oversized: Vec::new(),
            bytes: 0,
            token: None,
            error: None,
        }
    }
}

/// Collects actions until [`Transaction::commit`]. An action that cannot be encoded makes the commit fail.
///
/// `DynamoDB` refuses two actions on one item.
#[derive(Debug)]
#[must_use = "nothing is written before the commit"]
pub struct Transaction {
    table: Table,
    tenant: TenantId,
    actions: Vec<TransactWriteItem>,
    /// Puts whose body still has to go to the blob store, with their size.
    oversized: Vec<(usize, usize)>,
    bytes: usize,
    token: Option<String>,
    error: Option<TableError>,
}

impl Transaction {
    /// The tenant it writes for.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// How many actions it has: the place of the next one in [`TransactionError::Conditions`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Writes an item that must not exist, at version 1.
    pub fn create<T: Entity>(&mut self, entity: &T) -> &mut Self {
        let encoded = Encoded::new(&self.tenant, entity, 1);
        self.put_encoded(encoded, Some(Condition::absent()))
    }

    /// Writes an item over whatever is there, at version 1 again: only for items nobody updates by version.
    pub fn put<T: Entity>(&mut self, entity: &T) -> &mut Self {
        let encoded = Encoded::new(&self.tenant, entity, 1);
        self.put_encoded(encoded, None)
    }

    /// Replaces the item that was read at version `seen`, which makes it `seen + 1`.
    pub fn put_versioned<T: Entity>(&mut self, entity: &T, seen: u64) -> &mut Self {
        let encoded = Encoded::new(&self.tenant, entity, seen.saturating_add(1));
        self.put_encoded(encoded, Some(Condition::version(seen)))
    }

    /// Changes some attributes of an item.
    pub fn update(&mut self, update: Update) -> &mut Self {
        let rendered = match update.render() {
            Ok(rendered) => rendered,
            Err(error) => return self.fail(error),
        };
        let size = rendered.size;
        let action = rendered.into_action(&self.table.inner.name);
        self.push(action.map(|update| TransactWriteItem::builder().update(update).build()), size)
    }

    /// Removes an item, on a condition if there is one.
    pub fn delete(&mut self, key: Key, condition: impl Into<Option<Condition>>) -> &mut Self {
        let (condition, placeholders) = match rendered(condition.into()) {
            Ok(rendered) => rendered,
            Err(error) => return self.fail(error),
        };
        let size = key.pk().len() + key.sk().len();
        let (names, values) = placeholders.into_maps();
        let action = Delete::builder()
            .table_name(&self.table.inner.name)
            .set_key(Some(key.into_attributes()))
            .set_return_values_on_condition_check_failure(
                condition.as_ref().map(|_| ReturnValuesOnConditionCheckFailure::AllOld),
            )
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build();
        self.push(action.map(|delete| TransactWriteItem::builder().delete(delete).build()), size)
    }

    /// Demands something of an item the transaction does not write.
    pub fn check(&mut self, key: Key, condition: Condition) -> &mut Self {
        let (condition, placeholders) = match rendered(Some(condition)) {
            Ok(rendered) => rendered,
            Err(error) => return self.fail(error),
        };
        let size = key.pk().len() + key.sk().len();
        let (names, values) = placeholders.into_maps();
        let action = ConditionCheck::builder()
            .table_name(&self.table.inner.name)
            .set_key(Some(key.into_attributes()))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        self.push(action.map(|check| TransactWriteItem::builder().condition_check(check).build()), size)
    }

    /// Demands that the lease is still held: a holder who lost it cannot write.
    pub fn guard(&mut self, lease: &Lease) -> &mut Self {
        let (key, condition) = lease.guard();
        self.check(key, condition)
    }

    /// Announces what happened, through the outbox.
    pub fn event(&mut self, event: &Event) -> &mut Self {
        // No condition: ids are unique, and every byte of a request is paid for when it is signed.
        self.put_encoded(outbox::encode(event), None)
    }

    /// Remembers the answer to the client's request; see [`Marker::replay`] for when it was answered before.
    pub fn idempotency(&mut self, marker: Marker) -> &mut Self {
        match marker.encode() {
            Ok((encoded, condition)) => self.put_encoded(Ok(encoded), Some(condition)),
            Err(error) => self.fail(error),
        }
    }

    /// Names the transaction, up to 36 characters: committed again within ten minutes, with the same content, it
    /// succeeds without writing again. Random unless set.
    pub fn token(&mut self, token: impl Into<String>) -> &mut Self {
        self.token = Some(token.into());
        self
    }

    fn put_encoded(&mut self, encoded: Result<Encoded, TableError>, condition: Option<Condition>) -> &mut Self {
        let parts = encoded.and_then(|encoded| Ok((encoded, rendered(condition)?)));
        let (Encoded { attributes, size }, (condition, placeholders)) = match parts {
            Ok(parts) => parts,
            Err(error) => return self.fail(error),
        };
        let (names, values) = placeholders.into_maps();
        let action = Put::builder()
            .table_name(&self.table.inner.name)
            .set_item(Some(attributes))
            .set_return_values_on_condition_check_failure(
                condition.as_ref().map(|_| ReturnValuesOnConditionCheckFailure::AllOld),
            )
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build();
        let counted = if size > ITEM_LIMIT {
            // Only the keys and the ticket stay in the item.
            self.oversized.push((self.actions.len(), size));
            0
        } else {
            size
        };
        self.push(action.map(|put| TransactWriteItem::builder().put(put).build()), counted)
    }

    fn push(&mut self, action: Result<TransactWriteItem, BuildError>, size: usize) -> &mut Self {
        match action {
            Ok(action) => {
                self.actions.push(action);
                self.bytes += size;
                self
            }
            Err(error) => self.fail(TableError::Rejected { code: "construction".to_owned(), source: error.into() }),
        }
    }

    fn fail(&mut self, error: TableError) -> &mut Self {
        self.error.get_or_insert(error);
        self
    }

    /// Writes everything, or nothing.
    pub async fn commit(mut self) -> Result<(), TransactionError> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        if self.actions.len() > TRANSACTION_ACTIONS || self.bytes > TRANSACTION_LIMIT {
            let (actions, bytes) = (self.actions.len(), self.bytes);
            return Err(TableError::TransactionTooLarge { actions, bytes }.into());
        }
        if self.actions.is_empty() {
            return Ok(());
        }
        let blobs = self.check_in_bodies().await?;
        let Self { table, actions, token, .. } = self;
        let token = token.unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
        let answer = table
            .client(LostAnswer::TryAgain)
            .transact_write_items()
            .set_transact_items(Some(actions))
            .client_request_token(token)
            .set_return_consumed_capacity(table.reported())
            .send()
            .await;
        let consumed = answer.as_ref().map(|answer| answer.consumed_capacity()).unwrap_or_default();
        table.record(Metered::TransactWriteItems, consumed);
        let done = answer.map(drop).map_err(meaning);
        // Whatever else went wrong, it may have been written.
        if matches!(done, Err(TransactionError::Conditions(_))) {
            for blob in blobs {
                table.remove_blob(&blob).await;
            }
        }
        done
    }

    /// The tickets of the bodies that went to the blob store.
    async fn check_in_bodies(&mut self) -> Result<Vec<String>, TableError> {
        let mut blobs = Vec::new();
        for (place, size) in std::mem::take(&mut self.oversized) {
            let Some(put) = self.actions.get_mut(place).and_then(|action| action.put.as_mut()) else {
                continue;
            };
            let mut encoded = Encoded { attributes: std::mem::take(&mut put.item), size };
            blobs.extend(self.table.check_in(&mut encoded).await?);
            put.item = encoded.attributes;
        }
        Ok(blobs)
    }
}

type CommitError = SdkError<TransactWriteItemsError, HttpResponse>;

/// What a failed commit means.
fn meaning(error: CommitError) -> TransactionError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::IdempotentParameterMismatchException(_)) => TransactionError::TokenReused,
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancellation(cancelled.cancellation_reasons(), cancelled.to_string().into())
        }
        _ => TableError::from_sdk(error).into(),
    }
}

/// A failed condition says most, a request that can never succeed comes next; the rest is worth another try.
fn cancellation(reasons: &[CancellationReason], source: Source) -> TransactionError {
    const CONDITION: &str = "ConditionalCheckFailed";
    if reasons.iter().any(|reason| reason.code() == Some(CONDITION)) {
        let failed = |reason: &CancellationReason| {
            (reason.code() == Some(CONDITION)).then(|| FailedCondition { old: reason.item().cloned().map(Item) })
        };
        return TransactionError::Conditions(reasons.iter().map(failed).collect());
    }
    let codes = || reasons.iter().filter_map(|reason| reason.code()).filter(|code| *code != "None");
    let code = codes().find(|code| !passes(code)).or(codes().next()).unwrap_or("TransactionCanceledException");
    TableError::from_code(code.to_owned(), false, source).into()
}

#[cfg(test)]
mod tests;
