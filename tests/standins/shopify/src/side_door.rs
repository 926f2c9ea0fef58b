//! The side door, `POST /_standin/<what>`: what a merchant, a customer or bad luck does in a real shop. No key: it is not
//! part of what is stood in for.

mod amend;
mod buy;

use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::Fault;
use crate::mutations::{customer, product_set};
use crate::variants;
use crate::webhooks::payload;
use crate::world::{Fields, Object, World};

/// Does it; `Err` says what was wrong. Delivering webhooks is the server's.
pub(crate) fn enter(world: &mut World, what: &str, body: &Value) -> Result<Value, String> {
    match what {
        "buy" => buy::apply(world, body),
        "cancel-order" => cancel(world, body),
        "edit-order" => amend::edit(world, body),
        "refund" => amend::refund(world, body),
        "product" => change_product(world, body),
        "products" => {
            let count = body.at("count").as_u64().ok_or("count is missing")?;
            for number in 1..=count {
                let input = json!({ "input": { "title": format!("Product {number}") } });
                product_set::apply(world, &input).map_err(|errors| json!(errors).to_string())?;
            }
            Ok(json!({}))
        }
        "customer" => change_customer(world, body),
        "inventory" => change_stock(world, body),
        "faults" => {
            let fault: Fault = serde_json::from_value(body.clone()).map_err(|error| error.to_string())?;
            world.faults.add(fault);
            Ok(json!({}))
        }
        "clock" => {
            let seconds = body.at("advanceSeconds").as_u64().ok_or("advanceSeconds is missing")?;
            world.advance(Duration::from_secs(seconds));
            Ok(json!({ "now": world.now().to_string() }))
        }
        "bucket" => {
            let points = |name: &str| body.at(name).as_u64().and_then(|points| u32::try_from(points).ok());
            let now = world.now();
            world.bucket.set(points("maximum"), points("restore"), points("available"), now);
            Ok(world.bucket.status(now))
        }
        "bulk-finish" => {
            world.finish_bulk();
            Ok(json!({}))
        }
        "uninstall" => {
            uninstall(world);
            Ok(json!({}))
        }
        "rotate-secret" => {
            world.app.rotate_secret(body.text("secret").to_owned());
            Ok(json!({}))
        }
        "scopes" => {
            world.app.grant(body.ids("scopes"));
            Ok(json!({}))
        }
        "hold" => {
            world.hooks.held = body.flag("held");
            Ok(json!({}))
        }
        "tell" => {
            world.emit(body.text("topic"), body.at("payload"));
            Ok(json!({}))
        }
        "counters" => {
            let mut report = world.counters.report(world.bucket.peak());
            report["waitingDeliveries"] = json!(world.hooks.waiting());
            Ok(report)
        }
        "objects" => Ok(json!(world.all(body.text("type")).iter().filter_map(|id| world.get(id)).collect::<Vec<_>>())),
        _ => Err(format!("there is no side door to {what}")),
    }
}

/// The app is gone: its tokens work no more, and it is told so once.
fn uninstall(world: &mut World) {
    let shop: Object = world.all("Shop").first().and_then(|id| world.get(id)).cloned().unwrap_or_default();
    world.emit("APP_UNINSTALLED", &json!({
        "id": crate::world::legacy(shop.text("id")), "name": shop.text("name"), "email": shop.text("email"),
        "domain": shop.text("myshopifyDomain"), "myshopify_domain": shop.text("myshopifyDomain"),
        "currency": shop.text("currencyCode"), "created_at": shop.at("createdAt"), "updated_at": shop.at("updatedAt"),
    }));
    world.app.uninstall();
    for id in world.all("WebhookSubscription").to_vec() {
        world.remove(&id);
    }
}

