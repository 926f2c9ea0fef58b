//! What becomes of orders when nothing breaks, and when somebody else does.

use http::{Method, StatusCode};
use sales::{OrderStatus, PaymentState, ShipmentState};
use serde_json::json;
use warehouse::Registration;

use crate::world::{PRICE_MINOR, World, at, store_client};

/// Where each parcel went and how it ended.
fn parcels(order: &sales::Order) -> Vec<(&str, ShipmentState)> {
    order.shipments.iter().map(|shipment| (shipment.location.as_str(), shipment.state)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_order_one_warehouse_can_fill_is_paid_shipped_and_settled() {
    let mut world = World::new().await.stocked(1, 5, 1).await;
    let id = world.placed(&[(1, 2)], "tok_visa").await;
    world.settle().await;
    let orders = world.assert_whole().await;
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].id, id);
    assert_eq!(orders[0].status, OrderStatus::Shipped);
    assert_eq!(parcels(&orders[0]), [("alpha", ShipmentState::Shipped)]);
    assert_eq!(orders[0].payment.captured_minor, 2 * PRICE_MINOR);
    assert_eq!(world.level(world.warehouse("alpha"), "alpha", 1).await.on_hand, 3);
}

#[tokio::test(start_paused = true)]
async fn an_order_no_single_warehouse_can_fill_is_split() {
    let mut world = World::new().await.stocked(1, 3, 2).await;
    world.placed(&[(1, 5)], "tok_visa").await;
    world.settle().await;
    let order = world.assert_whole().await.remove(0);
    assert_eq!(order.status, OrderStatus::Shipped);
    assert_eq!(parcels(&order), [("alpha", ShipmentState::Shipped), ("beta", ShipmentState::Shipped)]);
}

