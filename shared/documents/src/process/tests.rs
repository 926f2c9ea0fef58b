use std::time::Duration;

use futures::future::join_all;
use testkit::{Effect, FaultInjector, LocalDynamo, Side, crash_points};

use super::*;
use crate::testing::{FakeRemote, World, cause, done, tenant};
use crate::{Command, Outcome, Policy, Step};

async fn process(world: &World, document: &Document, remote: &FakeRemote) -> Processed {
    world.documents.process(&tenant(), document.id, &document.connection, "w", remote).await.unwrap()
}

#[tokio::test]
async fn an_attempt_is_taken_made_and_booked_with_a_step() {
    let world = World::new();
    let document = world.received("42").await;
    let remote = FakeRemote::default();
    assert_eq!(process(&world, &document, &remote).await, Processed::Attempted(State::Success));
    assert_eq!(process(&world, &document, &remote).await, Processed::NotNow);
    let stored = world.stored(document.id).await;
    assert_eq!((stored.state, stored.remote.id.as_deref(), remote.calls()), (State::Success, Some("remote-42"), 1));
    let steps = world.plain.steps(&tenant(), document.id).await.unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(
        (steps[0].step, steps[0].class, steps[0].remote_id.as_deref()),
        (Step::Succeed, Some(Class::Done), Some("remote-42"))
    );
}

#[tokio::test]
async fn every_attempt_appends_one_step_until_it_succeeds() {
    let world = World::new();
    let document = world.received("42").await;
    let pending = Outcome::Pending { handle: "op".into(), check_at: None };
    let remote = FakeRemote::answering([Outcome::Transient, pending, Outcome::Throttled { until: None }]);
    world.run_to_the_end(&remote).await;
    let steps = world.plain.steps(&tenant(), document.id).await.unwrap();
    let states: Vec<_> = steps.iter().map(|step| (step.number, step.state)).collect();
    assert_eq!(states, [(1, State::Failed), (2, State::Processing), (3, State::Failed), (4, State::Success)]);
}

#[tokio::test]
async fn an_answer_ends_the_wait_for_its_handle_before_it_is_due_and_no_other() {
    let world = World::new();
    let document = world.received("42").await;
    let pending = Outcome::Pending { handle: "one".into(), check_at: "2099-01-01T00:00:00Z".parse().ok() };
    let later = Outcome::Pending { handle: "two".into(), check_at: "2100-01-01T00:00:00Z".parse().ok() };
    let remote = FakeRemote::answering([pending, later, Outcome::Transient]);
    let answer = async |handle| {
        let (tenant, id) = (tenant(), document.id);
        world.documents.answer(&tenant, id, &document.connection, "w", handle, &remote).await.unwrap()
    };
    // Nobody has begun to wait.
    assert_eq!(answer("one").await, Processed::NotNow);
    assert_eq!(process(&world, &document, &remote).await, Processed::Attempted(State::Processing));
    assert_eq!(answer("two").await, Processed::NotNow);
    assert_eq!(answer("one").await, Processed::Attempted(State::Processing));
    assert_eq!(process(&world, &document, &remote).await, Processed::NotNow);
    assert_eq!(answer("two").await, Processed::Attempted(State::Failed));
    // What failed is due again by itself, and waits for nobody.
    assert_eq!(answer("two").await, Processed::NotNow);
    assert_eq!(remote.calls(), 3);
}

#[tokio::test]
async fn credentials_that_ran_out_are_tried_again_at_once_and_then_pause_the_connection() {
    let world = World::new();
    let (one, two) = (world.received("1").await, world.received("2").await);
    let refreshed = FakeRemote::answering([Outcome::AuthExpired]);
    assert_eq!(process(&world, &one, &refreshed).await, Processed::Attempted(State::Success));
    let broken = FakeRemote::answering([Outcome::AuthExpired, Outcome::AuthExpired]);
    assert_eq!(process(&world, &two, &broken).await, Processed::Attempted(State::Failed));
    let connections = world.plain.connections(&tenant()).await.unwrap();
    assert_eq!(connections.len(), 1);
    assert!(connections[0].paused.is_some());
    assert_eq!(process(&world, &two, &broken).await, Processed::Paused);
    assert_eq!(broken.calls(), 2);
    assert!(world.plain.resume(&tenant(), &two.connection, "op", &cause()).await.unwrap());
    assert!(!world.plain.resume(&tenant(), &two.connection, "op", &cause()).await.unwrap());
    assert_eq!(process(&world, &two, &broken).await, Processed::Attempted(State::Success));
    let told: Vec<_> = world.items("event").iter().map(|e| e["t"]["S"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told.iter().filter(|kind| *kind == crate::CONNECTION_PAUSED).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_found_broken_by_many_at_once_is_paused_once() {
    let world = World::through(LocalDynamo::new().contended(5), &FaultInjector::new());
    let mut all = Vec::new();
    for n in 0..8 {
        all.push(world.received(&n.to_string()).await);
    }
    let remote = FakeRemote::answering(std::iter::repeat_n(Outcome::AuthBroken, 8));
    join_all(all.iter().map(|document| process(&world, document, &remote))).await;
    for document in &all {
        let stored = world.stored(document.id).await;
        assert!(stored.hold.is_none() && stored.state.is_open(), "{stored:?}");
    }
    let told = world.items("event").iter().filter(|e| e["t"]["S"] == crate::CONNECTION_PAUSED).count();
    assert_eq!(told, 1);
}

#[tokio::test(start_paused = true)]
async fn workers_that_race_for_a_document_make_one_attempt() {
    for seed in 0..10 {
        let world = World::through(LocalDynamo::new().contended(seed), &FaultInjector::new());
        let document = world.received("42").await;
        let remote = FakeRemote::default();
        let all = join_all((0..8).map(|_| process(&world, &document, &remote))).await;
        assert_eq!(remote.calls(), 1, "seed {seed}");
        assert_eq!(all.iter().filter(|one| matches!(one, Processed::Attempted(_))).count(), 1);
        assert_eq!(world.plain.steps(&tenant(), document.id).await.unwrap().len(), 1);
    }
}

/// A remote that takes longer than the lease, while somebody else gets the document done.
struct Slow<'a> {
    world: &'a World,
    other: FakeRemote,
}

#[async_trait]
impl Attempt for Slow<'_> {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        self.world.clock.advance(Policy::DEFAULT.lease);
        let documents = &self.world.plain;
        let other = documents.process(work.tenant, work.document.id, &work.document.connection, "other", &self.other);
        assert_eq!(other.await.unwrap(), Processed::Attempted(State::Success));
        Outcome::Rejected { code: "late".into(), field: None }.into()
    }
}

