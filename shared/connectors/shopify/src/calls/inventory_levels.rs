//! What can be sold of several items at a location, in one call.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::inventory_level::{Level, available};
use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer};
use crate::document::INVENTORY_LEVELS;

/// The most items one call is about.
pub const MAX_ITEMS: usize = 50;

#[derive(Deserialize)]
struct Data {
    nodes: Vec<Option<Item>>,
}

/// What is no inventory item has neither.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: Option<Gid>,
    inventory_level: Option<Level>,
}

/// Points asked for at most: each item as much as if it were asked for alone.
#[must_use]
pub fn points(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX).saturating_mul(INVENTORY_LEVELS.points)
}

pub fn request(store: &Store, items: &[&Gid], location: &Gid) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&INVENTORY_LEVELS, &json!({ "items": items, "location": location }))
}

/// By item. What is not kept at the location, or is not there at all, is left out.
pub fn read(sent: Sent, now: Timestamp) -> Answer<BTreeMap<Gid, i64>> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let found = data.nodes.into_iter().flatten();
        Ok(found.filter_map(|item| Some((item.id?, available(item.inventory_level?)?))).collect())
    })
}