#[tokio::test(start_paused = true)]
async fn a_warehouse_that_turns_out_short_is_replaced_by_one_that_is_not() {
    let mut world = World::new().await.stocked(1, 9, 5).await;
    world.placed(&[(1, 4)], "tok_visa").await;
    world.short("alpha", 1, 1).await;
    world.settle().await;
    let order = world.assert_whole().await.remove(0);
    assert_eq!(order.status, OrderStatus::Shipped);
    assert_eq!(parcels(&order), [("alpha", ShipmentState::Refused), ("beta", ShipmentState::Shipped)]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_fill_after_all_is_not_charged() {
    let mut world = World::new().await.stocked(1, 9, 0).await.stocked(2, 9, 0).await;
    world.placed(&[(1, 4)], "tok_visa").await;
    let partly = world.order("usr_bob", "key-1", &[(1, 1), (2, 3)], "tok_visa").await;
    world.short("alpha", 1, 0).await;
    world.settle().await;
    let orders = world.assert_whole().await;
    let (partly, wholly): (Vec<_>, Vec<_>) = orders.iter().partition(|order| partly.body["id"] == order.id.to_string());
    assert_eq!((wholly[0].status, wholly[0].payment.state), (OrderStatus::Rejected, PaymentState::Voided));
    // A parcel is sent whole or not at all, and what can be filled is filled.
    assert_eq!((partly[0].status, partly[0].payment.state), (OrderStatus::PartiallyShipped, PaymentState::Captured));
    assert_eq!(partly[0].payment.captured_minor, 3 * PRICE_MINOR);
}

#[tokio::test(start_paused = true)]
async fn a_declined_payment_gives_the_stock_back() {
    let mut world = World::new().await.stocked(1, 2, 0).await;
    let id = world.placed(&[(1, 2)], "tok_chargeDeclinedInsufficientFunds").await;
    assert_eq!(world.order("usr_bob", "k", &[(1, 1)], "tok_visa").await.body["code"], "out_of_stock");
    world.settle().await;
    let order = world.stored(id).await;
    assert_eq!((order.status, order.payment.state), (OrderStatus::Rejected, PaymentState::Declined));
    assert_eq!(order.payment.decline_code.as_deref(), Some("insufficient_funds"));
    assert_eq!(world.order("usr_bob", "k", &[(1, 1)], "tok_visa").await.status, StatusCode::CREATED);
    world.settle().await;
    world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_times_out_or_fails_is_asked_for_again_and_taken_once() {
    for token in ["tok_timeout", "tok_error"] {
        let mut world = World::new().await.stocked(1, 2, 0).await;
        let id = world.placed(&[(1, 2)], token).await;
        world.settle().await;
        world.assert_whole().await;
        assert_eq!(world.stored(id).await.status, OrderStatus::Shipped, "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_can_be_called_off_until_its_warehouse_was_asked() {
    let mut world = World::new().await.stocked(1, 5, 0).await;
    let first = world.placed(&[(1, 2)], "tok_visa").await;
    let cancel = |id| format!("/store/v1/orders/{id}/cancel");
    let cancelled = world.ask("usr_alice", Method::POST, &cancel(first), None, &json!(null)).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (StatusCode::OK, &json!("CANCELLED")));

    let answer = world.order("usr_alice", "key-2", &[(1, 2)], "tok_visa").await;
    let second: sales::OrderId = answer.body["id"].as_str().unwrap().parse().unwrap();
    world.settle().await;
    let refused = world.ask("usr_alice", Method::POST, &cancel(second), None, &json!(null)).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::CONFLICT, &json!("invalid_transition")));
    assert_eq!(refused.body["currentStatus"], "SHIPPED");
    let orders = world.assert_whole().await;
    assert_eq!(orders.iter().filter(|order| order.status == OrderStatus::Cancelled).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_parcel_leaves_an_offline_warehouse_and_new_orders_avoid_it() {
    let mut world = World::new().await.stocked(1, 9, 5).await;
    let first = world.placed(&[(1, 2)], "tok_visa").await;
    world.network.cut("alpha");
    world.run_schedules().await;
    let second = world.order("usr_bob", "k", &[(1, 2)], "tok_visa").await;
    world.settle().await;
    for id in [first, second.body["id"].as_str().unwrap().parse().unwrap()] {
        let order = world.stored(id).await;
        assert_eq!(order.status, OrderStatus::Shipped);
        assert_eq!(order.shipments.last().unwrap().location, at("beta"));
    }
    world.network.restore("alpha");
    world.settle().await;
    world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn a_parcel_nobody_else_can_fill_waits_for_its_warehouse() {
    let mut world = World::new().await.stocked(1, 9, 1).await;
    let id = world.placed(&[(1, 2)], "tok_visa").await;
    world.network.cut("alpha");
    world.settle().await;
    assert_eq!(parcels(&world.stored(id).await), [("alpha", ShipmentState::Requested)]);
    world.network.restore("alpha");
    world.settle().await;
    world.assert_whole().await;
    assert_eq!(parcels(&world.stored(id).await), [("alpha", ShipmentState::Shipped)]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_reached_hears_of_its_parcels_later() {
    let mut world = World::new().await.stocked(1, 9, 0).await;
    let id = world.placed(&[(1, 2)], "tok_visa").await;
    world.network.cut("store");
    for _ in 0..4 {
        world.store.turn().await;
    }
    world.warehouses[0].turn().await;
    assert_eq!(world.level(world.warehouse("alpha"), "alpha", 1).await.on_hand, 7);
    assert_eq!(parcels(&world.stored(id).await), [("alpha", ShipmentState::Sent)]);
    world.network.restore("store");
    world.settle().await;
    world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn goods_a_warehouse_found_or_lost_reach_the_store_with_the_next_reconciliation() {
    let mut world = World::new().await.stocked(1, 9, 0).await;
    world.placed(&[(1, 2)], "tok_visa").await;
    world.settle().await;
    world.count("alpha", 1, 40).await;
    assert!(world.run_schedules().await);
    assert_eq!(world.level(&world.store, "alpha", 1).await.available(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_warehouse_makes_itself_known() {
    let world = World::new().await;
    let register = |claimed: &str, url: &str| {
        let client = store_client("alpha", &world.network, &world.clock);
        Registration::new(client, world.network.clone(), at(claimed), url)
    };
    register("alpha", "http://alpha/elsewhere").run(json!({})).await.unwrap();
    let registry = storefront::Registry::new(world.store.table(), world.clock.clone());
    let all = registry.all(&crate::world::tenant()).await.unwrap();
    assert_eq!(all.by_id[&at("alpha")].url, "http://alpha/elsewhere");
    assert!(register("beta", "http://alpha/evil").run(json!({})).await.is_err());
    assert_eq!(registry.all(&crate::world::tenant()).await.unwrap(), all);
}
