//! What stands in for everything around the functions but the store and the table.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use kernel::TenantId;
use secrecy::SecretString;
use shopify::Shop;
use shopify::flows::syncs::{Machine, SyncState};
use shopify::tokens::{Kept, TokenStore};
use web::BoxError;
use web::secret::Secret;
use web::transport::{Transport, TransportError};

/// A secret that never changes.
pub(super) struct Fixed(pub(super) &'static str);

#[async_trait]
impl Secret for Fixed {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

/// Executions that are as they are said to be.
#[derive(Default)]
pub(crate) struct Recorder(pub(crate) Mutex<BTreeMap<String, SyncState>>);

#[async_trait]
impl Machine for Recorder {
    async fn start(&self, name: &str, _: &Shop) -> Result<(), BoxError> {
        self.0.lock().unwrap().entry(name.to_owned()).or_insert(SyncState::Running);
        Ok(())
    }

    async fn state(&self, name: &str) -> Result<Option<SyncState>, BoxError> {
        Ok(self.0.lock().unwrap().get(name).copied())
    }
}

/// Where tokens are kept.
#[derive(Default)]
pub(super) struct Drawer(Mutex<Option<(Kept, u32)>>);

#[async_trait]
impl TokenStore for Drawer {
    async fn read(&self, _: &TenantId, _: &Shop) -> Result<(Kept, String), BoxError> {
        let (kept, version) = self.0.lock().unwrap().clone().ok_or("nothing is kept")?;
        Ok((kept, version.to_string()))
    }

    async fn keep(&self, _: &TenantId, _: &Shop, new: &Kept) -> Result<(), BoxError> {
        let mut kept = self.0.lock().unwrap();
        let version = kept.as_ref().map_or(1, |(_, version)| version + 1);
        *kept = Some((new.clone(), version));
        Ok(())
    }

    async fn replace(&self, tenant: &TenantId, shop: &Shop, new: &Kept, seen: &str) -> Result<bool, BoxError> {
        let is_seen = self.read(tenant, shop).await?.1 == seen;
        if is_seen {
            self.keep(tenant, shop, new).await?;
        }
        Ok(is_seen)
    }
}

/// Plain HTTP on this machine.
pub(super) struct Socket(pub(super) Http<HttpConnector, Full<Bytes>>);

#[async_trait]
impl Transport for Socket {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let sent = tokio::time::timeout(timeout, self.0.request(request.map(Full::new))).await;
        let answer = sent
            .map_err(|_| TransportError::TimedOut(timeout))?
            .map_err(|error| TransportError::Broken(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| TransportError::Broken(error.into()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
