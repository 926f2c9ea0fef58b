//! Many products through a small bucket with workers that die, and a storm of deliveries.
//!
//! A hundred of each run with every test. The full size, 10,000 products and 5,000 deliveries, is
//! `cargo nextest run --release -p certification --run-ignored only`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use certification::Account::First;
use certification::{Subject as _, TABLE, Things};
use documents::{DocumentId, Documents, Processed, State};
use fastrand::Rng;
use futures::future::join_all;
use serde_json::json;
use shopify::map::order::Order;
use table::Table;
use testkit::{Effect, FaultInjector, Side};

use crate::world::World;

const WORKERS: usize = 6;
/// The number of a worker's last call is below this.
const LIFE: usize = 400;

/// One life of a worker: documents one after the other, until there are none or it dies.
async fn live(world: &World, queue: &RefCell<VecDeque<DocumentId>>, rng: &RefCell<Rng>) {
    let faults = FaultInjector::new();
    let side = if rng.borrow_mut().bool() { Side::Before } else { Side::After };
    faults.at(rng.borrow_mut().usize(5..LIFE), side, Effect::Crash);
    let process = world.process(Table::new(world.dynamo().client_through(&faults), TABLE));
    let (tenant, connection) = (world.tenant(First), world.connection(First));
    loop {
        let Some(id) = queue.borrow_mut().pop_front() else { return };
        let attempt = process.documents.process(&tenant, id, &connection, "worker", &*process.outward);
        match faults.run(attempt).await {
            Ok(Ok(Processed::Attempted(State::Success))) => {}
            Ok(Ok(_)) => {
                let documents = Documents::new(world.table(), world.clock().clone());
                if documents.document(&tenant, id).await.unwrap().unwrap().state.is_open() {
                    queue.borrow_mut().push_back(id);
                    world.clock().advance(Duration::from_millis(500));
                }
            }
            Ok(Err(_)) | Err(_) => {
                queue.borrow_mut().push_back(id);
                return;
            }
        }
    }
}

async fn products(count: usize) {
    let world = World::with_bucket(1_000, 50).await;
    let (mut queue, mut wanted) = (VecDeque::new(), Things::new());
    for n in 0..count {
        let name = format!("product-{n:05}");
        world.have(First, &name, 1);
        queue.push_back(world.announce(First, &name, 1).await);
        wanted.push((name, 1));
    }
    let (queue, rng) = (RefCell::new(queue), RefCell::new(Rng::with_seed(7)));
    let mut lives = 0;
    while !queue.borrow().is_empty() {
        join_all((0..WORKERS).map(|_| live(&world, &queue, &rng))).await;
        lives += WORKERS;
    }
    assert!(lives > WORKERS, "workers died");
    assert_eq!(world.there(First).await, wanted);
    let counters = world.enter(First, "counters", json!({})).await;
    assert_eq!(counters["throttled"], 0);
    assert!(counters["bucketPeak"].as_u64() <= Some(1_000), "{counters}");
}

#[tokio::test]
async fn every_product_arrives_once_within_the_bucket_though_workers_die() {
    products(100).await;
}

#[tokio::test]
#[ignore = "full size: minutes in a release build"]
async fn ten_thousand_products_arrive_once_within_the_bucket_though_workers_die() {
    products(10_000).await;
}

/// Everything a storm leaves behind.
type Left = (Things, Vec<Order>);

/// So many things happen in a store, all of which it tells; deliveries travel as said, some are tampered with on the way.
async fn storm(count: usize, travel: serde_json::Value) -> Left {
    let world = World::with_bucket(1_000_000, 1_000_000).await;
    let (tenant, connection) = (world.tenant(First), world.connection(First));
    let process = world.process(world.table());
    for name in ["a", "b", "c", "d"] {
        world.have(First, name, 1);
        let id = world.announce(First, name, 1).await;
        let sent = process.documents.process(&tenant, id, &connection, "worker", &*process.outward).await;
        assert_eq!(sent.unwrap(), Processed::Attempted(State::Success));
    }
    let mut rng = Rng::with_seed(11);
    let mut orders: Vec<String> = Vec::new();
    for n in 0..count {
        world.clock().advance(Duration::from_secs(2));
        let name = ["a", "b", "c", "d"][n % 4];
        match rng.u8(0..10) {
            0..=1 => {
                let bought = json!({ "items": [{ "sku": name, "quantity": 1 }], "email": "ada@example.com" });
                let order = world.enter(First, "buy", bought).await;
                orders.push(order["admin_graphql_api_id"].as_str().unwrap().to_owned());
            }
            2 if !orders.is_empty() => {
                let order = orders.swap_remove(rng.usize(..orders.len()));
                world.enter(First, "cancel-order", json!({ "orderId": order })).await;
            }
            _ => world.change_there(First, name, u32::try_from(n + 2).unwrap()).await,
        }
    }
    world.enter(First, "deliver", travel).await;
    let mut refused = 0;
    for (n, delivery) in world.take_heard(First).into_iter().enumerate() {
        if n % 20 == 0 {
            let mut tampered = delivery.clone();
            let at = rng.usize(..tampered.body.len());
            tampered.body[at] ^= 1 << rng.u8(0..8);
            refused += usize::from(!world.receive(world.table(), tampered).await);
        }
        assert!(world.receive(world.table(), delivery).await);
        assert_eq!(refused, n / 20 + 1);
    }
    work_off(&world).await;
    assert_eq!(world.announced(First).await, [], "nothing that was told to us is told back");
    (world.here(First), world.goods.orders(&tenant))
}

async fn work_off(world: &World) {
    let (tenant, connection) = (world.tenant(First), world.connection(First));
    let process = world.process(world.table());
    loop {
        let mut open = 0;
        for state in [State::New, State::Failed] {
            let kind = world.delivery_type();
            let (found, _) = process.documents.list(&tenant, &kind, state, None, 1_000).await.unwrap();
            for document in found {
                let done = process.documents.process(&tenant, document.id, &connection, "worker", &*process.inward);
                assert_eq!(done.await.unwrap(), Processed::Attempted(State::Success), "{document:?}");
                open += 1;
            }
        }
        if open == 0 {
            return;
        }
    }
}

async fn storms(count: usize) {
    let once_in_order = storm(count, json!({})).await;
    let travel = json!({ "duplicatePercent": 20, "shuffle": true });
    let stormed = storm(count, travel).await;
    assert_eq!(stormed, once_in_order);
    assert!(once_in_order.0.len() == 4 && !once_in_order.1.is_empty());
}

#[tokio::test]
async fn a_storm_of_deliveries_ends_as_if_each_had_come_once_in_order() {
    storms(100).await;
}

#[tokio::test]
#[ignore = "full size: minutes in a release build"]
async fn five_thousand_deliveries_end_as_if_each_had_come_once_in_order() {
    storms(5_000).await;
}
