use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;
use testkit::{Effect, FaultInjector, LocalDynamo, Side};

use super::*;
use crate::OrderId;
use crate::testing::{World, cause, instruction, tenant};

const ODYSSEY: &str = "9780140449136";
const OTHER: &str = "9780306406157";

#[tokio::test]
async fn a_filled_instruction_moves_every_line_and_is_logged_and_told() {
    let world = World::new().holding(ODYSSEY, 5).await.holding(OTHER, 1).await;
    let shipment = world.ship(&instruction(1, &[(ODYSSEY, 2), (OTHER, 1)])).await.unwrap();
    assert_eq!(shipment.status, ShipmentStatus::Shipped);
    let figures: Vec<_> = shipment.lines.iter().map(|line| (line.on_hand, line.version)).collect();
    assert_eq!(figures, [(3, 2), (0, 2)]);
    assert_eq!((world.on_hand(ODYSSEY).await, world.on_hand(OTHER).await), (3, 0));
    assert_eq!(world.warehouse.shipment(&tenant(), shipment.id).await.unwrap(), Some(shipment.clone()));
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].data["lines"][0], json!({"isbn": ODYSSEY, "quantity": 2, "onHand": 3, "version": 2}));
    assert_eq!(events[0].correlation_id, "req-1");
    world.assert_whole().await;
}

#[tokio::test]
async fn one_short_line_rejects_the_whole_instruction_and_nothing_leaves() {
    let world = World::new().holding(ODYSSEY, 5).await;
    let shipment = world.ship(&instruction(1, &[(ODYSSEY, 2), (OTHER, 1)])).await.unwrap();
    assert_eq!((shipment.status, shipment.reason()), (ShipmentStatus::Rejected, Some("insufficient_stock")));
    let figures: Vec<_> = shipment.lines.iter().map(|line| (line.on_hand, line.version)).collect();
    assert_eq!(figures, [(5, 1), (0, 0)]);
    assert_eq!(world.on_hand(ODYSSEY).await, 5);
    assert_eq!(world.events()[0].data["status"], "REJECTED");
    world.assert_whole().await;
}

#[tokio::test]
async fn a_rejection_stays_one_though_stock_came_in_later() {
    let world = World::new().holding(ODYSSEY, 0).await;
    let first = world.ship(&instruction(1, &[(ODYSSEY, 1)])).await.unwrap();
    let world = world.holding(ODYSSEY, 9).await;
    assert_eq!(world.ship(&instruction(1, &[(ODYSSEY, 1)])).await.unwrap(), first);
    assert_eq!(world.on_hand(ODYSSEY).await, 9);
}

#[tokio::test]
async fn the_same_id_with_another_instruction_is_refused() {
    let world = World::new().holding(ODYSSEY, 5).await;
    world.ship(&instruction(1, &[(ODYSSEY, 1)])).await.unwrap();
    let other_order = Instruction { order: OrderId::derive(&["x"]), ..instruction(1, &[(ODYSSEY, 1)]) };
    for other in [instruction(1, &[(ODYSSEY, 2)]), other_order] {
        assert!(matches!(world.ship(&other).await, Err(ShipError::Reused)));
    }
    assert_eq!(world.on_hand(ODYSSEY).await, 4);
    world.assert_whole().await;
}

#[tokio::test]
async fn an_instruction_costs_one_read_and_one_transaction() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults).holding(ODYSSEY, 5).await.holding(OTHER, 5).await;
    faults.forget();
    world.ship(&instruction(1, &[(ODYSSEY, 1), (OTHER, 1)])).await.unwrap();
    let calls: Vec<_> = faults.count_by_api().into_iter().collect();
    assert_eq!(calls, [("BatchGetItem".to_owned(), 1), ("TransactWriteItems".to_owned(), 1)]);
    // Entry 2 and its place in the log, event 2, and for each line level 2 and ledger 2.
    let units = faults.capacity();
    let log: f64 = units.indexes.values().sum();
    assert_eq!(units.write - log, 12.0);
}

