//! What can be sold of an item at a location: what [`crate::map::inventory::Wanted::seen`] is read from.

use bytes::Bytes;
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store, absent};
use crate::Gid;
use crate::answer::{self, Answer};
use crate::document::INVENTORY_LEVEL;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    inventory_item: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    inventory_level: Option<Level>,
}

#[derive(Deserialize)]
pub(super) struct Level {
    quantities: Vec<Quantity>,
}

#[derive(Deserialize)]
struct Quantity {
    name: String,
    quantity: i64,
}

pub fn request(store: &Store, item: &Gid, location: &Gid) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&INVENTORY_LEVEL, &json!({ "item": item, "location": location }))
}

/// A missing level is a missing dependency: [`super::inventory_activate`] makes it.
pub fn read(sent: Sent, now: Timestamp) -> Answer<i64> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let item = data.inventory_item.ok_or_else(|| absent("inventory item"))?;
        let level = item.inventory_level.ok_or_else(|| absent("inventory level"))?;
        available(level).ok_or_else(|| absent("quantity"))
    })
}

/// What can be sold.
pub(super) fn available(level: Level) -> Option<i64> {
    level.quantities.into_iter().find(|quantity| quantity.name == "available").map(|quantity| quantity.quantity)
}
