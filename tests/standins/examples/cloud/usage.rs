//! What calls cost: how many of each, and the capacity they consumed.
//!
//! Write units are what the embedded table reports, indexes included. Read units are computed here, from the size of what
//! came back, by the published rules, so that they do not depend on how well an emulator imitates billing.
#![expect(clippy::float_arithmetic, reason = "capacity units are multiples of 0.5, which floats add exactly")]

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use table::size::item_size;

/// A read unit is 4 KB.
const READ_BYTES: usize = 4096;

#[derive(Default)]
struct Consumed {
    calls: u64,
    read_units: f64,
    write_units: f64,
}

/// By API.
#[derive(Default)]
pub(crate) struct Usage(BTreeMap<String, Consumed>);

impl Usage {
    pub(crate) fn count(&mut self, api: &str, request: &Value, answer: &Value) {
        let consumed = self.0.entry(api.to_owned()).or_default();
        consumed.calls += 1;
        match api {
            "GetItem" | "BatchGetItem" | "TransactGetItems" | "Query" | "Scan" => {
                consumed.read_units += f64::from(read_halves(api, request, answer)) / 2.0;
            }
            _ => consumed.write_units += reported(&answer["ConsumedCapacity"]),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let one = |(api, consumed): (&String, &Consumed)| {
            let Consumed { calls, read_units, write_units } = consumed;
            (api.clone(), json!({ "calls": calls, "readUnits": read_units, "writeUnits": write_units }))
        };
        Value::Object(self.0.iter().map(one).collect())
    }
}

/// One table's `CapacityUnits`, or several tables'.
fn reported(capacity: &Value) -> f64 {
    let units = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or_default();
    capacity.as_array().map_or_else(|| units(capacity), |tables| tables.iter().map(units).sum())
}

/// Half read units: an eventually consistent read of up to 4 KB is one.
fn read_halves(api: &str, request: &Value, answer: &Value) -> u32 {
    let strength = |request: &Value| if request["ConsistentRead"] == true { 2 } else { 1 };
    match api {
        "GetItem" => strength(request) * units(size(&answer["Item"])),
        "TransactGetItems" => {
            let items = answer["Responses"].as_array().into_iter().flatten();
            4 * items.map(|item| units(size(&item["Item"]))).sum::<u32>()
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, asked)| strength(asked) * batch(table, asked, answer)).sum()
        }
        // A query rounds up once, over all it has read.
        _ => strength(request) * units(list(&answer["Items"]).map(size).sum()),
    }
}

/// Every item rounds up on its own, and one that is not there costs as much as a small one.
fn batch(table: &str, asked: &Value, answer: &Value) -> u32 {
    let found = list(&answer["Responses"][table]).map(|item| units(size(item))).sum::<u32>();
    let keys = list(&asked["Keys"]).count();
    let unprocessed = list(&answer["UnprocessedKeys"][table]["Keys"]).count();
    let missing = keys.saturating_sub(unprocessed).saturating_sub(list(&answer["Responses"][table]).count());
    found + u32::try_from(missing).unwrap_or(u32::MAX)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(READ_BYTES).max(1)).unwrap_or(u32::MAX)
}

/// Bytes of an item in wire form; 0 when there is none.
fn size(item: &Value) -> usize {
    let item = item.as_object().cloned().unwrap_or_else(Map::new);
    let item: serde_dynamo::Item = serde_json::from_value(Value::Object(item)).unwrap_or_default();
    item_size(&item.into_inner().into_iter().map(|(name, value)| (name, value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An item of about so many bytes.
    fn item(bytes: usize) -> Value {
        json!({ "pk": { "S": "x".repeat(bytes) } })
    }

    #[test]
    fn a_read_costs_half_a_unit_for_each_4_kb_and_twice_that_when_consistent() {
        let answer = json!({ "Item": item(4000) });
        assert_eq!(read_halves("GetItem", &json!({}), &answer), 1);
        assert_eq!(read_halves("GetItem", &json!({ "ConsistentRead": true }), &json!({ "Item": item(5000) })), 4);
        assert_eq!(read_halves("GetItem", &json!({}), &json!({})), 1);
        assert_eq!(read_halves("TransactGetItems", &json!({}), &json!({ "Responses": [{ "Item": item(10) }, {}] })), 8);
    }

    #[test]
    fn a_batch_rounds_up_every_item_and_pays_for_missing_ones_but_not_for_unprocessed_ones() {
        let request = json!({ "RequestItems": { "t": { "Keys": [1, 2, 3, 4] } } });
        let answer = json!({
            "Responses": { "t": [item(10), item(5000)] },
            "UnprocessedKeys": { "t": { "Keys": [4] } },
        });
        assert_eq!(read_halves("BatchGetItem", &request, &answer), 1 + 2 + 1);
    }

    #[test]
    fn a_query_rounds_up_once() {
        let items: Vec<Value> = (0..10).map(|_| item(1000)).collect();
        assert_eq!(read_halves("Query", &json!({}), &json!({ "Items": items })), 3);
        assert_eq!(read_halves("Query", &json!({ "ConsistentRead": true }), &json!({ "Items": [] })), 2);
    }

    #[test]
    fn writes_cost_what_the_table_reports() {
        let mut usage = Usage::default();
        let reported = json!({ "ConsumedCapacity": [{ "CapacityUnits": 9.0 }] });
        usage.count("TransactWriteItems", &json!({}), &reported);
        usage.count("TransactWriteItems", &json!({}), &reported);
        assert_eq!(usage.to_json()["TransactWriteItems"], json!({ "calls": 2, "readUnits": 0.0, "writeUnits": 18.0 }));
    }
}
