//! The mutations that are kept, one a file. Each checks everything first and then changes everything: what it refuses has
//! changed nothing.

mod bulk_cancel;
mod bulk_mutation;
mod bulk_query;
pub(crate) mod customer_set;
mod fulfillment_create;
mod inventory_activate;
mod inventory_adjust;
mod inventory_set;
mod metafield_definition_create;
mod metafields_set;
mod product_delete;
pub(crate) mod product_set;
mod staged_uploads_create;
mod variants_bulk_create;
mod variants_bulk_delete;
mod variants_bulk_update;
mod webhook_create;
mod webhook_delete;
mod webhook_update;

pub(crate) use customer_set as customer;
use serde_json::{Value, json};

use crate::schema::Admin;
use crate::world::{Object, World};

/// Applies a mutation; `None` when it is not one of those kept here.
pub(crate) fn apply(world: &mut World, admin: &'static Admin, name: &str, arguments: &Value) -> Option<Object> {
    let result = match name {
        "bulkOperationCancel" => bulk_cancel::apply(world, arguments),
        "bulkOperationRunMutation" => bulk_mutation::apply(world, admin, arguments),
        "bulkOperationRunQuery" => bulk_query::apply(world, admin, arguments),
        "customerSet" => customer_set::apply(world, arguments),
        "fulfillmentCreate" => fulfillment_create::apply(world, arguments),
        "inventoryActivate" => inventory_activate::apply(world, arguments),
        "inventoryAdjustQuantities" => inventory_adjust::apply(world, arguments),
        "inventorySetQuantities" => inventory_set::apply(world, arguments),
        "metafieldDefinitionCreate" => metafield_definition_create::apply(world, arguments),
        "metafieldsSet" => metafields_set::apply(world, arguments),
        "productDelete" => product_delete::apply(world, arguments),
        "productSet" => product_set::apply(world, arguments),
        "productVariantsBulkCreate" => variants_bulk_create::apply(world, arguments),
        "productVariantsBulkDelete" => variants_bulk_delete::apply(world, arguments),
        "productVariantsBulkUpdate" => variants_bulk_update::apply(world, arguments),
        "stagedUploadsCreate" => staged_uploads_create::apply(world, arguments),
        "webhookSubscriptionCreate" => webhook_create::apply(world, arguments),
        "webhookSubscriptionDelete" => webhook_delete::apply(world, arguments),
        "webhookSubscriptionUpdate" => webhook_update::apply(world, arguments),
        _ => return None,
    };
    let (mut payload, errors) = match result {
        Ok(Value::Object(payload)) => (payload, Vec::new()),
        Ok(_) => (Object::new(), Vec::new()),
        Err(errors) => (Object::new(), errors),
    };
    payload.insert("userErrors".to_owned(), Value::Array(errors));
    Some(payload)
}

/// A payload without its `userErrors`, or those.
pub(crate) type Outcome = Result<Value, Vec<Value>>;

/// A user error; `code` is left out of types that have none by the schema.
pub(crate) fn error(field: &[&str], code: &str, message: &str) -> Value {
    json!({ "field": field, "code": code, "message": message })
}

/// One user error, as a refusal.
pub(crate) fn refuse<T>(field: &[&str], code: &str, message: &str) -> Result<T, Vec<Value>> {
    Err(vec![error(field, code, message)])
}

pub(crate) fn all_or(errors: Vec<Value>) -> Result<(), Vec<Value>> {
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
