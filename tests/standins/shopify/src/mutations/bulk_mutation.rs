//! `bulkOperationRunMutation`: a mutation for every line of an uploaded file, and an answer for every line.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::bulk;
use crate::schema::Admin;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, admin: &'static Admin, arguments: &Value) -> Outcome {
    if !world.bulk.has_room("MUTATION") {
        return refuse(&["mutation"], "OPERATION_IN_PROGRESS", "The limit of concurrent bulk mutations is reached.");
    }
    let Some(lines) = world.bulk.uploaded(arguments.text("stagedUploadPath")) else {
        return refuse(&["stagedUploadPath"], "NO_SUCH_FILE", "The JSONL file could not be found.");
    };
    let mutation = arguments.text("mutation");
    match bulk::mutation::run(world, admin, mutation, &lines) {
        Ok(result) => Ok(json!({ "bulkOperation": world.start_bulk("MUTATION", mutation, result) })),
        Err((code, why)) => refuse(&["mutation"], code, &why),
    }
}
