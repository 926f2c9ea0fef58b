//! A store with ten of one item at alpha, and a client to its API.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use inventory::{Inventory, Locations, Movement, Observation, Posting};
use kernel::{Clock, Context, ManualClock, Money, TenantId};
use sales::{Authorization, Figure, Intent, OrderId, Payment, PaymentProvider, ProviderUnavailable, Report, Sales};
use serde_json::{Value, json};
use table::Table;
pub(crate) use testkit::Answer;
use testkit::{FaultInjector, FixedSecret, LocalBucket, LocalDynamo};
use web::Cors;

use crate::Api;

pub(crate) const SKU: &str = "9780140449136";
pub(crate) const ADMIN: (&str, &str) = ("usr_admin", "STORE_ADMIN");
pub(crate) const CONNECTOR: (&str, &str) = ("service:connector", "SERVICE");
pub(crate) const CUSTOMER: (&str, &str) = ("usr_alice", "CUSTOMER");
pub(crate) const ORDERS: &str = "/sales/v1/orders";

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

/// Approves everything but `tok_down`, at which it is silent.
pub(crate) struct Provider;

#[async_trait]
impl PaymentProvider for Provider {
    async fn authorize(&self, _: Intent, _: Money, payment: &Payment) -> Result<Authorization, ProviderUnavailable> {
        if payment.token == "tok_down" {
            return Err(ProviderUnavailable { reason: "silent".to_owned() });
        }
        Ok(Authorization::Approved("pi_1".to_owned()))
    }

    async fn capture(&self, _: Intent, _: &str, _: Money) -> Result<(), ProviderUnavailable> {
        Ok(())
    }

    async fn void(&self, _: Intent, _: &str) -> Result<(), ProviderUnavailable> {
        Ok(())
    }

    async fn refund(&self, intent: Intent, _: &str, _: Money) -> Result<Authorization, ProviderUnavailable> {
        if intent.number > 0 {
            return Ok(Authorization::Declined("charge_disputed".to_owned()));
        }
        Ok(Authorization::Approved("re_1".to_owned()))
    }
}

pub(crate) struct World {
    pub(crate) dynamo: LocalDynamo,
    pub(crate) sales: Sales,
    pub(crate) files: LocalBucket,
    router: Router,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client(), "crossdock");
        let mut locations = Locations::default();
        for id in ["alpha", "beta"] {
            locations.register(id.parse().unwrap(), id.to_owned(), format!("http://{id}"), clock.now()).unwrap();
        }
        table.put(&tenant(), &locations).await.unwrap();
        let posting =
            Posting { source: "opening".into(), actor: "setup".into(), reason: None, effective_at: clock.now() };
        let place = (&"alpha".parse().unwrap(), &SKU.parse().unwrap());
        let count = Movement::Counted { on_hand: 10 };
        Inventory::new(table.clone()).post(&tenant(), place, &count, &posting, &|_| None).await.unwrap();
        let files = LocalBucket::through(&FaultInjector::new());
        let sales = Sales::new(table, clock).with_files(Arc::new(files.clone()));
        let api = Arc::new(Api::new(sales.clone(), Arc::new(FixedSecret)));
        let router = crate::orders_api(api.clone()).merge(crate::returns_api(api));
        Self { dynamo, sales, files, router: web::finish(router, Cors::default()) }
    }

    pub(crate) async fn send(&self, caller: Option<(&str, &str)>, request: Request<Body>) -> Answer {
        testkit::send(&self.router, tenant(), caller, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Some(ADMIN), Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A change of whatever version there is, by the one who runs the store.
    pub(crate) async fn act(&self, path: &str, body: &Value) -> Answer {
        let mut request = post(path, body);
        request.headers_mut().insert("if-match", "*".parse().unwrap());
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        self.send(Some(ADMIN), request).await
    }

    /// An order of three from a channel, paid there.
    pub(crate) async fn taken_in(&self) -> String {
        let answer = self.send(Some(CONNECTOR), post(ORDERS, &order())).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Everything in the table.
    pub(crate) fn everything(&self) -> Vec<String> {
        self.dynamo.everything("crossdock")
    }
}

pub(crate) fn gbp(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "GBP" })
}

/// Three at 10.00 less 1.00, plus 20 % tax, and shipping of 5.00: 29.00 + 5.80 + 5.00 + 1.00.
pub(crate) fn order() -> Value {
    json!({
        "channel": "market",
        "externalId": "4711",
        "customerId": "usr_ann",
        "currency": "GBP",
        "lines": [{ "sku": SKU, "quantity": 3, "unitPrice": gbp("10.00"), "taxRate": "0.2" }],
        "discounts": [{ "amount": gbp("1.00") }],
        "shipping": { "amount": gbp("5.00"), "taxRate": "0.2" },
        "payments": [{ "method": "market", "token": "ref-1", "amount": gbp("40.80") }],
        "address": { "name": "Ann", "lines": ["1 High Street"], "city": "York", "postcode": "YO1", "country": "GB" },
    })
}

pub(crate) fn post(path: &str, body: &Value) -> Request<Body> {
    with_body(path, "application/json", body.to_string())
}

pub(crate) fn with_body(path: &str, media_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(Method::POST).uri(path).header("content-type", media_type).body(body.into()).unwrap()
}

/// The goods of the first parcel leave.
pub(crate) async fn ship(world: &World, id: &str) {
    let (id, cause): (OrderId, _) = (id.parse().unwrap(), Context::root("setup", None));
    let order = world.sales.order(&tenant(), id).await.unwrap().unwrap();
    let at = order.shipments.iter().position(|s| s.state.is_open()).unwrap();
    let parcel = &order.shipments[at];
    let observed = Observation { on_hand: 7, version: 1 };
    let figures = parcel.lines.iter().map(|(sku, quantity)| Figure { sku: sku.clone(), quantity: *quantity, observed });
    let report = Report::Shipped(figures.collect());
    world.sales.report(&tenant(), (id, parcel.id(id)), &parcel.location, &report, &cause).await.unwrap();
}
