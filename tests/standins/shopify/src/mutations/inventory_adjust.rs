//! `inventoryAdjustQuantities`: adds to amounts, optionally only if each still is what the caller last saw.

use serde_json::{Value, json};

use super::inventory_set::{group, in_schema, is_reason, unknown};
use super::{Outcome, all_or, error};
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let input = arguments.at("input");
    let name = input.text("name");
    if name != "available" {
        let message = "Only available is adjusted in the stand-in.";
        return Err(vec![error(&["input", "name"], "INVALID_QUANTITY_NAME", message)]);
    }
    if !is_reason(input.text("reason")) {
        return Err(vec![error(&["input", "reason"], "INVALID_REASON", "The reason is not valid.")]);
    }
    let mut errors = Vec::new();
    for (place, change) in input.list("changes").iter().enumerate() {
        let (item, location) = (change.text("inventoryItemId"), change.text("locationId"));
        let found = unknown(world, item, location).or_else(|| {
            let stale = change.has("changeFromQuantity")
                && world.amount(item, location, name) != Some(change.whole("changeFromQuantity"));
            stale.then_some((
                "changeFromQuantity",
                "CHANGE_FROM_QUANTITY_STALE",
                "The quantity is no longer what it was compared with.",
            ))
        });
        if let Some((field, code, message)) = found {
            errors.push(error(&["input", "changes", &place.to_string(), field], in_schema(code), message));
        }
    }
    all_or(errors)?;
    let mut changes = Vec::new();
    for change in input.list("changes") {
        let (item, location, delta) =
            (change.text("inventoryItemId"), change.text("locationId"), change.whole("delta"));
        world.move_stock(item, location, &[("available", delta), ("on_hand", delta)]);
        changes.push(json!({ "name": name, "delta": delta, "quantityAfterChange": world.amount(item, location, name),
            "item": item, "location": location, "ledgerDocumentUri": change.at("ledgerDocumentUri") }));
    }
    Ok(json!({ "inventoryAdjustmentGroup": group(world, input, changes) }))
}
