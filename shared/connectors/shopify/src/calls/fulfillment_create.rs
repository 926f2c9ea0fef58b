//! Reports a parcel. Not repeatable: after an unknown end, [`super::fulfillment_orders`] is read and planned anew.

use bytes::Bytes;
use documents::{Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::FULFILLMENT_CREATE;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    fulfillment_create: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    fulfillment: Option<Created>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Created {
    id: Gid,
}

/// `variables` are those of [`crate::map::fulfillment::Plan::Create`].
pub fn request(store: &Store, variables: &Value) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&FULFILLMENT_CREATE, variables)
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Data>(sent, false, now).and_then(|data| {
        let payload = data.fulfillment_create;
        let remote = Remote { id: payload.fulfillment.map(|created| created.id.to_string()), version: None };
        Ok(user_errors(&payload.user_errors, remote))
    })
}
