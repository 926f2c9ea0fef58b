//! Begins to keep an item at a location: the repair of stock that is refused there. Repeatable under its key.

use bytes::Bytes;
use documents::{Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::INVENTORY_ACTIVATE;
use crate::map::inventory::activate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    inventory_activate: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    inventory_level: Option<Level>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Level {
    id: Gid,
}

pub fn request(store: &Store, item: &Gid, location: &Gid) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&INVENTORY_ACTIVATE, &activate(item, location))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let payload = data.inventory_activate;
        let remote = Remote { id: payload.inventory_level.map(|level| level.id.to_string()), version: None };
        Ok(user_errors(&payload.user_errors, remote))
    })
}
