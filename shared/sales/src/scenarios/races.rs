use super::*;
use futures::{StreamExt, stream};

/// Customers order, at most so many at once, each again while the shop is busy; how many were accepted and how many
/// found it sold out.
pub(super) async fn crowd(world: &World, customers: usize, at_once: usize, items: &[(u32, i64)]) -> (usize, usize) {
    let one = |n: usize| async move {
        loop {
            let mut items = items.to_vec();
            if n % 2 == 1 {
                items.reverse();
            }
            match world.sales.place(&tenant(), &request(&format!("cus_{n}"), Some("k"), &items), &cause()).await {
                Err(PlaceError::Contended) => {}
                Err(PlaceError::Table(error)) if error.is_retryable() => {}
                answer => return answer,
            }
        }
    };
    let answers: Vec<_> = stream::iter((0..customers).map(one)).buffer_unordered(at_once).collect().await;
    let sold = answers.iter().filter(|a| matches!(a, Ok(Placed::New(_)))).count();
    (sold, answers.iter().filter(|a| matches!(a, Err(PlaceError::OutOfStock(_)))).count())
}

async fn race(world: &World, customers: usize, items: &[(u32, i64)]) -> (usize, usize) {
    crowd(world, customers, customers, items).await
}

#[tokio::test(start_paused = true)]
async fn two_hundred_customers_and_one_copy_make_one_order() {
    let world = World::new().await.stocked(1, 1, 0).await;
    assert_eq!(race(&world, 200, &[(1, 1)]).await, (1, 199));
    assert_whole(&world, 1).await;
}

#[tokio::test(start_paused = true)]
async fn twenty_five_copies_make_twelve_orders_of_two() {
    let world = World::through(LocalDynamo::new().contended(3), &FaultInjector::new()).await.stocked(1, 25, 0).await;
    assert_eq!(race(&world, 60, &[(1, 2)]).await, (12, 48));
    assert_whole(&world, 1).await;
    assert_eq!(world.levels(1).await.0.available(), 1);
}

#[tokio::test(start_paused = true)]
async fn orders_of_two_items_in_opposite_line_order_neither_deadlock_nor_oversell() {
    let dynamo = LocalDynamo::new().contended(5);
    let world = World::through(dynamo, &FaultInjector::new()).await.stocked(1, 9, 0).await.stocked(2, 7, 0).await;
    assert_eq!(race(&world, 40, &[(1, 1), (2, 1)]).await.0, 7);
    assert_whole(&world, 1).await;
    assert_whole(&world, 2).await;
}

#[tokio::test(start_paused = true)]
async fn one_order_sent_by_a_channel_many_times_at_once_is_one_order() {
    let world = World::through(LocalDynamo::new().contended(7), &FaultInjector::new()).await.stocked(1, 50, 0).await;
    let order = intake("x-1", &[(1, 2)], vec![paid(2002)]);
    let (tenant, cause) = (tenant(), cause());
    let answers = join_all((0..30).map(|_| world.sales.take_in(&tenant, &order, "connector", &cause))).await;
    let placed: Vec<Placed> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(placed.iter().filter(|p| matches!(p, Placed::New(_))).count(), 1);
    assert_eq!(world.items("order").len(), 1);
    assert_whole(&world, 1).await;
    let other = Intake { lines: vec![Line::plain(sku(1), 1, 2002)], ..order };
    let refused = world.sales.take_in(&tenant, &other, "connector", &cause).await;
    assert!(matches!(refused, Err(IntakeError::Exists(_))));
}

#[tokio::test(start_paused = true)]
async fn paid_orders_that_lose_the_race_wait_with_the_reason_and_unpaid_ones_are_refused() {
    let world = World::new().await.stocked(1, 3, 0).await;
    let (tenant, cause) = (tenant(), cause());
    let orders: Vec<Intake> = (0..8)
        .map(|n| Intake { customer: format!("c{n}"), ..intake(&format!("x-{n}"), &[(1, 1)], vec![paid(1001)]) })
        .collect();
    let answers = join_all(orders.iter().map(|order| world.sales.take_in(&tenant, order, "connector", &cause))).await;
    let orders: Vec<Order> = answers.into_iter().map(|answer| order_of(answer.unwrap())).collect();
    assert_eq!(orders.iter().filter(|order| order.is_held_for(holds::OUT_OF_STOCK)).count(), 5);
    assert_whole(&world, 1).await;
    let unpaid = intake("y", &[(1, 1)], vec![card(1001)]);
    assert!(matches!(world.sales.take_in(&tenant, &unpaid, "c", &cause).await, Err(IntakeError::OutOfStock(_))));
    // Goods arrive: what waits is allocated, and no more than there is.
    world
        .inventory
        .post(&tenant, (&at("beta"), &sku(1)), &inventory::Movement::Counted { on_hand: 2 }, &world.posting(), &|_| {
            None
        })
        .await
        .unwrap();
    let held = Filter { held: Some(true), ..Filter::default() };
    let waiting = world.sales.search(&tenant, &held, None, 50).await.unwrap().0;
    assert_eq!(waiting.len(), 5);
    let tries = join_all(waiting.iter().map(|order| edit(&world, order.id, Edit::Allocate))).await;
    assert_eq!(tries.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert_whole(&world, 1).await;
}
