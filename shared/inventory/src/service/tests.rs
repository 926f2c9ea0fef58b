use super::*;
use futures::future::join_all;
use kernel::Timestamp;
use proptest::prelude::*;
use serde_json::json;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

fn sku() -> Sku {
    "9780140449136".parse().unwrap()
}

fn alpha() -> LocationId {
    "alpha".parse().unwrap()
}

fn posting() -> Posting {
    Posting { source: "count-1".into(), actor: "ada".into(), reason: None, effective_at: Timestamp::UNIX_EPOCH }
}

fn stock(dynamo: &LocalDynamo, faults: &FaultInjector) -> Inventory {
    dynamo.create_table("crossdock");
    Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"))
}

async fn moved(inventory: &Inventory, movement: Movement) -> Result<Level, StockError> {
    inventory.post(&tenant(), (&alpha(), &sku()), &movement, &posting(), &|_| None).await
}

#[tokio::test]
async fn a_movement_writes_the_level_and_its_entry_together_and_no_index_after_the_first() {
    let (dynamo, faults) = (LocalDynamo::new(), FaultInjector::new());
    let inventory = stock(&dynamo, &faults);
    moved(&inventory, Movement::Counted { on_hand: 5 }).await.unwrap();
    faults.forget();
    let level = moved(&inventory, Movement::StockAdjusted { delta: -2 }).await.unwrap();
    assert_eq!((level.on_hand, level.seq), (3, 2));
    assert_eq!(faults.capacity().write, 4.0, "level 2, entry 2");
    assert_eq!(inventory.level(&tenant(), &alpha(), &sku()).await.unwrap(), level);
}

