use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;
use crate::testing::{World, tenant};

const LEASE: Duration = Duration::from_secs(600);
const MINUTE: Duration = Duration::from_secs(60);

fn name() -> ConnectionId {
    "reconcile".parse().unwrap()
}

struct Counts(AtomicU64);

#[async_trait]
impl JobWork for Counts {
    async fn run(&self) -> Result<String, String> {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok("all in step".into())
    }
}

async fn jobs(world: &World, faults: &FaultInjector) -> Jobs {
    let plain = Jobs::new(Table::new(world.dynamo.client(), "crossdock"), world.clock.clone());
    plain.define(&tenant(), &name(), "rate(5 minutes)").await.unwrap();
    Jobs::new(Table::new(world.dynamo.client_through(faults), "crossdock"), world.clock.clone())
}

async fn only(jobs: &Jobs) -> Job {
    jobs.list(&tenant()).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_job_is_announced_when_it_is_due_and_its_result_is_kept() {
    let world = World::new();
    let jobs = jobs(&world, &FaultInjector::new()).await;
    assert_eq!(jobs.tick(&tenant()).await.unwrap(), []);
    world.clock.advance(MINUTE * 5);
    assert_eq!(jobs.tick(&tenant()).await.unwrap(), [name()]);
    assert_eq!(jobs.tick(&tenant()).await.unwrap(), []);
    assert_eq!(world.items("event").len(), 1);
    let work = Counts(AtomicU64::new(0));
    let result = jobs.run(&tenant(), &name(), 1, "w", LEASE, &work).await.unwrap().unwrap();
    assert_eq!((result.succeeded, result.detail.as_str()), (true, "all in step"));
    assert_eq!(only(&jobs).await.last, Some(result));
    // The event comes twice.
    assert_eq!(jobs.run(&tenant(), &name(), 1, "w", LEASE, &work).await.unwrap(), None);
    assert_eq!(work.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn after_an_outage_a_job_is_announced_once_not_for_every_time_it_missed() {
    let world = World::new();
    let jobs = jobs(&world, &FaultInjector::new()).await;
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(jobs.tick(&tenant()).await.unwrap().len(), 1);
    assert_eq!(jobs.tick(&tenant()).await.unwrap().len(), 0);
    assert_eq!(only(&jobs).await.due, Some(world.now() + MINUTE * 5));
}

/// Ticks and tries to start another run while it runs.
struct Overlaps<'a>(&'a World, &'a Jobs);

#[async_trait]
impl JobWork for Overlaps<'_> {
    async fn run(&self) -> Result<String, String> {
        self.0.clock.advance(MINUTE * 6);
        assert_eq!(self.1.tick(&tenant()).await.unwrap(), []);
        assert_eq!(self.1.run_now(&tenant(), &name()).await.unwrap().announced, 1);
        Err("the source is down".into())
    }
}

#[tokio::test]
async fn a_job_that_still_runs_is_not_started_again() {
    let world = World::new();
    let jobs = jobs(&world, &FaultInjector::new()).await;
    world.clock.advance(MINUTE * 5);
    jobs.tick(&tenant()).await.unwrap();
    let result = jobs.run(&tenant(), &name(), 1, "w", LEASE, &Overlaps(&world, &jobs)).await.unwrap().unwrap();
    assert_eq!((result.succeeded, only(&jobs).await.hold), (false, None));
    world.clock.advance(MINUTE * 5);
    assert_eq!(jobs.tick(&tenant()).await.unwrap(), [name()]);
}

#[tokio::test]
async fn a_paused_job_waits_for_a_hand() {
    let world = World::new();
    let jobs = jobs(&world, &FaultInjector::new()).await;
    jobs.set_paused(&tenant(), &name(), true).await.unwrap();
    world.clock.advance(MINUTE * 50);
    assert_eq!(jobs.tick(&tenant()).await.unwrap(), []);
    assert_eq!(jobs.run_now(&tenant(), &name()).await.unwrap().announced, 1);
    let work = Counts(AtomicU64::new(0));
    assert!(jobs.run(&tenant(), &name(), 1, "w", LEASE, &work).await.unwrap().is_some());
    let job = jobs.set_paused(&tenant(), &name(), false).await.unwrap();
    assert_eq!(job.due, Some(world.now() + MINUTE * 5));
    let missing = jobs.run_now(&tenant(), &"other".parse().unwrap()).await;
    assert!(matches!(missing, Err(JobError::NotFound)));
    assert_eq!(jobs.list(&"other.test".parse().unwrap()).await.unwrap(), []);
}

#[tokio::test]
async fn another_schedule_keeps_pause_and_results_and_a_bad_one_changes_nothing() {
    let world = World::new();
    let jobs = jobs(&world, &FaultInjector::new()).await;
    jobs.set_paused(&tenant(), &name(), true).await.unwrap();
    let job = jobs.define(&tenant(), &name(), "rate(1 hour)").await.unwrap();
    assert_eq!((job.paused, job.due), (true, Some(world.now() + MINUTE * 60)));
    assert!(matches!(jobs.define(&tenant(), &name(), "hourly").await, Err(JobError::Schedule(_))));
    assert_eq!(only(&jobs).await, job);
}

#[tokio::test(start_paused = true)]
async fn ticks_and_workers_that_race_make_one_run() {
    let world = World::through(LocalDynamo::new().contended(4), &FaultInjector::new());
    let jobs = jobs(&world, &FaultInjector::new()).await;
    world.clock.advance(MINUTE * 5);
    let tenant = tenant();
    let ticks = join_all((0..8).map(|_| jobs.tick(&tenant))).await;
    assert!(ticks.iter().any(|ticked| matches!(ticked, Ok(names) if !names.is_empty())));
    assert_eq!((only(&jobs).await.announced, world.items("event").len()), (1, 1));
    let (name, work) = (name(), Counts(AtomicU64::new(0)));
    join_all((0..8).map(|_| jobs.run(&tenant, &name, 1, "w", LEASE, &work))).await;
    assert_eq!(work.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn wherever_the_worker_dies_the_run_is_done_after_its_lease() {
    crash_points(async |faults| {
        let world = World::new();
        let jobs = jobs(&world, &faults).await;
        world.clock.advance(MINUTE * 5);
        let work = Counts(AtomicU64::new(0));
        let _ = faults
            .run(async {
                jobs.tick(&tenant()).await.unwrap();
                jobs.run(&tenant(), &name(), 1, "w", LEASE, &work).await.unwrap();
            })
            .await;
        faults.restart();
        world.clock.advance(LEASE);
        jobs.tick(&tenant()).await.unwrap();
        let announced = only(&jobs).await.announced;
        for run in 1..=announced {
            jobs.run(&tenant(), &name(), run, "w", LEASE, &work).await.unwrap();
        }
        let job = only(&jobs).await;
        assert_eq!((job.ended, job.hold), (announced, None));
        assert_eq!(u64::try_from(world.items("event").len()).unwrap(), announced);
    })
    .await;
}
