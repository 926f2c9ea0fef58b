//! `customerSet`: creates or changes a customer; addresses are replaced.

use serde_json::{Value, json};

use super::{Outcome, all_or, error, refuse};
use crate::computed::{custom_name, find};
use crate::webhooks::payload;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let (input, identifier) = (arguments.at("input"), arguments.at("identifier"));
    if !identifier.is_null() && input.has("id") {
        return refuse(&["input", "id"], "ID_NOT_ALLOWED", "The id can't be given beside an identifier.");
    }
    for name in ["email", "phone"] {
        if identifier.has(name) && input.has(name) && identifier.at(name) != input.at(name) {
            return refuse(&["input", name], "INPUT_MISMATCH", "The input is not the identifier's.");
        }
    }
    if identifier.has("customId")
        && world.holder("MetafieldDefinition", "CUSTOMER", &custom_name(identifier.at("customId"))).is_none()
    {
        return refuse(
            &["identifier", "customId"],
            "NOT_FOUND",
            "There is no unique metafield definition of type id for it.",
        );
    }
    let by_input = json!({ "id": input.at("id") });
    let existing = find(world, "Customer", if identifier.is_null() { &by_input } else { identifier });
    if existing.is_none() && (identifier.has("id") || input.has("id")) {
        return refuse(&["input", "id"], "NOT_FOUND", "The customer does not exist.");
    }
    check(world, input, existing.as_deref())?;
    let is_new = existing.is_none();
    let customer = existing.unwrap_or_else(|| create(world));
    write(world, &customer, input, identifier);
    let told = payload::customer(world, &customer);
    world.emit(if is_new { "CUSTOMERS_CREATE" } else { "CUSTOMERS_UPDATE" }, &told);
    Ok(json!({ "customer": customer }))
}

fn check(world: &World, input: &Value, existing: Option<&str>) -> Result<(), Vec<Value>> {
    let mut errors = Vec::new();
    for name in ["email", "phone"] {
        if let Some(holder) = world.holder("Customer", name, input.text(name))
            && Some(holder) != existing
        {
            errors.push(error(&["input", name], "TAKEN", "has already been taken"));
        }
    }
    if input.has("email") && !input.text("email").contains('@') {
        errors.push(error(&["input", "email"], "INVALID", "Email is invalid"));
    }
    if input.has("phone") && !input.text("phone").starts_with('+') {
        errors.push(error(&["input", "phone"], "INVALID", "Phone is invalid"));
    }
    for name in ["firstName", "lastName"] {
        if input.text(name).chars().count() > 255 {
            errors.push(error(&["input", name], "TOO_LONG", "is too long (maximum is 255 characters)"));
        }
    }
    all_or(errors)
}

pub(crate) fn create(world: &mut World) -> String {
    let now = world.now_text();
    world.create("Customer", json!({
        "firstName": null, "lastName": null, "displayName": "", "email": null, "phone": null, "note": null, "locale": "en",
        "tags": [], "taxExempt": false, "state": "DISABLED", "verifiedEmail": true, "numberOfOrders": "0", "addresses": [],
        "defaultAddress": null, "defaultEmailAddress": null, "defaultPhoneNumber": null, "metafields": [],
        "createdAt": now, "updatedAt": now,
    }))
}

pub(crate) fn write(world: &mut World, customer: &str, input: &Value, identifier: &Value) {
    for name in ["firstName", "lastName", "note", "locale", "tags", "taxExempt"] {
        if let Some(value) = input.get(name) {
            world.set(customer, name, value.clone());
        }
    }
    for name in ["email", "phone"] {
        let value = if input.get(name).is_some() { input.at(name) } else { identifier.at(name) };
        if let Some(text) = value.as_str() {
            world.hold("Customer", name, text, customer);
            world.set(customer, name, text);
        }
    }
    if identifier.has("customId") {
        let custom = identifier.at("customId");
        world.hold("Customer", &custom_name(custom), custom.text("value"), customer);
    }
    if input.has("addresses") {
        let addresses: Vec<Value> = input.list("addresses").iter().map(|given| address(world, given)).collect();
        world.set(customer, "defaultAddress", addresses.first().cloned().unwrap_or_default());
        world.set(customer, "addresses", addresses);
    }
    let object = world.get(customer).cloned().unwrap_or_default();
    let name = format!("{} {}", object.text("firstName"), object.text("lastName"));
    world.set(customer, "displayName", name.trim());
    if object.has("email") {
        world.set(customer, "defaultEmailAddress", json!({ "emailAddress": object.text("email") }));
    }
    if object.has("phone") {
        world.set(customer, "defaultPhoneNumber", json!({ "phoneNumber": object.text("phone") }));
    }
    world.touch(customer);
}

/// An address with every field of its type.
pub(crate) fn address(world: &mut World, given: &Value) -> Value {
    let mut address =
        json!({ "__typename": "MailingAddress", "id": crate::world::gid("MailingAddress", world.number()) });
    for name in [
        "address1",
        "address2",
        "city",
        "company",
        "country",
        "firstName",
        "lastName",
        "phone",
        "province",
        "provinceCode",
        "zip",
    ] {
        address[name] = given.at(name).clone();
    }
    address["countryCodeV2"] = given.at("countryCode").clone();
    address["countryCode"] = given.at("countryCode").clone();
    address["name"] = json!(format!("{} {}", given.text("firstName"), given.text("lastName")).trim());
    address
}