/// The product with this SKU, handle or id, as somebody changes it in the shop: `{"sku", "set": {field: value}}`.
fn change_product(world: &mut World, body: &Value) -> Result<Value, String> {
    let product = if body.has("sku") {
        let variant = variant_of(world, body.text("sku"))?;
        world.get(&variant).map(|variant| variant.text("product").to_owned())
    } else {
        crate::computed::find(world, "Product", body)
    };
    let product = product.ok_or("there is no such product")?;
    for (name, value) in body.at("set").as_object().into_iter().flatten() {
        if name == "handle" {
            world.hold("Product", "handle", value.as_str().unwrap_or_default(), &product);
        }
        world.set(&product, name, value.clone());
    }
    if let (true, Ok(variant)) = (body.has("setVariant"), variant_of(world, body.text("sku"))) {
        world.write_variant(&variant, body.at("setVariant"));
    }
    world.touch(&product);
    let told = payload::product(world, &product);
    world.emit("PRODUCTS_UPDATE", &told);
    Ok(told)
}

/// The customer with this address or id, as somebody changes them in the shop or makes them there: `{"email", "set": {field: value}}`.
fn change_customer(world: &mut World, body: &Value) -> Result<Value, String> {
    let known = crate::computed::find(world, "Customer", body);
    if known.is_none() && body.has("id") {
        return Err("there is no such customer".to_owned());
    }
    let topic = if known.is_some() { "CUSTOMERS_UPDATE" } else { "CUSTOMERS_CREATE" };
    let customer = known.unwrap_or_else(|| customer::create(world));
    customer::write(world, &customer, body.at("set"), &json!({ "email": body.at("email") }));
    let told = payload::customer(world, &customer);
    world.emit(topic, &told);
    Ok(told)
}

/// `{"sku", "available", "locationId"?}`: somebody counted.
fn change_stock(world: &mut World, body: &Value) -> Result<Value, String> {
    let variant = variant_of(world, body.text("sku"))?;
    let location = if body.has("locationId") { body.text("locationId").to_owned() } else { world.primary_location() };
    let quantity = json!([{ "locationId": location, "quantity": body.at("available") }]);
    if !variants::wrong(world, &json!({ "inventoryQuantities": quantity }), &[]).is_empty() {
        return Err("there is no such location".to_owned());
    }
    world.write_variant(&variant, &json!({ "inventoryQuantities": quantity }));
    Ok(json!({ "variantId": variant }))
}

fn cancel(world: &mut World, body: &Value) -> Result<Value, String> {
    let id = body.text("orderId").to_owned();
    let order = world.of("Order", &id).cloned().ok_or("there is no such order")?;
    let now = world.now_text();
    world.set(&id, "cancelledAt", now);
    world.set(&id, "cancelReason", "CUSTOMER");
    for fulfillment_order in order.ids("fulfillmentOrders") {
        let location = world.get(&fulfillment_order).map(|it| it.at("assignedLocation").text("location").to_owned());
        for line in world.get(&fulfillment_order).map(|it| it.ids("lineItems")).unwrap_or_default() {
            let line_fields = world.get(&line).cloned().unwrap_or_default();
            let left = line_fields.whole("remainingQuantity");
            let item = line_fields.text("inventoryItemId");
            world.move_stock(
                item,
                location.as_deref().unwrap_or_default(),
                &[("available", left), ("committed", -left)],
            );
            world.set(&line, "remainingQuantity", 0);
        }
        world.set(&fulfillment_order, "status", "CANCELLED");
        world.touch(&fulfillment_order);
    }
    world.touch(&id);
    let told = payload::order(world, &id);
    world.emit("ORDERS_CANCELLED", &told);
    world.emit("ORDERS_UPDATED", &told);
    Ok(told)
}

fn variant_of(world: &World, sku: &str) -> Result<String, String> {
    let mut all = world.all("ProductVariant").iter();
    all.find(|id| world.get(id).is_some_and(|variant| variant.text("sku") == sku))
        .cloned()
        .ok_or_else(|| format!("there is no variant {sku}"))
}
