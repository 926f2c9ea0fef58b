use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use kernel::ManualClock;
use proptest::prelude::*;
use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;

/// Executions by name.
#[derive(Default)]
struct Executions {
    states: Mutex<BTreeMap<String, SyncState>>,
    down: AtomicBool,
}

impl Executions {
    fn running(&self) -> usize {
        self.states.lock().unwrap().values().filter(|state| **state == SyncState::Running).count()
    }

    fn end(&self, state: SyncState) {
        self.states
            .lock()
            .unwrap()
            .values_mut()
            .filter(|known| **known == SyncState::Running)
            .for_each(|it| *it = state);
    }
}

#[async_trait]
impl Machine for Executions {
    async fn start(&self, name: &str, _: &Shop) -> Result<(), BoxError> {
        if self.down.load(Ordering::Relaxed) {
            return Err("down".into());
        }
        self.states.lock().unwrap().entry(name.to_owned()).or_insert(SyncState::Running);
        Ok(())
    }

    async fn state(&self, name: &str) -> Result<Option<SyncState>, BoxError> {
        Ok(self.states.lock().unwrap().get(name).copied())
    }
}

struct World {
    clock: Arc<ManualClock>,
    dynamo: LocalDynamo,
    machine: Arc<Executions>,
}

fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

fn shop() -> Shop {
    "first.myshopify.com".parse().unwrap()
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        Self { clock, dynamo, machine: Arc::default() }
    }

    fn syncs(&self) -> Syncs {
        self.through(&FaultInjector::new())
    }

    fn through(&self, faults: &FaultInjector) -> Syncs {
        let table = Table::new(self.dynamo.client_through(faults), "crossdock");
        Syncs::new(table, self.clock.clone(), self.machine.clone())
    }

    async fn ask(&self, request: &str) -> Result<SyncRun, SyncError> {
        self.syncs().ask(&tenant(), &shop(), request, "usr_admin").await
    }

    async fn states(&self) -> Vec<SyncState> {
        let page = self.syncs().list(&tenant(), &shop(), None, 10).await.unwrap();
        page.items.into_iter().map(|sync| sync.state).collect()
    }
}

#[tokio::test]
async fn one_of_a_store_runs_at_a_time_and_asking_again_is_the_same_one() {
    let world = World::new();
    let first = world.ask("a").await.unwrap();
    assert_eq!(world.ask("a").await.unwrap(), first);
    assert!(matches!(world.ask("b").await, Err(SyncError::Running(id)) if id == first.id));
    let other = world.syncs().ask(&tenant(), &"second.myshopify.com".parse().unwrap(), "a", "usr_admin").await;
    assert_ne!(other.unwrap().id, first.id);
    world.machine.end(SyncState::Succeeded);
    world.clock.advance(Duration::from_secs(5));
    world.ask("b").await.unwrap();
    assert_eq!(world.states().await, [SyncState::Running, SyncState::Succeeded]);
    // It is over, and is not started again.
    assert_eq!(world.ask("a").await.unwrap().state, SyncState::Succeeded);
    assert_eq!(world.machine.running(), 1);
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_is_heard() {
    let world = World::new();
    let requests: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let asked = join_all(requests.iter().map(|request| world.ask(request))).await;
    assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1);
    assert!(asked.iter().all(|asked| matches!(asked, Ok(_) | Err(SyncError::Running(_)))));
    assert_eq!(world.machine.running(), 1);
}

#[tokio::test]
async fn one_that_could_not_be_started_holds_the_next_up_for_minutes_and_never_starts_after_them() {
    let world = World::new();
    world.machine.down.store(true, Ordering::Relaxed);
    assert!(matches!(world.ask("a").await, Err(SyncError::Machine(_))));
    world.machine.down.store(false, Ordering::Relaxed);
    world.clock.advance(Duration::from_secs(179));
    assert!(matches!(world.ask("b").await, Err(SyncError::Running(_))));
    world.clock.advance(Duration::from_secs(1));
    world.ask("b").await.unwrap();
    assert_eq!(world.ask("a").await.unwrap().state, SyncState::NotStarted);
    assert_eq!(world.states().await, [SyncState::Running, SyncState::NotStarted]);
    assert_eq!(world.machine.running(), 1);
}

#[tokio::test]
async fn whoever_died_while_asking_may_ask_again() {
    let points = crash_points(async |faults| {
        let world = World::new();
        let syncs = world.through(&faults);
        let _ = faults.run(syncs.ask(&tenant(), &shop(), "a", "usr_admin")).await;
        faults.restart();
        let asked = world.ask("a").await.unwrap();
        assert_eq!((asked.state, world.machine.running()), (SyncState::Running, 1));
        assert!(matches!(world.ask("b").await, Err(SyncError::Running(_))));
    })
    .await;
    assert!(points >= 4);
}

#[derive(Debug, Clone)]
enum Step {
    Ask(u8),
    Wait(u8),
    End,
    Fail(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8).prop_map(Step::Ask),
        2 => (1..200u8).prop_map(Step::Wait),
        1 => Just(Step::End),
        1 => any::<bool>().prop_map(Step::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is asked for, however the machine fares, a store has one execution at a time.
    #[test]
    fn two_never_run_at_once(steps in prop::collection::vec(step(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            for step in steps {
                match step {
                    Step::Ask(request) => drop(world.ask(&request.to_string()).await),
                    Step::Wait(seconds) => world.clock.advance(Duration::from_secs(seconds.into())),
                    Step::End => world.machine.end(SyncState::Failed),
                    Step::Fail(down) => world.machine.down.store(down, Ordering::Relaxed),
                }
                assert!(world.machine.running() <= 1);
            }
        });
    }
}
