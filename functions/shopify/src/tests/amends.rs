//! What is changed about an order after it was taken in.

use std::time::Duration;

use documents::State;
use sales::order::money::NOT_SENT;
use sales::payment::RefundState;
use sales::returns::ReturnState;
use sales::{Order, PaymentDue};
use serde_json::{Value, json};
use shopify::Gid;
use shopify::inbound::DELIVERY;
use testkit::crash_points;

use super::crashes::dies;
use super::world::{World, gbp, sku, tenant};

impl World {
    /// Three of ten books are bought, and taken in.
    async fn with_an_order() -> (Self, Gid) {
        let world = Self::connected().await;
        world.book(1, 10, 0).await;
        world.settle_in_time().await;
        let bought = world.buy(&[(1, 3)]).await;
        world.talk().await;
        (world, bought)
    }

    /// Something is done to an order in the store a minute later; gives the order as its webhook does.
    async fn amends(&self, what: &str, order: &Gid, mut body: Value) -> Value {
        self.clock.advance(Duration::from_secs(60));
        body["orderId"] = json!(order);
        self.enter(what, body).await
    }

    async fn refunds(&self, order: &Gid, restock: &str, units: i64, pence: i64) -> Value {
        let items =
            if units > 0 { json!([{ "sku": sku(1), "quantity": units, "restock": restock }]) } else { json!([]) };
        self.amends("refund", order, json!({ "items": items, "pence": pence })).await
    }

    async fn edits_to(&self, order: &Gid, units: i64) -> Value {
        self.amends("edit-order", order, json!({ "items": [{ "sku": sku(1), "quantity": units }] })).await
    }

    async fn level(&self) -> (i64, i64) {
        let inventory = inventory::Inventory::new(self.table());
        let place = ("alpha".parse().unwrap(), sku(1).parse().unwrap());
        let level = inventory.prove(&tenant(), &place.0, &place.1).await.unwrap();
        (level.on_hand, level.committed)
    }

    async fn codes(&self) -> Vec<String> {
        let failed = self.of(DELIVERY, State::Error).await;
        failed.into_iter().filter_map(|document| document.last.unwrap().code).collect()
    }
}

/// What was given back, in pence and by whom it was decided.
fn given_back(order: &Order) -> Vec<(i64, &str, RefundState)> {
    order.refunds.iter().map(|refund| (refund.minor, refund.reason.as_str(), refund.state)).collect()
}

#[tokio::test]
async fn units_that_are_paid_back_before_they_left_are_called_off_once() {
    let (world, bought) = World::with_an_order().await;
    world.refunds(&bought, "cancel", 1, 1_250).await;
    world.talk().await;
    world.refunds(&bought, "no_restock", 1, 1_250).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!((order.lines[0].quantity, world.level().await), (1, (10, 1)));
    assert_eq!(given_back(&order), [(1_250, NOT_SENT, RefundState::Done); 2]);
    world.ship(&bought).await;
    let order = world.order(&bought).await.unwrap();
    // All that was taken beyond what was sent is given back already.
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Nothing);
    assert!(world.codes().await.is_empty());
}

#[tokio::test]
async fn goods_that_come_back_are_a_return_of_ours_and_in_stock_again() {
    let (world, bought) = World::with_an_order().await;
    world.ship(&bought).await;
    world.talk().await;
    let before = world.level().await;
    world.refunds(&bought, "return", 1, 1_250).await;
    world.talk().await;
    // Less than it was worth, for what is left of the second one.
    world.refunds(&bought, "return", 1, 1_000).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    let returns: Vec<_> = order.returns.iter().map(|held| (held.state, held.lines[0].restocked)).collect();
    assert_eq!(returns, [(ReturnState::Closed, 1); 2]);
    assert_eq!(world.level().await, (before.0 + 2, 0));
    let done: Vec<_> = given_back(&order).into_iter().filter(|(_, _, state)| *state == RefundState::Done).collect();
    assert_eq!(done.iter().map(|(minor, ..)| minor).sum::<i64>(), 2_250);
    assert!(order.refunds.iter().all(|refund| refund.state != RefundState::Requested));
    assert!(world.codes().await.is_empty());
}

#[tokio::test]
async fn money_alone_is_booked_as_it_is_given_back_and_never_more_than_was_paid() {
    let (world, bought) = World::with_an_order().await;
    for pence in [500, 3_250] {
        world.refunds(&bought, "", 0, pence).await;
        world.talk().await;
    }
    let order = world.order(&bought).await.unwrap();
    let booked: Vec<_> = order.refunds.iter().map(|refund| (refund.minor, refund.state)).collect();
    assert_eq!(booked, [(500, RefundState::Done), (3_250, RefundState::Done)]);
    assert_eq!((order.refunded_minor(), order.captured_minor()), (3_750, 3_750));

    let mut too_much = world.refunds(&bought, "", 0, 0).await;
    too_much["financial_status"] = json!("partially_refunded");
    too_much["refunds"][0]["transactions"][0]["amount"] = json!("99.00");
    world.told(json!({})).await;
    assert_eq!(world.receive(&world.delivery("orders/updated", &too_much)).await.as_u16(), 200);
    world.settle().await;
    assert_eq!(world.codes().await, ["STEP_REFUSED"]);
    assert_eq!(world.order(&bought).await.unwrap().refunded_minor(), 3_750);
}

