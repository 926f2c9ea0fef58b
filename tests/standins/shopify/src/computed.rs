//! Fields that are worked out instead of kept: the root of queries, what depends on arguments, and sums.

use apollo_compiler::resolvers::FieldError;
use serde_json::{Value, json};

use crate::resolve::{Execution, not_kept};
use crate::search::Filter;
use crate::world::{Fields, Object, World, legacy};

/// The value of a worked-out field; `None` when it is a kept one.
pub(crate) fn field(
    execution: &Execution<'_>,
    kind: &str,
    fields: &Object,
    name: &str,
    arguments: &Value,
) -> Result<Option<Value>, FieldError> {
    let world = execution.world;
    Ok(Some(match (kind, name) {
        ("QueryRoot", "shop") => return Ok(None),
        ("QueryRoot", _) => return query(execution, name, arguments).map(Some),
        (_, "legacyResourceId") => json!(legacy(fields.text("id")).to_string()),
        (_, "metafield") => metafield(world, fields, arguments),
        ("Product", "totalInventory") => {
            json!(fields.ids("variants").iter().map(|id| available(world, id)).sum::<i64>())
        }
        ("Product", "variantsCount") => json!({ "count": fields.list("variants").len(), "precision": "EXACT" }),
        ("Product", "totalVariants") => json!(fields.list("variants").len()),
        ("ProductVariant", "inventoryQuantity") => json!(available(world, fields.text("id"))),
        ("InventoryItem", "inventoryLevel") => json!(level_of(world, fields.text("id"), arguments.text("locationId"))),
        ("InventoryLevel", "quantities") => quantities(fields, arguments)?,
        ("Order", "fulfillments") | ("Customer", "addresses") | ("Fulfillment", "trackingInfo") => {
            let first = usize::try_from(arguments.at("first").as_u64().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
            json!(fields.list(name).iter().take(first).collect::<Vec<_>>())
        }
        ("Customer", "addressesV2") => fields.at("addresses").clone(),
        _ => return Ok(None),
    }))
}

/// Ids of levels are made of the location's and the item's.
pub(crate) fn level_id(item: &str, location: &str) -> String {
    format!("gid://shopify/InventoryLevel/{}?inventory_item_id={}", legacy(location), legacy(item))
}

fn level_of(world: &World, item: &str, location: &str) -> Option<String> {
    let id = level_id(item, location);
    world.get(&id).map(|_| id)
}

/// What can be sold of a variant, over all locations.
pub(crate) fn available(world: &World, variant: &str) -> i64 {
    let item = world.get(variant).map(|variant| variant.text("inventoryItem")).unwrap_or_default();
    let levels = world.get(item).map(|item| item.ids("inventoryLevels")).unwrap_or_default();
    levels.iter().filter_map(|id| world.get(id)).map(|level| level.at("amounts").whole("available")).sum()
}

fn quantities(level: &Object, arguments: &Value) -> Result<Value, FieldError> {
    let amounts = level.at("amounts");
    let quantity = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        match amounts.get(name) {
            Some(quantity) => Ok(json!({
                "id": format!("{}&name={name}", level.text("id").replace("InventoryLevel", "InventoryQuantity")),
                "name": name, "quantity": quantity, "updatedAt": level.at("updatedAt"),
            })),
            None => Err(FieldError { message: format!("'{name}' is not a quantity name the stand-in keeps") }),
        }
    };
    Ok(Value::Array(arguments.list("names").iter().map(quantity).collect::<Result<_, _>>()?))
}

fn metafield(world: &World, owner: &Object, arguments: &Value) -> Value {
    let wanted = |id: &String| {
        world.get(id).is_some_and(|field| {
            field.text("key") == arguments.text("key") && field.at("namespace") == arguments.at("namespace")
        })
    };
    json!(owner.ids("metafields").into_iter().find(wanted))
}

