//! Creates or replaces a product, by our own id of it. Repeatable: the id finds what an earlier try made.

use bytes::Bytes;
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError};
use crate::document::PRODUCT_SET;
use crate::map::product::{Product, to_remote};

/// What the store made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    pub id: Gid,
    pub updated_at: Timestamp,
    /// Up to 250 of them.
    pub variants: Vec<SavedVariant>,
}

/// The store's names of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedVariant {
    pub id: Gid,
    pub sku: Option<String>,
    pub item: Gid,
}

/// How the mutation ended: the product, or why not.
pub type Ended = Result<Saved, Vec<UserError>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    product_set: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    product: Option<Node>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: Gid,
    updated_at: Timestamp,
    variants: Nodes,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<VariantNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VariantNode {
    id: Gid,
    sku: Option<String>,
    inventory_item: Identified,
}

#[derive(Deserialize)]
struct Identified {
    id: Gid,
}

/// The most variants an answer names.
const MAX_NAMED: usize = 250;

/// So many variants are named in the answer. Never none: a page has a size.
fn named(product: &Product) -> u32 {
    u32::try_from(product.variants.len().clamp(1, MAX_NAMED)).unwrap_or(1)
}

/// Points the call asks for: mutation, product, page, and for each variant itself and its item.
#[must_use]
pub fn points(product: &Product) -> u32 {
    13 + 2 * named(product)
}

pub fn request(store: &Store, id: &str, product: &Product) -> Result<Request<Bytes>, http::Error> {
    let mut variables = to_remote(id, product);
    variables["variants"] = json!(named(product));
    store.graphql(&PRODUCT_SET, &variables)
}

/// The errors stay beside the product, because the circuit wants to see them ([`crate::breaker::Event::of`]); what they mean is
/// [`answer::user_errors`].
pub fn read(sent: Sent, now: Timestamp) -> Answer<Ended> {
    answer::read::<Data>(sent, true, now).and_then(|data| match data.product_set.product {
        Some(product) if data.product_set.user_errors.is_empty() => Ok(Ok(saved(product))),
        Some(_) | None if !data.product_set.user_errors.is_empty() => Ok(Err(data.product_set.user_errors)),
        Some(_) | None => Err(super::misread(&crate::map::MapError::Shape("neither a product nor errors".to_owned()))),
    })
}

/// The product in the data of a row of a bulk mutation, if it was taken.
pub(crate) fn saved_in(data: Value) -> Option<Saved> {
    let payload = serde_json::from_value::<Data>(data).ok()?.product_set;
    payload.product.filter(|_| payload.user_errors.is_empty()).map(saved)
}

fn saved(product: Node) -> Saved {
    let variants = product.variants.nodes.into_iter().map(|variant| SavedVariant {
        id: variant.id,
        sku: variant.sku,
        item: variant.inventory_item.id,
    });
    Saved { id: product.id, updated_at: product.updated_at, variants: variants.collect() }
}
