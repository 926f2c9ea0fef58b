//! The store itself: its currency, what the app may do, its locations.

use bytes::Bytes;
use http::Request;
use kernel::{Currency, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store};
use crate::answer::{self, Answer};
use crate::document::SHOP;
use crate::{Gid, Shop as Name};

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    pub id: Gid,
    pub name: String,
    pub domain: Name,
    pub currency: Currency,
    pub scopes: Vec<String>,
    pub locations: Vec<Location>,
}

/// A place goods are at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    pub id: Gid,
    pub name: String,
    pub is_active: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    shop: ShopNode,
    current_app_installation: Installation,
    locations: Nodes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShopNode {
    id: Gid,
    name: String,
    myshopify_domain: Name,
    currency_code: Currency,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Location>,
}

pub fn request(store: &Store) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&SHOP, &json!({}))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Shop> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        Ok(Shop {
            id: data.shop.id,
            name: data.shop.name,
            domain: data.shop.myshopify_domain,
            currency: data.shop.currency_code,
            scopes: data.current_app_installation.access_scopes.into_iter().map(|scope| scope.handle).collect(),
            locations: data.locations.nodes,
        })
    })
}
