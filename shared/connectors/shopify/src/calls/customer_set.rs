//! Creates or changes a customer. Repeatable: the identifier finds what an earlier try made.

use bytes::Bytes;
use documents::{Outcome, Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::CUSTOMER_SET;
use crate::map::customer::{Customer, Identifier, to_remote};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    customer_set: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    customer: Option<Node>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: Gid,
    updated_at: Timestamp,
}

pub fn request(store: &Store, by: Identifier<'_>, customer: &Customer) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&CUSTOMER_SET, &to_remote(by, customer))
}

/// Whether it was refused because somebody else in the store has this e-mail address.
#[must_use]
pub fn has_address(report: &Report) -> bool {
    matches!(&report.outcome, Outcome::Rejected { code, field: Some(field) } if code == "TAKEN" && field.ends_with("email"))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let remote = data.customer_set.customer.map(|customer| Remote {
            id: Some(customer.id.to_string()),
            version: Some(customer.updated_at.to_string()),
        });
        Ok(user_errors(&data.customer_set.user_errors, remote.unwrap_or_default()))
    })
}
