//! `fulfillmentCreate`: goods left. Without line items everything that remains did. A repetition ships again, or is refused
//! when nothing remains: the call has no idempotency of its own.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::webhooks::payload;
use crate::world::{Fields, World};

/// Part of a fulfilment order that leaves: order, line and units.
struct Leaving {
    fulfillment_order: String,
    line: String,
    quantity: i64,
}

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let input = arguments.at("fulfillment");
    let leaving = leaving(world, input)?;
    let order = order_of(world, &leaving)?;
    let location = place_of(world, &leaving);
    let now = world.now_text();
    let mut lines = Vec::new();
    for part in &leaving {
        lines.push(ship(world, part, &location));
    }
    let tracking = tracking(input.at("trackingInfo"));
    let total: i64 = leaving.iter().map(|part| part.quantity).sum();
    let count = world.get(&order).map(|order| order.list("fulfillments").len()).unwrap_or_default() + 1;
    let name = world.get(&order).map(|order| order.text("name").to_owned()).unwrap_or_default();
    let fulfillment = world.create(
        "Fulfillment",
        json!({
            "name": format!("{name}-F{count}"), "status": "SUCCESS", "displayStatus": "FULFILLED", "order": order,
            "location": location, "trackingInfo": tracking, "totalQuantity": total, "fulfillmentLineItems": lines,
            "requiresShipping": true, "deliveredAt": null, "inTransitAt": null, "estimatedDeliveryAt": null,
            "createdAt": now, "updatedAt": now,
        }),
    );
    let mut all = world.get(&order).map(|order| order.list("fulfillments").to_vec()).unwrap_or_default();
    all.push(json!(fulfillment));
    world.set(&order, "fulfillments", all);
    settle(world, &order, &leaving);
    let told = payload::fulfillment(world, &fulfillment);
    world.emit("FULFILLMENTS_CREATE", &told);
    let told = payload::order(world, &order);
    world.emit("ORDERS_UPDATED", &told);
    Ok(json!({ "fulfillment": fulfillment }))
}

fn leaving(world: &World, input: &Value) -> Result<Vec<Leaving>, Vec<Value>> {
    let mut leaving = Vec::new();
    for group in input.list("lineItemsByFulfillmentOrder") {
        let id = group.text("fulfillmentOrderId");
        let Some(order) = world.of("FulfillmentOrder", id) else {
            return refuse(&["fulfillment"], "", "Fulfillment order does not exist.");
        };
        if !matches!(order.text("status"), "OPEN" | "IN_PROGRESS") {
            let message =
                format!("Fulfillment order {id} has an unfulfillable status= {}.", order.text("status").to_lowercase());
            return refuse(&["fulfillment"], "", &message);
        }
        let part =
            |line: &str, quantity: i64| Leaving { fulfillment_order: id.to_owned(), line: line.to_owned(), quantity };
        let remaining = |line: &str| world.get(line).map_or(0, |line| line.whole("remainingQuantity"));
        let lines = order.ids("lineItems");
        if !group.has("fulfillmentOrderLineItems") {
            leaving.extend(lines.iter().filter(|line| remaining(line) > 0).map(|line| part(line, remaining(line))));
            continue;
        }
        for wanted in group.list("fulfillmentOrderLineItems") {
            let (line, quantity) = (wanted.text("id"), wanted.whole("quantity"));
            if !lines.iter().any(|known| known == line) {
                return refuse(&["fulfillment"], "", "Fulfillment order line item does not exist.");
            }
            if quantity < 1 || quantity > remaining(line) {
                return refuse(&["fulfillment"], "", "Invalid fulfillment order line item quantity requested.");
            }
            leaving.push(part(line, quantity));
        }
    }
    if leaving.is_empty() { refuse(&["fulfillment"], "", "Nothing is left to fulfill.") } else { Ok(leaving) }
}

/// The one order all parts are of.
fn order_of(world: &World, leaving: &[Leaving]) -> Result<String, Vec<Value>> {
    let about = |part: &Leaving| {
        let order = world.get(&part.fulfillment_order);
        order.map(|order| (order.text("order").to_owned(), order.at("assignedLocation").text("location").to_owned()))
    };
    let first = leaving.first().and_then(about);
    match first {
        Some((order, _)) if leaving.iter().all(|part| about(part) == first) => Ok(order),
        Some(_) | None => refuse(&["fulfillment"], "", "All fulfillment orders must be of one order and one location."),
    }
}

fn place_of(world: &World, leaving: &[Leaving]) -> String {
    let order = leaving.first().and_then(|part| world.get(&part.fulfillment_order));
    order.map(|order| order.at("assignedLocation").text("location").to_owned()).unwrap_or_default()
}

fn ship(world: &mut World, part: &Leaving, location: &str) -> Value {
    let line = world.get(&part.line).cloned().unwrap_or_default();
    world.set(&part.line, "remainingQuantity", line.whole("remainingQuantity") - part.quantity);
    let item = line.text("inventoryItemId");
    world.move_stock(item, location, &[("committed", -part.quantity), ("on_hand", -part.quantity)]);
    let order_line = line.text("lineItem").to_owned();
    let open = world.get(&order_line).map_or(0, |line| line.whole("unfulfilledQuantity"));
    world.set(&order_line, "unfulfilledQuantity", open - part.quantity);
    world.set(&order_line, "fulfillableQuantity", open - part.quantity);
    let id = crate::world::gid("FulfillmentLineItem", world.number());
    json!({ "__typename": "FulfillmentLineItem", "id": id, "lineItem": order_line, "quantity": part.quantity })
}

fn tracking(given: &Value) -> Vec<Value> {
    let mut numbers: Vec<&str> = given.list("numbers").iter().filter_map(Value::as_str).collect();
    if given.has("number") {
        numbers.push(given.text("number"));
    }
    let mut urls: Vec<&str> = given.list("urls").iter().filter_map(Value::as_str).collect();
    if given.has("url") {
        urls.push(given.text("url"));
    }
    let length = numbers.len().max(urls.len());
    (0..length)
        .map(|at| json!({ "company": given.at("company"), "number": numbers.get(at), "url": urls.get(at) }))
        .collect()
}

/// Brings the states of the orders up to date.
fn settle(world: &mut World, order: &str, leaving: &[Leaving]) {
    for part in leaving {
        let lines = world.get(&part.fulfillment_order).map(|it| it.ids("lineItems")).unwrap_or_default();
        let open = lines.iter().filter_map(|line| world.get(line)).any(|line| line.whole("remainingQuantity") > 0);
        world.set(&part.fulfillment_order, "status", if open { "IN_PROGRESS" } else { "CLOSED" });
        world.touch(&part.fulfillment_order);
    }
    let orders = world.get(order).map(|order| order.ids("fulfillmentOrders")).unwrap_or_default();
    let done =
        orders.iter().filter_map(|id| world.get(id)).all(|it| matches!(it.text("status"), "CLOSED" | "CANCELLED"));
    world.set(order, "displayFulfillmentStatus", if done { "FULFILLED" } else { "PARTIALLY_FULFILLED" });
    world.touch(order);
}
