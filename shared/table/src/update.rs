//! Partial updates, for hot items: only what changes travels, and `ADD` needs no read before it.
//!
//! Every update adds 1 to the item's version, so that it is seen by those who hold the item under optimistic lock.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use kernel::Timestamp;
use serde::Serialize;

use crate::condition::{Condition, Placeholders};
use crate::item::{KIND, TTL, VERSION};
use crate::size::value_size;
use crate::{Entity, GlobalIndex, Key, TableError};

/// A change to some attributes of one item. Without [`Update::upsert`] the item must exist.
#[derive(Debug)]
#[must_use]
pub struct Update {
    key: Key,
    set: String,
    add: String,
    remove: String,
    placeholders: Placeholders,
    condition: Option<Condition>,
    upsert: bool,
    error: Option<TableError>,
}

/// An update in the SDK's words.
pub(crate) struct Rendered {
    pub(crate) key: Key,
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) placeholders: Placeholders,
    /// Bytes it counts for in a transaction.
    pub(crate) size: usize,
}

impl Update {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            set: String::new(),
            add: String::new(),
            remove: String::new(),
            placeholders: Placeholders::default(),
            condition: None,
            upsert: false,
            error: None,
        }
    }

    /// Creates the item, of `T`'s kind, when it does not exist.
    pub fn upsert<T: Entity>(self) -> Self {
        Self { upsert: true, ..self.set(KIND, T::KIND) }
    }

    /// Creates the item, of this kind, when it does not exist.
    pub(crate) fn upsert_kind(key: Key, kind: &'static str) -> Self {
        Self { upsert: true, ..Self::new(key).set(KIND, kind) }
    }

    /// Sets an attribute.
    pub fn set(mut self, attribute: &'static str, value: impl Serialize) -> Self {
        if let Some(value) = self.encoded(value) {
            let set = clause(&mut self.set, "SET ");
            self.placeholders.push_name(set, attribute);
            set.push_str(" = ");
            self.placeholders.push_value(set, value);
        }
        self
    }

    /// Sets an attribute the item does not have yet.
    pub fn set_if_absent(mut self, attribute: &'static str, value: impl Serialize) -> Self {
        if let Some(value) = self.encoded(value) {
            let set = clause(&mut self.set, "SET ");
            self.placeholders.push_name(set, attribute);
            set.push_str(" = if_not_exists(");
            self.placeholders.push_name(set, attribute);
            set.push_str(", ");
            self.placeholders.push_value(set, value);
            set.push(')');
        }
        self
    }

    /// Adds to a number; one that is not there counts as 0.
    pub fn add(mut self, attribute: &'static str, amount: i64) -> Self {
        let add = clause(&mut self.add, "ADD ");
        self.placeholders.push_name(add, attribute);
        add.push(' ');
        self.placeholders.push_value(add, AttributeValue::N(amount.to_string()));
        self
    }

    /// Removes an attribute.
    pub fn remove(mut self, attribute: &'static str) -> Self {
        let remove = clause(&mut self.remove, "REMOVE ");
        self.placeholders.push_name(remove, attribute);
        self
    }

    /// Moves the item within an index, or takes it out.
    pub fn index(self, index: GlobalIndex, key: Option<Key>) -> Self {
        let [pk_name, sk_name] = index.attributes();
        match key {
            Some(key) => {
                let (pk, sk) = key.into_parts();
                self.set(pk_name, pk).set(sk_name, sk)
            }
            None => self.remove(pk_name).remove(sk_name),
        }
    }

    /// Sets when `DynamoDB` may remove the item.
    pub fn ttl(self, at: Timestamp) -> Self {
        self.set(TTL, at.as_second())
    }

    /// Only when this holds too; may be called more than once.
    pub fn require(mut self, condition: Condition) -> Self {
        self.condition = Some(match self.condition.take() {
            Some(earlier) => earlier.and(condition),
            None => condition,
        });
        self
    }

    fn encoded(&mut self, value: impl Serialize) -> Option<AttributeValue> {
        match serde_dynamo::to_attribute_value(value) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error.get_or_insert(TableError::encode("update", error));
                None
            }
        }
    }

    pub(crate) fn render(mut self) -> Result<Rendered, TableError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let version = clause(&mut self.add, "ADD ");
        self.placeholders.push_name(version, VERSION);
        version.push(' ');
        self.placeholders.push_value(version, AttributeValue::N("1".to_owned()));

        let mut expression = self.set;
        for part in [self.add, self.remove] {
            if !expression.is_empty() && !part.is_empty() {
                expression.push(' ');
            }
            expression.push_str(&part);
        }
        let condition = match self.condition {
            condition if self.upsert => condition,
            Some(condition) if condition.implies_existence() => Some(condition),
            Some(condition) => Some(Condition::exists().and(condition)),
            None => Some(Condition::exists()),
        };
        let condition = condition.map(|condition| condition.render(&mut self.placeholders)).transpose()?;
        let values: usize = self.placeholders.values().map(value_size).sum();
        let size = self.key.pk().len() + self.key.sk().len() + expression.len() + values;
        Ok(Rendered { key: self.key, expression, condition, placeholders: self.placeholders, size })
    }
}

