use super::*;
use crate::count::CountId;
use crate::counts::{Counts, NewCount};
use crate::movement::Condition;
use crate::valuation::{Method, Policy};
use crate::{Company, Level};
use futures::future::join_all;
use kernel::ManualClock;
use rust_decimal::Decimal;
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

const NOW: i64 = 1_800_000_000;

fn received(name: &str, quantity: i64, pounds: i64) -> NewMovement {
    let cost = Some(Decimal::from(pounds));
    let movement = Movement::GoodsReceived { quantity, announced: 0, condition: Condition::Sellable, cost };
    movement_of(name, movement)
}

fn movement_of(name: &str, movement: Movement) -> NewMovement {
    NewMovement {
        id: MovementId::derive(&[name]),
        location: "alpha".parse().unwrap(),
        sku: "a".parse().unwrap(),
        movement,
        source: None,
        reason: None,
        effective_at: None,
    }
}

struct World {
    inventory: Inventory,
    movements: Movements,
    clock: Arc<ManualClock>,
}

impl World {
    /// A company that values what is at alpha first in, first out.
    async fn new(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).unwrap()));
        let plain = Inventory::new(Table::new(dynamo.client(), "crossdock"));
        let policy = Policy { method: Method::Fifo, negative: false, decimals: 2 };
        let company = Company { id: "acme".parse().unwrap(), currency: "GBP".parse().unwrap(), policy };
        plain.create_company(&tenant(), &company).await.unwrap();
        plain.assign(&tenant(), &"alpha".parse().unwrap(), &company.id).await.unwrap();
        let inventory = Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"));
        Self { movements: Movements::new(inventory.clone(), clock.clone()), inventory, clock }
    }

    async fn post(&self, new: &NewMovement) -> Result<Posted, MovementError> {
        self.movements.post(&tenant(), "ada", new).await
    }

    async fn proved(&self) -> Level {
        self.inventory.prove(&tenant(), &"alpha".parse().unwrap(), &"a".parse().unwrap()).await.unwrap()
    }
}

#[tokio::test]
async fn a_movement_that_comes_again_is_booked_once_even_when_the_stock_is_gone() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    world.post(&received("r", 4, 10)).await.unwrap();
    let sale = movement_of("s", Movement::Issued { quantity: 4 });
    let first = world.post(&sale).await.unwrap();
    assert_eq!(first.entry.value.unwrap().booked.value_delta, Decimal::from(-10));
    let again = world.post(&sale).await.unwrap();
    assert_eq!((again.replayed, &again.entry), (true, &first.entry));
    assert_eq!(world.movements.movement(&tenant(), sale.id).await.unwrap(), Some(again));
    assert_eq!(world.proved().await.seq, 2);
    let other = [
        (NewMovement { movement: Movement::Issued { quantity: 3 }, ..sale.clone() }, "movement"),
        (NewMovement { sku: "b".parse().unwrap(), ..sale.clone() }, "item"),
        (NewMovement { reason: Some("x".into()), ..sale.clone() }, "reason"),
        (NewMovement { effective_at: Some(Timestamp::UNIX_EPOCH), ..sale.clone() }, "time"),
    ];
    for (other, field) in other {
        let refused = world.post(&other).await;
        assert!(matches!(refused, Err(MovementError::ExistsWithDifferent(found)) if found == field), "{refused:?}");
    }
}

#[tokio::test]
async fn goods_come_back_with_the_cost_they_left_with() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    world.post(&received("r1", 2, 10)).await.unwrap();
    world.post(&received("r2", 2, 30)).await.unwrap();
    let sold = world.post(&movement_of("s", Movement::Issued { quantity: 3 })).await.unwrap().entry;
    let at = (&"alpha".parse().unwrap(), &"a".parse().unwrap());
    let cost = async |entry, units| world.inventory.cost_left_with(&tenant(), at, entry, (units, 2)).await.unwrap();
    assert_eq!(cost((sold.effective_at, sold.seq), 3).await, Some(Decimal::from(25)));
    assert_eq!(cost((sold.effective_at, sold.seq), 1).await, Some(Decimal::new(833, 2)));
    for (entry, units) in [((sold.effective_at, sold.seq), 4), ((sold.effective_at, 1), 1), ((sold.effective_at, 9), 1)]
    {
        assert_eq!(cost(entry, units).await, None, "{entry:?} {units}");
    }
}

#[tokio::test]
async fn the_past_is_booked_and_the_future_is_refused() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    let at = |seconds: i64| Some(Timestamp::from_second(NOW + seconds).unwrap());
    let late = NewMovement { effective_at: at(-60), ..received("late", 1, 1) };
    assert_eq!(world.post(&late).await.unwrap().entry.effective_at, at(-60).unwrap());
    let early = NewMovement { effective_at: at(1), ..received("early", 1, 1) };
    assert!(matches!(world.post(&early).await, Err(MovementError::InTheFuture)));
    world.clock.advance(std::time::Duration::from_secs(1));
    world.post(&early).await.unwrap();
    assert_eq!(world.proved().await.on_hand, 2);
}

#[tokio::test]
async fn what_is_counted_does_not_move_even_in_the_name_of_the_count() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    world.post(&received("r", 4, 10)).await.unwrap();
    let counts = Counts::new(world.inventory.clone(), world.clock.clone());
    let (id, location) = (CountId::derive(&["c"]), "alpha".parse().unwrap());
    let count = NewCount { id, location, items: vec!["a".parse().unwrap()], blind: false, tolerance: 0 };
    counts.start(&tenant(), &count).await.unwrap();
    for source in [None, Some(id.to_string())] {
        let sale = NewMovement { source, ..movement_of("s", Movement::Issued { quantity: 1 }) };
        let refused = world.post(&sale).await;
        assert!(matches!(refused, Err(MovementError::Stock(StockError::Refused(Refusal::Frozen(_))))), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_movement_posted_by_many_at_once_is_booked_once() {
    let world = World::new(LocalDynamo::new().contended(7), &FaultInjector::new()).await;
    world.post(&received("r", 40, 40)).await.unwrap();
    let sale = movement_of("s", Movement::Issued { quantity: 1 });
    let done = join_all((0..8).map(|_| world.post(&sale))).await;
    assert!(done.iter().any(Result::is_ok));
    assert_eq!(world.proved().await.on_hand, 39);
}

#[tokio::test]
async fn a_crash_at_any_call_books_once_or_not_at_all() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults).await;
        let flow = async {
            world.post(&received("r", 4, 10)).await?;
            world.post(&movement_of("s", Movement::Issued { quantity: 4 })).await
        };
        let _ = faults.run(flow).await;
        faults.restart();
        world.post(&received("r", 4, 10)).await.unwrap();
        world.post(&movement_of("s", Movement::Issued { quantity: 4 })).await.unwrap();
        let level = world.proved().await;
        assert_eq!((level.seq, level.on_hand), (2, 0));
    })
    .await;
    assert!(points >= 5, "{points}");
}
