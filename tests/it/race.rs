//! Acceptance: many customers and few copies, and one customer in a hurry.

use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use sales::OrderStatus;

use crate::world::{Answer, PRICE_MINOR, World};

/// Orders one copy, again and again while the store is busy.
async fn order_one(world: &World, customer: usize) -> Answer {
    for _ in 0..20 {
        let answer = world.order(&format!("usr_{customer}"), "key-1", &[(1, 1)], "tok_visa").await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("customer {customer} never got an answer");
}

#[tokio::test(start_paused = true)]
async fn three_hundred_customers_race_for_a_hundred_copies_and_exactly_a_hundred_are_sold() {
    let mut world = World::contended(7).await.stocked(1, 60, 40).await;
    let answers = join_all((0..300).map(|customer| order_one(&world, customer))).await;
    let sold = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|answer| answer.body["code"] == "out_of_stock").count();
    assert_eq!((sold, refused), (100, 200));

    world.settle().await;
    let orders = world.assert_whole().await;
    assert_eq!(orders.iter().filter(|order| order.status == OrderStatus::Shipped).count(), 100);
    let captured: i64 = orders.iter().map(|order| order.payment.captured_minor).sum();
    assert_eq!(captured, 100 * PRICE_MINOR);
    for name in ["alpha", "beta"] {
        assert_eq!(world.level(world.warehouse(name), name, 1).await.on_hand, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_requests_with_one_key_make_one_order() {
    let mut world = World::contended(11).await.stocked(1, 60, 40).await;
    let answers = join_all((0..50).map(|_| order_one(&world, 1))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    world.settle().await;
    assert_eq!(world.assert_whole().await.len(), 1);

    let other = world.order("usr_1", "key-1", &[(1, 2)], "tok_visa").await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &"idempotency_key_reused".into())
    );
    let late = order_one(&world, 1).await;
    assert!(late.replayed);
    assert_eq!(late.body, answers[0].body);
}
