//! `productVariantsBulkDelete`: removes variants of a product, never its last one.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::webhooks::payload;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let id = arguments.text("productId");
    let Some(product) = world.of("Product", id) else {
        return refuse(&["productId"], "PRODUCT_DOES_NOT_EXIST", "Product does not exist");
    };
    let (mut variants, doomed) = (product.ids("variants"), arguments.ids("variantsIds"));
    if doomed.iter().any(|variant| !variants.contains(variant)) {
        let code = "AT_LEAST_ONE_VARIANT_DOES_NOT_BELONG_TO_THE_PRODUCT";
        return refuse(&["variantsIds"], code, "At least one variant does not belong to the product");
    }
    variants.retain(|variant| !doomed.contains(variant));
    if variants.is_empty() {
        return refuse(&["variantsIds"], "CANNOT_DELETE_LAST_VARIANT", "Cannot delete the last variant");
    }
    for variant in &doomed {
        world.remove_variant(variant);
    }
    world.set_variants(id, variants);
    world.touch(id);
    let told = payload::product(world, id);
    world.emit("PRODUCTS_UPDATE", &told);
    Ok(json!({ "product": id }))
}
