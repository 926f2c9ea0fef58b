use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use super::*;

/// As much of S3 as one bucket needs.
#[derive(Debug, Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>,
    broken: bool,
}

impl Bucket {
    fn blobs(&self) -> S3Blobs {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url("http://s3.test")
            .force_path_style(true)
            .http_client(self.clone())
            .build();
        S3Blobs::new(Client::from_conf(config), "documents")
    }

    fn answer(&self, request: &HttpRequest) -> (u16, Vec<u8>) {
        const MISSING: &str = "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>";
        if self.broken {
            return (503, b"<Error><Code>SlowDown</Code></Error>".to_vec());
        }
        let path = request.uri().split('?').next().unwrap().to_owned();
        let mut objects = self.objects.lock().unwrap();
        match request.method() {
            "PUT" => {
                objects.insert(path, request.body().bytes().unwrap().to_vec());
                (200, Vec::new())
            }
            "GET" => objects.get(&path).map_or((404, MISSING.into()), |body| (200, body.clone())),
            "DELETE" => {
                objects.remove(&path);
                (204, Vec::new())
            }
            other => panic!("{other}"),
        }
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answer(&request);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}

impl HttpClient for Bucket {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[tokio::test]
async fn a_blob_comes_back_as_it_was_put() {
    let bucket = Bucket::default();
    let blobs = bucket.blobs();
    blobs.put("acme.test/document/1", vec![0, 159, 146, 150]).await.unwrap();
    assert_eq!(blobs.get("acme.test/document/1").await.unwrap(), Some(vec![0, 159, 146, 150]));
    let names: Vec<String> = bucket.objects.lock().unwrap().keys().cloned().collect();
    assert_eq!(names, ["http://s3.test/documents/acme.test/document/1"]);
    blobs.delete("acme.test/document/1").await.unwrap();
    assert_eq!(blobs.get("acme.test/document/1").await.unwrap(), None);
    blobs.delete("acme.test/document/1").await.unwrap();
}

#[tokio::test]
async fn an_unreachable_bucket_is_an_error_not_a_missing_blob() {
    let blobs = Bucket { broken: true, ..Bucket::default() }.blobs();
    assert!(blobs.get("x").await.is_err());
    assert!(blobs.put("x", Vec::new()).await.is_err());
    assert!(blobs.delete("x").await.is_err());
}
