//! A customer buys: an order, paid, with one fulfilment order a location, and stock promised to it.

use serde_json::{Value, json};

use super::variant_of;
use crate::mutations::customer;
use crate::webhooks::payload;
use crate::world::{Fields, World};

/// `{"items": [{"sku", "quantity"}], "email"?, "shippingAddress"?, "note"?}`; gives the order as its webhook does.
pub(super) fn apply(world: &mut World, body: &Value) -> Result<Value, String> {
    let mut items = Vec::new();
    for item in body.list("items") {
        let quantity = item.whole("quantity");
        if quantity < 1 {
            return Err("a quantity is 1 or more".to_owned());
        }
        items.push((variant_of(world, item.text("sku"))?, quantity));
    }
    if items.is_empty() {
        return Err("nothing is bought".to_owned());
    }
    let customer = buyer(world, body);
    let order = order(world, body, &customer);
    let location = world.primary_location();
    let (mut lines, mut to_fulfil, mut total) = (Vec::new(), Vec::new(), 0);
    for (variant, quantity) in items {
        let (line, pence) = line(world, &variant, quantity);
        total += pence * quantity;
        to_fulfil.push(fulfillment_line(world, &line, &variant, quantity));
        let item = world.get(&variant).map(|variant| variant.text("inventoryItem").to_owned()).unwrap_or_default();
        world.move_stock(&item, &location, &[("available", -quantity), ("committed", quantity)]);
        lines.push(line);
    }
    let fulfillment_order = fulfillment_order(world, &order, &location, to_fulfil);
    world.set(&order, "lineItems", lines);
    world.set(&order, "fulfillmentOrders", vec![fulfillment_order]);
    let price = bag(world, total);
    for name in ["totalPriceSet", "currentTotalPriceSet", "subtotalPriceSet", "originalTotalPriceSet"] {
        world.set(&order, name, price.clone());
    }
    let told = payload::order(world, &order);
    world.emit("ORDERS_CREATE", &told);
    Ok(told)
}

fn buyer(world: &mut World, body: &Value) -> Option<String> {
    let email = body.at("email").as_str()?.to_owned();
    if let Some(known) = world.holder("Customer", "email", &email) {
        return Some(known.to_owned());
    }
    let customer = customer::create(world);
    let address = body.at("shippingAddress");
    let mut input = json!({ "email": email, "firstName": address.at("firstName"), "lastName": address.at("lastName") });
    if !address.is_null() {
        input["addresses"] = json!([address]);
    }
    customer::write(world, &customer, &input, &Value::Null);
    let told = payload::customer(world, &customer);
    world.emit("CUSTOMERS_CREATE", &told);
    Some(customer)
}

fn order(world: &mut World, body: &Value, customer: &Option<String>) -> String {
    let now = world.now_text();
    let number = 1001 + world.all("Order").len();
    let shipping = body.at("shippingAddress");
    let address = if shipping.is_null() { Value::Null } else { customer::address(world, shipping) };
    let zero = bag(world, 0);
    world.create("Order", json!({
        "name": format!("#{number}"), "number": number, "email": body.at("email"), "phone": null, "note": body.at("note"),
        "customer": customer, "shippingAddress": address, "billingAddress": address, "currencyCode": world.currency,
        "presentmentCurrencyCode": world.currency, "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED", "fulfillments": [], "tags": [], "test": false, "taxesIncluded": true,
        "totalTaxSet": zero, "currentTotalTaxSet": zero, "totalDiscountsSet": zero, "totalShippingPriceSet": zero,
        "totalRefundedSet": zero, "refunds": [], "cancelledAt": null, "cancelReason": null, "closedAt": null, "closed": false,
        "confirmed": true, "sourceName": "web", "metafields": [], "taxLines": [], "shippingLines": [], "shippingLine": null,
        "discountCodes": [], "customAttributes": [], "createdAt": now, "processedAt": now, "updatedAt": now,
    }))
}

/// A line, and what one unit costs in hundredths.
pub(super) fn line(world: &mut World, variant: &str, quantity: i64) -> (String, i64) {
    let fields = world.get(variant).cloned().unwrap_or_default();
    let title = world.get(fields.text("product")).map(|product| product.text("title").to_owned()).unwrap_or_default();
    let pence: i64 = fields.text("price").replace('.', "").parse().unwrap_or_default();
    let (unit, all, zero) = (bag(world, pence), bag(world, pence * quantity), bag(world, 0));
    let line = world.create(
        "LineItem",
        json!({
            "title": title, "name": format!("{title} - {}", fields.text("title")), "variantTitle": fields.at("title"),
            "sku": fields.at("sku"), "variant": variant, "product": fields.at("product"), "quantity": quantity,
            "currentQuantity": quantity, "fulfillableQuantity": quantity, "unfulfilledQuantity": quantity,
            "nonFulfillableQuantity": 0, "refundableQuantity": quantity, "requiresShipping": true, "taxable": true,
            "isGiftCard": false, "vendor": null, "originalUnitPriceSet": unit, "discountedUnitPriceSet": unit,
            "discountedUnitPriceAfterAllDiscountsSet": unit, "originalTotalSet": all, "discountedTotalSet": all,
            "totalDiscountSet": zero, "taxLines": [], "customAttributes": [], "discountAllocations": [],
        }),
    );
    (line, pence)
}

pub(super) fn fulfillment_line(world: &mut World, line: &str, variant: &str, quantity: i64) -> String {
    let fields = world.get(line).cloned().unwrap_or_default();
    let item = world.get(variant).map(|variant| variant.text("inventoryItem").to_owned()).unwrap_or_default();
    world.create(
        "FulfillmentOrderLineItem",
        json!({
            "lineItem": line, "inventoryItemId": item, "sku": fields.at("sku"), "productTitle": fields.at("title"),
            "variantTitle": fields.at("variantTitle"), "variant": variant, "vendor": null, "requiresShipping": true,
            "remainingQuantity": quantity, "totalQuantity": quantity,
        }),
    )
}

fn fulfillment_order(world: &mut World, order: &str, location: &str, lines: Vec<String>) -> String {
    let now = world.now_text();
    let place = world.get(location).map(|location| location.text("name").to_owned()).unwrap_or_default();
    let name = world.get(order).map(|order| order.text("name").to_owned()).unwrap_or_default();
    world.create("FulfillmentOrder", json!({
        "order": order, "orderId": order, "orderName": name, "status": "OPEN", "requestStatus": "UNSUBMITTED",
        "assignedLocation": { "location": location, "name": place, "countryCode": "GB", "address1": null, "address2": null,
            "city": null, "phone": null, "province": null, "zip": null },
        "lineItems": lines, "destination": null, "deliveryMethod": null, "fulfillAt": now, "fulfillBy": null,
        "fulfillmentHolds": [], "supportedActions": [{ "action": "CREATE_FULFILLMENT", "externalUrl": null }],
        "orderProcessedAt": now, "createdAt": now, "updatedAt": now,
    }))
}

pub(super) fn bag(world: &World, pence: i64) -> Value {
    let money = json!({ "amount": format!("{}.{:02}", pence / 100, pence % 100), "currencyCode": world.currency });
    json!({ "shopMoney": money, "presentmentMoney": money })
}
