use std::time::Duration;

use kernel::Clock;
use proptest::prelude::*;
use testkit::{Effect, FaultInjector, LocalDynamo, Side};

use super::*;
use crate::testing::{NAME, Note, block_on, clock, dynamo, faulty_table, note, note_key, table, tenant};
use crate::{Consistency, GlobalIndex, Query, Versioned};

fn event(aggregate: &str) -> Event {
    Event::new("test.note.created.v1", &tenant(), aggregate, 1, serde_json::json!({"id": aggregate}), &*clock())
}

async fn read(table: &Table, id: &str) -> Option<Versioned<Note>> {
    table.get::<Note>(note_key(id), Consistency::Strong).await.unwrap()
}

async fn events(table: &Table) -> Vec<Event> {
    let end = clock().now().checked_add(Duration::from_secs(1)).unwrap();
    outbox::window(table, &tenant(), clock().now(), end).next_hour().await.unwrap().unwrap().events
}

#[tokio::test]
async fn everything_is_written_or_nothing() {
    let table = table();
    for id in ["changed", "replaced", "deleted", "checked"] {
        table.create(&tenant(), &note(id)).await.unwrap();
    }
    let announced = event("created");
    let build = || {
        let mut transaction = table.transaction(&tenant());
        transaction
            .create(&note("created"))
            .put_versioned(&Note { text: "new".into(), ..note("replaced") }, 1)
            .update(Update::new(note_key("changed")).add("count", 3))
            .delete(note_key("deleted"), Condition::version(1))
            .check(note_key("checked"), Condition::exists())
            .event(&announced);
        transaction
    };
    let mut doomed = build();
    doomed.check(note_key("missing"), Condition::exists());
    let error = doomed.commit().await.unwrap_err();
    assert!(error.failed(6).unwrap().old.is_none());
    assert_eq!(read(&table, "created").await, None);
    assert!(events(&table).await.is_empty());

    build().commit().await.unwrap();
    assert_eq!(read(&table, "created").await.unwrap().version, 1);
    assert_eq!(read(&table, "replaced").await.unwrap().value.text, "new");
    assert_eq!(read(&table, "replaced").await.unwrap().version, 2);
    assert_eq!(read(&table, "changed").await.unwrap().value.count, 3);
    assert_eq!(read(&table, "deleted").await, None);
    assert_eq!(events(&table).await, [announced]);
}

#[tokio::test]
async fn failed_conditions_come_with_the_items_that_stand_in_the_way() {
    let table = table();
    table.create(&tenant(), &note("taken")).await.unwrap();
    let mut transaction = table.transaction(&tenant());
    transaction.create(&note("free")).create(&note("taken"));
    assert_eq!(transaction.len(), 2);
    transaction.update(Update::new(note_key("missing")).add("count", 1));
    let error = transaction.commit().await.unwrap_err();
    assert!(!error.is_retryable());
    assert!(error.failed(0).is_none());
    let taken = error.failed(1).unwrap().old.clone().unwrap().decode::<Note>().unwrap();
    assert_eq!(taken, Versioned { value: note("taken"), version: 1 });
    assert!(error.failed(2).unwrap().old.is_none());
    assert!(matches!(error, TransactionError::Conditions(actions) if actions.len() == 3));
}