#[tokio::test]
async fn an_answer_lost_on_the_way_is_no_second_shipment() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults).holding(ODYSSEY, 5).await;
    faults.on("TransactWriteItems", 0, Side::After, Effect::Timeout);
    let shipped = world.warehouse.ship(&tenant(), "store", &instruction(1, &[(ODYSSEY, 1)]), &cause()).await.unwrap();
    assert!(matches!(shipped, Shipped::New(_)));
    assert_eq!(world.on_hand(ODYSSEY).await, 4);
    world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn an_instruction_sent_many_times_at_once_is_filled_once() {
    let world = World::through(LocalDynamo::new().contended(7), &FaultInjector::new()).holding(ODYSSEY, 100).await;
    let (tenant, instruction, cause) = (tenant(), instruction(1, &[(ODYSSEY, 3)]), cause());
    let attempts = (0..30).map(|_| world.warehouse.ship(&tenant, "store", &instruction, &cause));
    let outcomes: Vec<Shipped> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Shipped::New(_))).count(), 1);
    assert_eq!(world.on_hand(ODYSSEY).await, 97);
    assert_eq!(world.events().len(), 1);
    world.assert_whole().await;
}

/// A hundred copies, a hundred and fifty instructions at the same time.
#[tokio::test(start_paused = true)]
async fn no_copy_is_shipped_twice_and_none_is_left_behind() {
    let world = World::through(LocalDynamo::new().contended(42), &FaultInjector::new()).holding(ODYSSEY, 100).await;
    let instructions: Vec<_> = (0..150).map(|number| instruction(number, &[(ODYSSEY, 1)])).collect();
    let outcomes = join_all(instructions.iter().map(|instruction| world.ship(instruction))).await;
    let shipments: Vec<Shipment> = outcomes.into_iter().map(Result::unwrap).collect();
    let shipped: Vec<_> = shipments.iter().filter(|shipment| shipment.status == ShipmentStatus::Shipped).collect();
    assert_eq!((shipped.len(), shipments.len() - shipped.len()), (100, 50));
    let figures: BTreeSet<i64> = shipped.iter().map(|shipment| shipment.lines[0].on_hand).collect();
    assert!(figures.into_iter().eq(0..100), "every figure from 99 down to 0 was reported once");
    assert_eq!(world.on_hand(ODYSSEY).await, 0);
    assert_eq!(world.events().len(), 150);
    world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn instructions_for_overlapping_books_never_take_half() {
    let world = World::through(LocalDynamo::new().contended(3), &FaultInjector::new());
    let world = world.holding(ODYSSEY, 10).await.holding(OTHER, 15).await;
    let lines = |number| match number % 3 {
        0 => vec![(ODYSSEY, 1), (OTHER, 1)],
        1 => vec![(OTHER, 2), (ODYSSEY, 1)],
        _ => vec![(OTHER, 1)],
    };
    let instructions: Vec<_> = (0..30).map(|number| instruction(number, &lines(number))).collect();
    let outcomes = join_all(instructions.iter().map(|instruction| world.ship(instruction))).await;
    let (mut odyssey, mut other) = (10, 15);
    for shipment in outcomes.into_iter().map(Result::unwrap) {
        for line in shipment.lines.iter().filter(|_| shipment.status == ShipmentStatus::Shipped) {
            *if line.sku.as_str() == ODYSSEY { &mut odyssey } else { &mut other } -= line.quantity;
        }
    }
    assert_eq!((world.on_hand(ODYSSEY).await, world.on_hand(OTHER).await), (odyssey, other));
    world.assert_whole().await;
}

#[tokio::test]
async fn the_log_is_read_newest_first_page_by_page() {
    let world = World::new().holding(ODYSSEY, 5).await;
    for number in 1..=5 {
        world.ship(&instruction(number, &[(ODYSSEY, 1)])).await.unwrap();
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    let (mut numbers, mut start) = (Vec::new(), None);
    loop {
        let page = world.warehouse.shipments(&tenant(), start, 2).await.unwrap();
        numbers.extend(page.items.iter().map(|shipment| shipment.id.ulid().0));
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
}
