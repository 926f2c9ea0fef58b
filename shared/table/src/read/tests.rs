use testkit::{Effect, Side};

use super::*;
use crate::testing::{Note, clock, faulty_table, folder, note, note_key, table, tenant, worklist};
use crate::{BatchWriter, Partition, Position, Update};

async fn fill(table: &Table, notes: impl IntoIterator<Item = Note>) {
    let mut writer = BatchWriter::new(table.clone(), None);
    for note in notes {
        writer.put(&tenant(), &note).await.unwrap();
    }
    writer.finish().await.unwrap();
}

fn numbered(count: usize) -> impl Iterator<Item = Note> {
    (0..count).map(|number| Note { seq: u64::try_from(number).ok(), ..note(&format!("{number:04}")) })
}

fn ids(page: &Page<Versioned<Note>>) -> Vec<&str> {
    page.items.iter().map(|item| item.value.id.as_str()).collect()
}

#[tokio::test]
async fn many_items_come_in_the_order_they_were_asked_for() {
    let (table, faults) = faulty_table();
    fill(&table, numbered(250)).await;
    faults.forget();
    let mut keys: Vec<Key> = (0..250).rev().map(|number| note_key(&format!("{number:04}"))).collect();
    keys.insert(1, note_key("missing"));
    keys.push(note_key("0249"));
    let found = table.get_many(&keys, Consistency::Strong).await.unwrap();
    assert_eq!(faults.count(), 3, "100 keys a call");
    assert_eq!(found.len(), keys.len());
    for (key, item) in keys.iter().zip(&found) {
        match item {
            Some(item) => assert_eq!(item.key().as_ref(), Some(key)),
            None => assert_eq!(key, &note_key("missing")),
        }
    }
    assert_eq!(found.iter().flatten().count(), 251);
}

#[tokio::test(start_paused = true)]
async fn keys_left_unprocessed_are_asked_for_again() {
    let (table, faults) = faulty_table();
    fill(&table, numbered(40)).await;
    faults.on("BatchGetItem", 0, Side::Before, Effect::Partial);
    faults.on("BatchGetItem", 1, Side::Before, Effect::Partial);
    let keys: Vec<Key> = (0..40).map(|number| note_key(&format!("{number:04}"))).collect();
    let found = table.get_many(&keys, Consistency::Eventual).await.unwrap();
    assert_eq!(found.iter().flatten().count(), 40);
    assert_eq!(faults.count_by_api()["BatchGetItem"], 3);
}

