//! Many workers, one store, one bucket; stores that fail and workers that die.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;

use super::*;
use crate::limiter::Admission;
use crate::limiter::store::Limiter;
use crate::testing::{shop, table, tenant};

const PRODUCTS: usize = 150;

/// A task that was not seen to end is done again by somebody: what the queue does.
async fn run(world: &World, table: &table::Table, tasks: &RefCell<VecDeque<usize>>, rng: &RefCell<Rng>) {
    let limiter = Limiter::new(table.clone(), world.clock.clone(), Duration::ZERO);
    let (tenant, shop) = (tenant(), shop());
    loop {
        let Some(task) = tasks.borrow_mut().pop_front() else { return };
        let product = Product { title: format!("Tee {task}"), ..tee() };
        let points = product_set::points(&product);
        match limiter.admit(&tenant, &shop, points).await {
            Ok(Admission::Granted(_)) => {}
            Ok(Admission::Wait(wait)) => {
                world.clock.advance(wait);
                tasks.borrow_mut().push_back(task);
                continue;
            }
            other => panic!("{other:?}"),
        }
        let dies = rng.borrow_mut().u8(0..10);
        if dies == 0 {
            // Before the call.
            tasks.borrow_mut().push_back(task);
            return;
        }
        let sent = world.send(product_set::request(&world.store, &format!("prod_{task}"), &product)).await;
        if dies == 1 {
            // After the call, before anything was written down.
            tasks.borrow_mut().push_back(task);
            return;
        }
        let answer = product_set::read(sent, world.now());
        limiter.settle(&tenant, &shop, points, answer.cost);
        match answer.result {
            Ok(ended) => assert!(ended.is_ok()),
            Err(report) => {
                assert_eq!(report.outcome.class(), Class::Transient, "{report:?}");
                tasks.borrow_mut().push_back(task);
            }
        }
    }
}

#[tokio::test]
async fn every_product_arrives_once_though_workers_die_and_the_store_fails() {
    let world = World::open(|options| options.bucket_maximum = 1_000).await;
    let define = world.send(define_id::request(&world.store, "PRODUCT")).await;
    assert!(define_id::read(define, world.now()).result.is_ok());
    for kind in ["internalErrorAfterCommit", "internalError", "serverError", "unavailable"] {
        let fault = json!({ "operation": "productSet", "kind": kind, "times": 3 });
        world.standin.enter("faults", fault).await.unwrap();
    }
    let (table, rng) = (table(), RefCell::new(Rng::with_seed(3)));
    let tasks = RefCell::new((0..PRODUCTS).collect::<VecDeque<_>>());
    while !tasks.borrow().is_empty() {
        join_all((0..6).map(|_| run(&world, &table, &tasks, &rng))).await;
    }
    let products = world.standin.enter("objects", json!({ "type": "Product" })).await.unwrap();
    let mut titles: Vec<String> =
        products.as_array().unwrap().iter().map(|product| product["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    let mut wanted: Vec<String> = (0..PRODUCTS).map(|task| format!("Tee {task}")).collect();
    wanted.sort();
    assert_eq!(titles, wanted);
    let counters = world.standin.enter("counters", json!({})).await.unwrap();
    assert_eq!(counters["throttled"], 0);
    assert!(counters["bucketPeak"].as_u64().unwrap() <= 1_000);
}
