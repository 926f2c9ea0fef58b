//! Makes our own ids of products and customers ones that they can be found by: once a store, before the first of them.

use bytes::Bytes;
use documents::{Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::DEFINE_ID;
use crate::map::product::{ID_KEY, ID_NAMESPACE};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    metafield_definition_create: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    created_definition: Option<Created>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Created {
    id: Gid,
}

/// What has an id of ours.
pub const OWNERS: [&str; 2] = ["PRODUCT", "CUSTOMER"];

pub fn request(store: &Store, owner: &str) -> Result<Request<Bytes>, http::Error> {
    let definition = json!({ "name": "Crossdock id", "namespace": ID_NAMESPACE, "key": ID_KEY, "ownerType": owner,
        "type": "id" });
    store.graphql(&DEFINE_ID, &json!({ "definition": definition }))
}

/// That it is there already is as good, so it is repeatable.
pub fn read(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let mut payload = data.metafield_definition_create;
        payload.user_errors.retain(|error| error.code.as_deref() != Some("TAKEN"));
        let remote = Remote { id: payload.created_definition.map(|created| created.id.to_string()), version: None };
        Ok(user_errors(&payload.user_errors, remote))
    })
}
