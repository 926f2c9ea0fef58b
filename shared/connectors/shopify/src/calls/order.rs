//! One order, with all its lines up to 100.

use bytes::Bytes;
use documents::{Outcome, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sent, Store, absent, misread};
use crate::Gid;
use crate::answer::{self, Answer};
use crate::document::ORDER;
use crate::map::order::{Order, Read, from_node};

#[derive(Deserialize)]
struct Data {
    order: Value,
}

pub fn request(store: &Store, id: &Gid) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&ORDER, &json!({ "id": id }))
}

/// An order with more lines still is for a person: it is never taken for a smaller one.
pub fn read(sent: Sent, now: Timestamp) -> Answer<Order> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        if data.order.is_null() {
            return Err(absent("order"));
        }
        match from_node(data.order).map_err(|error| misread(&error))? {
            Read::Whole(order) => Ok(*order),
            Read::Cut(id) => {
                let outcome =
                    Outcome::Rejected { code: "TOO_MANY_LINES".to_owned(), field: Some("/lineItems".to_owned()) };
                Err(Report::new(outcome, format!("{id} has more than 100 lines")))
            }
        }
    })
}
