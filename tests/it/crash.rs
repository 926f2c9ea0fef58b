//! Acceptance: kill any function at any AWS call during an order; afterwards the order is complete or cleanly refused,
//! stock and payment agree, and no event is lost or doubled in its effect.
//!
//! Every test plays one kind of order once for every AWS call of every function that takes part in it, the schedules
//! included, and kills the function once just before that call and once just after.

use http::{Method, StatusCode};
use sales::{OrderStatus, ShipmentState};
use serde_json::json;
use testkit::{FaultInjector, crash_points};

use crate::world::World;

/// Settles, proves, and expects the one order to have ended like this.
async fn ends(mut world: World, expected: OrderStatus) {
    world.settle().await;
    let orders = world.assert_whole().await;
    assert_eq!(orders.iter().map(|order| order.status).collect::<Vec<_>>(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn an_order_from_one_warehouse_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::faulty(&faults).await.stocked(1, 5, 0).await;
        world.placed(&[(1, 2)], "tok_visa").await;
        ends(world, OrderStatus::Shipped).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn a_split_order_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::faulty(&faults).await.stocked(1, 3, 0).await.stocked(2, 0, 2).await;
        world.placed(&[(1, 1), (2, 2)], "tok_visa").await;
        ends(world, OrderStatus::Shipped).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn a_reallocated_order_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let mut world = World::faulty(&faults).await.stocked(1, 9, 5).await;
        world.placed(&[(1, 4)], "tok_visa").await;
        world.short("alpha", 1, 1).await;
        ends(world, OrderStatus::Shipped).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_filled_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let mut world = World::faulty(&faults).await.stocked(1, 9, 0).await;
        world.placed(&[(1, 4)], "tok_visa").await;
        world.short("alpha", 1, 0).await;
        ends(world, OrderStatus::Rejected).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_can_be_filled_in_part_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let mut world = World::faulty(&faults).await.stocked(1, 9, 0).await;
        world.placed(&[(1, 4)], "tok_visa").await;
        world.short("alpha", 1, 1).await;
        ends(world, OrderStatus::PartiallyShipped).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_called_off_after_payment_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let mut world = World::faulty(&faults).await.stocked(1, 9, 0).await;
        let id = world.placed(&[(1, 4)], "tok_visa").await;
        world.store.relay().await;
        world.store.pump("PaymentsQueue").await;
        let path = format!("/store/v1/orders/{id}/cancel");
        let answer = world.ask("usr_alice", Method::POST, &path, None, &json!(null)).await;
        // When the first request died after its work was done, the second one finds it done.
        assert!(matches!(answer.status, StatusCode::OK | StatusCode::CONFLICT), "{answer:?}");
        ends(world, OrderStatus::Cancelled).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_called_off_before_payment_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::faulty(&faults).await.stocked(1, 9, 0).await;
        let id = world.placed(&[(1, 4)], "tok_visa").await;
        let path = format!("/store/v1/orders/{id}/cancel");
        world.ask("usr_alice", Method::POST, &path, None, &json!(null)).await;
        ends(world, OrderStatus::Cancelled).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_payment_is_declined_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::faulty(&faults).await.stocked(1, 9, 0).await;
        world.placed(&[(1, 4)], "tok_chargeDeclined").await;
        ends(world, OrderStatus::Rejected).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_warehouse_goes_offline_survives_any_crash() {
    let scenario = |faults: FaultInjector| async move {
        let mut world = World::faulty(&faults).await.stocked(1, 9, 5).await;
        let id = world.placed(&[(1, 4)], "tok_visa").await;
        world.network.cut("alpha");
        world.settle().await;
        // When the function died between marking the parcel and sending it, alpha may have it, and only alpha can tell.
        if world.stored(id).await.shipments[0].state == ShipmentState::Sent {
            world.network.restore("alpha");
        }
        ends(world, OrderStatus::Shipped).await;
    };
    eprintln!("{} crash points", crash_points(scenario).await);
}