#[tokio::test]
async fn a_failed_condition_is_not_retried() {
    let (table, faults) = faulty_table();
    let mut transaction = table.transaction(&tenant());
    transaction.check(note_key("missing"), Condition::exists());
    transaction.commit().await.unwrap_err();
    assert_eq!(faults.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_is_a_success() {
    for effect in [Effect::Timeout, Effect::ServerError, Effect::ConnectionError] {
        let (table, faults) = faulty_table();
        table.create(&tenant(), &note("n1")).await.unwrap();
        faults.on("TransactWriteItems", 0, Side::After, effect);
        let mut transaction = table.transaction(&tenant());
        transaction.update(Update::new(note_key("n1")).add("count", 1)).create(&note("n2")).event(&event("n2"));
        transaction.commit().await.unwrap();
        assert_eq!(faults.count_by_api()["TransactWriteItems"], 2);
        assert_eq!(read(&table, "n1").await.unwrap().value.count, 1, "written once");
        assert_eq!(events(&table).await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_done_is_tried_again_with_the_same_token() {
    let (table, faults) = faulty_table();
    for (nth, effect) in [Effect::Throttle, Effect::ServerError, Effect::Timeout].into_iter().enumerate() {
        faults.on("TransactWriteItems", nth, Side::Before, effect);
    }
    let mut transaction = table.transaction(&tenant());
    transaction.create(&note("n1"));
    transaction.commit().await.unwrap();
    let tokens: std::collections::BTreeSet<String> =
        faults.calls().iter().map(|call| call.body["ClientRequestToken"].to_string()).collect();
    assert_eq!((faults.count(), tokens.len()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn retries_are_bounded() {
    let (table, faults) = faulty_table();
    faults.always("TransactWriteItems", Side::Before, Effect::Throttle);
    let mut transaction = table.transaction(&tenant());
    transaction.create(&note("n1"));
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::Table(TableError::Throttled(_))), "{error}");
    assert!(error.is_retryable());
    assert_eq!(faults.count(), 6);
}

#[tokio::test]
async fn a_named_transaction_happens_once_and_its_name_is_good_for_one_content() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let build = |amount| {
        let mut transaction = table.transaction(&tenant());
        transaction.update(Update::new(note_key("n1")).add("count", amount)).token("evt_1");
        transaction
    };
    build(2).commit().await.unwrap();
    build(2).commit().await.unwrap();
    let error = build(3).commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::TokenReused) && !error.is_retryable());
    assert_eq!(read(&table, "n1").await.unwrap().value.count, 2);
}

#[tokio::test]
async fn more_than_100_actions_are_refused_before_any_call() {
    let (table, faults) = faulty_table();
    let mut transaction = table.transaction(&tenant());
    for number in 0..101 {
        transaction.create(&note(&number.to_string()));
    }
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::Table(TableError::TransactionTooLarge { actions: 101, .. })), "{error}");
    assert_eq!(faults.count(), 0);
}

#[tokio::test]
async fn a_hundred_actions_are_not_too_many() {
    let table = table();
    let mut transaction = table.transaction(&tenant());
    for number in 0..100 {
        transaction.create(&note(&format!("{number:03}")));
    }
    transaction.commit().await.unwrap();
    assert!(read(&table, "099").await.is_some());
}

#[tokio::test]
async fn more_than_4_mb_are_refused_before_any_call() {
    let (table, faults) = faulty_table();
    let mut transaction = table.transaction(&tenant());
    for number in 0..11 {
        transaction.create(&Note { text: "x".repeat(390 * 1024), ..note(&number.to_string()) });
    }
    let error = transaction.commit().await.unwrap_err();
    let TransactionError::Table(error) = error else { panic!("{error}") };
    assert!(matches!(&error, TableError::TransactionTooLarge { actions: 11, bytes } if *bytes > 4_390_000), "{error}");
    assert!(error.to_string().contains("100 actions and 4 MB"));
    assert_eq!(faults.count(), 0);
}

#[tokio::test]
async fn an_action_that_cannot_be_encoded_fails_the_commit_not_the_builder() {
    let (table, faults) = faulty_table();
    let mut transaction = table.transaction(&tenant());
    transaction.create(&Note { text: "x".repeat(500 * 1024), ..note("n1") }).create(&note("n2"));
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, TransactionError::Table(TableError::ItemTooLarge { .. })));
    assert_eq!(faults.count(), 0);
}

