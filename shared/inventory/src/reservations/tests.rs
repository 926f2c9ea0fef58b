use super::*;
use crate::{Inventory, StockError};
use futures::future::join_all;
use kernel::ManualClock;
use std::time::Duration;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

struct World {
    clock: Arc<ManualClock>,
    inventory: Inventory,
    reservations: Reservations,
}

fn alpha() -> LocationId {
    "alpha".parse().unwrap()
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn id(name: &str) -> ReservationId {
    ReservationId::derive(&[name])
}

fn request(name: &str, lines: &[(&str, i64)]) -> Reserve {
    let wanted = |(item, quantity): &(&str, i64)| Wanted { location: alpha(), sku: sku(item), quantity: *quantity };
    let lines = lines.iter().map(wanted).collect();
    Reserve { id: id(name), lines, seconds: 600, partial: false, source: "cart".into() }
}

impl World {
    async fn new(dynamo: LocalDynamo, faults: &FaultInjector, stock: &[(&str, i64)]) -> Self {
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let plain = Inventory::new(Table::new(dynamo.client(), "crossdock"));
        for (item, on_hand) in stock {
            let effective_at = Timestamp::from_second(1_700_000_000).unwrap();
            let posting = Posting { source: "opening".into(), actor: "test".into(), reason: None, effective_at };
            let movement = Movement::Counted { on_hand: *on_hand };
            plain.post(&tenant(), (&alpha(), &sku(item)), &movement, &posting, &|_| None).await.unwrap();
        }
        let reservations = Reservations::new(Table::new(dynamo.client_through(faults), "crossdock"), clock.clone());
        Self { clock, inventory: plain, reservations }
    }

    async fn plain(stock: &[(&str, i64)]) -> Self {
        Self::new(LocalDynamo::new(), &FaultInjector::new(), stock).await
    }

    async fn reserve(&self, request: &Reserve) -> Result<Reserved, ReservationError> {
        self.reservations.reserve(&tenant(), "usr_a", request).await
    }

    /// As a client who is told to try again, and does.
    async fn insist(&self, request: &Reserve) -> Result<Reserved, ReservationError> {
        loop {
            match self.reserve(request).await {
                Err(ReservationError::Stock(StockError::Contended)) => {}
                Err(ReservationError::Stock(StockError::Table(error))) if error.is_retryable() => {}
                answer => return answer,
            }
        }
    }

    async fn step(&self, name: &str, step: Step) -> Result<Reservation, ReservationError> {
        self.reservations.step(&tenant(), "usr_a", id(name), step).await
    }

    /// Reserved, committed and available of an item, proved by its ledger.
    async fn proved(&self, item: &str) -> (i64, i64, i64) {
        let level = self.inventory.prove(&tenant(), &alpha(), &sku(item)).await.unwrap();
        (level.reserved, level.committed, level.available())
    }
}

#[tokio::test]
async fn units_are_held_then_taken_or_given_back() {
    let world = World::plain(&[("a", 5), ("b", 5)]).await;
    let Reserved::New(held) = world.reserve(&request("r", &[("a", 2), ("b", 1)])).await.unwrap() else { panic!() };
    assert_eq!(held.state, State::Pending);
    assert_eq!(world.proved("a").await, (2, 0, 3));
    assert_eq!(world.step("r", Step::Commit).await.unwrap().state, State::Committed);
    assert_eq!((world.proved("a").await, world.proved("b").await), ((0, 2, 3), (0, 1, 4)));
    world.reserve(&request("s", &[("a", 3)])).await.unwrap();
    assert_eq!(world.step("s", Step::Release).await.unwrap().state, State::Released);
    assert_eq!(world.proved("a").await, (0, 2, 3));
}

#[tokio::test]
async fn the_same_request_exists_and_another_with_its_id_is_told_what_differs() {
    let world = World::plain(&[("a", 9)]).await;
    let first = request("r", &[("a", 2)]);
    world.reserve(&first).await.unwrap();
    world.step("r", Step::Commit).await.unwrap();
    assert!(matches!(world.reserve(&first).await, Ok(Reserved::Exists(r)) if r.state == State::Committed));
    for (other, field) in [
        (request("r", &[("a", 3)]), "lines"),
        (Reserve { partial: true, ..first.clone() }, "partial"),
        (Reserve { seconds: 60, ..first.clone() }, "duration"),
        (Reserve { source: "other".into(), ..first.clone() }, "source"),
    ] {
        let answer = world.reserve(&other).await;
        assert!(matches!(answer, Err(ReservationError::ExistsWithDifferent(found)) if found == field), "{answer:?}");
    }
    assert!(world.step("r", Step::Commit).await.is_ok(), "taken twice is taken once");
    assert_eq!(world.proved("a").await, (0, 2, 7));
}

#[tokio::test]
async fn kits_hold_their_components_and_shared_ones_count_once() {
    let world = World::plain(&[("a", 5), ("b", 3)]).await;
    let kit = |name: &str, parts: &[(&str, i64)]| {
        Kit::new(sku(name), parts.iter().map(|(part, units)| (sku(part), *units)).collect()).unwrap()
    };
    world.reservations.put_kit(&tenant(), &kit("set", &[("a", 2), ("b", 1)])).await.unwrap();
    let nested = world.reservations.put_kit(&tenant(), &kit("box", &[("set", 1)])).await;
    assert!(matches!(nested, Err(KitError::Invalid(InvalidKit::Nested(_)))));
    let (_, sellable) = world.reservations.kit(&tenant(), Some(&alpha()), &sku("set")).await.unwrap().unwrap();
    assert_eq!(sellable, 2);
    // Two sets need four of a, and two more make six.
    let short = world.reserve(&request("r", &[("set", 2), ("a", 2)])).await;
    assert!(matches!(short, Err(ReservationError::Short(rows)) if (rows[0].requested, rows[0].available) == (6, 5)));
    let part = Reserve { partial: true, ..request("p", &[("set", 2), ("a", 2)]) };
    let Reserved::New(held) = world.reserve(&part).await.unwrap() else { panic!() };
    assert_eq!(held.lines.iter().map(|line| line.held).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((world.proved("a").await, world.proved("b").await), ((5, 0, 0), (2, 0, 1)));
    world.step("p", Step::Release).await.unwrap();
    assert_eq!((world.proved("a").await, world.proved("b").await), ((0, 0, 5), (0, 0, 3)));
}

#[tokio::test]
async fn a_reservation_ends_with_its_time_and_not_after_an_extension() {
    let world = World::plain(&[("a", 5)]).await;
    world.reserve(&request("r", &[("a", 1)])).await.unwrap();
    world.reserve(&request("s", &[("a", 1)])).await.unwrap();
    assert_eq!(world.reservations.expire_due(&tenant(), 100).await.unwrap(), 0);
    world.step("s", Step::Extend(900)).await.unwrap();
    world.clock.advance(Duration::from_secs(600));
    // Over, though the schedule has not been there yet.
    let late = world.step("r", Step::Commit).await;
    assert!(matches!(late, Err(ReservationError::NotAllowed(NotAllowed::Expired))));
    assert_eq!(world.reservations.expire_due(&tenant(), 100).await.unwrap(), 1);
    assert_eq!(world.reservations.expire_due(&tenant(), 100).await.unwrap(), 0);
    assert_eq!(world.proved("a").await, (1, 0, 4));
    world.step("s", Step::Commit).await.unwrap();
    assert!(matches!(world.step("x", Step::Commit).await, Err(ReservationError::NotFound)));
}

#[tokio::test]
async fn what_cannot_be_reserved_is_refused_and_nothing_is_held() {
    let world = World::plain(&[("a", 5)]).await;
    for lines in [&[][..], &[("a", 0)], &[("a", -1)], &[("a", i64::MAX)]] {
        assert!(matches!(world.reserve(&request("r", lines)).await, Err(ReservationError::Lines)), "{lines:?}");
    }
    let forever = Reserve { seconds: u32::MAX, ..request("r", &[("a", 1)]) };
    assert!(matches!(world.reserve(&forever).await, Err(ReservationError::NotAllowed(NotAllowed::Duration))));
    assert!(matches!(world.reserve(&request("r", &[("a", 6)])).await, Err(ReservationError::Short(_))));
    assert!(matches!(world.reserve(&request("r", &[("a", 3), ("a", 3)])).await, Err(ReservationError::Short(_))));
    assert_eq!(world.proved("a").await, (0, 0, 5));
}

#[tokio::test(start_paused = true)]
async fn carts_that_want_the_same_units_get_each_once_in_whatever_order_they_name_them() {
    for seed in [3, 5] {
        let dynamo = LocalDynamo::new().contended(seed);
        let world = World::new(dynamo, &FaultInjector::new(), &[("a", 12), ("b", 12)]).await;
        let race = (0..30).map(|n| {
            let lines = if n % 2 == 0 { [("a", 1), ("b", 1)] } else { [("b", 1), ("a", 1)] };
            let request = request(&n.to_string(), &lines);
            let world = &world;
            async move { world.insist(&request).await }
        });
        let held = join_all(race).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(held, 12);
        assert_eq!((world.proved("a").await, world.proved("b").await), ((12, 0, 0), (12, 0, 0)));
    }
}

#[tokio::test]
async fn a_crash_at_any_call_holds_all_or_nothing_and_the_retry_finishes_it() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults, &[("a", 2), ("b", 2)]).await;
        let flow = async {
            world.reserve(&request("r", &[("a", 1), ("b", 2)])).await?;
            world.step("r", Step::Commit).await
        };
        let _ = faults.run(flow).await;
        let (a, b) = (world.proved("a").await, world.proved("b").await);
        assert_eq!((a.0 * 2, a.1 * 2), (b.0, b.1));
        faults.restart();
        world.reserve(&request("r", &[("a", 1), ("b", 2)])).await.unwrap();
        world.step("r", Step::Commit).await.unwrap();
        assert_eq!((world.proved("a").await, world.proved("b").await), ((0, 1, 1), (0, 2, 0)));
    })
    .await;
    assert!(points >= 5, "{points}");
}
