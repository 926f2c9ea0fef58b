//! Workers that die at any call to the table, before or after it.

use std::sync::Mutex;

use documents::State;
use messaging::Outcome;
use sales::OrderStatus;
use shopify::Gid;
use shopify::inbound::DELIVERY;
use testkit::{FaultInjector, crash_points};

use super::world::{World, sku, subscribed};

/// A process handles events, and those that follow, until it dies; what it left behind is found in time.
pub(crate) async fn dies(world: &World, faults: &FaultInjector) {
    let (handlers, seen) = (world.handlers(&world.through(faults)), Mutex::new(Vec::new()));
    let _ = faults
        .run(async {
            loop {
                let events = world.events();
                if events.is_empty() {
                    return;
                }
                seen.lock().unwrap().extend(events.clone());
                for event in &events {
                    for handler in subscribed(&handlers, event) {
                        handler.handle(event).await;
                    }
                }
            }
        })
        .await;
    faults.restart();
    // The queue delivers again, and whatever it does not is swept.
    for event in seen.into_inner().unwrap() {
        for handler in subscribed(&world.handlers(&world.table()), &event) {
            assert_eq!(handler.handle(&event).await, Outcome::Done);
        }
    }
    world.settle_in_time().await;
}

/// A customer buys two, and the store has told.
async fn bought(world: &World) -> Gid {
    let order = world.bought(&[(1, 2)]).await;
    assert_eq!(world.receive(&world.delivery("orders/create", &order)).await.as_u16(), 200);
    order["admin_graphql_api_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_order_is_taken_in_once_wherever_its_worker_died() {
    let points = crash_points(async |faults| {
        let world = World::wired().await;
        world.book(1, 5, 0).await;
        world.settle_in_time().await;
        let bought = bought(&world).await;
        dies(&world, &faults).await;
        let order = world.order(&bought).await.unwrap();
        assert_eq!((order.version, order.status), (1, OrderStatus::Processing));
        let inventory = inventory::Inventory::new(world.table());
        let place = ("alpha".parse().unwrap(), sku(1).parse().unwrap());
        let level = inventory.prove(&super::world::tenant(), &place.0, &place.1).await.unwrap();
        assert_eq!((level.committed, level.available()), (2, 3));
        assert_eq!(world.of(DELIVERY, State::Success).await.len(), 1);
    })
    .await;
    assert!(points > 5);
}

#[tokio::test]
async fn a_product_and_its_stock_are_told_once_wherever_the_worker_died() {
    crash_points(async |faults| {
        let world = World::wired().await;
        world.book(1, 5, 0).await;
        dies(&world, &faults).await;
        assert_eq!(world.objects("Product").await.len(), 1);
        assert_eq!(world.available(1).await, [("Alpha".into(), 5)].into());
    })
    .await;
}

#[tokio::test]
async fn a_parcel_is_told_once_wherever_the_worker_died() {
    crash_points(async |faults| {
        let world = World::wired().await;
        world.book(1, 5, 0).await;
        world.settle_in_time().await;
        let bought = bought(&world).await;
        world.settle().await;
        world.ship(&bought).await;
        dies(&world, &faults).await;
        assert_eq!(world.objects("Fulfillment").await.len(), 1);
        assert!(world.of("parcel", State::Error).await.is_empty());
    })
    .await;
}
