//! Sets stock, each amount only from what was seen. Repeatable under its key.

use bytes::Bytes;
use documents::{Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::INVENTORY_SET;
use crate::map::inventory::{Wanted, to_remote};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    inventory_set_quantities: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    inventory_adjustment_group: Option<Group>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Group {
    id: Gid,
}

/// At most [`crate::map::inventory::MAX_AT_ONCE`]; all of them are set, or none.
pub fn request(store: &Store, document: &str, wanted: &[Wanted]) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&INVENTORY_SET, &to_remote(document, wanted))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let payload = data.inventory_set_quantities;
        // No group: everything was so already.
        let remote = Remote { id: payload.inventory_adjustment_group.map(|group| group.id.to_string()), version: None };
        Ok(user_errors(&payload.user_errors, remote))
    })
}
