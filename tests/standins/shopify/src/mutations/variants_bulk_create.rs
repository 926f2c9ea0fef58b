//! `productVariantsBulkCreate`: adds variants to a product.

use serde_json::{Value, json};

use super::product_set::chosen;
use super::{Outcome, all_or, refuse};
use crate::variants::{MAX_VARIANTS, choices, wrong};
use crate::webhooks::payload;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let id = arguments.text("productId");
    let Some(product) = world.of("Product", id) else {
        return refuse(&["productId"], "PRODUCT_DOES_NOT_EXIST", "Product does not exist");
    };
    let options: Vec<String> = product.list("options").iter().map(|option| option.text("name").to_owned()).collect();
    let mut variants = product.ids("variants");
    let inputs = arguments.list("variants");
    if variants.len() + inputs.len() > MAX_VARIANTS {
        return refuse(&["variants"], "INVALID_INPUT", "A product has at most 2048 variants.");
    }
    let mut taken: Vec<Vec<(String, String)>> = variants.iter().map(|variant| chosen(world, variant)).collect();
    let mut planned = Vec::new();
    for (place, input) in inputs.iter().enumerate() {
        let at = place.to_string();
        all_or(wrong(world, input, &["variants", &at]))?;
        let choices = choices(input, &options)
            .or_else(|_| refuse(&["variants", &at], "NEED_TO_ADD_OPTION_VALUES", "You need to add option values."))?;
        if taken.contains(&choices) {
            return refuse(&["variants", &at], "VARIANT_ALREADY_EXISTS", "The variant already exists.");
        }
        taken.push(choices.clone());
        planned.push((choices, input));
    }
    world.take_variant_quota(planned.len())?;
    let created: Vec<String> =
        planned.into_iter().map(|(choices, input)| world.create_variant(id, &choices, input)).collect();
    variants.extend(created.iter().cloned());
    world.set_variants(id, variants);
    world.touch(id);
    let told = payload::product(world, id);
    world.emit("PRODUCTS_UPDATE", &told);
    Ok(json!({ "product": id, "productVariants": created }))
}
