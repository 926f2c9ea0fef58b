//! A Shopify store that keeps to the real one's rules: documents are validated against the real Admin schema, calls cost
//! points from a leaky bucket, inventory changes need idempotency keys, lists replace, webhooks are signed and come twice.
//!
//! One process, one shop, one app; everything is kept in memory and forgotten when it ends, and the same calls give the same ids
//! (`Options::seed`). What a merchant or a customer does goes through the side door ([`Standin::enter`], or `POST /_standin/…`).
//! What the shop has beyond a back office's needs is refused by name, so that a client that relies on it is found out.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod bucket;
mod bulk;
mod computed;
mod connection;
pub mod cost;
mod counters;
mod faults;
mod graphql;
mod idempotency;
mod mutations;
mod oauth;
mod options;
mod resolve;
pub mod schema;
mod search;
mod server;
mod side_door;
mod stock;
#[cfg(test)]
mod tests;
mod variants;
mod webhooks;
mod world;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use options::Options;
pub use schema::SchemaError;

use server::Shop;
use world::World;

/// Why the shop does not open.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the port cannot be listened on")]
    Listen(#[from] io::Error),
}

/// A shop on a port of this machine, until it is dropped.
pub struct Standin {
    url: String,
    shop: Shop,
    accepting: JoinHandle<()>,
}

impl Standin {
    /// Opens the shop.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let admin = schema::admin()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let world = Arc::new(Mutex::new(World::new(&options, url.clone())));
        let shop = Shop { world, courier: webhooks::deliver::courier(), admin };
        let router = server::router(shop.clone());
        // Serving does not end by itself: accepting never fails for good.
        let accepting = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, shop, accepting })
    }

    /// What stands for `https://{shop}.myshopify.com`, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Goes through the side door, as `POST /_standin/{what}` does:
    ///
    /// | what | body | |
    /// |---|---|---|
    /// | `buy` | `{"items":[{"sku","quantity"}],"email","shippingAddress"}` | a customer buys; gives the order |
    /// | `cancel-order` | `{"orderId"}` | |
    /// | `edit-order` | `{"orderId","items":[{"sku","quantity"}],"unpaid"}` | so many are in the order from now on |
    /// | `refund` | `{"orderId","items":[{"sku","quantity","restock"}],"pence"}` | money is given back, with or without goods |
    /// | `product` | `{"sku" or "handle" or "id","set":{},"setVariant":{}}` | somebody changes a product by hand |
    /// | `customer` | `{"email" or "id","set":{}}` | somebody changes a customer by hand, or makes one |
    /// | `inventory` | `{"sku","available","locationId"}` | somebody counts |
    /// | `faults` | `{"operation","kind","times"}` | what goes wrong next |
    /// | `clock` | `{"advanceSeconds"}` | |
    /// | `bucket` | `{"maximum","restore","available"}` | |
    /// | `deliver` | `{"duplicatePercent","shuffle","everything","atOnce"}` | webhooks leave now |
    /// | `hold` | `{"held"}` | whether webhooks wait for that |
    /// | `tell` | `{"topic","payload"}` | a webhook of anything |
    /// | `bulk-finish`, `uninstall` | | |
    /// | `rotate-secret` | `{"secret"}` | |
    /// | `scopes` | `{"scopes":[]}` | |
    /// | `counters` | | what the shop saw |
    /// | `objects` | `{"type"}` | everything of a type, as it is kept |
    ///
    /// # Errors
    /// Says what was wrong with the request.
    pub async fn enter(&self, what: &str, body: Value) -> Result<Value, String> {
        self.shop.enter(what, &body).await
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
