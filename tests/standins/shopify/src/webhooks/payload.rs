//! What webhooks say: the REST form of objects, with numbers for ids and snake case.
//!
//! Source: Shopify, webhook payloads. Fields that say nothing here are left out.

use serde_json::{Value, json};

use crate::computed::available;
use crate::world::{Fields, Object, World, legacy};

pub(crate) fn product(world: &World, id: &str) -> Value {
    let product = object(world, id);
    let tags: Vec<&str> = product.list("tags").iter().filter_map(Value::as_str).collect();
    let variants: Vec<Value> =
        product.ids("variants").iter().map(|variant| self::variant(world, variant, id)).collect();
    let options: Vec<Value> = product
        .list("options")
        .iter()
        .map(|option| {
            json!({ "id": legacy(option.text("id")), "product_id": legacy(id), "name": option.text("name"),
                "position": option.at("position"), "values": option.at("values") })
        })
        .collect();
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "title": product.text("title"), "handle": product.text("handle"),
        "body_html": product.text("descriptionHtml"), "vendor": product.text("vendor"),
        "product_type": product.text("productType"), "status": product.text("status").to_lowercase(),
        "tags": tags.join(", "), "created_at": product.at("createdAt"), "updated_at": product.at("updatedAt"),
        "published_at": product.at("publishedAt"), "template_suffix": null, "variants": variants, "options": options,
        "images": [], "image": null, "media": [],
    })
}

fn variant(world: &World, id: &str, product: &str) -> Value {
    let variant = object(world, id);
    let option =
        |place: usize| variant.list("selectedOptions").get(place).map(|option| option.text("value").to_owned());
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "product_id": legacy(product), "title": variant.text("title"),
        "sku": variant.at("sku"), "barcode": variant.at("barcode"), "price": variant.text("price"),
        "compare_at_price": variant.at("compareAtPrice"), "position": variant.at("position"),
        "inventory_policy": variant.text("inventoryPolicy").to_lowercase(), "taxable": variant.at("taxable"),
        "option1": option(0), "option2": option(1), "option3": option(2),
        "inventory_item_id": legacy(variant.text("inventoryItem")), "inventory_quantity": available(world, id),
        "created_at": variant.at("createdAt"), "updated_at": variant.at("updatedAt"),
    })
}

pub(crate) fn customer(world: &World, id: &str) -> Value {
    let customer = object(world, id);
    let tags: Vec<&str> = customer.list("tags").iter().filter_map(Value::as_str).collect();
    let addresses: Vec<Value> = customer.list("addresses").iter().map(address).collect();
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "email": customer.at("email"), "phone": customer.at("phone"),
        "first_name": customer.at("firstName"), "last_name": customer.at("lastName"), "note": customer.at("note"),
        "state": customer.text("state").to_lowercase(), "tags": tags.join(", "), "tax_exempt": customer.at("taxExempt"),
        "default_address": addresses.first(), "addresses": addresses, "created_at": customer.at("createdAt"),
        "updated_at": customer.at("updatedAt"),
    })
}

fn address(address: &Value) -> Value {
    json!({
        "id": legacy(address.text("id")), "first_name": address.at("firstName"), "last_name": address.at("lastName"),
        "name": address.at("name"), "company": address.at("company"), "address1": address.at("address1"),
        "address2": address.at("address2"), "city": address.at("city"), "province": address.at("province"),
        "province_code": address.at("provinceCode"), "country": address.at("country"),
        "country_code": address.at("countryCodeV2"), "zip": address.at("zip"), "phone": address.at("phone"),
    })
}

pub(crate) fn order(world: &World, id: &str) -> Value {
    let order = object(world, id);
    let total = order.at("totalPriceSet");
    let shipping = order.at("shippingAddress");
    let lines: Vec<Value> = order.ids("lineItems").iter().map(|line| self::line(world, line)).collect();
    let refunds: Vec<Value> = order.ids("refunds").iter().map(|it| refund(world, it)).collect();
    let fulfillments: Vec<Value> = order.ids("fulfillments").iter().map(|it| fulfillment(world, it)).collect();
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "name": order.text("name"), "order_number": order.at("number"),
        "email": order.at("email"), "phone": order.at("phone"), "currency": order.text("currencyCode"),
        "presentment_currency": order.text("currencyCode"), "test": order.flag("test"), "tags": "",
        "financial_status": order.text("displayFinancialStatus").to_lowercase(),
        "fulfillment_status": fulfillment_status(order.text("displayFulfillmentStatus")),
        "cancelled_at": order.at("cancelledAt"), "cancel_reason": order.at("cancelReason"), "closed_at": order.at("closedAt"),
        "total_price": amount(total), "current_total_price": amount(order.at("currentTotalPriceSet")),
        "subtotal_price": amount(order.at("subtotalPriceSet")), "total_tax": amount(order.at("totalTaxSet")),
        "total_discounts": amount(order.at("totalDiscountsSet")), "total_price_set": money(total),
        "total_shipping_price_set": money(order.at("totalShippingPriceSet")), "taxes_included": order.flag("taxesIncluded"),
        "line_items": lines, "fulfillments": fulfillments, "refunds": refunds,
        "shipping_address": if shipping.is_null() { Value::Null } else { address(shipping) },
        "billing_address": if shipping.is_null() { Value::Null } else { address(shipping) },
        "customer": order.at("customer").as_str().map(|customer| self::customer(world, customer)),
        "note": order.at("note"), "created_at": order.at("createdAt"), "processed_at": order.at("processedAt"),
        "updated_at": order.at("updatedAt"),
    })
}

