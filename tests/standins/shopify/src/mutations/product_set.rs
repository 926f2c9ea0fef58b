//! `productSet`: creates or changes a product; its lists of variants and metafields are what the product has afterwards.
//!
//! Source: Shopify, `productSet`. A custom id is a metafield whose definition has the type `id`; it is written with the product.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Outcome, all_or, error, refuse};
use crate::computed::{custom_name, find};
use crate::variants::{self, MAX_VARIANTS, choices};
use crate::webhooks::payload;
use crate::world::{Fields, World};

/// Source: Shopify, `productSet`.
const MAX_INVENTORY_QUANTITIES: usize = 50_000;

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let (input, identifier) = (arguments.at("input"), arguments.at("identifier"));
    let existing = identify(world, identifier, input)?;
    let options = options(world, existing.as_deref(), input)?;
    check(world, input, existing.as_deref(), &options)?;
    let planned = plan(world, existing.as_deref(), input, &options)?;
    let created = planned.iter().filter(|(variant, _, _)| variant.is_none()).count();
    world.take_variant_quota(created)?;

    let is_new = existing.is_none();
    let product = existing.unwrap_or_else(|| create(world));
    write(world, &product, input);
    if identifier.has("customId") {
        let custom = identifier.at("customId");
        world.hold("Product", &custom_name(custom), custom.text("value"), &product);
        write_custom_id(world, &product, custom);
    }
    if input.has("productOptions") || is_new {
        write_options(world, &product, input, &options);
    }
    if input.has("variants") || is_new {
        write_variants(world, &product, planned);
    }
    world.touch(&product);
    let told = payload::product(world, &product);
    world.emit(if is_new { "PRODUCTS_CREATE" } else { "PRODUCTS_UPDATE" }, &told);
    if arguments.get("synchronous").is_some_and(|value| value == &Value::Bool(false)) {
        return Ok(json!({ "product": null, "productSetOperation": operation(world, &product) }));
    }
    Ok(json!({ "product": product }))
}

fn identify(world: &World, identifier: &Value, input: &Value) -> Result<Option<String>, Vec<Value>> {
    if !identifier.is_null() && input.has("id") {
        return refuse(&["input", "id"], "ID_NOT_ALLOWED", "The id can't be given beside an identifier.");
    }
    if identifier.has("handle") && input.has("handle") && identifier.at("handle") != input.at("handle") {
        return refuse(&["input", "handle"], "INPUT_MISMATCH", "The handle is not the identifier's.");
    }
    if identifier.has("customId") {
        let custom = identifier.at("customId");
        if world.holder("MetafieldDefinition", "PRODUCT", &custom_name(custom)).is_none() {
            return refuse(
                &["identifier", "customId"],
                "NOT_FOUND",
                "There is no unique metafield definition of type id for it.",
            );
        }
    }
    let by_input = json!({ "id": input.at("id") });
    let found = find(world, "Product", if identifier.is_null() { &by_input } else { identifier });
    if found.is_none() && (identifier.has("id") || input.has("id")) {
        return refuse(&["input", "id"], "PRODUCT_DOES_NOT_EXIST", "The product does not exist.");
    }
    Ok(found)
}

/// Names of the options the product has afterwards.
fn options(world: &World, existing: Option<&str>, input: &Value) -> Result<Vec<String>, Vec<Value>> {
    if input.has("productOptions") {
        let names: Vec<String> = input.list("productOptions").iter().map(|it| it.text("name").to_owned()).collect();
        if names.iter().collect::<HashSet<_>>().len() != names.len() {
            return refuse(&["input", "productOptions"], "DUPLICATED_OPTION_NAME", "Options are named once each.");
        }
        if !input.has("variants") {
            return refuse(&["input", "variants"], "VARIANTS_INPUT_MISSING", "Variants must be given with options.");
        }
        return Ok(names);
    }
    let kept =
        existing.and_then(|id| world.get(id)).map(|product| product.list("options").to_vec()).unwrap_or_default();
    if input.has("variants")
        && kept.is_empty()
        && input.list("variants").iter().any(|it| !it.list("optionValues").is_empty())
    {
        return refuse(
            &["input", "productOptions"],
            "PRODUCT_OPTIONS_INPUT_MISSING",
            "Options must be given with variants.",
        );
    }
    Ok(kept.iter().map(|option| option.text("name").to_owned()).collect())
}

