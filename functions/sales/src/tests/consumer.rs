//! The consumer of payment events, on its own.

use std::sync::Arc;

use http::StatusCode;
use kernel::{Event, SystemClock};
use messaging::{EventHandler as _, Outcome};
use serde_json::{Value, json};

use super::world::{CONNECTOR, ORDERS, Provider, World, gbp, order, post, ship, tenant};
use crate::PaymentDue;

async fn told(world: &World, kind: &str, data: Value) -> Outcome {
    let event = Event::new(kind, &tenant(), "x", 1, data, &SystemClock);
    PaymentDue::new(world.sales.clone(), Arc::new(Provider)).handle(&event).await
}

/// The order, paid by this card.
async fn by_card(world: &World, token: &str) -> String {
    let mut order = order();
    order["payments"] = json!([{ "method": "card", "token": token, "amount": gbp("40.80") }]);
    let answer = world.send(Some(CONNECTOR), post(ORDERS, &order)).await;
    assert_eq!((answer.status, &answer.body["status"]), (StatusCode::CREATED, &json!("PENDING")));
    answer.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_order_is_paid_when_its_event_comes_however_often() {
    let world = World::new().await;
    let id = by_card(&world, "tok_visa").await;
    for _ in 0..2 {
        let done = told(&world, "sales.order.placed.v1", json!({ "orderId": id, "unkeyed": true })).await;
        assert!(matches!(done, Outcome::Done), "{done:?}");
    }
    assert_eq!(world.get(&format!("{ORDERS}/{id}")).await.body["status"], "PROCESSING");
}

#[tokio::test]
async fn a_silent_provider_is_asked_again_and_the_order_stays_to_be_seen() {
    let world = World::new().await;
    let id = by_card(&world, "tok_down").await;
    let later = told(&world, "sales.order.placed.v1", json!({ "orderId": id })).await;
    assert!(matches!(later, Outcome::Retry { .. }), "{later:?}");
    let pending = world.get(&format!("{ORDERS}?status=PENDING")).await;
    assert_eq!(pending.body["items"][0]["id"], json!(id));
}

#[tokio::test]
async fn a_refund_that_is_refused_for_good_becomes_a_dead_letter_and_shows_in_the_order() {
    let world = World::new().await;
    let id = by_card(&world, "tok_visa").await;
    told(&world, "sales.order.placed.v1", json!({ "orderId": id })).await;
    ship(&world, &id).await;
    let refund = json!({ "amount": gbp("1.00"), "reason": "late" });
    told(&world, "sales.shipment.shipped.v1", json!({ "orderId": id })).await;
    for _ in 0..2 {
        world.act(&format!("{ORDERS}/{id}/refunds"), &refund).await;
    }
    let dead = told(&world, "sales.refund.requested.v1", json!({ "orderId": id })).await;
    assert!(matches!(dead, Outcome::Reject { code: "refund_refused", .. }), "{dead:?}");
    let order = world.get(&format!("{ORDERS}/{id}")).await;
    let states: Vec<_> = order.body["refunds"].as_array().unwrap().iter().map(|r| r["status"].clone()).collect();
    assert_eq!(states, ["DONE", "FAILED"]);
    let done = told(&world, "sales.refund.requested.v1", json!({ "orderId": id })).await;
    assert!(matches!(done, Outcome::Done), "{done:?}");
}

#[tokio::test]
async fn an_event_that_means_nothing_becomes_a_dead_letter() {
    let world = World::new().await;
    let id = world.taken_in().await;
    for (event, data) in [
        ("sales.order.placed.v1", json!({})),
        ("sales.order.placed.v1", json!({ "orderId": "ord_00000000000000000000000000" })),
        ("sales.exchange.requested.v1", json!({ "orderId": id })),
    ] {
        let dead = told(&world, event, data).await;
        assert!(matches!(dead, Outcome::Reject { .. }), "{dead:?}");
    }
}
