//! The whole product in one process: the store and its warehouses alpha and beta, each a stack of its own, the network
//! between them, the payment provider, the schedules, and a clock.
//!
//! Functions are the real ones, put together as their builders do it, with embedded AWS services underneath. Only the
//! gateway is left out: who a person is, is said with the request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use catalog::{BookId, Catalog, NewBook};
use http::{Method, Request, StatusCode};
use inventory::{Inventory, LocationId, Sku};
use kernel::{Backoff, Clock, Context, Isbn, ManualClock, Money, TenantId};
use runtime::Job;
use sales::stripe::Stripe;
use sales::{Order, OrderId, Sales};
use sales_functions::PaymentDue;
use serde_json::{Value, json};
use storefront::reconcile::Reconciliation;
use storefront::recovery::Recovery;
use storefront::{Dispatch, Peers, Registry};
use storefront_functions::{HealthCheck, Reconcile, Recover};
use testkit::{FaultInjector, LocalDynamo};
use warehouse::{ConfirmShipment, Count, StoreClient, Warehouse};
use web::Caller;
use web::transport::{Bearer, CircuitBreaker, Retrying, Transport};

use crate::bank::{Bank, KEY, Line};
use crate::network::{Fixed, Network, secret_of};
use crate::process::invoke;
use crate::stack::Stack;
use crate::template;

/// More than any visibility timeout, and than recovery leaves an order alone.
const LATER: Duration = Duration::from_secs(130);
/// Rounds after which what still moves never will stop.
const PATIENCE: usize = 300;
/// As `runtime` has them.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1), 3);
const BREAKER: (u32, Duration) = (5, Duration::from_secs(30));

pub(crate) const PRICE_MINOR: i64 = 1250;

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

pub(crate) fn at(name: &str) -> LocationId {
    name.parse().unwrap()
}

fn isbn(number: u32) -> Isbn {
    Isbn::from_isbn10_body(&format!("{number:09}")).unwrap()
}

pub(crate) fn sku(number: u32) -> Sku {
    isbn(number).to_string().parse().unwrap()
}

