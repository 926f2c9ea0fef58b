//! Orders of kits: components are promised, sent and taken back; what kits share is counted once.

use super::races::crowd;
use super::*;

/// Books 1, 2 and 3; kit 7 is one of 1 and two of 2, kit 8 one of 2 and one of 3.
async fn world(dynamo: LocalDynamo, faults: &FaultInjector, stock: [i64; 3]) -> World {
    let mut world = World::through(dynamo, faults).await;
    for (number, units) in [1, 2, 3].into_iter().zip(stock) {
        world = world.stocked(number, units, 0).await;
    }
    world.kit(7, &[(1, 1), (2, 2)]).await.kit(8, &[(2, 1), (3, 1)]).await
}

async fn all_whole(world: &World) {
    for number in [1, 2, 3] {
        assert_whole(world, number).await;
    }
}

#[tokio::test(start_paused = true)]
async fn kits_that_share_a_component_are_never_oversold_and_never_block_each_other() {
    // 30 of the shared book: each pair of orders takes three.
    let world = world(LocalDynamo::new().contended(19), &FaultInjector::new(), [40, 30, 40]).await;
    assert_eq!(crowd(&world, 40, 40, &[(7, 1), (8, 1)]).await, (10, 30));
    all_whole(&world).await;
    assert_eq!((world.committed(1).await.0, world.committed(2).await.0, world.committed(3).await.0), (10, 30, 10));
}

#[tokio::test]
async fn a_kit_is_sent_and_taken_back_as_its_components_and_paid_for_as_one_line() {
    let world = world(LocalDynamo::new(), &FaultInjector::new(), [9, 9, 9]).await;
    let (bank, cause) = (Bank::default(), cause());
    let id = take_in(&world, &intake("x", &[(7, 2), (8, 1)], vec![card(3003)])).await.id;
    settle(&world, id, &bank).await;
    let asked: Vec<String> = world.items("event").iter().map(ToString::to_string).collect();
    assert!(!asked.iter().any(|e| e.contains("sales.shipment.requested.v1") && e.contains(sku(7).as_str())));
    let order = world.order(id).await;
    assert_eq!(order.items_of(&order.shipments[0]), [(sku(1), 2), (sku(2), 5), (sku(3), 1)]);
    ship_all(&world.sales, &world, id).await.unwrap();
    let order = settle(&world, id, &bank).await;
    assert_eq!((order.status, bank.sum("capture"), revenue(&world, id).await), (OrderStatus::Shipped, 3003, 3003));
    let editor = editor(&cause);
    world.sales.request_return(&tenant(), id, &[(sku(7), 1)], &at("alpha"), editor).await.unwrap();
    for event in [ReturnEvent::Approve, ReturnEvent::Receive] {
        world.sales.advance_return(&tenant(), (id, 0), event, editor).await.unwrap();
    }
    let found = [Finding { sku: sku(7), restocked: 1, damaged: 0, refused: 0 }];
    world.sales.inspect_return(&tenant(), (id, 0), &found, editor).await.unwrap();
    world.sales.settle_return(&tenant(), (id, 0), None, editor).await.unwrap();
    let order = settle(&world, id, &bank).await;
    assert_eq!((order.returns[0].value_minor, bank.sum("refund")), (1001, 1001));
    let left = [world.levels(1).await.0.on_hand, world.levels(2).await.0.on_hand, world.levels(3).await.0.on_hand];
    assert_eq!(left, [9 - 2 + 1, 9 - 5 + 2, 9 - 1]);
    all_whole(&world).await;
}

#[tokio::test]
async fn a_kit_takes_every_later_step_and_keeps_what_it_was_made_of() {
    let world = world(LocalDynamo::new(), &FaultInjector::new(), [20, 20, 20]).await;
    let order = take_in(&world, &intake("x", &[(7, 3)], vec![paid(3003)])).await;
    // Kits ordered from now on are others; this one stays what it was.
    world.put_kit(7, &[(3, 1)]).await;
    let order = handle(&world, &order, 0, Handling::Split(vec![(sku(7), 1)])).await.unwrap();
    all_whole(&world).await;
    let order = handle(&world, &order, 1, Handling::Merge(vec![order.shipments[2].id(order.id)])).await.unwrap();
    all_whole(&world).await;
    edit(&world, order.id, Edit::CancelUnits(vec![(sku(7), 1)])).await.unwrap();
    all_whole(&world).await;
    let lines = vec![Line { discount_minor: 0, tax_minor: 0, ..Line::plain(sku(8), 2, 1000) }];
    let order = edit(&world, order.id, Edit::Lines(lines)).await.unwrap();
    all_whole(&world).await;
    assert_eq!((world.committed(2).await.0, world.committed(3).await.0), (2 * 2 + 2, 2));
    edit(&world, order.id, Edit::Cancel).await.unwrap();
    settle(&world, order.id, &Bank::default()).await;
    all_whole(&world).await;
    assert_eq!(world.committed(2).await.0, 0);
    let sold = Intake { counter: Some(at("alpha")), ..intake("till", &[(8, 2)], vec![paid(2002)]) };
    take_in(&world, &sold).await;
    assert_eq!((world.levels(2).await.0.on_hand, world.levels(3).await.0.on_hand), (18, 18));
}

#[tokio::test]
async fn a_paid_kit_without_a_component_waits_with_the_reason_until_it_is_there() {
    let world = world(LocalDynamo::new(), &FaultInjector::new(), [9, 3, 9]).await;
    let order = take_in(&world, &intake("x", &[(7, 2)], vec![paid(2002)])).await;
    assert!(order.is_held_for(holds::OUT_OF_STOCK));
    assert_eq!((order.unfilled(&order.lines[0]), world.committed(1).await.0), (1, 1));
    all_whole(&world).await;
    let more = inventory::Movement::StockAdjusted { delta: 1 };
    let place = (&at("alpha"), &sku(2));
    world.inventory.post(&tenant(), place, &more, &world.posting(), &|_| None).await.unwrap();
    let order = edit(&world, order.id, Edit::Allocate).await.unwrap();
    assert!(order.holds.is_empty());
    all_whole(&world).await;
}

#[tokio::test]
async fn a_crash_at_any_call_of_an_order_of_kits_leaves_none_or_a_whole_one() {
    let points = crash_points(|faults| async move {
        let world = world(LocalDynamo::new(), &faults, [4, 4, 4]).await;
        let wanted = request("ann", Some("k"), &[(7, 1), (8, 2)]);
        let _ = faults.run(world.sales.place(&tenant(), &wanted, &cause())).await;
        faults.restart();
        all_whole(&world).await;
        world.sales.place(&tenant(), &wanted, &cause()).await.unwrap();
        assert_eq!((world.items("order").len(), world.committed(2).await), (1, (4, 0)));
        all_whole(&world).await;
    })
    .await;
    assert!(points >= 3, "{points}");
}
