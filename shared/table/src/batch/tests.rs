use std::time::Duration;

use testkit::{Effect, Side};

use super::*;
use crate::testing::{Note, faulty_table, folder, note, note_key, tenant};
use crate::{Consistency, Query};

async fn count(table: &Table) -> usize {
    let query = Query::partition(folder("inbox")).limit(1000).consistency(Consistency::Strong);
    table.query_keys(query).await.unwrap().items.len()
}

async fn write(table: &Table, tracker: Option<Arc<CapacityTracker>>, notes: usize) -> Result<usize, TableError> {
    let mut writer = BatchWriter::new(table.clone(), tracker);
    for number in 0..notes {
        writer.put(&tenant(), &note(&format!("{number:04}"))).await?;
    }
    writer.finish().await
}

#[tokio::test]
async fn items_are_written_25_a_call() {
    let (table, faults) = faulty_table();
    assert_eq!(write(&table, None, 60).await.unwrap(), 60);
    assert_eq!(faults.count(), 3);
    assert_eq!(count(&table).await, 60);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_unprocessed_is_written_again() {
    let (table, faults) = faulty_table();
    for nth in 0..3 {
        faults.on("BatchWriteItem", nth, Side::Before, Effect::Partial);
    }
    faults.on("BatchWriteItem", 3, Side::Before, Effect::Throttle);
    assert_eq!(write(&table, None, 30).await.unwrap(), 30);
    assert_eq!(count(&table).await, 30);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_never_takes_anything_is_given_up() {
    let (table, faults) = faulty_table();
    for effect in [Effect::Throttle, Effect::Partial] {
        faults.heal();
        faults.forget();
        faults.always("BatchWriteItem", Side::Before, effect);
        let error = write(&table, None, 1).await.unwrap_err();
        assert!(matches!(error, TableError::Throttled(_)));
        assert_eq!(faults.count(), 6);
    }
}

#[tokio::test]
async fn of_two_writes_of_one_item_the_later_wins() {
    let (table, _) = faulty_table();
    let mut writer = BatchWriter::new(table.clone(), None);
    writer.put(&tenant(), &note("n1")).await.unwrap();
    writer.put(&tenant(), &Note { text: "later".into(), ..note("n1") }).await.unwrap();
    writer.put(&tenant(), &note("n2")).await.unwrap();
    writer.delete(note_key("n2")).await.unwrap();
    assert_eq!(writer.finish().await.unwrap(), 4);
    let stored = table.get::<Note>(note_key("n1"), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(stored.value.text, "later");
    assert_eq!(count(&table).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_writer_keeps_to_the_pace_of_its_tracker() {
    let (table, _) = faulty_table();
    let start = Instant::now();
    // A note costs 3 units with its two index entries; 80 % of 100 a second are allowed: 1500 units take 18.75 s.
    write(&table, Some(Arc::new(CapacityTracker::new(100))), 500).await.unwrap();
    let seconds = start.elapsed().as_secs();
    assert!((17..=20).contains(&seconds), "{seconds}");

    let start = Instant::now();
    write(&table, None, 500).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "without a tracker nothing waits");
}

#[tokio::test(start_paused = true)]
async fn writers_that_share_a_tracker_share_its_pace() {
    let (table, _) = faulty_table();
    let tracker = Arc::new(CapacityTracker::new(1000));
    let start = Instant::now();
    let writers = (0..2).map(|_| write(&table, Some(Arc::clone(&tracker)), 400));
    futures::future::try_join_all(writers).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "2400 units at 800 a second");
}
