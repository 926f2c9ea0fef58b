use super::*;
use crate::reservation::{ReservationId, Step, Wanted};
use crate::reservations::{ReservationError, Reservations, Reserve};
use futures::future::join_all;
use kernel::ManualClock;
use proptest::prelude::*;
use std::sync::Arc;
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

const ACTOR: &str = "usr_a";

fn alpha() -> LocationId {
    "alpha".parse().unwrap()
}

fn sku() -> Sku {
    "hot".parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

struct World {
    inventory: Inventory,
    reservations: Reservations,
    item: HotItem,
}

impl World {
    /// So many units, spread over so many shards.
    async fn new(dynamo: LocalDynamo, faults: &FaultInjector, units: i64, shards: u8) -> Self {
        dynamo.create_table("crossdock");
        let plain = Inventory::new(Table::new(dynamo.client(), "crossdock"));
        let posting = Posting { source: "opening".into(), actor: ACTOR.into(), reason: None, effective_at: now() };
        let movement = Movement::Counted { on_hand: units };
        plain.post(&tenant(), (&alpha(), &sku()), &movement, &posting, &|_| None).await.unwrap();
        let item = plain.make_hot(&tenant(), &alpha(), &sku(), shards).await.unwrap();
        plain.rebalance(&tenant(), &item, ACTOR, now()).await.unwrap();
        let table = Table::new(dynamo.client_through(faults), "crossdock");
        let reservations = Reservations::new(table.clone(), Arc::new(ManualClock::new(now())));
        Self { inventory: Inventory::new(table), reservations, item }
    }

    async fn reserve(&self, name: &str, quantity: i64) -> Result<(), ReservationError> {
        let lines = vec![Wanted { location: alpha(), sku: sku(), quantity }];
        let id = ReservationId::derive(&[name]);
        let request = Reserve { id, lines, seconds: 600, partial: false, source: "cart".into() };
        loop {
            match self.reservations.reserve(&tenant(), ACTOR, &request).await {
                Err(ReservationError::Stock(StockError::Contended)) => {}
                Err(ReservationError::Stock(StockError::Table(error))) if error.is_retryable() => {}
                answer => return answer.map(drop),
            }
        }
    }

    async fn take(&self, name: &str) {
        let id = ReservationId::derive(&[name]);
        self.reservations.step(&tenant(), ACTOR, id, Step::Commit).await.unwrap();
    }

    /// The location's level and its shards, each proved by its ledger, and together.
    async fn proved(&self) -> Vec<Level> {
        let mut levels = Vec::new();
        for level in self.inventory.spread_levels(&tenant(), &self.item).await.unwrap() {
            levels.push(self.inventory.prove(&tenant(), &level.location, &level.sku).await.unwrap());
        }
        let (own, shards) = levels.split_first().unwrap();
        assert!(shards.iter().map(|shard| shard.on_hand).sum::<i64>() <= own.reserved, "{levels:?}");
        assert!(levels.iter().all(|level| level.available() >= 0), "{levels:?}");
        levels
    }
}

#[tokio::test]
async fn units_are_spread_evenly_taken_units_come_home_and_a_cold_item_gets_all_back() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new(), 50, 4).await;
    let free = |levels: &[Level]| levels.iter().map(Level::available).collect::<Vec<_>>();
    assert_eq!(free(&world.proved().await), [10, 10, 10, 10, 10]);
    world.reserve("r", 7).await.unwrap();
    world.take("r").await;
    // More than a shard holds spills over, and more than there is is refused.
    world.reserve("s", 15).await.unwrap();
    world.take("s").await;
    assert!(matches!(world.reserve("t", 29).await, Err(ReservationError::Short(rows)) if rows[0].available == 28));
    let moved = world.inventory.rebalance(&tenant(), &world.item, ACTOR, now()).await.unwrap();
    assert_eq!(moved.taken, 22);
    let levels = world.proved().await;
    assert_eq!((levels[0].committed, levels[0].on_hand), (22, 50));
    assert_eq!(free(&levels).iter().sum::<i64>(), 28);
    let cold = world.inventory.make_hot(&tenant(), &alpha(), &sku(), 0).await.unwrap();
    world.inventory.rebalance(&tenant(), &cold, ACTOR, now()).await.unwrap();
    let levels = world.proved().await;
    assert_eq!((levels[0].reserved, levels[0].available()), (0, 28));
    assert!(levels[1..].iter().all(|shard| shard.on_hand == 0));
}

#[tokio::test(start_paused = true)]
async fn a_flash_sale_sells_each_unit_once_while_it_is_rebalanced() {
    let world = World::new(LocalDynamo::new().contended(17), &FaultInjector::new(), 40, 8).await;
    let buyers = async {
        let race = (0..90).map(|n| {
            let world = &world;
            async move {
                let name = n.to_string();
                let won = world.reserve(&name, 1).await.is_ok();
                if won && n % 2 == 0 {
                    // As a client who is told to try again, and does.
                    let id = ReservationId::derive(&[&name]);
                    while world.reservations.step(&tenant(), ACTOR, id, Step::Commit).await.is_err() {}
                }
                won
            }
        });
        join_all(race).await.into_iter().filter(|won| *won).count()
    };
    let rebalancing = async {
        for _ in 0..3 {
            // A conflict ends a run; the next one goes on.
            let _ = world.inventory.rebalance(&tenant(), &world.item, ACTOR, now()).await;
        }
    };
    let (sold, ()) = tokio::join!(buyers, rebalancing);
    assert!(sold <= 40, "{sold}");
    let left: i64 = world.proved().await.iter().map(Level::available).sum();
    assert_eq!(i64::try_from(sold).unwrap() + left, 40);
    // Units that were on their way between two shards when the last buyers looked can be had now.
    for n in 0..left {
        world.reserve(&format!("late {n}"), 1).await.unwrap();
    }
    assert!(world.reserve("too late", 1).await.is_err());
    let own = world.proved().await.remove(0);
    assert_eq!(own.on_hand, 40);
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_rebalance_loses_no_unit() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults, 20, 3).await;
        world.reserve("r", 4).await.unwrap();
        world.take("r").await;
        let _ = faults.run(world.inventory.rebalance(&tenant(), &world.item, ACTOR, now())).await;
        faults.restart();
        world.inventory.rebalance(&tenant(), &world.item, ACTOR, now()).await.unwrap();
        let levels = world.proved().await;
        assert_eq!((levels[0].on_hand, levels[0].committed), (20, 4));
        assert_eq!(levels.iter().map(Level::available).sum::<i64>(), 16);
    })
    .await;
    assert!(points >= 5, "{points}");
}

proptest! {
    #[test]
    fn spreading_gives_what_is_there_once(
        units in 1i64..30, free in prop::collection::vec(-2i64..9, 1..6), start in 0usize..9,
    ) {
        let parts = spread(units, &free, start);
        let sum: i64 = parts.iter().map(|(_, part)| part).sum();
        prop_assert_eq!(sum, units.min(free.iter().map(|f| (*f).max(0)).sum()));
        prop_assert!(parts.iter().all(|(place, part)| *part <= free[*place]));
        prop_assert!(free.iter().all(|f| *f < units) || parts.len() == 1);
    }
}
