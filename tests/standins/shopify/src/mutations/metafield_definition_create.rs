//! `metafieldDefinitionCreate`: a definition of type `id` makes a metafield an identifier for upserts.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::computed::custom_name;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let definition = arguments.at("definition");
    let (owner, name) = (definition.text("ownerType"), custom_name(definition));
    let taken = world.all("MetafieldDefinition").iter().filter_map(|id| world.get(id)).any(|known| {
        let same = |field: &str| known.at(field) == definition.at(field);
        same("ownerType") && same("namespace") && same("key")
    });
    if taken {
        return refuse(&["definition", "key"], "TAKEN", "Key is in use for this owner type.");
    }
    let id = world.create("MetafieldDefinition", json!({
        "name": definition.text("name"), "namespace": definition.text("namespace"), "key": definition.text("key"),
        "ownerType": owner, "description": definition.at("description"), "type": { "name": definition.text("type") },
        "pinnedPosition": null,
    }));
    if definition.text("type") == "id" {
        world.hold("MetafieldDefinition", owner, &name, &id);
    }
    Ok(json!({ "createdDefinition": id }))
}
