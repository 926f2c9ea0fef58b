//! 2026-11-01: money is an object of amount and currency, and an order of the shop is `items` of `bookId` and `quantity`,
//! with a `payment`.
//!
//! Before: amounts were texts, with one `currency` in the resource they are in; an order was `lines` of `book` and
//! `copies`, with a `cardToken`.

use serde_json::{Value, json};

use super::{Asked, Change, rename, rename_in_schema};
use crate::routes::Route;

pub(super) const CHANGE: Change = Change { version: "2026-11-01", request, answer, place, document };

/// Whether a route's resource is an order of the shop.
fn is_order(route: &Route) -> bool {
    route.path.starts_with("/orders")
}

fn request(route: &Route, mut asked: Asked) -> Asked {
    if route.operation() == "POST /orders"
        && let Some(Value::Object(order)) = &mut asked.body
    {
        let mut lines = order.remove("lines").unwrap_or_default();
        for line in lines.as_array_mut().into_iter().flatten() {
            rename(line, "book", "bookId");
            rename(line, "copies", "quantity");
        }
        let token = order.remove("cardToken").unwrap_or_default();
        order.insert("items".to_owned(), lines);
        order.insert("payment".to_owned(), json!({ "method": "card", "token": token }));
    }
    asked
}

fn answer(route: &Route, mut answer: Value) -> Value {
    if route.is_list {
        let items = answer.get_mut("items").and_then(Value::as_array_mut);
        items.into_iter().flatten().for_each(|resource| resource_before(route, resource));
    } else {
        resource_before(route, &mut answer);
    }
    answer
}

fn resource_before(route: &Route, resource: &mut Value) {
    if is_order(route) {
        for item in resource.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            rename(item, "bookId", "book");
            rename(item, "quantity", "copies");
        }
        rename(resource, "items", "lines");
    }
    let mut currency = None;
    let members = resource.as_object_mut().into_iter().flatten();
    members.for_each(|(_, member)| flatten(member, &mut currency));
    if let (Some(object), Some(currency)) = (resource.as_object_mut(), currency) {
        object.insert("currency".to_owned(), currency);
    }
}

/// Makes amounts of all money in a value. A resource has one currency.
fn flatten(value: &mut Value, currency: &mut Option<Value>) {
    match value {
        Value::Object(members) => {
            if members.len() == 2
                && let (Some(amount), Some(of)) = (members.get("amount"), members.get("currency"))
            {
                *currency = Some(of.clone());
                *value = amount.clone();
            } else {
                members.iter_mut().for_each(|(_, member)| flatten(member, currency));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| flatten(item, currency)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn place(route: &Route, place: &str) -> String {
    if route.operation() != "POST /orders" {
        return place.to_owned();
    }
    if place.starts_with("/payment") {
        return "/cardToken".to_owned();
    }
    match place.strip_prefix("/items") {
        Some(rest) => format!("/lines{}", rest.replace("/bookId", "/book").replace("/quantity", "/copies")),
        None => place.to_owned(),
    }
}

fn document(mut document: Value) -> Value {
    let schemas = &mut document["components"]["schemas"];
    // Everything that refers to money refers to an amount now.
    schemas["Money"] = json!({
        "type": "string",
        "pattern": schemas["Money"]["properties"]["amount"]["pattern"],
        "examples": ["12.50"],
    });
    let currency = json!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "Of every amount in it." });
    for (name, always) in [("Book", true), ("Order", true), ("SalesOrder", true), ("OrderReturns", false)] {
        schemas[name]["properties"]["currency"] = currency.clone();
        if let Some(required) = schemas[name]["required"].as_array_mut().filter(|_| always) {
            required.push("currency".into());
        }
    }
    for name in ["OrderItem", "NewOrderItem"] {
        rename_in_schema(&mut schemas[name], "bookId", "book");
        rename_in_schema(&mut schemas[name], "quantity", "copies");
    }
    for name in ["Order", "NewOrder"] {
        rename_in_schema(&mut schemas[name], "items", "lines");
    }
    let token = schemas["NewPayment"]["properties"]["token"].take();
    let new = &mut schemas["NewOrder"];
    rename_in_schema(new, "payment", "cardToken");
    new["properties"]["cardToken"] = token;
    if let Some(schemas) = schemas.as_object_mut() {
        schemas.remove("NewPayment");
    }
    document
}
