use super::*;
use futures::future::join_all;
use kernel::{ManualClock, Timestamp};
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

const ACTOR: &str = "usr_a";

fn alpha() -> LocationId {
    "alpha".parse().unwrap()
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn new(name: &str, items: &[&str]) -> NewCount {
    let items = items.iter().map(|item| sku(item)).collect();
    NewCount { id: CountId::derive(&[name]), location: alpha(), items, blind: true, tolerance: 1 }
}

struct World {
    inventory: Inventory,
    counts: Counts,
}

impl World {
    async fn new(dynamo: LocalDynamo, faults: &FaultInjector, stock: &[(&str, i64)]) -> Self {
        dynamo.create_table("crossdock");
        let plain = Inventory::new(Table::new(dynamo.client(), "crossdock"));
        for (item, on_hand) in stock {
            moved(&plain, item, Movement::Counted { on_hand: *on_hand }).await.unwrap();
        }
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let inventory = Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"));
        Self { counts: Counts::new(inventory.clone(), clock), inventory }
    }

    async fn step(&self, name: &str, step: CountStep) -> Result<Count, CountError> {
        self.step_by(ACTOR, name, step).await
    }

    async fn step_by(&self, actor: &str, name: &str, step: CountStep) -> Result<Count, CountError> {
        let id = CountId::derive(&[name]);
        let seen = self.counts.count(&tenant(), id).await?.unwrap().version;
        self.counts.step(&tenant(), actor, (id, seen), &step).await
    }

    async fn enter(&self, name: &str, figures: &[(&str, i64)]) -> Result<Count, CountError> {
        let figures = figures.iter().map(|(item, counted)| (sku(item), *counted)).collect();
        self.step(name, CountStep::Enter(figures)).await
    }

    async fn on_hand(&self, item: &str) -> i64 {
        self.inventory.prove(&tenant(), &alpha(), &sku(item)).await.unwrap().on_hand
    }
}

async fn moved(inventory: &Inventory, item: &str, movement: Movement) -> Result<crate::Level, StockError> {
    let effective_at = Timestamp::from_second(1_700_000_000).unwrap();
    let posting = Posting { source: "doc".into(), actor: ACTOR.into(), reason: None, effective_at };
    inventory.post(&tenant(), (&alpha(), &sku(item)), &movement, &posting, &|_| None).await
}

#[tokio::test]
async fn goods_stand_still_until_the_count_is_posted_and_what_is_off_is_counted_twice() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new(), &[("a", 10), ("b", 5)]).await;
    let count = world.counts.start(&tenant(), &new("c", &["a", "b"])).await.unwrap();
    assert_eq!(count.sheet().len(), 2);
    let moving = moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await;
    assert!(matches!(moving, Err(StockError::Refused(Refusal::Frozen(_)))), "{moving:?}");
    moved(&world.inventory, "a", Movement::Committed { quantity: 1 }).await.unwrap();
    let other = world.counts.start(&tenant(), &new("d", &["b"])).await;
    assert!(matches!(other, Err(CountError::Stock(StockError::Refused(Refusal::Frozen(_))))));
    world.enter("c", &[("a", 7), ("b", 5)]).await.unwrap();
    assert_eq!(world.step("c", CountStep::Submit).await.unwrap().state, CountState::Recount);
    world.enter("c", &[("a", 8)]).await.unwrap();
    assert_eq!(world.step("c", CountStep::Submit).await.unwrap().state, CountState::Posted);
    assert_eq!((world.on_hand("a").await, world.on_hand("b").await), (8, 5));
    moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await.unwrap();
    assert!(world.counts.open(&tenant(), None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_count_that_is_called_off_changes_no_figure_and_lets_go() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new(), &[("a", 10)]).await;
    let first = world.counts.start(&tenant(), &new("c", &["a", "never-held"])).await.unwrap();
    assert_eq!(world.counts.start(&tenant(), &new("c", &["a", "never-held"])).await.unwrap(), first);
    let other = world.counts.start(&tenant(), &new("c", &["a"])).await;
    assert!(matches!(other, Err(CountError::ExistsWithDifferent("items"))));
    world.enter("c", &[("a", 3)]).await.unwrap();
    world.step("c", CountStep::Cancel).await.unwrap();
    assert_eq!(world.on_hand("a").await, 10);
    moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_counts_that_start_at_once_one_freezes_the_item() {
    let world = World::new(LocalDynamo::new().contended(9), &FaultInjector::new(), &[("a", 10)]).await;
    let counts: Vec<_> = (0..5).map(|n| new(&n.to_string(), &["a"])).collect();
    let tenant = tenant();
    let started = join_all(counts.iter().map(|count| world.counts.start(&tenant, count))).await;
    assert_eq!(started.iter().filter(|started| started.is_ok()).count(), 1);
}

#[tokio::test]
async fn what_is_off_by_more_than_the_limits_waits_for_somebody_who_did_not_count() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new(), &[("a", 10), ("b", 5)]).await;
    let rules = ApprovalRules { units: Some(2), value: None };
    world.counts.set_rules(&tenant(), rules).await.unwrap();
    assert_eq!(world.counts.rules(&tenant()).await.unwrap(), rules);
    let new = NewCount { tolerance: 5, ..new("c", &["a", "b"]) };
    world.counts.start(&tenant(), &new).await.unwrap();
    let count = async |actor, figures: &[(&str, i64)]| {
        let figures = figures.iter().map(|(item, counted)| (sku(item), *counted)).collect();
        world.step_by(actor, "c", CountStep::Enter(figures)).await.unwrap();
        world.step_by(ACTOR, "c", CountStep::Submit).await.unwrap()
    };
    // One up and two down: what is off up does not make good for what is off down.
    assert_eq!(count("usr_b", &[("a", 11), ("b", 3)]).await.state, CountState::Waiting);
    assert_eq!(world.counts.open(&tenant(), None, 10).await.unwrap().items[0].state, CountState::Waiting);
    let moving = moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await;
    assert!(matches!(moving, Err(StockError::Refused(Refusal::Frozen(_)))), "goods stand still until it is decided");
    for actor in [ACTOR, "usr_b"] {
        let own = world.step_by(actor, "c", CountStep::Decide { approve: true }).await;
        assert!(matches!(own, Err(CountError::Refused(CountRefused::SamePerson))), "{own:?}");
    }
    let again = world.step_by("usr_c", "c", CountStep::Decide { approve: false }).await.unwrap();
    assert_eq!((again.state, again.sheet().len()), (CountState::Open, 2));
    assert_eq!(count("usr_b", &[("a", 9), ("b", 3)]).await.state, CountState::Waiting);
    let posted = world.step_by("usr_c", "c", CountStep::Decide { approve: true }).await.unwrap();
    assert_eq!((posted.state, posted.approved_by.as_deref()), (CountState::Posted, Some("usr_c")));
    assert_eq!((world.on_hand("a").await, world.on_hand("b").await), (9, 3));
    moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await.unwrap();
}

