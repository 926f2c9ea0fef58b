use kernel::TenantId;
use testkit::{Effect, Side};

use super::*;
use crate::testing::{Note, clock, document, dynamo, faulty_table, note, note_key, table, tenant};
use crate::{Consistency, Versioned};

async fn read(table: &Table, id: &str) -> Option<Versioned<Note>> {
    table.get::<Note>(note_key(id), Consistency::Strong).await.unwrap()
}

#[tokio::test]
async fn an_item_can_be_created_once() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let other = Note { text: "another".into(), ..note("n1") };
    let error = table.create(&tenant(), &other).await.unwrap_err();
    let TableError::ConditionFailed { old: Some(old) } = error else { panic!("{error}") };
    assert_eq!(old.decode::<Note>().unwrap(), Versioned { value: note("n1"), version: 1 });
    assert_eq!(read(&table, "n1").await.unwrap().value, note("n1"));
}

#[tokio::test]
async fn an_update_needs_the_version_that_is_stored() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let changed = Note { text: "changed".into(), ..note("n1") };
    assert_eq!(table.update(&tenant(), &changed, 1).await.unwrap(), 2);
    let stale = table.update(&tenant(), &note("n1"), 1).await.unwrap_err();
    assert!(matches!(&stale, TableError::ConditionFailed { old: Some(old) } if old.version() == 2));
    assert!(!stale.is_retryable());
    assert_eq!(read(&table, "n1").await.unwrap(), Versioned { value: changed, version: 2 });
}

#[tokio::test]
async fn updating_what_does_not_exist_is_refused() {
    let error = table().update(&tenant(), &note("n1"), 1).await.unwrap_err();
    assert!(matches!(error, TableError::ConditionFailed { old: None }));
}

#[tokio::test]
async fn a_deletion_can_demand_a_version() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let stale = table.delete_versioned(note_key("n1"), 9).await.unwrap_err();
    assert!(matches!(stale, TableError::ConditionFailed { old: Some(_) }));
    table.delete_versioned(note_key("n1"), 1).await.unwrap();
    assert_eq!(read(&table, "n1").await, None);
    table.delete(note_key("n1")).await.unwrap();
}

#[tokio::test]
async fn a_partial_update_changes_what_it_names_and_moves_the_version() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let update =
        Update::new(note_key("n1")).add("count", 5).set("text", "more").require(Condition::at_most("count", 0));
    let after = table.apply(update).await.unwrap().decode::<Note>().unwrap();
    assert_eq!(after, Versioned { value: Note { count: 5, text: "more".into(), ..note("n1") }, version: 2 });

    let again = Update::new(note_key("n1")).add("count", 5).require(Condition::at_most("count", 0));
    let error = table.apply(again).await.unwrap_err();
    assert!(matches!(error, TableError::ConditionFailed { old: Some(old) } if old.version() == 2));
}

#[tokio::test]
async fn a_partial_update_makes_no_item_unless_it_says_so() {
    let table = table();
    let error = table.apply(Update::new(note_key("n1")).set("text", "x")).await.unwrap_err();
    assert!(matches!(error, TableError::ConditionFailed { old: None }));
    let upsert = || {
        Update::new(note_key("n1"))
            .upsert::<Note>()
            .set("folder", "inbox")
            .set("id", "n1")
            .set("open", true)
            .set_if_absent("text", "first")
            .add("count", 1)
    };
    table.apply(upsert()).await.unwrap();
    let second = table.apply(upsert()).await.unwrap().decode::<Note>().unwrap();
    assert_eq!(second.value, Note { text: "first".into(), count: 2, ..note("n1") });
    assert_eq!(second.version, 2);
}

#[tokio::test]
async fn a_comparison_with_what_is_not_there_is_false_except_for_difference() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let holds = async |condition: Condition| {
        table.apply(Update::new(note_key("n1")).set("text", "x").require(condition)).await.is_ok()
    };
    assert!(holds(Condition::differs("missing", 1)).await);
    assert!(holds(Condition::lacks("missing")).await);
    assert!(!holds(Condition::has("missing")).await);
    assert!(!holds(Condition::equals("missing", 1)).await);
    assert!(!holds(Condition::less("missing", 1)).await);
    assert!(!holds(Condition::more("missing", 1)).await);
    assert!(!holds(Condition::at_least("missing", 1)).await);
    assert!(holds(Condition::less("count", 1).and(Condition::more("count", -1))).await);
}

