//! Stock: what can be sold of an item at a location.

use kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{MapError, shape};
use crate::Gid;

/// What stock at a place is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub item: Gid,
    pub location: Gid,
    pub quantity: i64,
    /// What it has to be now; the store refuses when it is not.
    pub seen: i64,
}

/// The most a call may change. Source: Shopify, limits of input lists.
pub const MAX_AT_ONCE: usize = 250;

/// Variables of `inventorySetQuantities`. `document` names the occasion, and stands in the store's history of the item.
///
/// The idempotency key is made of everything that is sent: the same attempt has the same key wherever it is made again, and one that
/// merged with what the store has now has another.
#[must_use]
pub fn to_remote(document: &str, wanted: &[Wanted]) -> Value {
    let quantities: Vec<Value> = wanted
        .iter()
        .map(|wanted| {
            json!({ "inventoryItemId": wanted.item, "locationId": wanted.location, "quantity": wanted.quantity,
                "changeFromQuantity": wanted.seen })
        })
        .collect();
    let input = json!({ "name": "available", "reason": "correction",
        "referenceDocumentUri": format!("crossdock://documents/{document}"), "quantities": quantities });
    let key = uuid(&input.to_string());
    json!({ "input": input, "key": key })
}

/// Variables of `inventoryActivate`.
#[must_use]
pub fn activate(item: &Gid, location: &Gid) -> Value {
    json!({ "item": item, "location": location, "key": uuid(&format!("activate {item} {location}")) })
}

/// A name-based UUID (version 8 of RFC 9562) of a text.
fn uuid(text: &str) -> String {
    let digest = kernel::hex(&Sha256::digest(text)[..16]);
    let part = |range: std::ops::Range<usize>| digest.get(range).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0..8), part(8..12), part(13..16), part(17..20), part(20..32))
}

/// Stock as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    pub item: Gid,
    pub location: Gid,
    /// `None` for what the store does not count.
    pub available: Option<i64>,
    pub updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Payload {
    inventory_item_id: u64,
    location_id: u64,
    available: Option<i64>,
    updated_at: Timestamp,
}

/// Reads the webhook `inventory_levels/update`.
pub fn from_webhook(body: &[u8]) -> Result<Level, MapError> {
    let payload: Payload = serde_json::from_slice(body).map_err(|error| shape(&error))?;
    Ok(Level {
        item: Gid::new("InventoryItem", payload.inventory_item_id),
        location: Gid::new("Location", payload.location_id),
        available: payload.available,
        updated_at: payload.updated_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(quantity: i64, seen: i64) -> Wanted {
        Wanted { item: Gid::new("InventoryItem", 1), location: Gid::new("Location", 2), quantity, seen }
    }

    #[test]
    fn the_same_attempt_has_the_same_key_and_another_another() {
        let first = to_remote("doc_1", &[wanted(7, 9)]);
        assert_eq!(first["key"].as_str().unwrap().len(), 36);
        assert_eq!(first, to_remote("doc_1", &[wanted(7, 9)]));
        for other in [
            to_remote("doc_1", &[wanted(7, 8)]),
            to_remote("doc_2", &[wanted(7, 9)]),
            to_remote("doc_1", &[wanted(6, 9)]),
        ] {
            assert_ne!(first["key"], other["key"]);
        }
        let quantity = &first["input"]["quantities"][0];
        assert_eq!((&quantity["quantity"], &quantity["changeFromQuantity"]), (&json!(7), &json!(9)));
    }

    #[test]
    fn what_is_not_counted_is_not_zero() {
        let body = br#"{"inventory_item_id":271878346596884015,"location_id":24826418,"available":null,
            "updated_at":"2021-12-31T19:00:00-05:00","admin_graphql_api_id":"gid://shopify/InventoryLevel/1?inventory_item_id=2"}"#;
        let level = from_webhook(body).unwrap();
        assert_eq!((level.available, level.item.number()), (None, 271_878_346_596_884_015));
        let counted = String::from_utf8(body.to_vec()).unwrap().replace("null", "-3");
        assert_eq!(from_webhook(counted.as_bytes()).unwrap().available, Some(-3));
    }
}
