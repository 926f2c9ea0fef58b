//! A store with one warehouse's worth of everything, and a client to it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use catalog::NewBook;
use http::{Method, Request, StatusCode};
use inventory::{Movement, Posting};
use kernel::{Clock, Context, ManualClock, Money, TenantId};
use sales::{Authorization, Intent, OrderId, Payment, PaymentProvider, ProviderUnavailable, ShipmentId};
use serde_json::{Value, json};
use table::Table;
pub(crate) use testkit::Answer;
use testkit::{FixedSecret, LocalDynamo};
use web::Cors;

use crate::Api;

pub(crate) const ISBN: &str = "9780140449136";
pub(crate) const ALICE: (&str, &str) = ("usr_alice", "CUSTOMER");
pub(crate) const BOB: (&str, &str) = ("usr_bob", "CUSTOMER");
pub(crate) const ADMIN: (&str, &str) = ("usr_admin", "STORE_ADMIN");
pub(crate) const ALPHA: (&str, &str) = ("service:warehouse:alpha", "SERVICE");
pub(crate) const BETA: (&str, &str) = ("service:warehouse:beta", "SERVICE");

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

pub(crate) struct World {
    dynamo: LocalDynamo,
    clock: Arc<ManualClock>,
    pub(crate) api: Arc<Api>,
    router: Router,
    pub(crate) book: String,
}

/// Approves everything.
struct Generous;

#[async_trait]
impl PaymentProvider for Generous {
    async fn authorize(&self, _: Intent, _: Money, _: &Payment) -> Result<Authorization, ProviderUnavailable> {
        Ok(Authorization::Approved("pi_1".to_owned()))
    }

    async fn capture(&self, _: Intent, _: &str, _: Money) -> Result<(), ProviderUnavailable> {
        Ok(())
    }

    async fn void(&self, _: Intent, _: &str) -> Result<(), ProviderUnavailable> {
        Ok(())
    }

    async fn refund(&self, _: Intent, _: &str, _: Money) -> Result<Authorization, ProviderUnavailable> {
        Ok(Authorization::Approved("re_1".to_owned()))
    }
}

impl World {
    /// One book at 12.50, seven copies at alpha, none at beta.
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client(), "crossdock");
        let api = Arc::new(Api::new(table, clock.clone(), Arc::new(FixedSecret)));
        for id in ["alpha", "beta"] {
            let url = format!("http://{id}/warehouses/{id}");
            api.registry.register(&tenant(), &id.parse().unwrap(), id, &url).await.unwrap();
        }
        let new = NewBook {
            isbn: ISBN.to_owned(),
            title: "The Odyssey".to_owned(),
            authors: vec!["Homer".to_owned()],
            year: Some(1996),
            language: Some("eng".to_owned()),
            price: Money::from_minor(1250, "GBP".parse().unwrap()),
        };
        let book = api.catalog.create(&tenant(), new, &Context::root("setup", None)).await.unwrap();
        let posting =
            Posting { source: "opening".into(), actor: "setup".into(), reason: None, effective_at: clock.now() };
        let place = (&"alpha".parse().unwrap(), &ISBN.parse().unwrap());
        let count = Movement::Counted { on_hand: 7 };
        api.inventory.post(&tenant(), place, &count, &posting, &|_| None).await.unwrap();
        let router = crate::books_api(api.clone())
            .merge(crate::orders_api(api.clone()))
            .merge(crate::warehouses_api(api.clone()));
        let router = web::finish(router, Cors::default());
        Self { dynamo, clock, api, router, book: book.value.id.to_string() }
    }

    pub(crate) async fn send(&self, caller: Option<(&str, &str)>, request: Request<Body>) -> Answer {
        testkit::send(&self.router, tenant(), caller, request).await
    }

    pub(crate) async fn post(&self, caller: (&str, &str), path: &str, body: &Value) -> Answer {
        self.send(Some(caller), post(path, body)).await
    }

    pub(crate) async fn get(&self, caller: (&str, &str), path: &str) -> Answer {
        self.send(Some(caller), Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// What an order of the book looks like.
    pub(crate) fn order(&self, quantity: i64) -> Value {
        json!({
            "items": [{ "bookId": self.book, "quantity": quantity }],
            "payment": { "method": "card", "token": "tok_visa" },
        })
    }

    /// Alice's order of two copies, placed with the key `first`.
    pub(crate) async fn placed(&self) -> OrderId {
        let mut request = post("/store/v1/orders", &self.order(2));
        request.headers_mut().insert("idempotency-key", "first".parse().unwrap());
        let answer = self.send(Some(ALICE), request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// The same, paid for and with its warehouse; and its parcel.
    pub(crate) async fn sent(&self) -> (OrderId, ShipmentId) {
        let id = self.placed().await;
        let cause = Context::root("setup", None);
        let order = self.api.sales.settle_payment(&tenant(), id, &Generous, &cause).await.unwrap();
        let shipment = order.shipments[0].id(id);
        self.api.sales.mark_sent(&tenant(), id, shipment).await.unwrap();
        (id, shipment)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// Everything in the table.
    pub(crate) fn everything(&self) -> Vec<String> {
        self.dynamo.everything("crossdock")
    }
}

pub(crate) fn post(path: &str, body: &Value) -> Request<Body> {
    with_body(Method::POST, path, "application/json", body.to_string())
}

pub(crate) fn with_body(method: Method, path: &str, media_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(path).header("content-type", media_type).body(body.into()).unwrap()
}

/// Alpha's report of a parcel of `quantity` copies.
pub(crate) fn report(shipment: ShipmentId, quantity: i64) -> Value {
    json!({
        "shipmentId": shipment,
        "status": "SHIPPED",
        "lines": [{ "isbn": ISBN, "quantity": quantity, "onHand": 5, "version": 2 }],
    })
}
