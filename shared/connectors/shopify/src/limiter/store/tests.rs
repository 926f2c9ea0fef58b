use std::time::Duration;

use futures::future::join_all;
use kernel::ManualClock;
use proptest::prelude::*;
use serde_json::json;
use shopify_standin::Options;
use testkit::LocalDynamo;

use super::*;
use crate::answer;
use crate::document::SUBSCRIPTIONS;
use crate::testing::{Socket, clock, open, shop, table, tenant};

fn limiter(table: &Table, clock: &Arc<ManualClock>) -> Limiter {
    Limiter::new(table.clone(), clock.clone(), Duration::ZERO)
}

fn cost(actual: u32, available: u32) -> Option<Cost> {
    let throttle = Throttle { maximum: 1_000, available, restore: 50 };
    Some(Cost { requested: 100, actual: Some(actual), throttle: Some(throttle) })
}

#[tokio::test]
async fn workers_share_one_bucket_and_stores_do_not() {
    let (table, clock, tenant, shop) = (table(), clock(), tenant(), shop());
    let (one, two) = (limiter(&table, &clock), limiter(&table, &clock));
    assert_eq!(one.admit(&tenant, &shop, 700).await.unwrap(), Admission::Granted(Duration::ZERO));
    assert_eq!(two.admit(&tenant, &shop, 400).await.unwrap(), Admission::Wait(Duration::from_secs(2)));
    assert_eq!(two.admit(&tenant, &shop, 2_000).await.unwrap(), Admission::Never);
    let other = "other.test".parse().unwrap();
    assert_eq!(two.admit(&other, &shop, 400).await.unwrap(), Admission::Granted(Duration::ZERO));
    let elsewhere = "else.myshopify.com".parse().unwrap();
    assert_eq!(two.admit(&tenant, &elsewhere, 400).await.unwrap(), Admission::Granted(Duration::ZERO));
    clock.advance(Duration::from_secs(2));
    assert_eq!(two.admit(&tenant, &shop, 400).await.unwrap(), Admission::Granted(Duration::ZERO));
}

#[tokio::test]
async fn what_was_not_used_is_given_back_to_all() {
    let (table, clock, tenant, shop) = (table(), clock(), tenant(), shop());
    let (one, two) = (limiter(&table, &clock), limiter(&table, &clock));
    one.admit(&tenant, &shop, 1_000).await.unwrap();
    one.settle(&tenant, &shop, 1_000, cost(10, 990));
    // Told with the next admission of whoever knows.
    assert!(matches!(two.admit(&tenant, &shop, 100).await.unwrap(), Admission::Wait(_)));
    assert_eq!(one.admit(&tenant, &shop, 90).await.unwrap(), Admission::Granted(Duration::ZERO));
    assert_eq!(two.admit(&tenant, &shop, 900).await.unwrap(), Admission::Granted(Duration::ZERO));
}

#[tokio::test]
async fn an_admission_is_one_write_once_the_bucket_is_known() {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let faults = testkit::FaultInjector::new();
    let (table, clock) = (Table::new(dynamo.client_through(&faults), "crossdock"), clock());
    let (tenant, shop, limiter) = (tenant(), shop(), limiter(&table, &clock));
    for _ in 0..2 {
        limiter.admit(&tenant, &shop, 10).await.unwrap();
    }
    let before = faults.count();
    for _ in 0..5 {
        limiter.admit(&tenant, &shop, 10).await.unwrap();
        limiter.settle(&tenant, &shop, 10, cost(1, 900));
    }
    assert_eq!(faults.count() - before, 5);
}

/// Twelve workers ask a real bucket for more than it has, through a contended table: nobody is ever throttled, and all get through.
#[tokio::test]
async fn all_workers_together_never_ask_for_more_than_there_is() {
    let clock = clock();
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let table = Table::new(dynamo.contended(7).client(), "crossdock");
    let options = Options { clock: clock.clone(), bucket_maximum: 1_000, bucket_restore: 50, ..Options::default() };
    let (standin, store) = open(options).await;
    let (tenant, shop, points) = (tenant(), shop(), SUBSCRIPTIONS.points);
    let worker = async |calls: usize| {
        let (limiter, socket) = (limiter(&table, &clock), Socket::new());
        let mut done = 0;
        while done < calls {
            match limiter.admit(&tenant, &shop, points).await {
                Ok(Admission::Granted(_)) => {
                    let sent = socket.call(store.graphql(&SUBSCRIPTIONS, &json!({}))).await;
                    let answer = answer::read::<serde_json::Value>(sent, true, clock.now());
                    limiter.settle(&tenant, &shop, points, answer.cost);
                    answer.result.unwrap();
                    done += 1;
                }
                // Everybody waits on the same clock; whoever waits lets it go on.
                Ok(Admission::Wait(wait)) => clock.advance(wait.min(Duration::from_millis(200))),
                Ok(Admission::Never) => panic!("a bucket of 1,000 has room for {points}"),
                Err(TableError::ConditionFailed { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    join_all((0..12).map(|_| worker(10))).await;
    let counters = standin.enter("counters", json!({})).await.unwrap();
    assert_eq!((counters["throttled"].as_u64(), counters["requests"].as_u64()), (Some(0), Some(120)));
    assert!(counters["bucketPeak"].as_u64().unwrap() <= 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Whatever workers do at once, what was granted was there.
    #[test]
    fn grants_at_one_moment_never_exceed_the_bucket(
        asks in proptest::collection::vec(1u32..400, 1..24), workers in 1usize..6, seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let dynamo = LocalDynamo::new();
            dynamo.create_table("crossdock");
            let (table, clock) = (Table::new(dynamo.contended(seed).client(), "crossdock"), clock());
            let limiters: Vec<Limiter> = (0..workers).map(|_| limiter(&table, &clock)).collect();
            let (tenant, shop) = (tenant(), shop());
            let admissions = asks.iter().enumerate().map(|(n, points)| limiters[n % workers].admit(&tenant, &shop, *points));
            let admissions = join_all(admissions).await;
            let granted: u32 = admissions.iter().zip(&asks)
                .filter(|(admission, _)| matches!(admission, Ok(Admission::Granted(_))))
                .map(|(_, points)| points)
                .sum();
            assert!(granted <= 1_000, "{granted}");
            assert!(granted > 0);
        });
    }
}
