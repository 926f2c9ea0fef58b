//! The calls to a store, one a file: what is sent, and what its answer means.
//!
//! Each gives the points of its document to the limiter before it is sent. Reads and upserts may be repeated as they are, and
//! so may what carries an idempotency key; `fulfillment_create` may not.

pub mod bulk;
pub mod customer_name;
pub mod customer_set;
pub mod define_id;
pub mod fulfillment_create;
pub mod fulfillment_orders;
pub mod inventory_activate;
pub mod inventory_level;
pub mod inventory_levels;
pub mod inventory_set;
pub mod order;
pub mod orders_count;
pub mod orders_updated;
pub mod product;
pub mod product_set;
pub mod shop;
pub mod staged_upload;
pub mod subscriptions;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use documents::{Outcome, Report};
use http::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use web::transport::TransportError;

use crate::document::{API_VERSION, Document};
use crate::map::MapError;

/// Where a store is, and the token it knows us by.
#[derive(Debug, Clone)]
pub struct Store {
    /// Without a trailing slash: `https://some-shop.myshopify.com`.
    pub base_url: String,
    pub token: SecretString,
}

impl Store {
    /// The request that sends a document.
    ///
    /// # Errors
    /// When the address or the token cannot stand in a request.
    pub fn graphql(&self, document: &Document, variables: &Value) -> Result<Request<Bytes>, http::Error> {
        let body = json!({ "query": document.text, "operationName": document.name, "variables": variables });
        Request::post(format!("{}/admin/api/{API_VERSION}/graphql.json", self.base_url))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("x-shopify-access-token", self.token.expose_secret())
            .body(Bytes::from(body.to_string()))
    }
}

/// What a transport gave for a request.
pub type Sent = Result<Response<Bytes>, TransportError>;

/// An answer that cannot be understood, or does not hold all of what was asked for.
fn misread(error: &MapError) -> Report {
    let outcome = match error {
        MapError::Cut(what) => {
            Outcome::Rejected { code: "TOO_MUCH_TO_READ".to_owned(), field: Some(format!("/{what}")) }
        }
        MapError::Shape(_) | MapError::Amount(_) => Outcome::Unknown,
    };
    Report::new(outcome, error.to_string())
}

/// What was asked for is not there.
fn absent(what: &str) -> Report {
    Report::new(Outcome::DependencyMissing { what: what.to_owned() }, format!("the store has no such {what}"))
}