/// The place to append the clause's next term.
fn clause<'a>(text: &'a mut String, keyword: &str) -> &'a mut String {
    text.push_str(if text.is_empty() { keyword } else { ", " });
    text
}

impl Rendered {
    /// As an action of a transaction.
    pub(crate) fn into_action(
        self,
        table: &str,
    ) -> Result<aws_sdk_dynamodb::types::Update, aws_sdk_dynamodb::error::BuildError> {
        let (names, values) = self.placeholders.into_maps();
        aws_sdk_dynamodb::types::Update::builder()
            .table_name(table)
            .set_key(Some(self.key.into_attributes()))
            .update_expression(self.expression)
            .set_condition_expression(self.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
    }

    /// As a call of its own that answers with the item after the change.
    pub(crate) fn into_call(
        self,
        client: &aws_sdk_dynamodb::Client,
        table: &str,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let (names, values) = self.placeholders.into_maps();
        client
            .update_item()
            .table_name(table)
            .set_key(Some(self.key.into_attributes()))
            .update_expression(self.expression)
            .set_condition_expression(self.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

#[cfg(test)]
mod tests {
    use kernel::TenantId;

    use super::*;

    fn key() -> Key {
        let tenant: TenantId = "acme.test".parse().unwrap();
        Key::tenant(&tenant, &["LEVEL"], &["X"])
    }

    #[test]
    fn clauses_are_joined_and_the_version_always_moves() {
        let update = Update::new(key())
            .add("q", -2)
            .set("status", "OPEN")
            .remove("note")
            .set("n", 5)
            .require(Condition::at_least("q", 2));
        let rendered = update.render().unwrap();
        assert_eq!(rendered.expression, "SET #1 = :1, #3 = :2 ADD #0 :0, v :3 REMOVE #2");
        assert_eq!(rendered.condition.as_deref(), Some("#4 >= :4"));
    }

    #[test]
    fn update_alone_demands_the_item_and_upsert_does_not() {
        assert_eq!(Update::new(key()).render().unwrap().condition.as_deref(), Some("attribute_exists(pk)"));
        let lax = Update::new(key()).require(Condition::differs("status", "DONE"));
        assert_eq!(lax.render().unwrap().condition.as_deref(), Some("(attribute_exists(pk) AND #0 <> :1)"));
        let upsert = Update { upsert: true, ..Update::new(key()) };
        assert_eq!(upsert.render().unwrap().condition, None);
    }

    #[test]
    fn leaving_an_index_removes_both_its_attributes() {
        let rendered = Update::new(key()).index(GlobalIndex::Gsi1, None).render().unwrap();
        assert_eq!(rendered.expression, "ADD v :0 REMOVE #0, #1");
    }
}