#[tokio::test(start_paused = true)]
async fn keys_never_processed_are_given_up_as_throttling() {
    let (table, faults) = faulty_table();
    faults.always("BatchGetItem", Side::Before, Effect::Partial);
    let error = table.get_many(&[note_key("n1")], Consistency::Eventual).await.unwrap_err();
    assert!(matches!(&error, TableError::Throttled(_)) && error.is_retryable());
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_and_end_where_the_list_ends() {
    let table = table();
    fill(&table, numbered(10)).await;
    let query = || Query::partition(folder("inbox")).limit(5).consistency(Consistency::Strong);
    let first = table.query::<Note>(query()).await.unwrap();
    assert_eq!(ids(&first), ["0000", "0001", "0002", "0003", "0004"]);
    let second = table.query::<Note>(query().start(first.next)).await.unwrap();
    assert_eq!(ids(&second), ["0005", "0006", "0007", "0008", "0009"]);
    assert_eq!(second.next, None, "no empty page after the last");
}

#[tokio::test]
async fn a_list_can_be_read_backward_and_by_range() {
    let table = table();
    fill(&table, numbered(10)).await;
    let list = async |query: Query| {
        let page = table.query::<Note>(query).await.unwrap();
        page.items.into_iter().map(|item| item.value.id).collect::<Vec<_>>()
    };
    let all = || Query::partition(folder("inbox"));
    assert_eq!(list(all().backward().limit(2)).await, ["0009", "0008"]);
    assert_eq!(list(all().begins_with(&["N", "000"]).limit(2)).await, ["0000", "0001"]);
    assert_eq!(list(all().begins_with(&["N", "0001", ""])).await, [""; 0]);
    assert_eq!(list(all().between(&["N", "0003"], &["N", "0004"])).await, ["0003", "0004"]);
    assert_eq!(list(all().at_least(&["N", "0008"])).await, ["0008", "0009"]);
    assert_eq!(list(all().at_most(&["N", "0001"])).await, ["0000", "0001"]);
    assert_eq!(list(Query::feed(folder("inbox")).after_seq(6)).await, ["0007", "0008", "0009"]);
    assert_eq!(list(Query::feed(folder("inbox")).backward().limit(1)).await, ["0009"]);
    assert_eq!(list(Query::partition(folder("empty"))).await, [""; 0]);
}

#[tokio::test]
async fn every_kind_of_list_goes_on_from_a_position_that_travelled_as_bytes() {
    let table = table();
    fill(&table, numbered(7)).await;
    for query in [
        Query::partition(folder("inbox")),
        Query::feed(folder("inbox")),
        Query::index(GlobalIndex::Gsi1, worklist()),
        Query::partition(folder("inbox")).backward(),
    ] {
        let whole = table.query_keys(query.clone()).await.unwrap();
        let (mut keys, mut next, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = table.query_keys(query.clone().limit(3).start(next)).await.unwrap();
            keys.extend(page.items);
            pages += 1;
            let Some(position) = page.next else { break };
            next = Some(Position::from_bytes(&position.to_bytes()).unwrap());
        }
        assert_eq!((keys, pages), (whole.items, 3));
    }
    assert!(Position::from_bytes(b"rubbish").is_err());
}

#[tokio::test]
async fn lists_over_a_megabyte_are_read_to_the_end() {
    let (table, faults) = faulty_table();
    fill(&table, numbered(25).map(|note| Note { text: "x".repeat(100_000), ..note })).await;
    faults.forget();
    let page = table.query::<Note>(Query::partition(folder("inbox")).limit(25)).await.unwrap();
    assert_eq!((page.items.len(), page.next), (25, None));
    assert!(faults.count_by_api()["Query"] >= 3);
    let all = table.query_all::<Note>(Query::partition(folder("inbox")).limit(7)).await.unwrap();
    assert_eq!(all.len(), 25);
}

#[tokio::test]
async fn an_index_lists_whole_items_in_its_own_order() {
    let (table, faults) = faulty_table();
    let folders = ["c", "a", "b"];
    fill(
        &table,
        numbered(6).zip(folders.iter().cycle()).map(|(note, folder)| Note { folder: (*folder).into(), ..note }),
    )
    .await;
    faults.forget();
    let page = table.query::<Note>(Query::index(GlobalIndex::Gsi1, worklist()).limit(4)).await.unwrap();
    assert_eq!(ids(&page), ["0000", "0001", "0002", "0003"]);
    assert_eq!(page.items[0].value.text, "hello", "not only the keys");
    assert_eq!(faults.count(), 2, "one query, one batch read");
    let rest = Query::index(GlobalIndex::Gsi1, worklist()).limit(4).start(page.next).consistency(Consistency::Strong);
    let page = table.query::<Note>(rest).await.unwrap();
    assert_eq!(ids(&page), ["0004", "0005"]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn what_left_the_index_between_query_and_read_is_left_out() {
    let table = table();
    fill(&table, numbered(4)).await;
    let query = Query::index(GlobalIndex::Gsi1, worklist());
    let entries = table.query_page(&query).await.unwrap();
    table.delete(note_key("0001")).await.unwrap();
    table.apply(Update::new(note_key("0002")).set("open", false).index(GlobalIndex::Gsi1, None)).await.unwrap();
    let page = table.fetch_entries(entries, GlobalIndex::Gsi1, Consistency::Strong).await.unwrap();
    assert_eq!(ids(&page.try_map(Item::decode).unwrap()), ["0000", "0003"]);
}

#[tokio::test]
async fn a_meter_counts_calls_and_units_with_their_indexes() {
    let meter = std::sync::Arc::new(crate::CapacityMeter::default());
    let (table, faults) = faulty_table();
    let metered = table.clone().with_meter(std::sync::Arc::clone(&meter));
    metered.create(&tenant(), &note("n1")).await.unwrap();
    metered.get::<Note>(note_key("n1"), Consistency::Strong).await.unwrap();
    metered.get::<Note>(note_key("n1"), Consistency::Eventual).await.unwrap();
    metered.create(&tenant(), &note("n1")).await.unwrap_err();
    let usage = meter.take();
    let put = usage[&Metered::PutItem];
    assert_eq!((put.calls, put.write_units, put.index_units, put.read_units), (2, 3.0, 2.0, 0.0));
    let get = usage[&Metered::GetItem];
    assert_eq!((get.calls, get.read_units, get.write_units), (2, 1.5, 0.0));

    let mut transaction = metered.transaction(&tenant());
    let idle = Update::new(note_key("n1")).set("text", "no index key changes");
    transaction.create(&note("n2")).update(idle).event(&event());
    transaction.commit().await.unwrap();
    let usage = meter.total();
    assert_eq!((usage.calls, usage.write_units, usage.index_units), (1, 2.0 + 2.0 + 2.0 + 2.0, 2.0));

    let asked = |call: &testkit::Call| call.body.get("ReturnConsumedCapacity").is_some();
    faults.forget();
    table.get::<Note>(note_key("n1"), Consistency::Eventual).await.unwrap();
    assert!(!faults.calls().iter().any(asked), "nothing is asked for without a meter");
}

fn event() -> kernel::Event {
    kernel::Event::new("test.note.created.v1", &tenant(), "n2", 1, serde_json::json!({}), &*clock())
}

#[tokio::test]
async fn an_empty_request_costs_no_call() {
    let (table, faults) = faulty_table();
    assert_eq!(table.get_many(&[], Consistency::Eventual).await.unwrap(), Vec::new());
    let none = table.query::<Note>(Query::index(GlobalIndex::Gsi2, Partition::tenant(&tenant(), &["NOTE", "x"])));
    assert_eq!(none.await.unwrap().items, Vec::new());
    assert_eq!(faults.count_by_api().keys().collect::<Vec<_>>(), ["Query"]);
}