/// What a client sees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) replayed: bool,
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Stack,
    pub(crate) warehouses: [Stack; 2],
    pub(crate) network: Arc<Network>,
    pub(crate) bank: Bank,
    jobs: Vec<(FaultInjector, Arc<dyn Job>)>,
    /// Opening stock by warehouse and item.
    pub(crate) opening: BTreeMap<(LocationId, Sku), i64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::build(&FaultInjector::new(), None).await
    }

    /// Whose processes die when `faults` says so.
    pub(crate) async fn faulty(faults: &FaultInjector) -> Self {
        Self::build(faults, None).await
    }

    /// Whose tables answer as AWS does under load.
    pub(crate) async fn contended(seed: u64) -> Self {
        Self::build(&FaultInjector::new(), Some(seed)).await
    }

    async fn build(faults: &FaultInjector, contention: Option<u64>) -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let dynamo = || {
            let dynamo = LocalDynamo::with_clock(clock.clone());
            contention.map_or_else(|| dynamo.clone(), |seed| dynamo.clone().contended(seed))
        };
        let mut store = Stack::new("store", &template::STORE, dynamo(), &clock, faults);
        let mut warehouses =
            ["alpha", "beta"].map(|name| Stack::new(name, &template::WAREHOUSE, dynamo(), &clock, faults));
        let bank = Bank::open().await;

        let mut hosts = vec![store_host(&store, &clock)];
        hosts.extend(warehouses.iter().map(|stack| warehouse_host(stack, &clock)));
        let network = Arc::new(Network::new(hosts));
        for stack in &mut warehouses {
            let (process, _) = stack.process("warehouse-on-shipment-completed");
            let client = store_client(stack.name, &network, &clock);
            stack.consume("ConfirmationsQueue", process, Arc::new(ConfirmShipment::new(client)));
        }
        let (process, table) = store.process("sales-on-payment-due");
        let line = guarded(Arc::new(Line::new()), &clock);
        let provider = Stripe::new(line, bank.url(), Arc::new(Fixed(KEY.to_owned())));
        let due = PaymentDue::new(Sales::new(table, clock.clone()), Arc::new(provider));
        store.consume("PaymentsQueue", process, Arc::new(due));

        let (process, table) = store.process("storefront-on-shipment-requested");
        let registry = Registry::new(table.clone(), clock.clone());
        let sales = Sales::new(table, clock.clone());
        let dispatch = Dispatch { sales, registry, peers: peers(&network, &clock) };
        store.consume("DispatchQueue", process, Arc::new(dispatch));

        let jobs = jobs(&store, &network, &clock);
        let world = Self { clock, store, warehouses, network, bank, jobs, opening: BTreeMap::new() };
        world.register_warehouses().await;
        world
    }

    async fn register_warehouses(&self) {
        let registry = Registry::new(self.store.table(), self.clock.clone());
        for stack in &self.warehouses {
            let url = format!("http://{0}/warehouses/{0}", stack.name);
            registry.register(&tenant(), &at(stack.name), stack.name, &url).await.unwrap();
        }
    }

    /// A book at 12.50, with this stock at alpha and beta, which the store knows of.
    pub(crate) async fn stocked(mut self, number: u32, alpha: i64, beta: i64) -> Self {
        let new = NewBook {
            isbn: isbn(number).to_string(),
            title: format!("Volume {number}"),
            authors: vec!["Homer".to_owned()],
            year: None,
            language: None,
            price: Money::from_minor(PRICE_MINOR, "GBP".parse().unwrap()),
        };
        let cause = Context::root("setup", None);
        Catalog::new(self.store.table(), self.clock.clone()).create(&tenant(), new, &cause).await.unwrap();
        for (name, on_hand) in [("alpha", alpha), ("beta", beta)] {
            self.opening.insert((at(name), sku(number)), on_hand);
            self.count(name, number, on_hand).await;
            let posting = inventory::Posting {
                source: "opening".to_owned(),
                actor: "setup".to_owned(),
                reason: None,
                effective_at: self.clock.now(),
            };
            let seen = self.level(self.warehouse(name), name, number).await;
            let seen = inventory::Observation { on_hand, version: seen.seq };
            Inventory::new(self.store.table())
                .absorb(&tenant(), &at(name), &[(sku(number), seen)], &posting)
                .await
                .unwrap();
        }
        self
    }

    /// Staff of a warehouse count an item, and the store does not know yet.
    pub(crate) async fn count(&self, name: &str, number: u32, on_hand: i64) {
        let warehouse = Warehouse::new(self.warehouse(name).table(), at(name), self.clock.clone());
        let count = Count { sku: sku(number), on_hand, reason: None };
        warehouse.count(&tenant(), "usr_staff", count, &Context::root("setup", None)).await.unwrap();
    }

    /// Goods are missing, as the next count of the warehouse shows; the store does not know yet.
    pub(crate) async fn short(&mut self, name: &str, number: u32, on_hand: i64) {
        self.count(name, number, on_hand).await;
        self.opening.insert((at(name), sku(number)), on_hand);
    }

    pub(crate) fn warehouse(&self, name: &str) -> &Stack {
        self.warehouses.iter().find(|stack| stack.name == name).unwrap()
    }

    pub(crate) async fn level(&self, stack: &Stack, location: &str, number: u32) -> inventory::Level {
        Inventory::new(stack.table()).level(&tenant(), &at(location), &sku(number)).await.unwrap()
    }

    /// A customer's request to the store, sent again when the function dies over it.
    pub(crate) async fn ask(
        &self,
        customer: &str,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        for _ in 0..3 {
            let mut request = Request::builder().method(method.clone()).uri(format!("http://store{path}"));
            request = request.header("content-type", "application/json");
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            let caller = Caller { principal: customer.to_owned(), role: "CUSTOMER".to_owned(), tenant: tenant() };
            let request = request.extension(caller).body(Bytes::from(body.to_string())).unwrap();
            if let Ok(answer) = self.network.send(request, LATER).await {
                return Answer {
                    status: answer.status(),
                    body: serde_json::from_slice(answer.body()).unwrap_or_default(),
                    replayed: answer.headers().contains_key("idempotency-replayed"),
                };
            }
        }
        panic!("a function died three times");
    }

    /// Orders books, as (number, copies).
    pub(crate) async fn order(&self, customer: &str, key: &str, items: &[(u32, i64)], token: &str) -> Answer {
        let item = |(number, copies): &(u32, i64)| json!({ "bookId": BookId::of(isbn(*number)), "quantity": copies });
        let items: Vec<Value> = items.iter().map(item).collect();
        let body = json!({ "items": items, "payment": { "method": "card", "token": token } });
        self.ask(customer, Method::POST, "/store/v1/orders", Some(key), &body).await
    }

    /// Orders and expects it to be taken; its id.
    pub(crate) async fn placed(&self, items: &[(u32, i64)], token: &str) -> OrderId {
        let answer = self.order("usr_alice", "key-1", items, token).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// The order as it is stored.
    pub(crate) async fn stored(&self, id: OrderId) -> Order {
        Sales::new(self.store.table(), self.clock.clone()).order(&tenant(), id).await.unwrap().unwrap()
    }

    /// Runs every function until nothing is left to do, the schedules included.
    pub(crate) async fn settle(&mut self) {
        let mut swept = false;
        for _ in 0..PATIENCE {
            let mut moved = self.store.turn().await;
            for warehouse in &mut self.warehouses {
                moved |= warehouse.turn().await;
            }
            if moved {
                swept = false;
                continue;
            }
            let idle = self.store.is_idle() && self.warehouses.iter().all(Stack::is_idle);
            if swept && idle {
                return;
            }
            self.clock.advance(LATER);
            swept = self.run_schedules().await;
        }
        panic!("it never comes to rest");
    }

    /// Runs every schedule once; whether all of them succeeded.
    pub(crate) async fn run_schedules(&self) -> bool {
        let mut all_well = true;
        for (process, job) in &self.jobs {
            let done = invoke(process, job.run(self.clock.now())).await;
            all_well &= matches!(done, Ok(Ok(())));
        }
        all_well
    }
}