#[tokio::test]
async fn a_decision_survives_a_crash_at_any_call() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults, &[("a", 10)]).await;
        world.counts.set_rules(&tenant(), ApprovalRules { units: Some(0), value: None }).await.unwrap();
        world.counts.start(&tenant(), &new("c", &["a"])).await.unwrap();
        world.enter("c", &[("a", 9)]).await.unwrap();
        world.step("c", CountStep::Submit).await.unwrap();
        let decide = || world.step_by("usr_c", "c", CountStep::Decide { approve: true });
        let _died = faults.run(decide()).await;
        faults.restart();
        let count = world.counts.count(&tenant(), CountId::derive(&["c"])).await.unwrap().unwrap();
        if !count.is_over() {
            assert_eq!(world.on_hand("a").await, 10);
            decide().await.unwrap();
        }
        assert_eq!(world.on_hand("a").await, 9);
        moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await.unwrap();
    })
    .await;
    assert!(points >= 2, "{points}");
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_a_count_that_can_be_finished() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults, &[("a", 10)]).await;
        let flow = async {
            world.counts.start(&tenant(), &new("c", &["a"])).await?;
            world.enter("c", &[("a", 9)]).await?;
            world.step("c", CountStep::Submit).await
        };
        let _ = faults.run(flow).await;
        faults.restart();
        let count = world.counts.start(&tenant(), &new("c", &["a"])).await.unwrap();
        if !count.is_over() {
            world.enter("c", &[("a", 9)]).await.unwrap();
            world.step("c", CountStep::Submit).await.unwrap();
        }
        assert_eq!(world.on_hand("a").await, 9);
        moved(&world.inventory, "a", Movement::Issued { quantity: 1 }).await.unwrap();
    })
    .await;
    assert!(points >= 6, "{points}");
}
