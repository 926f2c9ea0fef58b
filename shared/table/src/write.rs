//! Writes of one item, each with the condition that makes it safe.
//!
//! When the answer to a conditional or partial write is lost, it is not tried again but reported as
//! [`TableError::Unavailable`]: a second attempt would meet the item the first one wrote. Where that matters use a
//! [`crate::Transaction`], whose retries `DynamoDB` recognises.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use kernel::TenantId;

use crate::condition::Placeholders;
use crate::item::Encoded;
use crate::meter::Metered;
use crate::retry::LostAnswer;
use crate::{Condition, Entity, Item, Key, Table, TableError, Update};

impl Table {
    /// Writes an item that must not exist, at version 1.
    pub async fn create<T: Entity>(&self, tenant: &TenantId, entity: &T) -> Result<(), TableError> {
        self.put_encoded(Encoded::new(tenant, entity, 1)?, Some(Condition::absent()), LostAnswer::Report).await
    }

    /// Writes an item over whatever is there, at version 1 again: only for items nobody updates by version.
    pub async fn put<T: Entity>(&self, tenant: &TenantId, entity: &T) -> Result<(), TableError> {
        self.put_encoded(Encoded::new(tenant, entity, 1)?, None, LostAnswer::TryAgain).await
    }

    /// Replaces the item that was read at version `seen`; returns its new version.
    pub async fn update<T: Entity>(&self, tenant: &TenantId, entity: &T, seen: u64) -> Result<u64, TableError> {
        let version = seen.saturating_add(1);
        self.put_encoded(Encoded::new(tenant, entity, version)?, Some(Condition::version(seen)), LostAnswer::Report)
            .await?;
        Ok(version)
    }

    /// Changes some attributes; returns the item as it is afterwards.
    pub async fn apply(&self, update: Update) -> Result<Item, TableError> {
        self.apply_with(update, LostAnswer::Report).await
    }

    pub(crate) async fn apply_with(&self, update: Update, lost_answer: LostAnswer) -> Result<Item, TableError> {
        let answer = update
            .render()?
            .into_call(self.client(lost_answer), &self.inner.name)
            .set_return_consumed_capacity(self.reported())
            .send()
            .await;
        let consumed = answer.as_ref().ok().and_then(|answer| answer.consumed_capacity());
        self.record(Metered::UpdateItem, consumed.map(std::slice::from_ref).unwrap_or_default());
        let answer = answer.map_err(refused)?;
        Ok(Item(answer.attributes.unwrap_or_default()))
    }

    /// Removes an item, if there is one.
    pub async fn delete(&self, key: Key) -> Result<(), TableError> {
        self.delete_if(key, None).await
    }

    /// Removes the item that was read at version `seen`.
    pub async fn delete_versioned(&self, key: Key, seen: u64) -> Result<(), TableError> {
        self.delete_if(key, Some(Condition::version(seen))).await
    }

    pub(crate) async fn put_encoded(
        &self,
        mut encoded: Encoded,
        condition: Option<Condition>,
        lost_answer: LostAnswer,
    ) -> Result<(), TableError> {
        self.check_in(&mut encoded).await?;
        let (condition, placeholders) = rendered(condition)?;
        let (names, values) = placeholders.into_maps();
        let answer = self
            .client(lost_answer)
            .put_item()
            .table_name(&self.inner.name)
            .set_item(Some(encoded.attributes))
            .set_return_values_on_condition_check_failure(
                condition.as_ref().map(|_| ReturnValuesOnConditionCheckFailure::AllOld),
            )
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .set_return_values(self.replaced())
            .set_return_consumed_capacity(self.reported())
            .send()
            .await;
        let consumed = answer.as_ref().ok().and_then(|answer| answer.consumed_capacity());
        self.record(Metered::PutItem, consumed.map(std::slice::from_ref).unwrap_or_default());
        let answer = answer.map_err(refused)?;
        self.discard(answer.attributes).await;
        Ok(())
    }

    pub(crate) async fn delete_if(&self, key: Key, condition: Option<Condition>) -> Result<(), TableError> {
        let lost_answer = if condition.is_some() { LostAnswer::Report } else { LostAnswer::TryAgain };
        let (condition, placeholders) = rendered(condition)?;
        let (names, values) = placeholders.into_maps();
        let answer = self
            .client(lost_answer)
            .delete_item()
            .table_name(&self.inner.name)
            .set_key(Some(key.into_attributes()))
            .set_return_values_on_condition_check_failure(
                condition.as_ref().map(|_| ReturnValuesOnConditionCheckFailure::AllOld),
            )
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .set_return_values(self.replaced())
            .set_return_consumed_capacity(self.reported())
            .send()
            .await;
        let consumed = answer.as_ref().ok().and_then(|answer| answer.consumed_capacity());
        self.record(Metered::DeleteItem, consumed.map(std::slice::from_ref).unwrap_or_default());
        let answer = answer.map_err(refused)?;
        self.discard(answer.attributes).await;
        Ok(())
    }

    /// The replaced item is of interest only where it may own a blob.
    fn replaced(&self) -> Option<ReturnValue> {
        self.inner.blobs.as_ref().map(|_| ReturnValue::AllOld)
    }
}

/// The condition's expression with its placeholders.
pub(crate) fn rendered(condition: Option<Condition>) -> Result<(Option<String>, Placeholders), TableError> {
    let mut placeholders = Placeholders::default();
    let text = condition.map(|condition| condition.render(&mut placeholders)).transpose()?;
    Ok((text, placeholders))
}

/// Call errors that can say "the condition does not hold".
trait Conditional {
    fn failed_condition(&self) -> Option<&ConditionalCheckFailedException>;
}

macro_rules! conditional {
    ($($error:ident),*) => {$(
        impl Conditional for $error {
            fn failed_condition(&self) -> Option<&ConditionalCheckFailedException> {
                match self {
                    Self::ConditionalCheckFailedException(failed) => Some(failed),
                    _ => None,
                }
            }
        }
    )*};
}

conditional!(PutItemError, UpdateItemError, DeleteItemError);

fn refused<E>(error: SdkError<E, HttpResponse>) -> TableError
where
    E: Conditional + ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error.as_service_error().and_then(Conditional::failed_condition) {
        Some(failed) => TableError::ConditionFailed { old: failed.item().cloned().map(Item) },
        None => TableError::from_sdk(error),
    }
}

#[cfg(test)]
mod tests;
