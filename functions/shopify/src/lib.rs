//! The functions of the connector to Shopify.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `webhook-shopify` | `POST /shopify/v1/webhooks` | verifies a delivery and stores it, with the event that has it worked on |
//! | `shopify-on-delivery` | queue `shopify-inbound.fifo` | takes in what a store told |
//! | `shopify-on-change` | queue `shopify-changes.fifo`: books, levels, parcels | notes for each store what it is to be told |
//! | `shopify-on-task` | queue `shopify-outbound.fifo` | tells a store |
//!
//! Installing a store (`/v1/shopify/…`) and its schedule of reconciliation are not here.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod change;
mod receiver;
mod tokens;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use documents::Documents;
use kernel::TenantId;
use messaging::EventHandler;
use runtime::{Building, Context, InitError, Roots, settings};
use shopify::breaker::store::Circuits;
use shopify::client::Client;
use shopify::install::Credentials;
use shopify::limiter::store::Limiter;
use shopify::stores::Stores;
use shopify::tokens::Tokens;
use table::Table;

pub use change::OnChange;
pub use receiver::{Doc, Receiver, router};
pub use work::{Direction, OnDocument};

/// How long a worker rather waits for the bucket than gives its task back.
const PATIENCE: Duration = Duration::from_secs(2);

settings! {
    struct ReceiverSettings {
        table: String = "TABLE_NAME",
        /// Whose stack.
        tenant: TenantId = "TENANT",
        /// What stores sign with.
        secret: String = "SHOPIFY_SECRET_ARN",
    }
}

settings! {
    struct TableSettings {
        table: String = "TABLE_NAME",
    }
}

settings! {
    struct CallerSettings {
        table: String = "TABLE_NAME",
        /// The app, as Shopify knows it.
        client_id: String = "SHOPIFY_CLIENT_ID",
        secret: String = "SHOPIFY_SECRET_ARN",
        /// Where a store is, with its name for `{shop}`.
        base_url: String = "SHOPIFY_BASE_URL",
        /// What the names of the secrets with tokens begin with.
        tokens: String = "SHOPIFY_TOKENS_PREFIX",
    }
}

/// Builds `webhook-shopify`.
#[must_use]
pub fn webhook(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let ReceiverSettings { table, tenant, secret } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        let documents = Documents::new(table.clone(), context.clock());
        let receiver = Receiver::new(tenant, context.secret(secret)?, documents, Stores::new(table));
        Ok(router(Arc::new(receiver)))
    })
}

/// Builds `shopify-on-change`.
#[must_use]
pub fn on_change(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let TableSettings { table } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        let documents = Documents::new(table.clone(), context.clock());
        let handler: Arc<dyn EventHandler> = Arc::new(OnChange { documents, stores: Stores::new(table) });
        Ok(handler)
    })
}

/// The way to stores, for whoever calls them.
pub(crate) fn client(context: &'static Context) -> Result<(Table, Client), InitError> {
    let CallerSettings { table, client_id, secret, base_url, tokens } = context.settings()?;
    let (table, clock) = (Table::new(context.dynamodb()?, table), context.clock());
    // Nobody is sent anywhere from here.
    let app = Credentials { client_id, secret: context.secret(secret)?, redirect_uri: String::new() };
    let transport = context.transport(Roots::Public);
    let kept = Arc::new(tokens::Secrets::new(context, tokens));
    let tokens = Tokens::new(kept, app, transport.clone(), table.clone(), clock.clone());
    let limiter = Limiter::new(table.clone(), clock.clone(), PATIENCE);
    let circuits = Circuits::new(table.clone(), clock.clone());
    Ok((table, Client::new(transport, limiter, circuits, tokens, clock, base_url)))
}

/// The description of all routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    <Doc as utoipa::OpenApi>::openapi()
}
