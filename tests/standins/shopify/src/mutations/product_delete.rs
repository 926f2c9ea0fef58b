//! `productDelete`: removes a product and its variants.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::world::{Fields, World, legacy};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let id = arguments.at("input").text("id").to_owned();
    let Some(product) = world.of("Product", &id) else {
        return refuse(&["id"], "", "Product does not exist");
    };
    for variant in product.ids("variants") {
        world.remove_variant(&variant);
    }
    world.remove(&id);
    world.emit("PRODUCTS_DELETE", &json!({ "id": legacy(&id) }));
    Ok(json!({ "deletedProductId": id, "shop": world.all("Shop").first() }))
}
