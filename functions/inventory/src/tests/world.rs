//! A store whose places alpha and beta belong to a company, and a client to its API.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use inventory::{Inventory, Locations};
use kernel::{Clock as _, ManualClock, TenantId};
use serde_json::{Value, json};
use table::Table;
pub(crate) use testkit::Answer;
use testkit::{FixedSecret, LocalDynamo};
use web::{Cors, Reach};

use crate::{Api, ReservationsApi};

pub(crate) const ADMIN: (&str, &str) = ("usr_admin", "STORE_ADMIN");
pub(crate) const OTHER: (&str, &str) = ("usr_other", "STORE_ADMIN");
pub(crate) const CONNECTOR: (&str, &str) = ("service:connector", "SERVICE");
pub(crate) const CUSTOMER: (&str, &str) = ("usr_alice", "CUSTOMER");
pub(crate) const BASE: &str = "/inventory/v1";

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

pub(crate) struct World {
    pub(crate) dynamo: LocalDynamo,
    pub(crate) inventory: Inventory,
    pub(crate) clock: Arc<ManualClock>,
    router: Router,
}

impl World {
    /// With a company that values by moving average.
    pub(crate) async fn new() -> Self {
        Self::valued("MOVING_AVERAGE", false).await
    }

    pub(crate) async fn valued(method: &str, negative: bool) -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let world = Self::over(LocalDynamo::with_clock(clock.clone()), clock);
        let company = json!({
            "id": "acme", "currency": "GBP", "method": method, "allowNegative": negative, "decimals": 2,
        });
        world.post("/companies", "company", &company).await.ok();
        for location in ["alpha", "beta"] {
            let path = format!("/locations/{location}/company");
            world.put(&path, None, &json!({ "company": "acme" })).await.ok();
        }
        world
    }

    pub(crate) fn over(dynamo: LocalDynamo, clock: Arc<ManualClock>) -> Self {
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client(), "crossdock");
        let api = Arc::new(Api::new(table.clone(), clock.clone(), Arc::new(FixedSecret)));
        let reservations = Arc::new(ReservationsApi::new(table.clone(), clock.clone()));
        let router = crate::levels_api(api.clone())
            .merge(crate::documents_api(api))
            .merge(crate::reservations_api(reservations));
        let inventory = Inventory::new(table);
        Self { dynamo, inventory, clock, router: web::finish(router, Cors::default()) }
    }

    pub(crate) async fn send(&self, caller: Option<(&str, &str)>, request: Request<Body>) -> Answer {
        self.send_as(tenant(), caller, request).await
    }

    /// As somebody who may do this at some locations only.
    pub(crate) async fn send_within(&self, reach: &str, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(reach.parse::<Reach>().unwrap());
        self.send(Some(ADMIN), request).await
    }

    pub(crate) async fn send_as(
        &self,
        tenant: TenantId,
        caller: Option<(&str, &str)>,
        request: Request<Body>,
    ) -> Answer {
        testkit::send(&self.router, tenant, caller, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Some(ADMIN), get(path)).await
    }

    /// With an idempotency key.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(Some(ADMIN), keyed(path, key, body)).await
    }

    pub(crate) async fn put(&self, path: &str, tag: Option<&str>, body: &Value) -> Answer {
        self.send(Some(ADMIN), with_tag(request(Method::PUT, path, body), tag)).await
    }

    /// A step of whatever version there is.
    pub(crate) async fn act(&self, path: &str, body: &Value) -> Answer {
        self.send(Some(ADMIN), with_tag(request(Method::POST, path, body), Some("*"))).await
    }

    /// Posts a movement; gives its entry.
    pub(crate) async fn moved(&self, key: &str, location: &str, sku: &str, movement: Value) -> Value {
        let body = json!({ "location": location, "sku": sku, "movement": movement });
        self.post("/movements", key, &body).await.ok()["entry"].clone()
    }

    /// So many units come in without a cost.
    pub(crate) async fn stocked(&self, location: &str, sku: &str, quantity: i64) {
        let key = format!("stock {location} {sku}").replace(' ', "-");
        self.moved(&key, location, sku, json!({ "kind": "goodsReceived", "quantity": quantity })).await;
    }

    /// These places are up and ship.
    pub(crate) async fn registered(&self, locations: &[&str]) {
        let mut all = Locations::default();
        for id in locations {
            all.register(id.parse().unwrap(), (*id).to_owned(), format!("http://{id}"), self.clock.now()).unwrap();
        }
        Table::new(self.dynamo.client(), "crossdock").put(&tenant(), &all).await.unwrap();
    }

    pub(crate) async fn level(&self, location: &str, sku: &str) -> Value {
        self.get(&format!("/levels/{location}/{sku}")).await.ok()
    }

    /// Proves the ledger of a level from its first entry.
    pub(crate) async fn proved(&self, location: &str, sku: &str) -> inventory::Level {
        self.inventory.prove(&tenant(), &location.parse().unwrap(), &sku.parse().unwrap()).await.unwrap()
    }

    /// Everything in the table.
    pub(crate) fn everything(&self) -> Vec<String> {
        self.dynamo.everything("crossdock")
    }
}

pub(crate) fn gbp(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "GBP" })
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(format!("{BASE}{path}")).body(Body::empty()).unwrap()
}

pub(crate) fn request(method: Method, path: &str, body: &Value) -> Request<Body> {
    let uri = format!("{BASE}{path}");
    let builder = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    builder.body(body.to_string().into()).unwrap()
}

pub(crate) fn keyed(path: &str, key: &str, body: &Value) -> Request<Body> {
    let mut request = request(Method::POST, path, body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

pub(crate) fn with_tag(mut request: Request<Body>, tag: Option<&str>) -> Request<Body> {
    if let Some(tag) = tag {
        request.headers_mut().insert("if-match", tag.parse().unwrap());
    }
    request
}
