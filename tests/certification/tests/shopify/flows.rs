//! The flows against the stand-in, stopped and started at every call of the table.

use std::time::Duration;

use certification::Account::First;
use certification::{Subject as _, TABLE, Things};
use documents::batch::Verdict;
use documents::{DocumentId, DocumentType, Documents, Outcome, Processed, Report, State};
use serde_json::json;
use shopify::Gid;
use shopify::breaker::store::Circuits;
use shopify::breaker::{Event, Route};
use shopify::flows::drift::Drifts;
use shopify::flows::fallback::Fallback;
use shopify::flows::full_sync::FullSync;
use shopify::flows::reconcile::{Found, Reconcile};
use shopify::flows::runs::{RunId, Runs};
use shopify::flows::{Look, Operations};
use shopify::inbound::STATE;
use shopify::platform::kind;
use shopify::stores::{Connection, Stores};
use shopify::synced::{Agreements, Item};
use table::Table;
use testkit::{FaultInjector, crash_points};

use crate::world::World;

fn through(world: &World, faults: &FaultInjector) -> Table {
    Table::new(world.dynamo().client_through(faults), TABLE)
}

fn operations(world: &World, table: &Table) -> Operations {
    Operations {
        client: world.client(table),
        stores: Stores::new(table.clone()),
        runs: Runs::new(table.clone()),
        clock: world.clock().clone(),
    }
}

fn full_sync(world: &World, table: Table) -> FullSync {
    FullSync { operations: operations(world, &table), table }
}

fn fallback(world: &World, table: &Table) -> Fallback {
    Fallback {
        operations: operations(world, table),
        documents: Documents::new(table.clone(), world.clock().clone()),
        agreements: Agreements::new(table.clone()),
        platform: world.goods.clone(),
    }
}

fn reconcile(world: &World, webhook: &str) -> Reconcile {
    let table = world.table();
    Reconcile {
        operations: operations(world, &table),
        documents: Documents::new(table.clone(), world.clock().clone()),
        agreements: Agreements::new(table.clone()),
        table,
        platform: world.goods.clone(),
        webhook: webhook.to_owned(),
    }
}

fn things<const N: usize>(names: [&str; N]) -> Things {
    names.map(|name| (name.to_owned(), 1)).to_vec()
}

async fn wait(operations: &Operations, world: &World, run: RunId) -> Result<(), Report> {
    while let Look::Running { .. } = operations.look(&world.tenant(First), run).await? {
        world.clock().advance(Duration::from_secs(10));
    }
    Ok(())
}

/// The flow as the state machine drives it; a turn at a part ends after each chunk.
async fn sync(flow: &FullSync, world: &World, run: RunId) -> Result<Verdict, Report> {
    let tenant = world.tenant(First);
    flow.begin(&tenant, &world.side(First).connection.shop, run).await?;
    wait(&flow.operations, world, run).await?;
    for part in flow.open(&tenant, run).await? {
        while !flow.read(&tenant, run, &part, "reader", &|| true).await? {
            world.clock().advance(Duration::from_secs(5));
        }
    }
    flow.judge(&tenant, run).await
}

async fn read_states(world: &World) -> Vec<DocumentId> {
    let documents = Documents::new(world.table(), world.clock().clone());
    let kind = DocumentType::literal(STATE);
    let (found, _) = documents.list(&world.tenant(First), &kind, State::New, None, 100).await.unwrap();
    found.into_iter().map(|document| document.id).collect()
}

async fn work_off_states(world: &World) {
    let process = world.process(world.table());
    let (tenant, connection) = (world.tenant(First), world.connection(First));
    for id in read_states(world).await {
        let done = process.documents.process(&tenant, id, &connection, "worker", &*process.inward).await;
        assert_eq!(done.unwrap(), Processed::Attempted(State::Success));
    }
}

