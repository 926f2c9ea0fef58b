//! Conditions on an item, written without expression strings.
//!
//! A comparison with an attribute the item does not have is false, never an error; only [`Condition::differs`] is true.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use crate::TableError;
use crate::item::VERSION;
use crate::key::PK;

/// What must hold of an item for a write to happen.
#[derive(Debug)]
#[must_use]
pub struct Condition(Node);

#[derive(Debug)]
enum Node {
    Has(&'static str),
    Lacks(&'static str),
    Compare(&'static str, &'static str, Result<AttributeValue, serde_dynamo::Error>),
    All(Box<[Node; 2]>),
    Any(Box<[Node; 2]>),
}

impl Condition {
    /// There is such an item.
    pub fn exists() -> Self {
        Self(Node::Has(PK))
    }

    /// There is no such item.
    pub fn absent() -> Self {
        Self(Node::Lacks(PK))
    }

    /// The item is still at the version that was read.
    pub fn version(seen: u64) -> Self {
        Self::compare(VERSION, "=", seen)
    }

    /// The item has this attribute.
    pub fn has(attribute: &'static str) -> Self {
        Self(Node::Has(attribute))
    }

    /// The item has no such attribute, or does not exist.
    pub fn lacks(attribute: &'static str) -> Self {
        Self(Node::Lacks(attribute))
    }

    pub fn equals(attribute: &'static str, value: impl Serialize) -> Self {
        Self::compare(attribute, "=", value)
    }

    /// True also of an item without the attribute.
    pub fn differs(attribute: &'static str, value: impl Serialize) -> Self {
        Self::compare(attribute, "<>", value)
    }

    pub fn less(attribute: &'static str, value: impl Serialize) -> Self {
        Self::compare(attribute, "<", value)
    }

    pub fn at_most(attribute: &'static str, value: impl Serialize) -> Self {
        Self::compare(attribute, "<=", value)
    }

    pub fn more(attribute: &'static str, value: impl Serialize) -> Self {
        Self::compare(attribute, ">", value)
    }

    pub fn at_least(attribute: &'static str, value: impl Serialize) -> Self {
        Self::compare(attribute, ">=", value)
    }

    /// Both hold.
    pub fn and(self, other: Self) -> Self {
        Self(Node::All(Box::new([self.0, other.0])))
    }

    /// One of them holds.
    pub fn or(self, other: Self) -> Self {
        Self(Node::Any(Box::new([self.0, other.0])))
    }

    fn compare(attribute: &'static str, operator: &'static str, value: impl Serialize) -> Self {
        Self(Node::Compare(attribute, operator, serde_dynamo::to_attribute_value(value)))
    }

    /// Whether it can hold of an existing item only.
    pub(crate) fn implies_existence(&self) -> bool {
        self.0.implies_existence()
    }

    /// The expression text; its names and values go into `placeholders`.
    pub(crate) fn render(self, placeholders: &mut Placeholders) -> Result<String, TableError> {
        let mut text = String::new();
        self.0.render(&mut text, placeholders)?;
        Ok(text)
    }
}

impl Node {
    fn implies_existence(&self) -> bool {
        match self {
            Self::Has(_) => true,
            Self::Lacks(_) => false,
            Self::Compare(_, operator, _) => *operator != "<>",
            Self::All(both) => both.iter().any(Self::implies_existence),
            Self::Any(either) => either.iter().all(Self::implies_existence),
        }
    }

    fn render(self, text: &mut String, placeholders: &mut Placeholders) -> Result<(), TableError> {
        match self {
            Self::Has(attribute) => call(text, "attribute_exists", attribute, placeholders),
            Self::Lacks(attribute) => call(text, "attribute_not_exists", attribute, placeholders),
            Self::Compare(attribute, operator, value) => {
                let value = value.map_err(|error| TableError::encode("condition", error))?;
                placeholders.push_name(text, attribute);
                text.push(' ');
                text.push_str(operator);
                text.push(' ');
                placeholders.push_value(text, value);
            }
            Self::All(both) => join(text, *both, " AND ", placeholders)?,
            Self::Any(either) => join(text, *either, " OR ", placeholders)?,
        }
        Ok(())
    }
}

fn call(text: &mut String, function: &str, attribute: &str, placeholders: &mut Placeholders) {
    text.push_str(function);
    text.push('(');
    placeholders.push_name(text, attribute);
    text.push(')');
}

fn join(
    text: &mut String,
    [left, right]: [Node; 2],
    operator: &str,
    placeholders: &mut Placeholders,
) -> Result<(), TableError> {
    text.push('(');
    left.render(text, placeholders)?;
    text.push_str(operator);
    right.render(text, placeholders)?;
    text.push(')');
    Ok(())
}

type Names = HashMap<String, String>;
type Values = HashMap<String, AttributeValue>;

/// Names and values of one request, as `DynamoDB` wants them beside the expression text.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    names: Names,
    values: Values,
}

impl Placeholders {
    /// Refers to an attribute. The table's own names are no reserved words and stand for themselves.
    pub(crate) fn push_name(&mut self, text: &mut String, attribute: &str) {
        if matches!(attribute, PK | VERSION) {
            text.push_str(attribute);
            return;
        }
        let name = format!("#{}", self.names.len());
        text.push_str(&name);
        self.names.insert(name, attribute.to_owned());
    }

    pub(crate) fn push_value(&mut self, text: &mut String, value: AttributeValue) {
        let name = format!(":{}", self.values.len());
        text.push_str(&name);
        self.values.insert(name, value);
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &AttributeValue> {
        self.values.values()
    }

    /// `None` where empty: `DynamoDB` refuses empty maps.
    pub(crate) fn into_maps(self) -> (Option<Names>, Option<Values>) {
        (Some(self.names).filter(|map| !map.is_empty()), Some(self.values).filter(|map| !map.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(condition: Condition) -> (String, Placeholders) {
        let mut placeholders = Placeholders::default();
        let text = condition.render(&mut placeholders).unwrap();
        (text, placeholders)
    }

    #[test]
    fn condition_names_every_attribute_by_placeholder() {
        let condition = Condition::version(3)
            .and(Condition::equals("status", "OPEN").or(Condition::lacks("ttl")))
            .and(Condition::at_least("q", 2));
        let (text, placeholders) = rendered(condition);
        assert_eq!(text, "((v = :0 AND (#0 = :1 OR attribute_not_exists(#1))) AND #2 >= :2)");
        let (names, values) = placeholders.into_maps();
        let names = names.unwrap();
        assert_eq!([&names["#0"], &names["#1"], &names["#2"]], ["status", "ttl", "q"]);
        let values = values.unwrap();
        assert_eq!(values[":0"], AttributeValue::N("3".into()));
        assert_eq!(values[":1"], AttributeValue::S("OPEN".into()));
    }

    #[test]
    fn conditions_that_need_an_item_are_known() {
        let equals = || Condition::equals("a", 1);
        assert!(equals().implies_existence());
        assert!(Condition::version(1).or(Condition::has("b")).implies_existence());
        assert!(equals().and(Condition::lacks("b")).implies_existence());
        assert!(!equals().or(Condition::lacks("b")).implies_existence());
        assert!(!Condition::differs("a", 1).implies_existence());
        assert!(!Condition::absent().implies_existence());
    }

    #[test]
    fn existence_needs_no_placeholders() {
        let (text, placeholders) = rendered(Condition::absent());
        assert_eq!(text, "attribute_not_exists(pk)");
        assert_eq!(placeholders.into_maps(), (None, None));
    }
}