#[tokio::test]
async fn put_replaces_whatever_is_there() {
    let table = table();
    table.put(&tenant(), &note("n1")).await.unwrap();
    let other = Note { text: "another".into(), ..note("n1") };
    table.put(&tenant(), &other).await.unwrap();
    assert_eq!(read(&table, "n1").await.unwrap().value, other);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let table = table();
    table.create(&tenant(), &note("n1")).await.unwrap();
    let other: TenantId = "other.test".parse().unwrap();
    let found = table.get::<Note>(note("n1").key(&other), Consistency::Strong).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn of_concurrent_optimistic_updates_none_is_lost() {
    let dynamo = dynamo().contended(3);
    let table = Table::new(dynamo.client(), crate::testing::NAME);
    table.create(&tenant(), &note("n1")).await.unwrap();
    let increment = async || {
        for _ in 0..10 {
            loop {
                let Versioned { mut value, version } = read(&table, "n1").await.unwrap();
                value.count += 1;
                match table.update(&tenant(), &value, version).await {
                    Ok(_) => break,
                    Err(TableError::ConditionFailed { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    futures::future::join_all((0..8).map(|_| increment())).await;
    let Versioned { value, version } = read(&table, "n1").await.unwrap();
    assert_eq!((value.count, version), (80, 81));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_write_is_tried_again_and_one_whose_answer_was_lost_is_not() {
    let (table, faults) = faulty_table();
    faults.on("PutItem", 0, Side::Before, Effect::Throttle);
    table.create(&tenant(), &note("n1")).await.unwrap();
    assert_eq!(faults.count(), 2);

    for effect in [Effect::Timeout, Effect::ServerError, Effect::ConnectionError] {
        let id = format!("{effect:?}");
        faults.on("PutItem", 0, Side::After, effect);
        let error = table.create(&tenant(), &note(&id)).await.unwrap_err();
        assert!(matches!(error, TableError::Unavailable(_)) && error.is_retryable());
        assert!(read(&table, &id).await.is_some(), "unavailable says nothing about what happened");
        faults.on("UpdateItem", 0, Side::After, effect);
        let error = table.apply(Update::new(note_key(&id)).add("count", 1)).await.unwrap_err();
        assert!(matches!(error, TableError::Unavailable(_)));
        assert_eq!(read(&table, &id).await.unwrap().value.count, 1, "added once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_happen_twice_is_tried_again_when_the_answer_is_lost() {
    let (table, faults) = faulty_table();
    for effect in [Effect::Timeout, Effect::ServerError, Effect::ConnectionError] {
        for api in ["PutItem", "GetItem", "DeleteItem"] {
            faults.on(api, 0, Side::After, effect);
        }
        table.put(&tenant(), &note("n1")).await.unwrap();
        assert_eq!(read(&table, "n1").await.unwrap().value, note("n1"));
        table.delete(note_key("n1")).await.unwrap();
    }
    assert_eq!(faults.count(), 18);
}

#[tokio::test(start_paused = true)]
async fn an_item_in_a_transaction_under_way_is_written_when_that_is_over() {
    let dynamo = dynamo().contended(1);
    let faults = testkit::FaultInjector::new();
    let table = Table::new(dynamo.client_through(&faults), crate::testing::NAME);
    table.create(&tenant(), &note("n1")).await.unwrap();
    let adds = futures::future::join_all((0..10).map(async |_| {
        let mut transaction = table.transaction(&tenant());
        transaction.update(Update::new(note_key("n1")).add("count", 1));
        transaction.commit().await.unwrap();
        table.apply(Update::new(note_key("n1")).add("count", 1)).await.unwrap();
    }));
    adds.await;
    assert_eq!(read(&table, "n1").await.unwrap().value.count, 20);
    assert!(faults.count() > 21, "there were conflicts");
}

#[tokio::test(start_paused = true)]
async fn endless_throttling_is_given_up() {
    let (table, faults) = faulty_table();
    faults.always("UpdateItem", Side::Before, Effect::Throttle);
    let error = table.apply(Update::new(note_key("n1")).add("count", 1)).await.unwrap_err();
    assert!(matches!(error, TableError::Throttled(_)), "{error}");
    assert_eq!(faults.count(), 6);
}

#[tokio::test]
async fn a_refused_request_is_an_error_of_its_own() {
    let table = Table::new(dynamo().client(), "no-such-table");
    let error = table.create(&tenant(), &note("n1")).await.unwrap_err();
    assert!(matches!(&error, TableError::Rejected { code, .. } if code == "ResourceNotFoundException"));
    assert!(!error.is_retryable());
}

/// Handlers are behind `dyn` and cross threads.
#[test]
fn futures_of_the_table_are_send() {
    fn is_send(_: impl Send) {}
    let table = table();
    let tenant = tenant();
    let note = note("n1");
    is_send(table.create(&tenant, &note));
    is_send(table.apply(Update::new(note_key("n1"))));
    is_send(table.delete(note_key("n1")));
    is_send(table.get::<Note>(note_key("n1"), Consistency::Eventual));
    is_send(table.get_many(&[], Consistency::Eventual));
    is_send(table.query::<Note>(crate::Query::partition(crate::testing::folder("inbox"))));
    is_send(table.transaction(&tenant).commit());
    is_send(async {
        let mut writer = crate::BatchWriter::new(table.clone(), None);
        writer.put(&tenant, &document("d1", 1, 1)).await?;
        writer.finish().await
    });
    is_send(async {
        let leases = crate::Leases::new(table.clone(), clock());
        leases.acquire(&tenant, &["x"], std::time::Duration::from_secs(1)).await
    });
}
