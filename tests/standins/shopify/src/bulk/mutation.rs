//! A mutation for every line of variables. A line that is refused does not stop the others.

use serde_json::{Value, json};

use super::Produced;
use crate::graphql::{Prepared, execute};
use crate::schema::Admin;
use crate::world::World;

/// Code and reason.
type Refusal = (&'static str, String);

pub(crate) fn run(world: &mut World, admin: &'static Admin, mutation: &str, lines: &str) -> Result<Produced, Refusal> {
    let document = apollo_compiler::ExecutableDocument::parse_and_validate(&admin.schema, mutation, "bulk.graphql")
        .map_err(|error| ("INVALID_MUTATION", error.errors.to_string()))?;
    let one = document
        .operations
        .get(None)
        .is_ok_and(|operation| operation.is_mutation() && operation.root_fields(&document).count() == 1);
    if !one {
        return Err(("INVALID_MUTATION", "A bulk mutation is one mutation with one field.".to_owned()));
    }
    let mut produced = Produced { jsonl: String::new(), objects: 0, roots: 0 };
    for (number, line) in lines.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let mut answer = match serde_json::from_str::<Value>(line) {
            Ok(variables) => row(world, admin, mutation, &variables),
            Err(error) => json!({ "errors": [{ "message": error.to_string() }] }),
        };
        answer["__lineNumber"] = json!(number);
        produced.jsonl.push_str(&answer.to_string());
        produced.jsonl.push('\n');
        produced.objects += 1;
        produced.roots += 1;
    }
    Ok(produced)
}

fn row(world: &mut World, admin: &'static Admin, mutation: &str, variables: &Value) -> Value {
    match Prepared::new(admin, mutation, None, variables) {
        Ok(prepared) => Value::Object(execute(world, admin, &prepared, false).body),
        Err(errors) => json!({ "errors": errors }),
    }
}
