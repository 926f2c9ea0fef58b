//! Has a store keep our id of a customer it had before us. Repeatable.

use bytes::Bytes;
use documents::{Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store};
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::METAFIELDS_SET;
use crate::map::product::{ID_KEY, ID_NAMESPACE};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    metafields_set: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    user_errors: Vec<UserError>,
}

/// `customer` by the store's own id.
pub fn request(store: &Store, customer: &str, id: &str) -> Result<Request<Bytes>, http::Error> {
    let metafield = json!({ "ownerId": customer, "namespace": ID_NAMESPACE, "key": ID_KEY, "type": "id", "value": id });
    store.graphql(&METAFIELDS_SET, &json!({ "metafields": [metafield] }))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Data>(sent, true, now)
        .and_then(|data| Ok(user_errors(&data.metafields_set.user_errors, Remote::default())))
}