#[tokio::test(start_paused = true)]
async fn movements_at_the_same_time_leave_one_ledger_without_gaps() {
    let dynamo = LocalDynamo::new();
    let inventory = stock(&dynamo, &FaultInjector::new());
    moved(&inventory, Movement::Counted { on_hand: 100 }).await.unwrap();
    let done = join_all((0..12).map(|_| moved(&inventory, Movement::Issued { quantity: 1 }))).await;
    let posted = i64::try_from(done.iter().filter(|d| d.is_ok()).count()).unwrap();
    assert!(done.iter().all(|d| matches!(d, Ok(_) | Err(StockError::Contended))));
    let level = inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap();
    assert_eq!(level.on_hand, 100 - posted);
    assert_eq!(level.seq, 1 + u64::try_from(posted).unwrap());
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_level_and_ledger_in_step() {
    crash_points(|faults| async move {
        let dynamo = LocalDynamo::new();
        let inventory = stock(&dynamo, &faults);
        let _ = faults.run(moved(&inventory, Movement::Counted { on_hand: 7 })).await;
        faults.restart();
        let level = inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap();
        assert!(level.seq == 0 || level.on_hand == 7);
    })
    .await;
}

#[tokio::test]
async fn an_entry_changed_in_the_table_is_found_by_the_proof() {
    let dynamo = LocalDynamo::new();
    let inventory = stock(&dynamo, &FaultInjector::new());
    for on_hand in [5, 3, 9] {
        moved(&inventory, Movement::Counted { on_hand }).await.unwrap();
    }
    let key = json!({ "pk": { "S": "T#acme.test#STOCK#alpha#9780140449136" }, "sk": { "S": "L#000000000000000000#000000000002" } });
    let update = json!({
        "TableName": "crossdock", "Key": key,
        "UpdateExpression": "SET #by = :x", "ExpressionAttributeNames": { "#by": "by" },
        "ExpressionAttributeValues": { ":x": { "S": "mallory" } },
    });
    dynamo.execute("UpdateItem", update);
    let found = inventory.prove(&tenant(), &alpha(), &sku()).await;
    assert!(matches!(found, Err(StockError::Broken(Broken::Tampered { seq: 2 }))), "{found:?}");
}

#[tokio::test]
async fn a_level_that_does_not_add_up_is_damaged_and_never_used() {
    let dynamo = LocalDynamo::new();
    let inventory = stock(&dynamo, &FaultInjector::new());
    moved(&inventory, Movement::Counted { on_hand: 5 }).await.unwrap();
    let key = json!({ "pk": { "S": "T#acme.test#STOCK#alpha#9780140449136" }, "sk": { "S": "LEVEL" } });
    let update = json!({
        "TableName": "crossdock", "Key": key,
        "UpdateExpression": "SET cm = :x", "ExpressionAttributeValues": { ":x": { "N": "2" } },
    });
    dynamo.execute("UpdateItem", update);
    let read = inventory.level(&tenant(), &alpha(), &sku()).await;
    assert!(matches!(read, Err(TableError::Corrupt { .. })), "{read:?}");
    let posted = moved(&inventory, Movement::Issued { quantity: 1 }).await;
    assert!(matches!(posted, Err(StockError::Table(TableError::Corrupt { .. }))), "{posted:?}");
}

#[tokio::test]
async fn levels_of_a_location_are_listed_by_item_and_in_pages() {
    let dynamo = LocalDynamo::new();
    let inventory = stock(&dynamo, &FaultInjector::new());
    let rows: Vec<(Sku, Observation)> =
        (0..5).map(|n| (format!("sku-{n}").parse().unwrap(), Observation { on_hand: n, version: 1 })).collect();
    inventory.absorb(&tenant(), &alpha(), &rows, &posting()).await.unwrap();
    let first = inventory.levels(&tenant(), &alpha(), None, 3).await.unwrap();
    let rest = inventory.levels(&tenant(), &alpha(), first.next, 3).await.unwrap();
    let names: Vec<_> = first.items.iter().chain(&rest.items).map(|l| l.sku.to_string()).collect();
    assert_eq!(names, ["sku-0", "sku-1", "sku-2", "sku-3", "sku-4"]);
    let beta = inventory.levels(&tenant(), &"beta".parse().unwrap(), None, 3).await.unwrap();
    assert!(beta.items.is_empty());
}

#[tokio::test]
async fn absorbing_the_same_page_again_writes_nothing() {
    let (dynamo, faults) = (LocalDynamo::new(), FaultInjector::new());
    let inventory = stock(&dynamo, &faults);
    let page = [(sku(), Observation { on_hand: 4, version: 7 })];
    let first = inventory.absorb(&tenant(), &alpha(), &page, &posting()).await.unwrap();
    assert_eq!(first, Absorbed { rows: 1, moved: 1, drifted: 1 });
    faults.forget();
    let again = inventory.absorb(&tenant(), &alpha(), &page, &posting()).await.unwrap();
    assert_eq!(again, Absorbed { rows: 1, moved: 0, drifted: 0 });
    assert_eq!(faults.capacity().write, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_backorder_limit_lets_so_many_be_promised_and_moves_nothing() {
    let dynamo = LocalDynamo::new();
    let inventory = stock(&dynamo, &FaultInjector::new());
    moved(&inventory, Movement::Counted { on_hand: 2 }).await.unwrap();
    let level = inventory.set_backorder(&tenant(), (&alpha(), &sku()), 3, Some(1)).await.unwrap();
    assert_eq!((level.backorder, level.seq, level.version), (3, 1, 2));
    moved(&inventory, Movement::Committed { quantity: 5 }).await.unwrap();
    let more = moved(&inventory, Movement::Committed { quantity: 1 }).await;
    assert!(matches!(more, Err(StockError::Refused(Refusal::InsufficientStock { .. }))), "{more:?}");
    let stale = inventory.set_backorder(&tenant(), (&alpha(), &sku()), 0, Some(2)).await;
    assert!(matches!(stale, Err(BackorderError::Stale(3))), "{stale:?}");
    for units in [-1, MAX_UNITS + 1] {
        let refused = inventory.set_backorder(&tenant(), (&alpha(), &sku()), units, None).await;
        assert!(matches!(refused, Err(BackorderError::Stock(StockError::Refused(Refusal::OutOfRange(_))))));
    }
    // While others sell, whoever asks for whatever version there is gets it done, and nothing is lost.
    let (tenant, at) = (tenant(), (alpha(), sku()));
    let set = inventory.set_backorder(&tenant, (&at.0, &at.1), 9, None);
    let (sold, set) = futures::join!(moved(&inventory, Movement::Released { quantity: 1 }), set);
    sold.unwrap();
    set.unwrap();
    let level = inventory.prove(&tenant, &at.0, &at.1).await.unwrap();
    assert_eq!((level.backorder, level.committed), (9, 4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn observations_in_any_order_end_at_the_newest(mut seen in prop::collection::vec((0i64..50, 1u64..9), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ended = runtime.block_on(async {
            let inventory = stock(&LocalDynamo::new(), &FaultInjector::new());
            for (on_hand, version) in &seen {
                let page = [(sku(), Observation { on_hand: *on_hand, version: *version })];
                inventory.absorb(&tenant(), &alpha(), &page, &posting()).await.unwrap();
            }
            inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap()
        });
        // Of several figures with one version the first counts: a location gives each version to one figure.
        seen.sort_by_key(|(_, version)| std::cmp::Reverse(*version));
        prop_assert_eq!(ended.source_version, seen[0].1);
        let newest: Vec<i64> = seen.iter().filter(|s| s.1 == seen[0].1).map(|s| s.0).collect();
        prop_assert!(newest.contains(&ended.on_hand));
    }
}