#[tokio::test]
async fn a_full_sync_stopped_and_started_anywhere_has_everything_once() {
    crash_points(async |faults| {
        let world = World::open().await;
        world.tell_many(First, &[("a", true), ("b", true), ("c", true)]).await;
        let run = RunId::derive(&["execution"]);
        let _ = faults.run(sync(&full_sync(&world, through(&world, &faults)), &world, run)).await;
        faults.restart();
        world.clock().advance(Duration::from_secs(121));
        let verdict = sync(&full_sync(&world, world.table()), &world, run).await.unwrap();
        assert_eq!(verdict, Verdict::Success { counted: 3, stored: 3 });
        assert_eq!(read_states(&world).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_a_full_sync_read_is_taken_in_where_it_differs_and_a_second_one_finds_nothing_new() {
    let world = World::open().await;
    for id in announce(&world, &["a", "b", "c"]).await {
        attempt(&world, id).await;
    }
    world.clock().advance(Duration::from_secs(150));
    world.change_there(First, "b", 2).await;
    let flow = full_sync(&world, world.table());
    sync(&flow, &world, RunId::derive(&["1"])).await.unwrap();
    work_off_states(&world).await;
    assert_eq!(world.here(First), [("b".to_owned(), 2)]);
    let again = sync(&flow, &world, RunId::derive(&["2"])).await.unwrap();
    assert_eq!(again, Verdict::Success { counted: 3, stored: 3 });
    assert_eq!(read_states(&world).await, []);
}

#[tokio::test]
async fn a_store_without_products_is_synced() {
    let world = World::open().await;
    let verdict = sync(&full_sync(&world, world.table()), &world, RunId::derive(&["1"])).await;
    assert_eq!(verdict, Ok(Verdict::Success { counted: 0, stored: 0 }));
}

async fn announce(world: &World, names: &[&str]) -> Vec<DocumentId> {
    let mut ids = Vec::new();
    for name in names {
        world.have(First, name, 1);
        ids.push(world.announce(First, name, 1).await);
    }
    ids
}

async fn attempt(world: &World, id: DocumentId) -> Processed {
    let process = world.process(world.table());
    let (tenant, connection) = (world.tenant(First), world.connection(First));
    process.documents.process(&tenant, id, &connection, "worker", &*process.outward).await.unwrap()
}

async fn state(world: &World, id: DocumentId) -> State {
    let documents = Documents::new(world.table(), world.clock().clone());
    documents.document(&world.tenant(First), id).await.unwrap().unwrap().state
}

async fn exhaust(world: &World) {
    let circuits = Circuits::new(world.table(), world.clock().clone());
    let shop = &world.side(First).connection.shop;
    circuits.record(&world.tenant(First), shop, kind::PRODUCT, Event::QuotaExhausted).await.unwrap();
}

/// The flow as the state machine drives it; how many products it took along.
async fn go_around(flow: &Fallback, world: &World, run: RunId) -> Result<u64, Report> {
    let (tenant, shop) = (world.tenant(First), &world.side(First).connection.shop);
    let lines = flow.gather(&tenant, shop, run, &|| false).await?;
    if lines > 0 {
        flow.submit(&tenant, run).await?;
        wait(&flow.operations, world, run).await?;
        while !flow.settle(&tenant, run, &|| true).await? {}
    }
    Ok(lines)
}

#[tokio::test]
async fn products_an_open_circuit_holds_up_go_in_a_file_and_each_has_an_end_of_its_own() {
    let world = World::open().await;
    let ids = announce(&world, &["a", "b", "c"]).await;
    world.have_poison(First, "p");
    let poison = world.announce(First, "p", 1).await;
    exhaust(&world).await;
    for id in ids.iter().chain([&poison]) {
        assert_eq!(attempt(&world, *id).await, Processed::Attempted(State::Processing));
    }
    assert_eq!(world.there(First).await, []);
    let flow = fallback(&world, &world.table());
    let waiting = flow.waiting(&world.tenant(First)).await.unwrap();
    assert!(waiting.iter().eq([&world.side(First).connection.shop]));
    assert_eq!(go_around(&flow, &world, RunId::derive(&["1"])).await, Ok(4));
    for id in ids {
        assert_eq!(state(&world, id).await, State::Success);
    }
    assert_eq!((state(&world, poison).await, world.there(First).await), (State::Error, things(["a", "b", "c"])));
    // A second run finds nobody who waits.
    assert!(flow.waiting(&world.tenant(First)).await.unwrap().is_empty());
    assert_eq!(go_around(&flow, &world, RunId::derive(&["2"])).await, Ok(0));

    // What was sent comes back as an echo, not as a change.
    for delivery in world.deliveries(First).await {
        assert!(world.deliver(world.table(), delivery).await);
    }
    let process = world.process(world.table());
    let kind = world.delivery_type();
    let (told, _) = process.documents.list(&world.tenant(First), &kind, State::New, None, 100).await.unwrap();
    for document in told {
        let (tenant, connection) = (world.tenant(First), world.connection(First));
        let done = process.documents.process(&tenant, document.id, &connection, "w", &*process.inward).await;
        assert_eq!(done.unwrap(), Processed::Attempted(State::Success));
    }
    assert_eq!(world.here(First), []);

    // The next product when the time is over is the probe, and closes the circuit.
    world.clock().advance(Duration::from_hours(1));
    let probe = announce(&world, &["z"]).await[0];
    assert_eq!(attempt(&world, probe).await, Processed::Attempted(State::Success));
    let circuits = Circuits::new(world.table(), world.clock().clone());
    let route = circuits.route(&world.tenant(First), &world.side(First).connection.shop, kind::PRODUCT).await;
    assert_eq!(route.unwrap(), Route::Direct);
}

#[tokio::test]
async fn a_product_that_opens_the_circuit_or_fails_as_its_probe_goes_in_a_file() {
    let world = World::open().await;
    let ids = announce(&world, &["a", "b", "c", "d", "e"]).await;
    let fault = json!({ "operation": "productSet", "kind": "serverError", "times": 100 });
    world.enter(First, "faults", fault).await;
    let (last, first) = ids.split_last().unwrap();
    for id in first {
        assert_eq!(attempt(&world, *id).await, Processed::Attempted(State::Failed));
    }
    assert_eq!(attempt(&world, *last).await, Processed::Attempted(State::Processing));
    // However often one of them comes just when a probe may go, it waits to be taken along.
    for id in [&first[0], &first[0], last] {
        world.clock().advance(Duration::from_mins(3));
        assert_eq!(attempt(&world, *id).await, Processed::Attempted(State::Processing));
    }
    let flow = fallback(&world, &world.table());
    assert_eq!(go_around(&flow, &world, RunId::derive(&["1"])).await, Ok(2));
    assert_eq!(world.there(First).await, things(["a", "e"]));
}

#[tokio::test]
async fn an_abandoned_run_leaves_its_products_to_the_next_attempt() {
    let world = World::open().await;
    let id = announce(&world, &["a"]).await[0];
    exhaust(&world).await;
    attempt(&world, id).await;
    let flow = fallback(&world, &world.table());
    let (tenant, shop, run) = (world.tenant(First), &world.side(First).connection.shop, RunId::derive(&["1"]));
    assert_eq!(flow.gather(&tenant, shop, run, &|| false).await, Ok(1));
    world.clock().advance(Duration::from_hours(2));
    assert_eq!(attempt(&world, id).await, Processed::NotNow);
    flow.abandon(&tenant, run).await.unwrap();
    flow.abandon(&tenant, RunId::derive(&["never begun"])).await.unwrap();
    assert_eq!(state(&world, id).await, State::Failed);
    world.clock().advance(Duration::from_hours(1));
    assert_eq!(attempt(&world, id).await, Processed::Attempted(State::Success));
}

#[tokio::test]
async fn the_bulk_flow_stopped_and_started_anywhere_loses_and_doubles_nothing() {
    crash_points(async |faults| {
        let world = World::open().await;
        let id = announce(&world, &["a"]).await[0];
        exhaust(&world).await;
        attempt(&world, id).await;
        let dying = fallback(&world, &through(&world, &faults));
        let run = RunId::derive(&["execution"]);
        let _ = faults.run(go_around(&dying, &world, run)).await;
        faults.restart();
        world.clock().advance(Duration::from_secs(121));
        let flow = fallback(&world, &world.table());
        go_around(&flow, &world, run).await.unwrap();
        // Whom the worker left behind comes back to the workers, and waits for the next run.
        if state(&world, id).await != State::Success {
            world.clock().advance(Duration::from_secs(121));
            attempt(&world, id).await;
            go_around(&flow, &world, RunId::derive(&["next"])).await.unwrap();
        }
        assert_eq!((state(&world, id).await, world.there(First).await), (State::Success, things(["a"])));
    })
    .await;
}

/// The first store, with a location that is one of ours.
async fn located(world: &World) -> Connection {
    let locations = world.enter(First, "objects", json!({ "type": "Location" })).await;
    let location = locations[0]["id"].as_str().unwrap().parse().unwrap();
    let mut connection = world.side(First).connection.clone();
    connection.locations.insert("main".to_owned(), location);
    let (stores, tenant) = (Stores::new(world.table()), world.tenant(First));
    let seen = stores.versioned(&tenant, &connection.shop).await.unwrap().unwrap().version;
    assert!(stores.write(&tenant, &connection, Some(seen)).await.unwrap());
    connection
}

/// A run, gone on with whenever the bucket allows.
async fn patiently(world: &World, flow: &Reconcile, store: &Connection, is_over: bool) -> Found {
    loop {
        match flow.store(&world.tenant(First), store, &|| is_over).await {
            Ok(found) => return found,
            Err(Report { outcome: Outcome::Throttled { until: Some(until) }, .. }) => world.clock().set(until),
            Err(report) => panic!("{report:?}"),
        }
    }
}

#[tokio::test]
async fn reconciliation_finds_orders_nobody_told_of_lost_subscriptions_and_levels_that_differ() {
    let world = World::open().await;
    let store = located(&world).await;
    world.fill(First, 3).await;
    world.goods.stock_up("book", "main", 7);
    let tenant = world.tenant(First);
    let flow = reconcile(&world, "https://elsewhere.test/hooks");
    let run = async || patiently(&world, &flow, &store, false).await;

    let subscriptions = async || {
        let there = world.enter(First, "objects", json!({ "type": "WebhookSubscription" })).await;
        there.as_array().unwrap().len()
    };
    let before = subscriptions().await;
    let first = run().await;
    assert_eq!((first.orders, first.compared, first.drifted), (Some(3), 1, 1));
    assert_eq!(subscriptions().await, 2 * before, "nobody had told this address");
    let drift = Drifts::new(world.table()).all(&tenant, &store.shop).await.unwrap().remove(0);
    assert_eq!((drift.place.as_str(), drift.ours), ("book@main", 7));
    assert_ne!(drift.theirs, 7);
    work_off_states(&world).await;
    assert_eq!(world.goods.orders(&tenant).len(), 3);

    // The level is told again, and differs no more.
    let documents = Documents::new(world.table(), world.clock().clone());
    let (told, _) = documents.list(&tenant, &DocumentType::literal(kind::STOCK), State::New, None, 10).await.unwrap();
    assert_eq!(told.len(), 1);
    world.clock().advance(Duration::from_secs(60));
    assert_eq!(attempt(&world, told[0].id).await, Processed::Attempted(State::Success));
    world.clock().advance(Duration::from_secs(900));
    let second = run().await;
    assert_eq!((second.subscribed, second.compared, second.drifted), (0, 1, 0));

    // The next window is another one, with what they have in common.
    world.enter(First, "buy", json!({ "items": [{ "sku": "book", "quantity": 1 }], "email": "b@example.com" })).await;
    world.clock().advance(Duration::from_secs(900));
    assert!(run().await.orders >= Some(1));
    work_off_states(&world).await;
    assert_eq!(world.goods.orders(&tenant).len(), 4);
}

/// Five hundred items that only we know stand before the one that both do.
#[tokio::test]
async fn levels_are_compared_in_rounds_that_take_as_many_runs_as_they_need() {
    let world = World::open().await;
    let store = located(&world).await;
    world.fill(First, 1).await;
    world.goods.stock_up("book", "main", 7);
    let (tenant, agreements) = (world.tenant(First), Agreements::new(world.table()));
    for number in 0..500 {
        let (variant, item) = (Gid::new("ProductVariant", 9_000 + number), Gid::new("InventoryItem", 9_000 + number));
        let item = Item { shop: store.shop.clone(), sku: format!("a{number:03}"), variant, item };
        agreements.name(&tenant, &item).await.unwrap();
    }
    let flow = reconcile(&world, "https://elsewhere.test/hooks");
    let mut compared = Vec::new();
    for _ in 0..4 {
        compared.push(patiently(&world, &flow, &store, false).await.compared);
        world.clock().advance(Duration::from_secs(900));
    }
    assert_eq!(compared, [0, 1, 0, 1]);
}

#[tokio::test]
async fn a_window_that_takes_longer_than_a_run_is_read_on_by_the_next() {
    let world = World::open().await;
    let store = located(&world).await;
    world.fill(First, 45).await;
    let flow = reconcile(&world, "https://elsewhere.test/hooks");
    let mut runs = 0;
    let found: Found = loop {
        runs += 1;
        let found = patiently(&world, &flow, &store, true).await;
        if found.orders.is_some() {
            break found;
        }
        world.clock().advance(Duration::from_secs(60));
    };
    assert_eq!((found.orders, runs > 1), (Some(45), true));
    assert_eq!(read_states(&world).await.len(), 45);
}