fn query(execution: &Execution<'_>, name: &str, arguments: &Value) -> Result<Value, FieldError> {
    let world = execution.world;
    let by_id = |id: &str| json!(world.get(id).map(|_| id));
    if let Some(kind) = listed(name) {
        return Ok(json!(world.all(kind)));
    }
    Ok(match name {
        "node"
        | "product"
        | "productVariant"
        | "customer"
        | "order"
        | "fulfillmentOrder"
        | "fulfillment"
        | "inventoryItem"
        | "inventoryLevel"
        | "webhookSubscription"
        | "bulkOperation"
        | "productOperation" => {
            let id = arguments.text("id");
            // An id of another type is not found, as in the shop.
            if name == "node" || matches_kind(world, id, name) { by_id(id) } else { Value::Null }
        }
        "location" if arguments.has("id") => by_id(arguments.text("id")),
        "location" => json!(world.primary_location()),
        "nodes" => Value::Array(arguments.ids("ids").iter().map(|id| by_id(id)).collect()),
        "currentAppInstallation" | "appInstallation" => world.app.installation(),
        "productByIdentifier" => json!(find(world, "Product", arguments.at("identifier"))),
        "customerByIdentifier" => json!(find(world, "Customer", arguments.at("identifier"))),
        "productVariantsCount" => {
            // The shop drops the filter without a word in the data; so does this one.
            if arguments.has("query") {
                execution.warnings.borrow_mut().push(json!({
                    "path": ["productVariantsCount"], "query": arguments.at("query"),
                    "warnings": [{ "field": "query", "message": "Filters are not applied to this count." }],
                }));
            }
            json!({ "count": world.all("ProductVariant").len(), "precision": "EXACT" })
        }
        "productsCount" | "customersCount" | "ordersCount" => {
            let kind = match name {
                "productsCount" => "Product",
                "customersCount" => "Customer",
                _ => "Order",
            };
            let filter = Filter::parse(kind, arguments.text("query"));
            filter.warn(execution, name);
            let count = world.all(kind).iter().filter_map(|id| world.get(id)).filter(|it| filter.admits(it)).count();
            json!({ "count": count, "precision": "EXACT" })
        }
        "currentBulkOperation" => json!(world.bulk.current(arguments.text("type"))),
        _ => return Err(not_kept("QueryRoot", name)),
    })
}

/// The type of the objects that a list of the root has.
fn listed(name: &str) -> Option<&'static str> {
    Some(match name {
        "products" => "Product",
        "productVariants" => "ProductVariant",
        "customers" => "Customer",
        "orders" => "Order",
        "fulfillmentOrders" => "FulfillmentOrder",
        "inventoryItems" => "InventoryItem",
        "locations" => "Location",
        "webhookSubscriptions" => "WebhookSubscription",
        "bulkOperations" => "BulkOperation",
        "metafieldDefinitions" => "MetafieldDefinition",
        _ => return None,
    })
}

fn matches_kind(world: &World, id: &str, name: &str) -> bool {
    let kind = world.get(id).map(|object| object.text("__typename")).unwrap_or_default();
    match name {
        "productOperation" => kind == "ProductSetOperation",
        _ => kind.eq_ignore_ascii_case(name),
    }
}

/// Who has this identifier: `id`, `handle`, `customId`, or a customer's address or number.
pub(crate) fn find(world: &World, kind: &str, identifier: &Value) -> Option<String> {
    let held = |what: &str, value: &str| world.holder(kind, what, value).map(str::to_owned);
    if identifier.has("id") {
        let id = identifier.text("id");
        return world.of(kind, id).map(|_| id.to_owned());
    }
    if identifier.has("customId") {
        let custom = identifier.at("customId");
        return held(&custom_name(custom), custom.text("value"));
    }
    let names = [
        ("handle", "handle"),
        ("email", "email"),
        ("emailAddress", "email"),
        ("phone", "phone"),
        ("phoneNumber", "phone"),
    ];
    names.iter().find(|(name, _)| identifier.has(name)).and_then(|(name, what)| held(what, identifier.text(name)))
}

/// What a metafield that identifies is called among the unique values.
pub(crate) fn custom_name(custom: &Value) -> String {
    format!("metafield {}.{}", custom.text("namespace"), custom.text("key"))
}
