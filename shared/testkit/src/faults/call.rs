//! The record of one AWS call and what it consumed.

use crate::wire::{ApiReply, ApiRequest, Service};
use serde_json::Value;
use std::collections::BTreeMap;

/// One call as it was made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The process that made it.
    pub process: String,
    /// The service it was for.
    pub service: Service,
    /// The API's name, such as `TransactWriteItems`.
    pub api: String,
    /// The request: its JSON, or the form fields of an SNS request as an object of strings.
    pub body: Value,
    /// What `DynamoDB` charged. Zero for refused calls: their answers carry no capacity, although AWS charges them.
    pub capacity: Capacity,
    /// The HTTP status the service answered, even when a fault kept the answer from the caller; `None` when the
    /// service never saw the call.
    pub answered: Option<u16>,
}

/// `DynamoDB` capacity units, indexes included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Read request units.
    pub read: f64,
    /// Write request units.
    pub write: f64,
    /// The part of both that went to each index.
    pub indexes: BTreeMap<String, f64>,
}

impl<'a> std::iter::Sum<&'a Self> for Capacity {
    fn sum<I: Iterator<Item = &'a Self>>(parts: I) -> Self {
        let parts: Vec<&Self> = parts.collect();
        let mut indexes: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, units) in parts.iter().flat_map(|part| &part.indexes) {
            indexes.entry(name.clone()).or_default().push(*units);
        }
        Self {
            read: parts.iter().map(|part| part.read).sum(),
            write: parts.iter().map(|part| part.write).sum(),
            indexes: indexes.into_iter().map(|(name, units)| (name, units.iter().sum())).collect(),
        }
    }
}

impl Capacity {
    /// Reads the `ConsumedCapacity` of an answer, one table's or several tables'.
    pub(super) fn of(api: &str, reply: &ApiReply) -> Self {
        let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        let tables = match &answer["ConsumedCapacity"] {
            Value::Array(tables) => tables.as_slice(),
            Value::Object(_) => std::slice::from_ref(&answer["ConsumedCapacity"]),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
        };
        let tables: Vec<Self> = tables.iter().map(|table| Self::of_table(api, table)).collect();
        tables.iter().sum()
    }

    fn of_table(api: &str, table: &Value) -> Self {
        let units = |value: &Value| value["CapacityUnits"].as_f64().unwrap_or_default();
        let is_read = matches!(api, "GetItem" | "BatchGetItem" | "TransactGetItems" | "Query" | "Scan");
        // A transaction replayed by its token is charged as a read, and says so.
        let reported = |kind: &str| table[kind].as_f64();
        let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"]
            .iter()
            .filter_map(|kind| table[*kind].as_object())
            .flatten()
            .map(|(name, index)| (name.clone(), units(index)))
            .collect();
        let (read, write) = match (reported("ReadCapacityUnits"), reported("WriteCapacityUnits")) {
            (None, None) if is_read => (units(table), 0.0),
            (None, None) => (0.0, units(table)),
            (read, write) => (read.unwrap_or_default(), write.unwrap_or_default()),
        };
        Self { read, write, indexes }
    }
}

/// Asks `DynamoDB` to report capacity where the caller did not.
pub(super) fn ask_for_capacity(request: &mut ApiRequest) {
    let reports = matches!(
        request.api.as_str(),
        "GetItem"
            | "BatchGetItem"
            | "TransactGetItems"
            | "Query"
            | "Scan"
            | "PutItem"
            | "UpdateItem"
            | "DeleteItem"
            | "BatchWriteItem"
            | "TransactWriteItems"
    );
    if let (true, Some(fields)) = (reports, request.body.as_object_mut()) {
        fields.entry("ReturnConsumedCapacity").or_insert_with(|| Value::from("INDEXES"));
    }
}