#[tokio::test]
async fn a_report_under_an_old_fencing_token_changes_nothing() {
    let world = World::new();
    let document = world.received("42").await;
    let slow = Slow { world: &world, other: FakeRemote::default() };
    let done = world.documents.process(&tenant(), document.id, &document.connection, "slow", &slow).await;
    assert_eq!(done.unwrap(), Processed::Fenced);
    let stored = world.stored(document.id).await;
    assert_eq!((stored.state, stored.fence), (State::Success, 2));
    let steps = world.plain.steps(&tenant(), document.id).await.unwrap();
    // The attempt that was overtaken is in the history as one nobody knows the end of.
    assert_eq!(steps.iter().map(|step| step.class).collect::<Vec<_>>(), [Some(Class::Unknown), Some(Class::Done)]);
}

#[tokio::test]
async fn a_lease_may_be_kept_by_its_holder_only() {
    let world = World::new();
    let document = world.received("42").await;
    let mut held = world.stored(document.id).await;
    let seen = world.plain.store.document(&tenant(), document.id).await.unwrap().unwrap().version;
    let mut version = seen;
    let ticket = world.plain.take(&tenant(), &mut held, &mut version, "w").await.unwrap().unwrap();
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(world.plain.extend(&tenant(), document.id, &ticket).await.unwrap(), Ok(()));
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(process(&world, &document, &FakeRemote::default()).await, Processed::NotNow);
    let stale = Ticket { fence: ticket.fence - 1, ..ticket };
    assert_eq!(world.plain.extend(&tenant(), document.id, &stale).await.unwrap(), Err(Refused::Fenced));
}

#[tokio::test]
async fn wherever_a_worker_dies_the_document_gets_there_and_its_history_has_no_gap() {
    let points = crash_points(async |faults| {
        let world = World::through(LocalDynamo::new(), &faults);
        let document = world.received("42").await;
        let remote = FakeRemote::default();
        let _ = faults.run(process(&world, &document, &remote)).await;
        faults.restart();
        world.run_to_the_end(&remote).await;
        let stored = world.stored(document.id).await;
        assert_eq!((stored.state, stored.hold, stored.due), (State::Success, None, None));
        let steps = world.plain.steps(&tenant(), document.id).await.unwrap();
        let numbers: Vec<u32> = steps.iter().map(|step| step.number).collect();
        assert_eq!(numbers, (1..=stored.steps).collect::<Vec<_>>());
        // Told once for every attempt in the history: an attempt that was left behind is in it.
        assert!(remote.calls() <= stored.steps);
        assert_eq!(steps.last().unwrap().class, Some(Class::Done));
    })
    .await;
    assert_eq!(points, 4);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_booked_even_if_it_cannot_be_counted() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    let document = world.received("42").await;
    faults.always("UpdateItem", Side::Before, Effect::ServerError);
    assert_eq!(process(&world, &document, &FakeRemote::default()).await, Processed::Attempted(State::Success));
}

#[tokio::test]
async fn what_is_missing_or_over_is_left_alone() {
    let world = World::new();
    let document = world.received("42").await;
    world.plain.command(&tenant(), document.id, Command::Discard, "op").await.unwrap();
    let remote = FakeRemote::answering([done("never")]);
    assert_eq!(process(&world, &document, &remote).await, Processed::NotNow);
    let other = crate::DocumentId::derive(&["nothing"]);
    let missing = world.plain.process(&tenant(), other, &document.connection, "w", &remote).await.unwrap();
    assert_eq!((missing, remote.calls()), (Processed::Missing, 0));
}

#[tokio::test]
async fn a_document_of_another_tenant_is_not_found() {
    let world = World::new();
    let document = world.received("42").await;
    let other = "other.test".parse().unwrap();
    let remote = FakeRemote::default();
    let missing = world.plain.process(&other, document.id, &document.connection, "w", &remote).await.unwrap();
    assert_eq!((missing, remote.calls()), (Processed::Missing, 0));
}

#[tokio::test]
async fn health_counts_what_a_connection_did() {
    let world = World::new();
    let (one, two) = (world.received("1").await, world.received("2").await);
    process(&world, &one, &FakeRemote::answering([Outcome::Transient])).await;
    process(&world, &two, &FakeRemote::default()).await;
    world.clock.advance(Duration::from_secs(300));
    let health = world.plain.health(&tenant(), &one.connection).await.unwrap().unwrap();
    let recent = health.recent;
    assert_eq!((recent.attempts, recent.failures, recent.retries), (2, 1, 1));
    assert_eq!(health.overdue_since, world.stored(one.id).await.due);
    world.clock.advance(Duration::from_secs(1200));
    let later = world.plain.health(&tenant(), &one.connection).await.unwrap().unwrap();
    assert_eq!(later.recent.attempts, 0);
}
