//! Many callers at once, over HTTP.

use futures::future::join_all;
use http::StatusCode;
use kernel::ManualClock;
use serde_json::json;
use std::sync::Arc;
use testkit::LocalDynamo;

use super::world::{World, tenant};

async fn contended() -> World {
    let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
    World::over(LocalDynamo::with_clock(clock.clone()).contended(11), clock)
}

#[tokio::test(start_paused = true)]
async fn of_fifty_callers_one_reserves_the_last_unit() {
    let world = contended().await;
    world.stocked("alpha", "a", 1).await;
    let wanted =
        json!({ "lines": [{ "location": "alpha", "sku": "a", "quantity": 1 }], "seconds": 60, "source": "cart" });
    let keys: Vec<String> = (0..50).map(|n| format!("cart-{n}")).collect();
    let answers = join_all(keys.iter().map(async |key| {
        loop {
            let answer = world.post("/reservations", key, &wanted).await;
            // As a client who is told to try again, and does.
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
        }
    }))
    .await;
    let won = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!(won, 1);
    assert!(answers.iter().all(|a| a.status.is_success() || a.refusal() == (409, "insufficient_stock")));
    let level = world.proved("alpha", "a").await;
    assert_eq!((level.on_hand, level.reserved), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn one_key_sent_by_many_at_once_moves_stock_once() {
    let world = contended().await;
    world.stocked("alpha", "a", 20).await;
    let sale = json!({ "location": "alpha", "sku": "a", "movement": { "kind": "issued", "quantity": 2 } });
    let answers = join_all((0..12).map(|_| world.post("/movements", "k", &sale))).await;
    let bodies: Vec<_> = answers.into_iter().filter(|answer| answer.status.is_success()).map(|a| a.body).collect();
    assert!(!bodies.is_empty() && bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(world.proved("alpha", "a").await.on_hand, 18);
    assert_eq!(world.inventory.levels(&tenant(), &"alpha".parse().unwrap(), None, 9).await.unwrap().items.len(), 1);
}
