//! How many orders changed in a time: what reading them all is held against.

use bytes::Bytes;
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::orders_updated::window;
use super::{Sent, Store, absent};
use crate::answer::{self, Answer};
use crate::document::ORDERS_COUNT;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    orders_count: Option<Count>,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// Orders changed from `from` on, up to and without `until`.
pub fn request(store: &Store, from: Timestamp, until: Timestamp) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&ORDERS_COUNT, &json!({ "query": window(from, until) }))
}

/// A store that does not count to the end gives what it counted: there are no fewer.
pub fn read(sent: Sent, now: Timestamp) -> Answer<u64> {
    answer::read::<Data>(sent, true, now)
        .and_then(|data| Ok(data.orders_count.ok_or_else(|| absent("count of orders"))?.count))
}
