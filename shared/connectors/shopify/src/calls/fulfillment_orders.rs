//! What of an order is still to be sent, and what was.

use bytes::Bytes;
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sent, Store, absent, misread};
use crate::Gid;
use crate::answer::{self, Answer};
use crate::document::FULFILLMENT_ORDERS;
use crate::map::fulfillment::{Remaining, from_node};

#[derive(Deserialize)]
struct Data {
    order: Value,
}

pub fn request(store: &Store, order: &Gid) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&FULFILLMENT_ORDERS, &json!({ "order": order }))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Remaining> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        if data.order.is_null() {
            return Err(absent("order"));
        }
        from_node(data.order).map_err(|error| misread(&error))
    })
}