#[tokio::test]
async fn nothing_to_write_is_no_call() {
    let (table, faults) = faulty_table();
    assert!(table.transaction(&tenant()).is_empty());
    table.transaction(&tenant()).commit().await.unwrap();
    assert_eq!(faults.count(), 0);
}

#[tokio::test]
async fn a_change_of_index_key_moves_the_item_in_the_index() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let mut transaction = table.transaction(&tenant());
    transaction.update(Update::new(note_key("n1")).set("open", false).index(GlobalIndex::Gsi1, None));
    transaction.commit().await.unwrap();
    let open = table.query::<Note>(Query::index(GlobalIndex::Gsi1, crate::testing::worklist())).await.unwrap();
    assert!(open.items.is_empty());
}

#[test]
fn the_worst_reason_decides() {
    let reasons = |codes: &[&str]| -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    };
    let meaning = |codes: &[&str]| cancellation(&reasons(codes), "test".into());
    assert!(matches!(
        meaning(&["None", "TransactionConflict", "ConditionalCheckFailed"]),
        TransactionError::Conditions(actions) if actions[0].is_none() && actions[1].is_none() && actions[2].is_some()
    ));
    assert!(matches!(
        meaning(&["TransactionConflict", "ValidationError"]),
        TransactionError::Table(TableError::Rejected { code, .. }) if code == "ValidationError"
    ));
    assert!(matches!(meaning(&["None", "TransactionConflict"]), TransactionError::Table(TableError::Conflict(_))));
    assert!(matches!(meaning(&["ThrottlingError"]), TransactionError::Table(TableError::Throttled(_))));
    assert!(matches!(
        meaning(&["ItemCollectionSizeLimitExceeded"]),
        TransactionError::Table(TableError::Rejected { .. })
    ));
    assert!(matches!(meaning(&[]), TransactionError::Table(TableError::Rejected { .. })));
}

/// Moves 1 from one note to another, both under optimistic lock, once: the receipt tells whether it has happened.
async fn move_one(table: &Table, from: &str, to: &str, receipt: &str) {
    loop {
        let mut source = read(table, from).await.unwrap();
        let mut target = read(table, to).await.unwrap();
        source.value.count -= 1;
        target.value.count += 1;
        let mut transaction = table.transaction(&tenant());
        transaction.create(&note(receipt));
        transaction.put_versioned(&source.value, source.version).put_versioned(&target.value, target.version);
        match transaction.commit().await {
            Ok(()) => return,
            Err(error) if error.failed(0).is_some() => return,
            Err(error) => assert!(matches!(error, TransactionError::Conditions(_)) || error.is_retryable(), "{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Conflicts, lost answers and contention at once: nothing is lost and nothing is done twice.
    #[test]
    fn concurrent_transfers_keep_the_sum(
        moves in proptest::collection::vec((0usize..3, 1usize..3), 1..12),
        lost in proptest::collection::vec((0usize..20, any::<bool>()), 0..10),
        seed in any::<u64>(),
    ) {
        block_on(async {
            let dynamo: LocalDynamo = dynamo().contended(seed);
            let faults = FaultInjector::new();
            let table = Table::new(dynamo.client_through(&faults), NAME);
            let ids = ["a", "b", "c"];
            for id in ids {
                table.create(&tenant(), &note(id)).await.unwrap();
            }
            for (nth, after) in &lost {
                let side = if *after { Side::After } else { Side::Before };
                faults.on("TransactWriteItems", *nth, side, Effect::Timeout);
            }
            let table = &table;
            futures::future::join_all(moves.iter().enumerate().map(async |(number, (from, step))| {
                move_one(table, ids[*from], ids[(from + step) % 3], &format!("receipt {number}")).await;
            }))
            .await;
            let mut expected = [0; 3];
            for (from, step) in &moves {
                expected[*from] -= 1;
                expected[(from + step) % 3] += 1;
            }
            for (id, count) in ids.iter().zip(expected) {
                assert_eq!(read(table, id).await.unwrap().value.count, count);
            }
        });
    }
}
