use super::*;
use crate::testing::{World, answer, at, cause, not_sent, requested, tenant, timed_out};
use inventory::Observation;
use sales::{Figure, OrderStatus, Report};
use serde_json::json;
use testkit::{FaultInjector, crash_points};

const RETRY: fn(&Outcome) -> bool = |outcome| matches!(outcome, Outcome::Retry { .. });

/// Hands the request for the order's parcel `number` to the consumer.
async fn deliver(world: &World, order: &Order, number: usize) -> Outcome {
    let event = requested(order, order.shipments[number].id(order.id), &*world.clock);
    world.dispatch().handle(&event).await
}

async fn states(world: &World, order: &Order) -> Vec<(String, ShipmentState)> {
    let order = world.order(order.id).await;
    order.shipments.iter().map(|shipment| (shipment.location.to_string(), shipment.state)).collect()
}

fn only(location: &str, state: ShipmentState) -> Vec<(String, ShipmentState)> {
    vec![(location.to_owned(), state)]
}

/// Copies promised at alpha and at beta.
async fn promised(world: &World) -> (i64, i64) {
    (world.level("alpha").await.committed, world.level("beta").await.committed)
}

#[tokio::test(start_paused = true)]
async fn an_instruction_that_is_taken_is_sent_once_and_repeated_by_its_id_only() {
    let world = World::new().await;
    let order = world.paid(2).await;
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Sent));
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    assert_eq!(world.warehouses.asked(), ["POST http://alpha/v1/shipments"; 2]);
    assert_eq!(promised(&world).await, (2, 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_surely_did_not_arrive_is_free_to_go_elsewhere() {
    let world = World::new().await;
    let order = world.paid(2).await;
    world.warehouses.say("alpha", not_sent());
    assert!(RETRY(&deliver(&world, &order, 0).await));
    assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Requested));

    world.offline("alpha").await;
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    let moved = [("alpha".to_owned(), ShipmentState::Moved), ("beta".to_owned(), ShipmentState::Requested)];
    assert_eq!(states(&world, &order).await, moved);
    assert_eq!(promised(&world).await, (0, 2));
    // One when it was paid for, one for the new parcel.
    assert_eq!(world.requested(), 2);
    let order = world.order(order.id).await;
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    assert_eq!(deliver(&world, &order, 1).await, Outcome::Done);
    assert_eq!(world.warehouses.asked(), ["POST http://alpha/v1/shipments", "POST http://beta/v1/shipments"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_may_have_arrived_stays_with_its_warehouse_whatever_comes_after() {
    for first in [timed_out(), answer(503, &json!({})), answer(429, &json!({}))] {
        let world = World::new().await;
        let order = world.paid(2).await;
        world.warehouses.say("alpha", first);
        world.warehouses.say("alpha", not_sent());
        // Nothing is known, then it is surely not sent again: the first may still have arrived.
        for _ in 0..2 {
            assert!(RETRY(&deliver(&world, &order, 0).await));
            assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Sent));
        }
        world.offline("alpha").await;
        assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
        assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Sent));
        assert!(!world.warehouses.asked().iter().any(|asked| asked.contains("beta")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_instruction_is_a_dead_letter_and_free_to_go_elsewhere() {
    let world = World::new().await;
    let order = world.paid(2).await;
    world.warehouses.say("alpha", answer(403, &json!({ "code": "forbidden" })));
    let outcome = deliver(&world, &order, 0).await;
    assert_eq!(outcome, Outcome::reject("instruction_refused", "alpha refuses the instruction: forbidden"));
    assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Requested));
}

#[tokio::test(start_paused = true)]
async fn a_parcel_nobody_else_can_fill_waits() {
    let world = World::new().await;
    let order = world.paid(6).await;
    world.offline("alpha").await;
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Requested));
    assert_eq!(world.warehouses.asked(), Vec::<String>::new());
    assert_eq!(promised(&world).await, (6, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_called_off_or_has_left_is_not_sent() {
    let world = World::new().await;
    let order = world.paid(2).await;
    world.sales.cancel(&tenant(), order.id, "usr_alice", &cause()).await.unwrap();
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    assert_eq!(promised(&world).await, (0, 0));

    let world = World::new().await;
    let order = world.paid(2).await;
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    let line = &order.shipments[0].lines[0];
    let observed = Observation { on_hand: 7, version: 2 };
    let left = Report::Shipped(vec![Figure { sku: line.0.clone(), quantity: line.1, observed }]);
    let parcel = (order.id, order.shipments[0].id(order.id));
    world.sales.report(&tenant(), parcel, &at("alpha"), &left, &cause()).await.unwrap();
    // A late duplicate.
    assert_eq!(deliver(&world, &order, 0).await, Outcome::Done);
    assert_eq!(world.warehouses.asked().len(), 1);
    assert_eq!(world.order(order.id).await.status, OrderStatus::Shipped);
}

#[tokio::test(start_paused = true)]
async fn an_event_about_nothing_we_know_is_a_dead_letter() {
    let world = World::new().await;
    let order = world.paid(2).await;
    let shipment = order.shipments[0].id(order.id);
    let event = |data: serde_json::Value| Event { data, ..requested(&order, shipment, &*world.clock) };
    let nobody = "ord_00000000000000000000000000";
    let none = "shp_00000000000000000000000000";
    for (data, code) in [
        (json!({}), "malformed_event"),
        (json!({ "orderId": nobody, "shipmentId": shipment }), "unknown_order"),
        (json!({ "orderId": order.id, "shipmentId": none }), "unknown_shipment"),
    ] {
        let outcome = world.dispatch().handle(&event(data)).await;
        assert!(matches!(&outcome, Outcome::Reject { code: found, .. } if *found == code), "{outcome:?}");
    }
}

/// Dies at every call, and is delivered again until it is done.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_leaves_one_parcel_at_one_warehouse() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::through(&faults).await;
        let order = world.paid(2).await;
        for reply in [not_sent(), timed_out()] {
            world.warehouses.say("alpha", reply);
        }
        for _ in 0..6 {
            faults.restart();
            let _ = faults.run(deliver(&world, &order, 0)).await;
        }
        assert_eq!(states(&world, &order).await, only("alpha", ShipmentState::Sent));
        assert_eq!(promised(&world).await, (2, 0));
        assert!(world.warehouses.asked().len() >= 3);
    };
    crash_points(scenario).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_a_parcel_moves_moves_it_once() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::through(&faults).await;
        let order = world.paid(2).await;
        world.offline("alpha").await;
        for _ in 0..3 {
            faults.restart();
            let _ = faults.run(deliver(&world, &order, 0)).await;
        }
        let moved = [("alpha".to_owned(), ShipmentState::Moved), ("beta".to_owned(), ShipmentState::Requested)];
        assert_eq!(states(&world, &order).await, moved);
        assert_eq!(promised(&world).await, (0, 2));
        assert_eq!(world.requested(), 2);
    };
    crash_points(scenario).await;
}
