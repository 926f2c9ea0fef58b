//! The stores of a tenant, as far as the API shows them: none is ever called.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use documents::Documents;
use http::{Request, Response};
use kernel::{Clock, TenantId, Timestamp};
use shopify::Shop;
use shopify::breaker::store::Circuits;
use shopify::client::Client;
use shopify::connect::Connector;
use shopify::flows::drift::Drifts;
use shopify::flows::syncs::{Machine, SyncState, Syncs};
use shopify::install::Credentials;
use shopify::installs::Installs;
use shopify::limiter::store::Limiter;
use shopify::stores::{Connection, Stores};
use shopify::tokens::{Kept, TokenStore, Tokens};
use table::Table;
use web::BoxError;
use web::transport::{Transport, TransportError};

use crate::network::Fixed;

/// No network and no tokens.
struct Nothing;

#[async_trait]
impl Transport for Nothing {
    async fn send(&self, _: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::TimedOut(timeout))
    }
}

#[async_trait]
impl TokenStore for Nothing {
    async fn read(&self, _: &TenantId, _: &Shop) -> Result<(Kept, String), BoxError> {
        Err("there are no tokens".into())
    }

    async fn keep(&self, _: &TenantId, _: &Shop, _: &Kept) -> Result<(), BoxError> {
        Err("there are no tokens".into())
    }

    async fn replace(&self, _: &TenantId, _: &Shop, _: &Kept, _: &str) -> Result<bool, BoxError> {
        Err("there are no tokens".into())
    }
}

/// Starts executions that never end.
struct Idle;

#[async_trait]
impl Machine for Idle {
    async fn start(&self, _: &str, _: &Shop) -> Result<(), BoxError> {
        Ok(())
    }

    async fn state(&self, _: &str) -> Result<Option<SyncState>, BoxError> {
        Ok(Some(SyncState::Running))
    }
}

pub(super) fn router(table: &Table, clock: &Arc<dyn Clock>, tenant: TenantId) -> Router {
    let secret = Arc::new(Fixed(r#"{"current": "0123456789-client"}"#.to_owned()));
    let app = Credentials { client_id: "app".into(), secret };
    let (transport, kept) = (Arc::new(Nothing), Arc::new(Nothing));
    let tokens = Tokens::new(kept.clone(), app.clone(), transport.clone(), table.clone(), clock.clone());
    let limiter = Limiter::new(table.clone(), clock.clone(), Duration::ZERO);
    let circuits = Circuits::new(table.clone(), clock.clone());
    let base_url = "https://{shop}".to_owned();
    let connector = Connector {
        app,
        redirect_uri: "https://api.example/back".into(),
        installs: Installs::new(table.clone(), clock.clone()),
        stores: Stores::new(table.clone()),
        documents: Documents::new(table.clone(), clock.clone()),
        tokens: kept,
        client: Client::new(transport.clone(), limiter, circuits, tokens, clock.clone(), base_url.clone()),
        transport,
        clock: clock.clone(),
        base_url,
        webhooks: "https://api.example/shopify/v1/webhooks".into(),
    };
    let syncs = Syncs::new(table.clone(), clock.clone(), Arc::new(Idle));
    let cursor_secret = Arc::new(Fixed("cursor-secret-0123456789-0123456789".to_owned()));
    let drifts = Drifts::new(table.clone());
    shopify_functions::connections_router(Arc::new(shopify_functions::Api {
        tenant,
        connector,
        syncs,
        drifts,
        cursor_secret,
    }))
}

/// A store the tenant has.
pub(super) async fn connected(table: &Table, tenant: &TenantId) -> String {
    let shop: Shop = "first.myshopify.com".parse().unwrap();
    let connection = Connection {
        shop: shop.clone(),
        id: "shopify-first".parse().unwrap(),
        currency: "GBP".parse().unwrap(),
        locations: [].into(),
        rules: [].into(),
        connected_at: Timestamp::UNIX_EPOCH,
        uninstalled: false,
    };
    assert!(Stores::new(table.clone()).write(tenant, &connection, None).await.unwrap());
    shop.to_string()
}
