//! An order is changed after it was bought: the merchant edits it, or gives money back with or without its goods.

use serde_json::{Value, json};

use super::buy::{bag, fulfillment_line, line};
use super::variant_of;
use crate::webhooks::payload;
use crate::world::{Fields, Object, World};

/// `{"orderId", "items": [{"sku", "quantity", "restock": "cancel" | "return" | "no_restock"}], "pence"}`: goods and money are taken
/// back; gives the order as its webhook does.
pub(super) fn refund(world: &mut World, body: &Value) -> Result<Value, String> {
    let (id, order) = order(world, body)?;
    let mut about = Vec::new();
    for item in body.list("items") {
        let (quantity, restock) = (item.whole("quantity"), item.text("restock"));
        let mut lines = lines_of(world, &order, item.text("sku")).into_iter();
        let found = lines.find(|(_, fields)| (1..=fields.whole("currentQuantity")).contains(&quantity));
        let (line, fields) = found.ok_or("no line has so many")?;
        world.set(&line, "currentQuantity", fields.whole("currentQuantity") - quantity);
        world.set(&line, "refundableQuantity", fields.whole("refundableQuantity") - quantity);
        let location = match restock {
            "return" => {
                let location = world.primary_location();
                let stocked = item_of(world, &fields);
                world.move_stock(&stocked, &location, &[("available", quantity)]);
                Some(location)
            }
            _ => take_out(world, &order, &line, quantity),
        };
        about.push(json!({ "lineItem": line, "quantity": quantity, "restockType": restock, "location": location }));
    }
    let (paid, before) = (pence(order.at("totalPriceSet")), pence(order.at("totalRefundedSet")));
    let (given, now) = (body.whole("pence"), world.now_text());
    if given < 0 || before + given > paid {
        return Err("there is not so much to give back".to_owned());
    }
    let amount = bag(world, given);
    let refund = world.create("Refund", json!({
        "order": id, "note": null, "totalRefundedSet": amount, "refundLineItems": about, "createdAt": now, "updatedAt": now,
    }));
    let mut refunds = order.ids("refunds");
    refunds.push(refund.clone());
    world.set(&id, "refunds", refunds);
    let all = bag(world, before + given);
    world.set(&id, "totalRefundedSet", all);
    if given > 0 {
        let status = if before + given == paid { "REFUNDED" } else { "PARTIALLY_REFUNDED" };
        world.set(&id, "displayFinancialStatus", status);
    }
    world.touch(&id);
    let of_refund = payload::refund(world, &refund);
    world.emit("REFUNDS_CREATE", &of_refund);
    Ok(told(world, &id))
}

/// `{"orderId", "items": [{"sku", "quantity"}], "unpaid"?}`: so many are in the order from now on; what is added is paid for.
pub(super) fn edit(world: &mut World, body: &Value) -> Result<Value, String> {
    let (id, order) = order(world, body)?;
    for item in body.list("items") {
        let (sku, wanted) = (item.text("sku"), item.whole("quantity"));
        let lines = lines_of(world, &order, sku);
        let current: i64 = lines.iter().map(|(_, fields)| fields.whole("currentQuantity")).sum();
        if wanted > current {
            add(world, &id, sku, wanted - current)?;
        }
        let mut fewer = current - wanted;
        for (line, fields) in lines.into_iter().rev() {
            let taken = fields.whole("currentQuantity").min(fewer);
            if taken > 0 {
                world.set(&line, "currentQuantity", fields.whole("currentQuantity") - taken);
                take_out(world, &order, &line, taken);
                fewer -= taken;
            }
        }
    }
    world.set(&id, "displayFinancialStatus", if body.flag("unpaid") { "PARTIALLY_PAID" } else { "PAID" });
    world.touch(&id);
    Ok(told(world, &id))
}

/// More of something is a line of its own.
fn add(world: &mut World, order: &str, sku: &str, quantity: i64) -> Result<(), String> {
    let variant = variant_of(world, sku)?;
    let (line, price) = line(world, &variant, quantity);
    let to_fulfil = fulfillment_line(world, &line, &variant, quantity);
    let fields = world.get(order).cloned().unwrap_or_default();
    let mut lines = fields.ids("lineItems");
    lines.push(line);
    world.set(order, "lineItems", lines);
    let total = bag(world, pence(fields.at("totalPriceSet")) + price * quantity);
    world.set(order, "totalPriceSet", total);
    if let Some(fulfillment_order) = fields.ids("fulfillmentOrders").first() {
        let mut open = world.get(fulfillment_order).map(|it| it.ids("lineItems")).unwrap_or_default();
        open.push(to_fulfil);
        world.set(fulfillment_order, "lineItems", open);
    }
    let item = world.get(&variant).map(|variant| variant.text("inventoryItem").to_owned()).unwrap_or_default();
    let location = world.primary_location();
    world.move_stock(&item, &location, &[("available", -quantity), ("committed", quantity)]);
    Ok(())
}

/// Units that are not sent any more go back on the shelf. Where that is.
fn take_out(world: &mut World, order: &Object, line: &str, quantity: i64) -> Option<String> {
    let mut left = quantity;
    let mut location = None;
    for fulfillment_order in order.ids("fulfillmentOrders") {
        let fields = world.get(&fulfillment_order).cloned().unwrap_or_default();
        for open in fields.ids("lineItems") {
            let of = world.get(&open).cloned().unwrap_or_default();
            let taken = if of.text("lineItem") == line { of.whole("remainingQuantity").min(left) } else { 0 };
            if taken > 0 {
                let place = fields.at("assignedLocation").text("location").to_owned();
                world.set(&open, "remainingQuantity", of.whole("remainingQuantity") - taken);
                world.move_stock(of.text("inventoryItemId"), &place, &[("available", taken), ("committed", -taken)]);
                location = Some(place);
                left -= taken;
            }
        }
    }
    location
}

fn order(world: &World, body: &Value) -> Result<(String, Object), String> {
    let id = body.text("orderId").to_owned();
    let order = world.of("Order", &id).cloned().ok_or("there is no such order")?;
    Ok((id, order))
}

fn lines_of(world: &World, order: &Object, sku: &str) -> Vec<(String, Object)> {
    let lines = order.ids("lineItems").into_iter().filter_map(|id| world.get(&id).cloned().map(|fields| (id, fields)));
    lines.filter(|(_, fields)| fields.text("sku") == sku).collect()
}

fn item_of(world: &World, line: &Object) -> String {
    world.get(line.text("variant")).map(|variant| variant.text("inventoryItem").to_owned()).unwrap_or_default()
}

fn pence(set: &Value) -> i64 {
    set.at("shopMoney").text("amount").replace('.', "").parse().unwrap_or_default()
}

fn told(world: &mut World, order: &str) -> Value {
    let told = payload::order(world, order);
    world.emit("ORDERS_UPDATED", &told);
    told
}
