//! What the tests of this crate share: a table, a clock, a signature, and a stand-in store on the other side of a transport.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kernel::{ManualClock, TenantId, Timestamp};
use sha2::Sha256;
use shopify_standin::{Options, Standin};
use table::Table;
use testkit::LocalDynamo;
use web::transport::{Transport, TransportError};

use crate::Shop;
use crate::calls::Store;

pub(crate) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

pub(crate) fn shop() -> Shop {
    "stand-in.myshopify.com".parse().unwrap()
}

/// 2027-01-15T08:00:00Z.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()))
}

pub(crate) fn table() -> Table {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    Table::new(dynamo.client(), "crossdock")
}

pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// A shop that is open, and how to call it.
pub(crate) async fn open(options: Options) -> (Standin, Store) {
    let standin = Standin::start(options).await.unwrap();
    let store = Store { base_url: standin.url().to_owned(), token: "shpat_standin".into() };
    (standin, store)
}

/// Plain HTTP on this machine.
pub(crate) struct Socket(Client<HttpConnector, Full<Bytes>>);

impl Socket {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) async fn call(
        &self,
        request: Result<Request<Bytes>, http::Error>,
    ) -> Result<Response<Bytes>, TransportError> {
        self.send(request.unwrap(), Duration::from_secs(10)).await
    }
}

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
