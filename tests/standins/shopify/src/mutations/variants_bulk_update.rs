//! `productVariantsBulkUpdate`: changes variants of a product; quantities have their own mutation.

use serde_json::{Value, json};

use super::{Outcome, all_or, error, refuse};
use crate::variants::wrong;
use crate::webhooks::payload;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let id = arguments.text("productId");
    let Some(product) = world.of("Product", id) else {
        return refuse(&["productId"], "PRODUCT_DOES_NOT_EXIST", "Product does not exist");
    };
    let variants = product.ids("variants");
    let mut errors = Vec::new();
    for (place, input) in arguments.list("variants").iter().enumerate() {
        let at = place.to_string();
        if !input.has("id") {
            errors.push(error(
                &["variants", &at, "id"],
                "PRODUCT_VARIANT_ID_MISSING",
                "Product variant is missing ID attribute",
            ));
        } else if !variants.iter().any(|variant| variant == input.text("id")) {
            errors.push(error(
                &["variants", &at, "id"],
                "PRODUCT_VARIANT_DOES_NOT_EXIST",
                "Product variant does not exist",
            ));
        }
        if input.has("inventoryQuantities") {
            let message = "Inventory quantities can only be provided during create.";
            errors.push(error(&["variants", &at], "NO_INVENTORY_QUANTITIES_ON_VARIANTS_UPDATE", message));
        }
        errors.extend(wrong(world, input, &["variants", &at]));
    }
    all_or(errors)?;
    let mut updated = Vec::new();
    for input in arguments.list("variants") {
        world.write_variant(input.text("id"), input);
        updated.push(input.text("id").to_owned());
    }
    world.touch(id);
    let told = payload::product(world, id);
    world.emit("PRODUCTS_UPDATE", &told);
    Ok(json!({ "product": id, "productVariants": updated }))
}
