//! Each rule of the shop, seen from outside.

mod bulk;
mod front_door;
mod goods;
mod orders;
mod webhooks;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use kernel::{ManualClock, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::webhooks::deliver::courier;
use crate::world::Fields;
use crate::{Options, Standin};

/// 2026-11-20T12:00:00Z.
fn noon() -> Timestamp {
    Timestamp::from_second(1_795_176_000).unwrap()
}

fn options() -> Options {
    Options { clock: Arc::new(ManualClock::new(noon())), bucket_maximum: 100_000, ..Options::default() }
}

async fn open(options: Options) -> Standin {
    Standin::start(options).await.unwrap()
}

impl Standin {
    /// Status and body of a request with these bytes.
    async fn raw(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Bytes>,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url()))
            .header("content-type", kind)
            .header("x-shopify-access-token", "shpat_standin")
            .body(Full::new(body.into()))
            .unwrap();
        let answer = courier().request(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.into_body().collect().await.unwrap().to_bytes())
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (status, _, body) = self.raw("POST", "/admin/api/2026-10/graphql.json", "application/json", body).await;
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    /// The data of a document that has no errors.
    async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.ask(query, variables).await;
        assert!(!answer.has("errors"), "{answer}");
        answer.at("data").clone()
    }

    /// The payload of a mutation's only field.
    async fn payload(&self, query: &str, variables: Value) -> Value {
        let data = self.data(query, variables).await;
        data.as_object().unwrap().values().next().unwrap().clone()
    }

    async fn counter(&self, name: &str) -> i64 {
        self.enter("counters", json!({})).await.unwrap().whole(name)
    }

    /// A shirt in sizes, each with so many in stock; gives the product of the payload.
    async fn shirt(&self, stock: &[(&str, i64)]) -> Value {
        let location = self.data("{ location { id } }", json!({})).await["location"]["id"].clone();
        let values: Vec<Value> = stock.iter().map(|(size, _)| json!({ "name": size })).collect();
        let variants: Vec<Value> = stock
            .iter()
            .map(|(size, available)| {
                json!({ "optionValues": [{ "optionName": "Size", "name": size }], "sku": format!("SHIRT-{size}"),
                    "price": "19.99", "inventoryQuantities":
                        [{ "locationId": location, "name": "available", "quantity": available }] })
            })
            .collect();
        let input = json!({ "title": "Shirt", "handle": "shirt", "productOptions": [{ "name": "Size", "values": values }],
            "variants": variants });
        let payload = self.payload(PRODUCT_SET, json!({ "identifier": { "handle": "shirt" }, "input": input })).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["product"].clone()
    }
}

const PRODUCT_SET: &str =
    "mutation Set($identifier: ProductSetIdentifiers, $input: ProductSetInput!, $synchronous: Boolean) {
    productSet(identifier: $identifier, input: $input, synchronous: $synchronous) {
        product { id handle title updatedAt totalInventory
            variants(first: 50) { nodes { id sku price title inventoryQuantity inventoryItem { id } } } }
        productSetOperation { id status product { id } }
        userErrors { field code message }
    }
}";

const SUBSCRIBE: &str = "mutation Subscribe($topic: WebhookSubscriptionTopic!, $uri: String!) {
    webhookSubscriptionCreate(topic: $topic, webhookSubscription: { uri: $uri }) {
        webhookSubscription { id topic uri } userErrors { field message }
    }
}";

/// Somebody who listens to webhooks: what came, and what to answer with.
#[derive(Clone)]
struct Listener {
    url: String,
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    status: Arc<Mutex<StatusCode>>,
}

impl Listener {
    async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", socket.local_addr().unwrap());
        let listener = Self { url, heard: Arc::default(), status: Arc::new(Mutex::new(StatusCode::OK)) };
        let router = Router::new().fallback(Self::hear).with_state(listener.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        listener
    }

    async fn hear(State(listener): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        listener.heard.lock().unwrap().push((headers, body));
        *listener.status.lock().unwrap()
    }

    fn bodies(&self) -> Vec<Value> {
        self.heard.lock().unwrap().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }

    fn ids(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(headers, _)| headers["x-shopify-webhook-id"].to_str().unwrap().to_owned()).collect()
    }
}
