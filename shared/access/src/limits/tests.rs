use std::time::Duration;

use futures::future::join_all;
use kernel::{ManualClock, Timestamp};
use testkit::{Effect, FaultInjector, LocalDynamo, Side};

use super::*;

/// The first second of a window.
const START: i64 = 1_750_000_020;

fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

/// As many functions as wanted, over one table.
fn functions(faults: &FaultInjector, count: usize) -> (Vec<Limiter>, Arc<ManualClock>) {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(START).unwrap()));
    let function = |number: usize| {
        let client = dynamo.client_through(&faults.process(&number.to_string()));
        Limiter::new(Table::new(client, "crossdock"), clock.clone(), tenant())
    };
    ((0..count).map(function).collect(), clock)
}

fn limit(subject: &str, most: u32) -> Limit<'_> {
    Limit { class: "test", subject, most }
}

/// Acceptance: 500 at once over several functions, a limit of 100, exactly 100 admitted.
#[tokio::test]
async fn of_five_hundred_at_once_exactly_the_limit_is_admitted() {
    for seed in 1..3 {
        let faults = FaultInjector::new();
        faults.interleave(seed);
        let (limiters, clock) = functions(&faults, 5);
        for _ in 0..2 {
            let limits = [limit("key", 100)];
            let all = join_all((0..500).map(|n| limiters[n % 5].take(&limits))).await;
            let quotas: Vec<Quota> = all.into_iter().map(|quota| quota.unwrap()).collect();
            assert_eq!(quotas.iter().filter(|quota| quota.is_admitted).count(), 100);
            clock.advance(Duration::from_secs(60));
        }
    }
}

#[tokio::test]
async fn a_client_is_told_what_is_left_and_until_when() {
    let faults = FaultInjector::new();
    let (limiters, clock) = functions(&faults, 1);
    clock.advance(Duration::from_secs(20));
    let first = limiters[0].take(&[limit("a", 2)]).await.unwrap();
    assert_eq!(first, Quota { is_admitted: true, limit: 2, remaining: 1, reset: 40 });
    limiters[0].take(&[limit("a", 2)]).await.unwrap();
    let third = limiters[0].take(&[limit("a", 2)]).await.unwrap();
    assert_eq!(third, Quota { is_admitted: false, limit: 2, remaining: 0, reset: 40 });
    assert!(limiters[0].take(&[limit("b", 2)]).await.unwrap().is_admitted, "each counts its own");
    clock.advance(Duration::from_secs(40));
    assert!(limiters[0].take(&[limit("a", 2)]).await.unwrap().is_admitted, "the next window is new");
}

#[tokio::test]
async fn what_one_limit_refuses_is_not_counted_by_another() {
    let faults = FaultInjector::new();
    let (limiters, _) = functions(&faults, 1);
    let limiter = &limiters[0];
    let both = [limit("key", 10), limit("tenant", 3)];
    for _ in 0..3 {
        assert!(limiter.take(&both).await.unwrap().is_admitted);
    }
    for _ in 0..5 {
        assert!(!limiter.take(&both).await.unwrap().is_admitted);
    }
    let left = limiter.take(&[limit("key", 10)]).await.unwrap();
    assert_eq!(left.remaining, 6, "three were admitted, and this one");
}

/// Ten shards of ten: every one of them is found before anybody is refused.
#[tokio::test]
async fn a_limit_that_is_spread_over_items_is_as_exact() {
    assert_eq!((shards(1), shards(60_000), shards(60_001), shards(150_000)), (1, 1, 2, 3));
    let faults = FaultInjector::new();
    faults.interleave(5);
    let (limiters, _) = functions(&faults, 2);
    let limits = limit("big", 103);
    let window = START.div_euclid(WINDOW);
    let all = join_all((0..200).map(|n| limiters[n % 2].take_one(&limits, window, 10))).await;
    assert_eq!(all.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count(), 103);
}

#[tokio::test]
async fn an_outage_is_an_error_and_admits_nobody() {
    let faults = FaultInjector::new();
    let (limiters, _) = functions(&faults, 1);
    faults.always("UpdateItem", Side::Before, Effect::ServerError);
    assert!(limiters[0].take(&[limit("key", 10)]).await.is_err());
}

#[tokio::test]
async fn addresses_are_not_stored() {
    let faults = FaultInjector::new();
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(START).unwrap()));
    let limiter = Limiter::new(Table::new(dynamo.client_through(&faults), "crossdock"), clock, tenant());
    limiter.take(&[limit("203.0.113.7", 10)]).await.unwrap();
    let everything = dynamo.execute("Scan", serde_json::json!({ "TableName": "crossdock" })).to_string();
    assert!(everything.contains("ttl") && !everything.contains("203.0.113.7"));
}

#[tokio::test]
async fn what_was_admitted_on_a_day_can_be_asked_for_and_what_was_refused_is_not_in_it() {
    let faults = FaultInjector::new();
    faults.interleave(7);
    let (limiters, clock) = functions(&faults, 3);
    let limiters: Vec<Limiter> = limiters.into_iter().map(|limiter| limiter.keeping_days(40)).collect();
    let day = START.div_euclid(DAY);
    for _ in 0..2 {
        let limits = [limit("key", 20), limit("tenant", 30)];
        let all = join_all((0..60).map(|n| limiters[n % 3].take(&limits))).await;
        assert_eq!(all.into_iter().filter(|quota| quota.as_ref().unwrap().is_admitted).count(), 20);
        clock.advance(Duration::from_secs(60));
    }
    assert_eq!(limiters[0].used(&limit("key", 20), day).await.unwrap(), 40);
    assert_eq!(limiters[0].used(&limit("tenant", 30), day).await.unwrap(), 40);
    assert_eq!(limiters[0].used(&limit("key", 20), day + 1).await.unwrap(), 0);
    assert_eq!(limiters[0].used(&limit("another", 20), day).await.unwrap(), 0);
}
