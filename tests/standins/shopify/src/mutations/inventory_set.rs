//! `inventorySetQuantities`: sets amounts, each only if it still is what the caller last saw.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Outcome, all_or, error};
use crate::world::{Fields, World};

/// What [`unknown`] says of an item that is not kept at the location.
pub(crate) const NOT_STOCKED: &str = "ITEM_NOT_STOCKED_AT_LOCATION";

/// Shopify's own limit for a quantity.
const MAX_QUANTITY: i64 = 1_000_000_000;

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let input = arguments.at("input");
    let name = input.text("name");
    if !matches!(name, "available" | "on_hand") {
        return Err(vec![error(&["input", "name"], "INVALID_NAME", "The quantity name must be available or on_hand.")]);
    }
    if !is_reason(input.text("reason")) {
        return Err(vec![error(&["input", "reason"], "INVALID_REASON", "The reason is not valid.")]);
    }
    let quantities = input.list("quantities");
    let mut seen = HashSet::new();
    let mut errors = Vec::new();
    for (place, wanted) in quantities.iter().enumerate() {
        let at = place.to_string();
        if let Some((field, code, message)) = wrong(world, name, wanted, &mut seen) {
            errors.push(error(&["input", "quantities", &at, field], in_schema(code), message));
        }
    }
    all_or(errors)?;
    let mut changes = Vec::new();
    for wanted in quantities {
        let (item, location) = (wanted.text("inventoryItemId"), wanted.text("locationId"));
        let before = world.amount(item, location, name).unwrap_or_default();
        let delta = wanted.whole("quantity") - before;
        world.move_stock(item, location, &[("available", delta), ("on_hand", delta)]);
        changes.push(json!({ "name": name, "delta": delta, "quantityAfterChange": wanted.whole("quantity"),
            "item": item, "location": location, "ledgerDocumentUri": null }));
    }
    Ok(json!({ "inventoryAdjustmentGroup": group(world, input, changes) }))
}

fn wrong(
    world: &World,
    name: &str,
    wanted: &Value,
    seen: &mut HashSet<(String, String)>,
) -> Option<(&'static str, &'static str, &'static str)> {
    let (item, location) = (wanted.text("inventoryItemId"), wanted.text("locationId"));
    if let Some(error) = unknown(world, item, location) {
        return Some(error);
    }
    if !seen.insert((item.to_owned(), location.to_owned())) {
        let code = "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR";
        return Some(("inventoryItemId", code, "An item may be named once a location."));
    }
    let quantity = wanted.whole("quantity");
    if quantity < 0 && name == "on_hand" {
        return Some(("quantity", "INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative."));
    }
    if quantity > MAX_QUANTITY {
        return Some(("quantity", "INVALID_QUANTITY_TOO_HIGH", "The quantity is too high."));
    }
    if quantity < -MAX_QUANTITY {
        return Some(("quantity", "INVALID_QUANTITY_TOO_LOW", "The quantity is too low."));
    }
    let stale = wanted.has("changeFromQuantity")
        && world.amount(item, location, name) != Some(wanted.whole("changeFromQuantity"));
    stale.then_some((
        "changeFromQuantity",
        "CHANGE_FROM_QUANTITY_STALE",
        "The quantity is no longer what it was compared with.",
    ))
}

/// What is wrong with where stock is to be changed.
pub(crate) fn unknown(world: &World, item: &str, location: &str) -> Option<(&'static str, &'static str, &'static str)> {
    if world.of("InventoryItem", item).is_none() {
        return Some(("inventoryItemId", "INVALID_INVENTORY_ITEM", "The specified inventory item could not be found."));
    }
    if world.of("Location", location).is_none() {
        return Some(("locationId", "INVALID_LOCATION", "The specified location could not be found."));
    }
    world.amount(item, location, "available").is_none().then_some((
        "locationId",
        NOT_STOCKED,
        "The specified inventory item is not stocked at the location.",
    ))
}

/// Since 2026-10 the schema has no code of its own for an item that is not kept at a location.
pub(crate) fn in_schema(code: &'static str) -> &'static str {
    if code == NOT_STOCKED { "INVALID_LOCATION" } else { code }
}

/// The record of a change.
pub(crate) fn group(world: &mut World, input: &Value, changes: Vec<Value>) -> String {
    let now = world.now_text();
    world.create(
        "InventoryAdjustmentGroup",
        json!({
            "createdAt": now, "reason": input.text("reason"), "referenceDocumentUri": input.at("referenceDocumentUri"),
            "changes": changes,
        }),
    )
}

/// Source: Shopify, inventory adjustment reasons.
pub(crate) fn is_reason(reason: &str) -> bool {
    const REASONS: [&str; 17] = [
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_created",
        "movement_updated",
        "movement_received",
        "movement_canceled",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    ];
    REASONS.contains(&reason)
}