fn line(world: &World, id: &str) -> Value {
    let line = object(world, id);
    let price = line.at("originalUnitPriceSet");
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "sku": line.at("sku"), "title": line.text("title"),
        "name": line.text("name"), "variant_title": line.at("variantTitle"), "quantity": line.at("quantity"),
        "current_quantity": line.at("currentQuantity"), "fulfillable_quantity": line.at("fulfillableQuantity"),
        "price": amount(price), "price_set": money(price), "total_discount": "0.00",
        "variant_id": line.at("variant").as_str().map(legacy), "product_id": line.at("product").as_str().map(legacy),
        "requires_shipping": true, "taxable": true, "gift_card": false,
    })
}

pub(crate) fn refund(world: &World, id: &str) -> Value {
    let refund = object(world, id);
    let lines = refund.list("refundLineItems").iter().map(|line| {
        json!({ "line_item_id": legacy(line.text("lineItem")), "quantity": line.at("quantity"),
            "restock_type": line.at("restockType"), "location_id": line.at("location").as_str().map(legacy) })
    });
    let given = json!({ "kind": "refund", "status": "success", "amount": amount(refund.at("totalRefundedSet")) });
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "order_id": legacy(refund.text("order")), "note": refund.at("note"),
        "created_at": refund.at("createdAt"), "refund_line_items": lines.collect::<Vec<_>>(), "transactions": [given],
    })
}

fn fulfillment_status(status: &str) -> Value {
    match status {
        "FULFILLED" => json!("fulfilled"),
        "PARTIALLY_FULFILLED" => json!("partial"),
        _ => Value::Null,
    }
}

fn amount(set: &Value) -> Value {
    set.at("shopMoney").at("amount").clone()
}

fn money(set: &Value) -> Value {
    let both = json!({ "amount": amount(set), "currency_code": set.at("shopMoney").at("currencyCode") });
    json!({ "shop_money": both, "presentment_money": both })
}

pub(crate) fn fulfillment(world: &World, id: &str) -> Value {
    let fulfillment = object(world, id);
    let tracking = fulfillment.list("trackingInfo");
    let numbers: Vec<&Value> = tracking.iter().map(|it| it.at("number")).collect();
    let urls: Vec<&Value> = tracking.iter().map(|it| it.at("url")).collect();
    json!({
        "admin_graphql_api_id": id, "id": legacy(id), "order_id": legacy(fulfillment.text("order")),
        "name": fulfillment.text("name"), "status": fulfillment.text("status").to_lowercase(),
        "location_id": legacy(fulfillment.text("location")), "tracking_company": tracking.first().map(|it| it.at("company")),
        "tracking_number": numbers.first(), "tracking_numbers": numbers, "tracking_url": urls.first(), "tracking_urls": urls,
        "created_at": fulfillment.at("createdAt"), "updated_at": fulfillment.at("updatedAt"),
    })
}

/// Stock of an item at a location; `available` is null when the item is not tracked.
pub(crate) fn level(world: &World, id: &str, available: Option<i64>) -> Value {
    let level = object(world, id);
    json!({
        "admin_graphql_api_id": id, "inventory_item_id": legacy(level.text("item")),
        "location_id": legacy(level.text("location")), "available": available, "updated_at": level.at("updatedAt"),
    })
}

pub(crate) fn bulk(world: &World, id: &str) -> Value {
    let operation = object(world, id);
    json!({
        "admin_graphql_api_id": id, "status": operation.text("status").to_lowercase(),
        "type": operation.text("type").to_lowercase(), "error_code": operation.at("errorCode"),
        "created_at": operation.at("createdAt"), "completed_at": operation.at("completedAt"),
    })
}

fn object(world: &World, id: &str) -> Object {
    world.get(id).cloned().unwrap_or_default()
}