fn check(world: &World, input: &Value, existing: Option<&str>, options: &[String]) -> Result<(), Vec<Value>> {
    let mut errors = Vec::new();
    if existing.is_none() && input.text("title").trim().is_empty() {
        errors.push(error(&["input", "title"], "MISSING_FIELD_REQUIRED", "Title can't be blank."));
    }
    if options.len() > 3 {
        errors.push(error(&["input", "productOptions"], "OPTIONS_OVER_LIMIT", "A product has at most 3 options."));
    }
    if let Some(holder) = world.holder("Product", "handle", input.text("handle"))
        && Some(holder) != existing
    {
        errors.push(error(&["input", "handle"], "HANDLE_NOT_UNIQUE", "The handle is already in use."));
    }
    let variants = input.list("variants");
    if variants.len() > MAX_VARIANTS {
        errors.push(error(&["input", "variants"], "VARIANTS_OVER_LIMIT", "A product has at most 2048 variants."));
    }
    if variants.iter().map(|it| it.list("inventoryQuantities").len()).sum::<usize>() > MAX_INVENTORY_QUANTITIES {
        let message = "At most 50000 inventory quantities at once.";
        errors.push(error(&["input", "variants"], "INVENTORY_QUANTITIES_LIMIT_EXCEEDED", message));
    }
    for (place, variant) in variants.iter().enumerate() {
        let mut wrong = variants::wrong(world, variant, &["input", "variants", &place.to_string()]);
        for error in &mut wrong {
            error["code"] = json!("INVALID_VARIANT");
        }
        errors.extend(wrong);
    }
    all_or(errors)
}

/// The variants the product is to have: which one each is now, its choices, its input.
type Plan<'a> = Vec<(Option<String>, Vec<(String, String)>, &'a Value)>;

fn plan<'a>(
    world: &World,
    existing: Option<&str>,
    input: &'a Value,
    options: &[String],
) -> Result<Plan<'a>, Vec<Value>> {
    const DEFAULT: &Value = &Value::Null;
    if !input.has("variants") {
        return Ok(if existing.is_none() { vec![(None, Vec::new(), DEFAULT)] } else { Vec::new() });
    }
    let current = existing.and_then(|id| world.get(id)).map(|product| product.ids("variants")).unwrap_or_default();
    let mut planned: Plan<'a> = Vec::new();
    let mut seen = HashSet::new();
    for (place, variant) in input.list("variants").iter().enumerate() {
        let at = place.to_string();
        let field = ["input", "variants", at.as_str()];
        let choices = choices(variant, options).or_else(|code| refuse(&field, code, "Every option needs a value."))?;
        if let Some(unknown) = choices.iter().find(|(option, value)| !defined(input, option, value)) {
            let message = format!("Option value does not exist: {}", unknown.1);
            return refuse(&field, "OPTION_VALUE_DOES_NOT_EXIST", &message);
        }
        if !seen.insert(choices.clone()) {
            return refuse(&field, "INVALID_VARIANT", "Two variants have the same option values.");
        }
        let named = variant.has("id").then(|| variant.text("id").to_owned());
        if named.as_ref().is_some_and(|id| !current.contains(id)) {
            return refuse(&field, "PRODUCT_VARIANT_DOES_NOT_EXIST", "The variant does not exist.");
        }
        let same = current.iter().find(|id| chosen(world, id) == choices).cloned();
        planned.push((named.or(same), choices, variant));
    }
    Ok(planned)
}

/// Whether the input's options have the value; without options in the input the product's own are extended.
fn defined(input: &Value, option: &str, value: &str) -> bool {
    let of = |it: &&Value| it.text("name") == option;
    !input.has("productOptions")
        || input
            .list("productOptions")
            .iter()
            .find(of)
            .is_some_and(|option| option.list("values").iter().any(|known| known.text("name") == value))
}

pub(crate) fn chosen(world: &World, variant: &str) -> Vec<(String, String)> {
    let pair = |it: &Value| (it.text("name").to_owned(), it.text("value").to_owned());
    world.get(variant).map(|variant| variant.list("selectedOptions").iter().map(pair).collect()).unwrap_or_default()
}

