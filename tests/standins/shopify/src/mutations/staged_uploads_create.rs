//! `stagedUploadsCreate`: where to upload a file to. Each upload wants exactly the parameters it was given.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let mut targets = Vec::new();
    for (place, input) in arguments.list("input").iter().enumerate() {
        let at = place.to_string();
        if input.text("resource") != "BULK_MUTATION_VARIABLES" {
            return refuse(&["input", &at, "resource"], "", "the stand-in keeps uploads of bulk variables only");
        }
        if input.text("httpMethod") != "POST" || input.text("mimeType") != "text/jsonl" {
            return refuse(&["input", &at], "", "Bulk variables are posted as text/jsonl");
        }
        let folder = world.uuid();
        let key = format!("tmp/1/bulk/{folder}/{}", input.text("filename"));
        let signature = world.uuid();
        let parameters = json!([
            { "name": "Content-Type", "value": "text/jsonl" },
            { "name": "success_action_status", "value": "201" },
            { "name": "acl", "value": "private" },
            { "name": "key", "value": key },
            { "name": "x-goog-signature", "value": signature },
        ]);
        world.bulk.expect_upload(&key, &parameters);
        targets.push(json!({ "url": format!("{}/staged/", world.url), "resourceUrl": null, "parameters": parameters }));
    }
    Ok(json!({ "stagedTargets": targets }))
}