/// The store's APIs, as one process.
fn store_host(store: &Stack, clock: &Arc<ManualClock>) -> (&'static str, FaultInjector, Router) {
    let (process, table) = store.process("api");
    let cursor_secret = Arc::new(Fixed("cursor-secret-0123456789-0123456789".to_owned()));
    let api = Arc::new(storefront_functions::Api::new(table, clock.clone(), cursor_secret));
    let router = storefront_functions::orders_api(api.clone())
        .merge(storefront_functions::books_api(api.clone()))
        .merge(storefront_functions::warehouses_api(api));
    ("store", process, router)
}

/// A warehouse's APIs, as one process.
fn warehouse_host(stack: &Stack, clock: &Arc<ManualClock>) -> (&'static str, FaultInjector, Router) {
    let (process, table) = stack.process("api");
    let warehouse = Warehouse::new(table, at(stack.name), clock.clone());
    let cursor_secret = Arc::new(Fixed("cursor-secret-0123456789-0123456789".to_owned()));
    let api = Arc::new(warehouse::Api { warehouse: warehouse.clone(), cursor_secret });
    let router = warehouse::inventory_api(api.clone())
        .merge(warehouse::shipments_api(api))
        .merge(warehouse::health_api(Arc::new(warehouse)));
    (stack.name, process, router)
}

/// The schedules of the store.
fn jobs(store: &Stack, network: &Arc<Network>, clock: &Arc<ManualClock>) -> Vec<(FaultInjector, Arc<dyn Job>)> {
    let recovery = |table: &table::Table| Recovery {
        sales: Sales::new(table.clone(), clock.clone()),
        registry: Registry::new(table.clone(), clock.clone()),
        clock: clock.clone(),
    };
    let mut jobs: Vec<(FaultInjector, Arc<dyn Job>)> = Vec::new();
    let (process, table) = store.process("cron-warehouse-health");
    let registry = Registry::new(table.clone(), clock.clone());
    let (peers_of, recovery_of) = (peers(network, clock), recovery(&table));
    let health = HealthCheck { tenant: tenant(), registry, peers: peers_of, recovery: recovery_of };
    jobs.push((process, Arc::new(health)));
    let (process, table) = store.process("cron-inventory-reconcile");
    let registry = Registry::new(table.clone(), clock.clone());
    let inventory = Inventory::new(table);
    let reconciliation = Reconciliation { inventory, registry, peers: peers(network, clock), clock: clock.clone() };
    jobs.push((process, Arc::new(Reconcile { tenant: tenant(), reconciliation })));
    let (process, table) = store.process("cron-order-recovery");
    jobs.push((process, Arc::new(Recover { tenant: tenant(), recovery: recovery(&table) })));
    jobs
}

fn peers(network: &Arc<Network>, clock: &Arc<ManualClock>) -> Peers {
    Peers::new(Arc::new(Bearer::new(guarded(network.clone(), clock), secret_of("store"))))
}

pub(crate) fn store_client(warehouse: &str, network: &Arc<Network>, clock: &Arc<ManualClock>) -> StoreClient {
    let secret = secret_of(&format!("warehouse:{warehouse}"));
    StoreClient::new(guarded(network.clone(), clock), "http://store/store", secret)
}

/// The way out as `runtime` builds it.
fn guarded(inner: Arc<dyn Transport>, clock: &Arc<ManualClock>) -> Arc<dyn Transport> {
    let breaker = CircuitBreaker::new(inner, clock.clone(), BREAKER.0, BREAKER.1);
    Arc::new(Retrying::new(Arc::new(breaker), BACKOFF))
}
