//! Orders of items whose stock is spread over shards.

use super::races::crowd;
use super::*;
use kernel::Clock;

async fn place(world: &World, customer: &str, items: &[(u32, i64)]) -> Result<Order, PlaceError> {
    let placed = world.sales.place(&tenant(), &request(customer, Some("k"), items), &cause()).await;
    placed.map(order_of)
}

async fn rebalance(world: &World) {
    world.inventory.rebalance_all(&tenant(), "test", world.clock.now()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn three_hundred_customers_buy_a_hundred_hot_copies_once_each() {
    let world = World::new().await.stocked(1, 100, 0).await.hot(1, 8).await;
    assert_eq!(crowd(&world, 300, 40, &[(1, 1)]).await, (100, 200));
    assert_whole(&world, 1).await;
    assert_eq!(world.committed(1).await, (100, 0));
    assert!(world.levels(1).await.0.committed < 50, "most promises were made at shards");
    rebalance(&world).await;
    assert_eq!(world.levels(1).await.0.committed, 100);
    assert_whole(&world, 1).await;
}

#[tokio::test]
async fn a_hot_order_costs_one_read_and_one_transaction_once_the_item_is_known() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 40, 0).await.stocked(2, 0, 5).await;
    let world = world.hot(1, 4).await;
    place(&world, "warm", &[(1, 1), (2, 1)]).await.unwrap();
    faults.forget();
    place(&world, "cus", &[(1, 1), (2, 1)]).await.unwrap();
    let calls = faults.count_by_api();
    assert_eq!((calls.get("BatchGetItem"), calls.get("TransactWriteItems"), calls.len()), (Some(&1), Some(&1), 2));
    assert!(faults.capacity().write <= 13.0, "{}", faults.capacity().write);
}

#[tokio::test]
async fn a_hot_order_takes_every_later_step_before_and_after_a_rebalance() {
    for rebalanced in [false, true] {
        let world = World::new().await.stocked(1, 20, 9).await.hot(1, 4).await;
        let bank = Bank::default();
        let between = async || {
            if rebalanced {
                rebalance(&world).await;
            }
            assert_whole(&world, 1).await;
        };
        let cancelled = place(&world, "ann", &[(1, 4)]).await.unwrap();
        let order = place(&world, "bob", &[(1, 9)]).await.unwrap();
        assert_eq!(order.shipments.len(), 1, "alpha has enough in all its shards together");
        between().await;
        edit(&world, cancelled.id, Edit::Cancel).await.unwrap();
        between().await;
        settle(&world, order.id, &bank).await;
        edit(&world, order.id, Edit::CancelUnits(vec![(sku(1), 2)])).await.unwrap();
        between().await;
        let order = handle(&world, &world.order(order.id).await, 0, Handling::Split(vec![(sku(1), 3)])).await.unwrap();
        between().await;
        let order = handle(&world, &order, 2, Handling::Move(at("beta"))).await.unwrap();
        between().await;
        let (open, parcel) = (&order.shipments[1], order.shipments[1].id(order.id));
        let observed = Observation { on_hand: 20, version: 1 };
        let figures = vec![Figure { sku: sku(1), quantity: 4, observed }];
        world.sales.mark_sent(&tenant(), order.id, parcel).await.unwrap();
        let refused = Report::Refused("broken belt".into(), figures);
        world.sales.report(&tenant(), (order.id, parcel), &open.location, &refused, &cause()).await.unwrap();
        between().await;
        ship_all(&world.sales, &world, order.id).await.unwrap();
        between().await;
        let order = settle(&world, order.id, &bank).await;
        assert_eq!((order.status, bank.sum("capture")), (OrderStatus::Shipped, 7 * 1250));
        let (alpha, beta) = world.levels(1).await;
        assert_eq!(alpha.on_hand + beta.on_hand, 22);
    }
}

#[tokio::test]
async fn a_counter_sells_hot_units_that_are_in_shards() {
    let world = World::new().await.stocked(1, 20, 0).await.hot(1, 4).await;
    let sold = Intake { counter: Some(at("alpha")), ..intake("till", &[(1, 18)], vec![paid(18 * 1001)]) };
    take_in(&world, &sold).await;
    assert_eq!(world.levels(1).await.0.on_hand, 2);
    assert_whole(&world, 1).await;
    let more = Intake { counter: Some(at("alpha")), ..intake("till-2", &[(1, 3)], vec![paid(3003)]) };
    let refused = world.sales.take_in(&tenant(), &more, "till", &cause()).await;
    assert!(matches!(refused, Err(IntakeError::OutOfStock(rows)) if rows[0].available == 2));
}

#[tokio::test]
async fn orders_of_an_item_that_is_hot_no_more_are_sent_from_where_their_units_are() {
    let world = World::new().await.stocked(1, 20, 0).await.hot(1, 4).await;
    let order = place(&world, "ann", &[(1, 6)]).await.unwrap();
    // Switched off, and not rebalanced yet.
    world.inventory.make_hot(&tenant(), &at("alpha"), &sku(1), 0).await.unwrap();
    settle(&world, order.id, &Bank::default()).await;
    ship_all(&world.sales, &world, order.id).await.unwrap();
    assert_whole(&world, 1).await;
    rebalance(&world).await;
    assert!(world.items("hot-list")[0]["m"]["M"].as_object().unwrap().is_empty(), "its shards are empty");
    let rest = place(&world, "bob", &[(1, 14)]).await.unwrap();
    assert_eq!(world.levels(1).await.0.committed, 14);
    edit(&world, rest.id, Edit::Cancel).await.unwrap();
    assert_whole(&world, 1).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_a_hot_order_leaves_none_or_a_whole_one() {
    let points = crash_points(|faults| async move {
        let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 6, 0).await.hot(1, 2).await;
        let _ = faults.run(place(&world, "ann", &[(1, 4)])).await;
        faults.restart();
        assert_whole(&world, 1).await;
        let id = place(&world, "ann", &[(1, 4)]).await.unwrap().id;
        assert_eq!((world.items("order").len(), world.committed(1).await), (1, (4, 0)));
        settle(&world, id, &Bank::default()).await;
        ship_all(&world.sales, &world, id).await.unwrap();
        assert_whole(&world, 1).await;
    })
    .await;
    assert!(points >= 2, "{points}");
}
