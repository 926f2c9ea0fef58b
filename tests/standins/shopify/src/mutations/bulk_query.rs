//! `bulkOperationRunQuery`: a query over everything, its answer one object a line.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::bulk;
use crate::schema::Admin;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, admin: &'static Admin, arguments: &Value) -> Outcome {
    if !world.bulk.has_room("QUERY") {
        return refuse(&["query"], "OPERATION_IN_PROGRESS", "The limit of concurrent bulk queries is reached.");
    }
    match bulk::query::run(world, admin, arguments.text("query")) {
        Ok(result) => Ok(json!({ "bulkOperation": world.start_bulk("QUERY", arguments.text("query"), result) })),
        Err(why) => refuse(&["query"], "INVALID", &why),
    }
}
