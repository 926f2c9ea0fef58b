//! `metafieldsSet`: values beside an object's own fields; one whose definition is of type `id` is nobody else's.

use serde_json::{Value, json};

use super::{Outcome, all_or, error};
use crate::computed::custom_name;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let mut errors = Vec::new();
    for (place, given) in arguments.list("metafields").iter().enumerate() {
        let (owner, place) = (given.text("ownerId"), place.to_string());
        if world.get(owner).is_none() {
            errors.push(error(&["metafields", &place, "ownerId"], "INVALID", "Owner does not exist."));
        }
        let holder = world.holder(kind(owner), &custom_name(given), given.text("value"));
        if holder.is_some_and(|holder| holder != owner) {
            errors.push(error(&["metafields", &place, "value"], "TAKEN", "Value must be unique."));
        }
    }
    all_or(errors)?;
    let mut set = Vec::new();
    for given in arguments.list("metafields") {
        let owner = given.text("ownerId");
        let (name, owner_type) = (custom_name(given), kind(owner).to_uppercase());
        if world.holder("MetafieldDefinition", &owner_type, &name).is_some() {
            world.hold(kind(owner), &name, given.text("value"), owner);
        }
        let mut fields: Vec<Value> = world
            .get(owner)
            .map(|owner| owner.ids("metafields"))
            .unwrap_or_default()
            .iter()
            .filter_map(|id| world.get(id))
            .filter(|field| field.at("key") != given.at("key") || field.at("namespace") != given.at("namespace"))
            .map(|field| Value::Object(field.clone()))
            .collect();
        fields.push(given.clone());
        world.set_metafields(owner, &owner_type, &fields);
        set.extend(world.get(owner).and_then(|owner| owner.ids("metafields").pop()));
    }
    Ok(json!({ "metafields": set }))
}

/// `Customer`.
fn kind(id: &str) -> &str {
    id.trim_start_matches("gid://shopify/").split('/').next().unwrap_or_default()
}
