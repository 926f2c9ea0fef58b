use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use testkit::{Effect, FaultInjector, Side};

use super::world::{World, order};

const KEY: [(&str, &str); 1] = [("idempotency-key", "k-1")];

/// Acceptance: 500 at once over several functions, a limit of 100 a minute, exactly 100 admitted.
#[tokio::test(start_paused = true)]
async fn of_five_hundred_at_once_over_several_functions_exactly_a_hundred_are_admitted() {
    let faults = FaultInjector::new();
    faults.interleave(11);
    let world = World::of(&faults, 5).await;
    let order = order();
    for _ in 0..2 {
        let ask = |number: usize| world.ask_at(number % 5, "POST 2026-11-01/orders", &KEY, &order);
        let all = join_all((0..500).map(ask)).await;
        let others: Vec<_> =
            all.iter().filter(|seen| ![200, 429].contains(&seen.status)).map(|seen| &seen.body).collect();
        assert!(others.is_empty(), "{others:?}");
        let refused: Vec<_> = all.iter().filter(|seen| seen.status == 429).collect();
        assert_eq!((all.len() - refused.len(), world.platform.asked().len()), (100, 100));
        for seen in refused {
            assert_eq!((seen.header("ratelimit-limit"), seen.header("ratelimit-remaining")), ("100", "0"));
            assert_eq!(seen.header("retry-after"), seen.header("ratelimit-reset"));
            assert_eq!(seen.body["code"], "rate_limited");
        }
        world.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn classes_and_consumers_are_counted_apart_and_told_what_is_left() {
    let world = World::new().await;
    for left in ["599", "598"] {
        assert_eq!(world.get("2026-11-01/books").await.header("ratelimit-remaining"), left);
    }
    let seen = world.ask("POST 2026-11-01/orders", &KEY, &order()).await;
    assert_eq!((seen.header("ratelimit-limit"), seen.header("ratelimit-remaining")), ("100", "99"));
    let token = format!("Bearer {}", world.token("books:read").await);
    let seen = world.ask("GET 2026-11-01/books", &[("authorization", &token)], &Value::Null).await;
    assert_eq!(seen.header("ratelimit-remaining"), "599");
    assert_eq!(seen.header("ratelimit-reset"), "60");
    let refused = world.get("2026-11-01/books?nonsense=1").await;
    assert_eq!(
        (refused.status, refused.header("ratelimit-remaining")),
        (400, "597"),
        "what is refused later is counted"
    );
}

/// Reading goes on when nobody can count; writing does not.
#[tokio::test]
async fn without_counters_reads_are_served_and_writes_refused() {
    let faults = FaultInjector::new();
    let world = World::of(&faults, 1).await;
    assert_eq!(world.get("2026-11-01/books").await.status, 200);
    faults.always("UpdateItem", Side::Before, Effect::ServerError);
    let read = world.get("2026-11-01/books").await;
    assert_eq!((read.status, read.header("ratelimit-limit")), (200, ""));
    let write = world.ask("POST 2026-11-01/orders", &KEY, &order()).await;
    assert_eq!((write.status, write.header("retry-after")), (503, "1"));
    faults.always("GetItem", Side::Before, Effect::ServerError);
    assert_eq!(world.get("2026-11-01/books").await.status, 503, "nobody is let in unknown");
}

#[tokio::test]
async fn a_request_costs_one_read_and_two_writes() {
    let faults = FaultInjector::new();
    let world = World::of(&faults, 1).await;
    world.get("2026-11-01/books").await;
    faults.forget();
    world.get("2026-11-01/books").await;
    let calls: Vec<(String, usize)> = faults.count_by_api().into_iter().collect();
    assert_eq!(calls, [("GetItem".to_owned(), 1), ("UpdateItem".to_owned(), 2)]);
}