#[tokio::test]
async fn an_edit_is_followed_with_its_stock_when_it_is_paid_for() {
    let (world, bought) = World::with_an_order().await;
    let unpaid = json!({ "items": [{ "sku": sku(1), "quantity": 5 }], "unpaid": true });
    world.amends("edit-order", &bought, unpaid).await;
    world.talk().await;
    assert_eq!((world.order(&bought).await.unwrap().lines[0].quantity, world.level().await), (3, (10, 3)));
    world.edits_to(&bought, 5).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!((order.lines[0].quantity, order.captured_minor(), world.level().await), (5, 6_250, (10, 5)));
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Nothing);
    world.edits_to(&bought, 2).await;
    world.talk().await;
    assert_eq!((world.order(&bought).await.unwrap().lines[0].quantity, world.level().await), (2, (10, 2)));
    assert!(world.codes().await.is_empty());
}

#[tokio::test]
async fn a_unit_that_was_paid_back_and_is_ordered_again_is_paid_for_again() {
    let (world, bought) = World::with_an_order().await;
    world.refunds(&bought, "cancel", 2, 2_500).await;
    world.talk().await;
    world.edits_to(&bought, 4).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!((order.lines[0].quantity, order.captured_minor(), order.refunded_minor()), (4, 7_500, 2_500));
    assert_eq!((order.total().unwrap(), world.level().await), (gbp(5_000), (10, 4)));
    world.ship(&bought).await;
    assert_eq!(world.order(&bought).await.unwrap().payment_due().unwrap().1, PaymentDue::Nothing);
}

#[tokio::test]
async fn what_comes_too_late_or_has_no_stock_is_for_a_person_and_money_is_followed_all_the_same() {
    let (world, bought) = World::with_an_order().await;
    world.edits_to(&bought, 50).await;
    world.refunds(&bought, "", 0, 500).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!((order.lines[0].quantity, order.refunded_minor()), (3, 500));
    assert!(world.codes().await.contains(&"STEP_REFUSED".to_owned()));

    let (world, bought) = World::with_an_order().await;
    world.ship(&bought).await;
    world.edits_to(&bought, 4).await;
    world.talk().await;
    assert_eq!(world.order(&bought).await.unwrap().lines[0].quantity, 3);
    assert!(world.codes().await.contains(&"STEP_REFUSED".to_owned()));
}

#[tokio::test]
async fn changes_that_come_twice_and_in_any_order_end_as_they_are_in_the_store() {
    let (world, bought) = World::with_an_order().await;
    world.edits_to(&bought, 6).await;
    world.refunds(&bought, "cancel", 1, 1_250).await;
    world.refunds(&bought, "", 0, 300).await;
    let told = world.told(json!({ "duplicatePercent": 100, "shuffle": true })).await;
    for delivery in &told {
        assert_eq!(world.receive(delivery).await.as_u16(), 200);
        world.settle().await;
    }
    world.settle_in_time().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!(order.refunded_minor(), 1_550);
    assert!(order.refunds.iter().all(|refund| refund.state == RefundState::Done));
    assert_eq!(world.level().await, (10, order.lines[0].quantity));
}

#[tokio::test]
async fn a_return_is_booked_once_wherever_the_worker_died() {
    let points = crash_points(async |faults| {
        let world = World::wired().await;
        world.book(1, 10, 0).await;
        world.settle().await;
        let order = world.bought(&[(1, 3)]).await;
        let bought: Gid = order["admin_graphql_api_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(world.receive(&world.delivery("orders/create", &order)).await.as_u16(), 200);
        world.settle().await;
        world.ship(&bought).await;
        world.settle().await;
        let before = world.level().await;
        let told = world.refunds(&bought, "return", 2, 2_500).await;
        assert_eq!(world.receive(&world.delivery("orders/updated", &told)).await.as_u16(), 200);
        dies(&world, &faults).await;
        let order = world.order(&bought).await.unwrap();
        let booked: Vec<_> = order.refunds.iter().map(|refund| (refund.minor, refund.state)).collect();
        assert_eq!((order.returns.len(), booked), (1, vec![(2_500, RefundState::Done)]));
        assert_eq!(world.level().await.0, before.0 + 2);
    })
    .await;
    assert!(points > 5);
}

#[tokio::test]
async fn an_edit_and_what_it_gives_back_are_booked_once_wherever_the_worker_died() {
    crash_points(async |faults| {
        let world = World::wired().await;
        world.book(1, 10, 0).await;
        world.settle().await;
        let order = world.bought(&[(1, 3)]).await;
        let bought: Gid = order["admin_graphql_api_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(world.receive(&world.delivery("orders/create", &order)).await.as_u16(), 200);
        world.settle().await;
        world.edits_to(&bought, 5).await;
        let mut told = world.refunds(&bought, "", 0, 700).await;
        told["financial_status"] = json!("paid");
        assert_eq!(world.receive(&world.delivery("orders/updated", &told)).await.as_u16(), 200);
        dies(&world, &faults).await;
        let order = world.order(&bought).await.unwrap();
        assert_eq!((order.lines[0].quantity, order.captured_minor(), order.refunded_minor()), (5, 6_250, 700));
        assert_eq!(world.level().await, (10, 5));
    })
    .await;
}
