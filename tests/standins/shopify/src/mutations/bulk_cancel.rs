//! `bulkOperationCancel`: asks for an end. What was done stays done.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let id = arguments.text("id");
    match world.of("BulkOperation", id).map(|operation| operation.text("status").to_owned()) {
        Some(status) if matches!(status.as_str(), "CREATED" | "RUNNING") => {
            world.set(id, "status", "CANCELED");
            world.bulk.forget(id);
            Ok(json!({ "bulkOperation": id }))
        }
        Some(_) => refuse(&["id"], "", "A bulk operation cannot be canceled when it is completed"),
        None => refuse(&["id"], "", "Bulk operation does not exist"),
    }
}
