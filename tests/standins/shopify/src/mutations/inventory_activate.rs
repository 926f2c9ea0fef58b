//! `inventoryActivate`: begins to keep an item at a location.

use serde_json::{Value, json};

use super::inventory_set::{NOT_STOCKED, unknown};
use super::{Outcome, refuse};
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let (item, location) = (arguments.text("inventoryItemId"), arguments.text("locationId"));
    let kept = match unknown(world, item, location) {
        None => true,
        Some((_, NOT_STOCKED, _)) => false,
        Some((field, code, message)) => return refuse(&[field], code, message),
    };
    if kept && (arguments.has("available") || arguments.has("onHand")) {
        return refuse(
            &["available"],
            "",
            "Not allowed to set available quantity when the item is already active at the location.",
        );
    }
    let level = world.stock_item(item, location);
    let amount = if arguments.has("onHand") { arguments.whole("onHand") } else { arguments.whole("available") };
    if amount != 0 {
        world.move_stock(item, location, &[("available", amount), ("on_hand", amount)]);
    }
    Ok(json!({ "inventoryLevel": level }))
}
