//! What real `DynamoDB` does under contention and the embedded one never would: transactions take time, and while one
//! is under way every other write to its items, and every transactional read of them, is refused as a conflict.
//!
//! It does not model throttling, and it lets `BatchWriteItem` pass: AWS does not promise a refusal there.

use crate::wire::{ApiReply, ApiRequest};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Table, partition key, sort key.
type ItemKey = (String, String, String);

/// The transactions under way in one database.
pub(super) struct Contention {
    held: Mutex<HashSet<ItemKey>>,
    random: Mutex<fastrand::Rng>,
}

impl Contention {
    pub(super) fn new(seed: u64) -> Self {
        Self { held: Mutex::default(), random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    /// Starts a call: refuses it when it conflicts, holds its items when it is a transactional write.
    pub(super) fn enter(self: &Arc<Self>, request: &ApiRequest) -> Result<Hold, ApiReply> {
        let keys = keys(request);
        let mut held = self.held.lock().unwrap();
        let conflicts: Vec<bool> = keys.iter().map(|key| held.contains(key)).collect();
        if conflicts.contains(&true) {
            return Err(refusal(request, &conflicts));
        }
        let mine = if request.api == "TransactWriteItems" { keys } else { Vec::new() };
        held.extend(mine.iter().cloned());
        Ok(Hold { contention: Arc::clone(self), mine })
    }

    /// Lets a random number of other tasks run.
    pub(super) async fn pause(&self) {
        let turns = self.random.lock().unwrap().u8(0..4);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
}

/// The items a transaction under way holds; released when it is dropped.
pub(super) struct Hold {
    contention: Arc<Contention>,
    mine: Vec<ItemKey>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.contention.held.lock().unwrap();
        for key in &self.mine {
            held.remove(key);
        }
    }
}

/// The items a call writes or reads in a transaction, in request order; none for calls that never conflict.
fn keys(request: &ApiRequest) -> Vec<ItemKey> {
    let body = &request.body;
    match request.api.as_str() {
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![item_key(body)],
        "TransactWriteItems" | "TransactGetItems" => {
            let actions = body["TransactItems"].as_array().into_iter().flatten();
            actions.filter_map(|action| action.as_object()?.values().next()).map(item_key).collect()
        }
        _ => Vec::new(),
    }
}

fn item_key(action: &Value) -> ItemKey {
    let item = action.get("Item").or_else(|| action.get("Key")).unwrap_or(&Value::Null);
    (action["TableName"].to_string(), item["pk"].to_string(), item["sk"].to_string())
}

fn refusal(request: &ApiRequest, conflicts: &[bool]) -> ApiReply {
    if !request.api.starts_with("Transact") {
        let message = "Transaction is ongoing for the item";
        return ApiReply::dynamo_error("TransactionConflictException", json!({"message": message}));
    }
    let reasons: Vec<Value> = conflicts
        .iter()
        .map(|conflict| match conflict {
            true => json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}),
            false => json!({"Code": "None"}),
        })
        .collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    let details = json!({"Message": message, "CancellationReasons": reasons});
    ApiReply::dynamo_error("TransactionCanceledException", details)
}
