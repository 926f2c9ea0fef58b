//! A product as it is in the store, by our own id of it.

use bytes::Bytes;
use http::Request;
use kernel::{Currency, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sent, Store, misread};
use crate::answer::{self, Answer};
use crate::document::PRODUCT;
use crate::map::product::{ID_KEY, ID_NAMESPACE, Remote, from_node};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    product_by_identifier: Value,
}

pub fn request(store: &Store, id: &str) -> Result<Request<Bytes>, http::Error> {
    let custom = json!({ "namespace": ID_NAMESPACE, "key": ID_KEY, "value": id });
    store.graphql(&PRODUCT, &json!({ "identifier": { "customId": custom } }))
}

/// `None` when the store has none with this id.
pub fn read(sent: Sent, currency: Currency, now: Timestamp) -> Answer<Option<Remote>> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        if data.product_by_identifier.is_null() {
            return Ok(None);
        }
        from_node(data.product_by_identifier, currency).map(Some).map_err(|error| misread(&error))
    })
}
