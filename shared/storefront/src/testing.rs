//! A small world for the tests of this crate: one tenant, two warehouses that answer by script, and an embedded table.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use catalog::{BookId, Catalog, NewBook};
use http::{Request, Response};
use inventory::{Inventory, Level, LocationId, Observation, Posting, Sku};
use kernel::{Clock, Context, Event, Isbn, ManualClock, Money, TenantId, Timestamp};
use sales::{
    Authorization, Intent, Order, OrderId, Payment, PaymentProvider, PlaceOrder, Placed, ProviderUnavailable, Sales,
    ShipmentId,
};
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalDynamo};
use web::transport::{Transport, TransportError};

use crate::{Dispatch, Peers, Registry};

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

pub(crate) fn at(location: &str) -> LocationId {
    location.parse().unwrap()
}

pub(crate) fn cause() -> Context {
    Context::root("req-1", None)
}

fn isbn() -> Isbn {
    Isbn::from_isbn10_body("000000001").unwrap()
}

pub(crate) fn sku() -> Sku {
    isbn().to_string().parse().unwrap()
}

pub(crate) type Reply = Result<Response<Bytes>, TransportError>;

/// What each warehouse says next, by host; without a script it takes everything. Keeps what it was asked, and the
/// timeouts.
#[derive(Default)]
pub(crate) struct Warehouses {
    script: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    asked: Mutex<Vec<(String, Duration)>>,
}

impl Warehouses {
    pub(crate) fn say(&self, host: &str, reply: Reply) {
        self.script.lock().unwrap().entry(host.to_owned()).or_default().push_back(reply);
    }

    /// Requests so far, as `POST http://alpha/v1/shipments`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(request, _)| request.clone()).collect()
    }

    pub(crate) fn timeouts(&self) -> Vec<Duration> {
        self.asked.lock().unwrap().iter().map(|(_, timeout)| *timeout).collect()
    }
}

#[async_trait]
impl Transport for Warehouses {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Reply {
        self.asked.lock().unwrap().push((format!("{} {}", request.method(), request.uri()), timeout));
        let host = request.uri().host().unwrap().to_owned();
        // As slow as a network.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let reply = self.script.lock().unwrap().get_mut(&host).and_then(VecDeque::pop_front);
        reply.unwrap_or_else(|| answer(200, &json!({})))
    }
}

pub(crate) fn answer(status: u16, body: &Value) -> Reply {
    Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
}

pub(crate) fn not_sent() -> Reply {
    Err(TransportError::NotSent("connection refused".into()))
}

pub(crate) fn timed_out() -> Reply {
    Err(TransportError::TimedOut(Duration::from_secs(5)))
}

/// A page of a warehouse's inventory: rows of (on hand, version) of the one item.
pub(crate) fn page(rows: &[(i64, u64)], next: Option<&str>) -> Reply {
    let row = |(on_hand, version): &(i64, u64)| json!({ "isbn": sku(), "onHand": on_hand, "version": version });
    answer(200, &json!({ "items": rows.iter().map(row).collect::<Vec<_>>(), "next": next }))
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

pub(crate) struct World {
    dynamo: LocalDynamo,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) warehouses: Arc<Warehouses>,
    pub(crate) registry: Registry,
    pub(crate) inventory: Inventory,
    pub(crate) sales: Sales,
    /// Through the faults; everything else is past them.
    pub(crate) table: Table,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::through(&FaultInjector::new()).await
    }

    /// One book, nine copies at alpha and five at beta, as both warehouses counted under version 1.
    pub(crate) async fn through(faults: &FaultInjector) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_780_000_000).unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        let plain = Table::new(dynamo.client(), "crossdock");
        let world = Self {
            clock: clock.clone(),
            warehouses: Arc::default(),
            registry: Registry::new(plain.clone(), clock.clone()),
            inventory: Inventory::new(plain.clone()),
            sales: Sales::new(plain.clone(), clock.clone()),
            table: Table::new(dynamo.client_through(faults), "crossdock"),
            dynamo,
        };
        for id in ["alpha", "beta"] {
            world.registry.register(&tenant(), &at(id), id, &format!("http://{id}")).await.unwrap();
        }
        let new = NewBook {
            isbn: isbn().to_string(),
            title: "The Odyssey".to_owned(),
            authors: vec!["Homer".to_owned()],
            year: None,
            language: None,
            price: Money::from_minor(1250, "GBP".parse().unwrap()),
        };
        Catalog::new(plain, clock).create(&tenant(), new, &cause()).await.unwrap();
        for (id, on_hand) in [("alpha", 9), ("beta", 5)] {
            let seen = [(sku(), Observation { on_hand, version: 1 })];
            world.inventory.absorb(&tenant(), &at(id), &seen, &world.posting()).await.unwrap();
        }
        world
    }

    pub(crate) fn posting(&self) -> Posting {
        let effective_at = self.clock.now();
        Posting { source: "opening".into(), actor: "test".into(), reason: None, effective_at }
    }

    pub(crate) fn peers(&self) -> Peers {
        Peers::new(self.warehouses.clone())
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        let registry = Registry::new(self.table.clone(), self.clock.clone());
        Dispatch { sales: Sales::new(self.table.clone(), self.clock.clone()), registry, peers: self.peers() }
    }

    /// A paid order of this many copies, all from alpha.
    pub(crate) async fn paid(&self, copies: i64) -> Order {
        let request = PlaceOrder {
            customer: "usr_alice".to_owned(),
            idempotency_key: Some("key-1".to_owned()),
            items: vec![(BookId::of(isbn()), copies)],
            payment_method: "card".to_owned(),
            payment_token: "tok_visa".to_owned(),
        };
        let (Placed::New(order) | Placed::Replayed(order)) =
            self.sales.place(&tenant(), &request, &cause()).await.unwrap();
        self.sales.settle_payment(&tenant(), order.id, &Generous, &cause()).await.unwrap()
    }

    pub(crate) async fn order(&self, id: OrderId) -> Order {
        self.sales.order(&tenant(), id).await.unwrap().unwrap()
    }

    pub(crate) async fn offline(&self, id: &str) {
        self.registry.observe(&tenant(), &[(at(id), false)]).await.unwrap();
    }

    /// The level of the one item, proven by its ledger.
    pub(crate) async fn level(&self, id: &str) -> Level {
        self.inventory.prove(&tenant(), &at(id), &sku()).await.unwrap()
    }

    /// Instructions that were asked for by event.
    pub(crate) fn requested(&self) -> usize {
        let request = json!({
            "TableName": "crossdock",
            "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": { ":k": { "S": "event" } },
        });
        let items = self.dynamo.execute("Scan", request)["Items"].clone();
        items.as_array().unwrap().iter().filter(|item| item.to_string().contains("sales.shipment.requested.v1")).count()
    }
}

/// The event that asks for a parcel.
pub(crate) fn requested(order: &Order, shipment: ShipmentId, clock: &dyn Clock) -> Event {
    let data = json!({ "orderId": order.id, "shipmentId": shipment });
    Event::new("sales.shipment.requested.v1", &tenant(), shipment, order.version, data, clock)
}
