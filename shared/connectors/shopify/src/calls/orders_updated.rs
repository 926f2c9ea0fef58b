//! A page of the orders that changed in a time, oldest change first.
//!
//! Windows overlap: an order that changes while pages are read moves to a later one. Orders are upserts by id and
//! `updated_at`, so reading one twice is harmless. An order with more lines than a page shows is named in [`Page::cut`] and
//! read by itself ([`super::order`]), never taken for a smaller one.

use bytes::Bytes;
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sent, Store, misread};
use crate::Gid;
use crate::answer::{self, Answer};
use crate::document::ORDERS_UPDATED;
use crate::map::order::{Order, Read, from_node};

/// A page, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub orders: Vec<Order>,
    /// Orders with more lines than came along.
    pub cut: Vec<Gid>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    orders: Connection,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    page_info: PageInfo,
    nodes: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

/// Orders changed from `from` on, up to and without `until`.
pub fn request(
    store: &Store,
    from: Timestamp,
    until: Timestamp,
    after: Option<&str>,
) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&ORDERS_UPDATED, &json!({ "query": window(from, until), "after": after }))
}

/// The filter of a time.
pub(super) fn window(from: Timestamp, until: Timestamp) -> String {
    format!("updated_at:>='{from}' AND updated_at:<'{until}'")
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Page> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let info = data.orders.page_info;
        let next = if info.has_next_page { info.end_cursor } else { None };
        let mut page = Page { orders: Vec::new(), cut: Vec::new(), next };
        for node in data.orders.nodes {
            match from_node(node).map_err(|error| misread(&error))? {
                Read::Whole(order) => page.orders.push(*order),
                Read::Cut(id) => page.cut.push(id),
            }
        }
        Ok(page)
    })
}
