use std::time::Duration;

use super::*;
use crate::testing::{FakeRemote, World, cause, tenant};
use crate::{Attempt, Outcome, Policy, Processed, Report, Work};

async fn sweep(world: &World) -> (Swept, Vec<String>) {
    let woken = crate::testing::Woken::default();
    let swept = world.plain.sweep(&tenant(), 10, &woken).await.unwrap();
    (swept, woken.take().into_iter().map(|document| document.external_id).collect())
}

#[tokio::test]
async fn a_new_document_whose_message_was_lost_is_told_of_after_a_minute() {
    let world = World::new();
    world.received("42").await;
    assert_eq!(sweep(&world).await.1, [""; 0]);
    world.clock.advance(Duration::from_secs(60));
    let (swept, woken) = sweep(&world).await;
    assert_eq!((woken, swept.oldest_new_ms), (vec!["42".to_owned()], 60_000));
}

#[tokio::test]
async fn a_retry_is_told_of_when_its_time_has_come_however_far_that_is() {
    let world = World::new();
    let document = world.received("42").await;
    let until = world.now() + Duration::from_secs(7 * 24 * 3600);
    let remote = FakeRemote::answering([Outcome::Throttled { until: Some(until) }]);
    let done = world.plain.process(&tenant(), document.id, &document.connection, "w", &remote).await.unwrap();
    assert_eq!(done, Processed::Attempted(State::Failed));
    world.clock.set(until - Duration::from_secs(1));
    assert_eq!(sweep(&world).await.1, [""; 0]);
    world.clock.set(until);
    assert_eq!(sweep(&world).await.1, ["42"]);
}

/// A worker that dies in the attempt.
struct Dies;

#[async_trait]
impl Attempt for Dies {
    async fn attempt(&self, _: &Work<'_>) -> Report {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_whose_worker_died_is_told_of_when_the_lease_ends() {
    let world = World::new();
    let document = world.received("42").await;
    let tenant = tenant();
    let work = world.plain.process(&tenant, document.id, &document.connection, "w", &Dies);
    assert!(tokio::time::timeout(Duration::from_secs(5), work).await.is_err());
    assert_eq!(world.stored(document.id).await.state, State::Processing);
    world.clock.advance(Policy::DEFAULT.lease - Duration::from_secs(1));
    assert_eq!(sweep(&world).await.1, [""; 0]);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep(&world).await.1, ["42"]);
    let remote = FakeRemote::default();
    let done = world.plain.process(&tenant, document.id, &document.connection, "w", &remote).await.unwrap();
    assert_eq!(done, Processed::Attempted(State::Success));
}

#[tokio::test]
async fn what_is_over_is_never_told_of_and_a_paused_connection_is_left_alone() {
    let world = World::new();
    let (one, two) = (world.received("1").await, world.received("2").await);
    world.plain.process(&tenant(), one.id, &one.connection, "w", &FakeRemote::default()).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(sweep(&world).await.1, ["2"]);
    assert!(world.plain.pause(&tenant(), &two.connection, "maintenance", "op", &cause()).await.unwrap());
    let (swept, woken) = sweep(&world).await;
    assert_eq!((swept.paused, woken.len()), (1, 0));
}

#[tokio::test]
async fn a_document_that_cannot_be_told_of_does_not_hold_up_the_others() {
    let world = World::new();
    world.received("unreachable").await;
    world.received("42").await;
    world.clock.advance(Duration::from_secs(60));
    let (swept, woken) = sweep(&world).await;
    assert_eq!((swept.woken, swept.failed, woken), (1, 1, vec!["42".to_owned()]));
}

#[tokio::test]
async fn workers_of_a_connection_are_told_of_a_due_document_by_event() {
    let world = World::new();
    let document = world.received("42").await;
    world.plain.tell(&tenant(), &document).await.unwrap();
    let told = world.items("event").into_iter().find(|event| event["t"]["S"] == DOCUMENT_DUE).unwrap();
    assert!(told["d"]["S"].as_str().unwrap().contains(&document.id.to_string()));
}
