//! A bucket in memory for one test. What its clients put is taken as it is, whatever was announced, as of a store that
//! checks nothing.

use crate::faults::FaultInjector;
use crate::wire::{ApiReply, ApiRequest, Endpoint, Service};
use async_trait::async_trait;
use aws_smithy_runtime_api::client::result::ConnectorError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use web::BoxError;
use web::bucket::{Bucket, Measure, SignedPut};

const BASE: &str = "https://bucket.test/";

/// An in-memory bucket. Clones share the same objects.
#[derive(Clone)]
pub struct LocalBucket {
    objects: Objects,
    faults: FaultInjector,
}

#[derive(Clone, Default)]
struct Objects(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl LocalBucket {
    /// An empty bucket whose calls go through `faults`.
    #[must_use]
    pub fn through(faults: &FaultInjector) -> Self {
        Self { objects: Objects::default(), faults: faults.clone() }
    }

    /// The same objects, whose calls go through `faults`.
    #[must_use]
    pub fn behind(&self, faults: &FaultInjector) -> Self {
        Self { objects: self.objects.clone(), faults: faults.clone() }
    }

    /// Does what a client does with the URL of an upload.
    pub fn put(&self, url: &str, content: &[u8]) {
        let name = url.strip_prefix(BASE).expect("a URL of this bucket");
        self.objects.0.lock().unwrap().insert(name.to_owned(), content.to_vec());
    }

    /// The objects there are.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.objects.0.lock().unwrap().keys().cloned().collect()
    }

    /// What content is.
    #[must_use]
    pub fn measure_of(content: &[u8]) -> Measure {
        let bytes = content.len().try_into().expect("less than 16 EB");
        Measure { bytes, sha256: STANDARD.encode(Sha256::digest(content)) }
    }

    async fn call(&self, api: &str, body: Value) -> Result<ApiReply, BoxError> {
        let request = ApiRequest { service: Service::S3, api: api.to_owned(), body, partial: false };
        let reply = self.faults.gate(self.objects.clone()).handle(request).await?;
        if reply.status == 404 || reply.is_success() { Ok(reply) } else { Err(reply.body.into()) }
    }
}

impl Endpoint for Objects {
    fn handle(&self, request: ApiRequest) -> BoxFuture<'static, Result<ApiReply, ConnectorError>> {
        let name = |field: &str| request.body[field].as_str().unwrap_or_default().to_owned();
        let content = || STANDARD.decode(name("content")).expect("what was encoded below");
        let mut objects = self.0.lock().unwrap();
        let found = objects.get(&name("name")).cloned();
        let (status, body) = match (request.api.as_str(), found) {
            ("DeleteObject", _) => {
                objects.remove(&name("name"));
                (204, Value::Null)
            }
            ("PutObject", _) => {
                objects.insert(name("name"), content());
                (200, Value::Null)
            }
            (_, None) => (404, Value::Null),
            ("GetObject", Some(content)) => (200, json!(STANDARD.encode(content))),
            ("CopyObject", Some(content)) => {
                objects.insert(name("to"), content);
                (200, Value::Null)
            }
            ("HeadObject", Some(content)) => (200, json!(LocalBucket::measure_of(&content))),
            (other, Some(_)) => panic!("{other} is no call of a bucket"),
        };
        Box::pin(async move { Ok(ApiReply::json(status, &body)) })
    }
}

#[async_trait]
impl Bucket for LocalBucket {
    fn upload(&self, name: &str, media_type: &str, content: &Measure, _: Duration) -> Result<SignedPut, BoxError> {
        let headers = vec![("content-type", media_type.to_owned()), ("x-amz-checksum-sha256", content.sha256.clone())];
        Ok(SignedPut { url: format!("{BASE}{name}"), headers })
    }

    fn download(&self, name: &str, _: &str, _: Duration) -> Result<String, BoxError> {
        Ok(format!("{BASE}{name}"))
    }

    async fn copy(&self, from: &str, to: &str) -> Result<bool, BoxError> {
        Ok(self.call("CopyObject", json!({ "name": from, "to": to })).await?.is_success())
    }

    async fn measure(&self, name: &str) -> Result<Option<Measure>, BoxError> {
        let reply = self.call("HeadObject", json!({ "name": name })).await?;
        Ok(serde_json::from_str(&reply.body)?)
    }

    async fn store(&self, name: &str, content: Vec<u8>) -> Result<(), BoxError> {
        self.call("PutObject", json!({ "name": name, "content": STANDARD.encode(content) })).await.map(drop)
    }

    async fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let reply = self.call("GetObject", json!({ "name": name })).await?;
        let content: Option<String> = serde_json::from_str(&reply.body)?;
        Ok(content.map(|content| STANDARD.decode(content)).transpose()?)
    }

    async fn delete(&self, name: &str) -> Result<(), BoxError> {
        self.call("DeleteObject", json!({ "name": name })).await.map(drop)
    }
}

impl fmt::Debug for LocalBucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("testkit::LocalBucket")
    }
}
