//! A batch call that `DynamoDB` does not get through: half of it comes back as unprocessed.

use crate::wire::{ApiReply, ApiRequest};
use serde_json::{Map, Value, json};

/// The first half of a batch, taken out of its request.
pub(super) struct Unprocessed {
    field: &'static str,
    items: Map<String, Value>,
}

impl Unprocessed {
    /// Takes the first half (rounded up) of each table's entries out of `request`; nothing when it is not a batch.
    pub(super) fn take(request: &mut ApiRequest) -> Option<Self> {
        let field = match request.api.as_str() {
            "BatchGetItem" => "UnprocessedKeys",
            "BatchWriteItem" => "UnprocessedItems",
            _ => return None,
        };
        let requested = request.body["RequestItems"].as_object_mut()?;
        let mut items = requested.clone();
        for (table, undone) in &mut items {
            let done = entries(&mut requested[table]);
            let count = done.len().div_ceil(2);
            *entries(undone) = done.drain(..count).collect();
        }
        requested.retain(|_, entry| !entries(entry).is_empty());
        Some(Self { field, items })
    }

    /// Answers what is left of the request by `dispatch`, and adds what was taken out.
    pub(super) fn answer(self, request: ApiRequest, dispatch: impl FnOnce(ApiRequest) -> ApiReply) -> ApiReply {
        let nothing_left = request.body["RequestItems"].as_object().is_none_or(Map::is_empty);
        let reply = if nothing_left { ApiReply::json(200, &json!({"Responses": {}})) } else { dispatch(request) };
        if !reply.is_success() {
            return reply;
        }
        let mut answer: Value = serde_json::from_str(&reply.body).expect("the database answers JSON");
        answer[self.field] = Value::Object(self.items);
        ApiReply::json(reply.status, &answer)
    }
}

/// The list of keys or writes of one table.
fn entries(table: &mut Value) -> &mut Vec<Value> {
    let list = if table.is_object() { &mut table["Keys"] } else { table };
    list.as_array_mut().expect("a batch request holds a list per table")
}