fn create(world: &mut World) -> String {
    let now = world.now_text();
    world.create("Product", json!({
        "title": "", "handle": "", "descriptionHtml": "", "vendor": "", "productType": "", "status": "ACTIVE", "tags": [],
        "category": null, "seo": { "title": null, "description": null }, "isGiftCard": false, "templateSuffix": null,
        "publishedAt": null, "options": [], "variants": [], "metafields": [], "createdAt": now, "updatedAt": now,
    }))
}

fn write(world: &mut World, product: &str, input: &Value) {
    for name in ["title", "descriptionHtml", "vendor", "productType", "status", "tags", "seo"] {
        if input.has(name) {
            world.set(product, name, input.at(name).clone());
        }
    }
    let current = world.get(product).map(|it| it.text("handle").to_owned()).unwrap_or_default();
    if input.has("handle") || current.is_empty() {
        let handle =
            if input.has("handle") { input.text("handle").to_owned() } else { free_handle(world, input.text("title")) };
        world.hold("Product", "handle", &handle, product);
        world.set(product, "handle", handle);
    }
    if let Some(metafields) = input.get("metafields") {
        world.set_metafields(product, "PRODUCT", metafields.as_array().map_or(&[], Vec::as_slice));
    }
}

/// `Moby-Dick; or, The Whale` becomes `moby-dick-or-the-whale`, or that with a number when it is taken.
fn free_handle(world: &World, title: &str) -> String {
    let letters: String =
        title.to_lowercase().chars().map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
    let handle = letters.split_whitespace().collect::<Vec<_>>().join("-");
    let handle = if handle.is_empty() { "product".to_owned() } else { handle };
    (0..)
        .map(|number| if number == 0 { handle.clone() } else { format!("{handle}-{number}") })
        .find(|handle| world.holder("Product", "handle", handle).is_none())
        .unwrap_or(handle)
}

fn write_custom_id(world: &mut World, product: &str, custom: &Value) {
    let mut fields: Vec<Value> = world
        .get(product)
        .map(|it| it.ids("metafields"))
        .unwrap_or_default()
        .iter()
        .filter_map(|id| world.get(id))
        .filter(|field| field.at("key") != custom.at("key") || field.at("namespace") != custom.at("namespace"))
        .map(|field| Value::Object(field.clone()))
        .collect();
    let mut own = custom.clone();
    own["type"] = json!("id");
    fields.push(own);
    world.set_metafields(product, "PRODUCT", &fields);
}

fn write_options(world: &mut World, product: &str, input: &Value, names: &[String]) {
    let mut options = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let given = input.list("productOptions").get(place).map(|option| option.list("values")).unwrap_or_default();
        let values: Vec<&str> = given.iter().map(|value| value.text("name")).collect();
        let with_ids: Vec<Value> = values
            .iter()
            .map(|value| json!({ "id": crate::world::gid("ProductOptionValue", world.number()), "name": value, "hasVariants": true }))
            .collect();
        options.push(json!({ "id": crate::world::gid("ProductOption", world.number()), "name": name,
            "position": place + 1, "values": values, "optionValues": with_ids }));
    }
    world.set(product, "options", options);
}

fn write_variants(world: &mut World, product: &str, planned: Plan<'_>) {
    let before = world.get(product).map(|it| it.ids("variants")).unwrap_or_default();
    let mut after = Vec::new();
    for (existing, choices, input) in planned {
        after.push(match existing {
            Some(variant) => {
                world.choose(&variant, &choices);
                world.write_variant(&variant, input);
                variant
            }
            None => world.create_variant(product, &choices, input),
        });
    }
    for variant in before.iter().filter(|variant| !after.contains(variant)) {
        world.remove_variant(variant);
    }
    world.set_variants(product, after);
}

/// The record of an asynchronous call: its answer says CREATED, whoever asks later finds it complete.
fn operation(world: &mut World, product: &str) -> Value {
    let id = world.create("ProductSetOperation", json!({ "status": "COMPLETE", "product": product, "userErrors": [] }));
    json!({ "__typename": "ProductSetOperation", "id": id, "status": "CREATED", "product": null, "userErrors": [] })
}
