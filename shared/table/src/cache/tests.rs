use kernel::ManualClock;
use testkit::FaultInjector;

use super::*;
use crate::testing::{Note, clock, faulty_table, note, note_key, tenant};

const MINUTE: Duration = Duration::from_secs(60);

fn cached(capacity: usize) -> (Cached<Note>, Table, Arc<ManualClock>, FaultInjector) {
    let (table, faults) = faulty_table();
    let clock = clock();
    let capacity = NonZeroUsize::new(capacity).unwrap();
    let cached = Cached::new(table.clone(), Arc::<ManualClock>::clone(&clock), capacity, MINUTE);
    (cached, table, clock, faults)
}

fn reads(faults: &FaultInjector) -> usize {
    faults.count_by_api().get("GetItem").copied().unwrap_or_default()
}

#[tokio::test]
async fn an_item_is_read_once_until_its_time_is_up() {
    let (cached, table, clock, faults) = cached(10);
    table.create(&tenant(), &note("n1")).await.unwrap();
    for _ in 0..3 {
        assert_eq!(cached.get(&note_key("n1")).await.unwrap().unwrap().value, note("n1"));
    }
    assert_eq!(reads(&faults), 1);
    clock.advance(MINUTE);
    cached.get(&note_key("n1")).await.unwrap();
    assert_eq!(reads(&faults), 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_nothing_alive() {
    let (cached, table, clock, faults) = cached(10);
    table.create(&tenant(), &note("n1")).await.unwrap();
    cached.get(&note_key("n1")).await.unwrap();
    clock.set(clock.now().checked_sub(MINUTE * 5).unwrap());
    cached.get(&note_key("n1")).await.unwrap();
    assert_eq!(reads(&faults), 2);
}

#[tokio::test]
async fn a_slow_reader_does_not_bring_an_older_version_back() {
    let (cached, _, clock, _) = cached(10);
    cached.remember(note_key("n1"), Versioned { value: note("n1"), version: 5 });
    let kept = cached.remember(note_key("n1"), Versioned { value: note("n1"), version: 4 });
    assert_eq!(kept.version, 5);
    clock.advance(MINUTE);
    let anew = cached.remember(note_key("n1"), Versioned { value: note("n1"), version: 1 });
    assert_eq!(anew.version, 1, "an item deleted and created again");
}

#[tokio::test]
async fn the_least_recently_used_item_makes_room() {
    let (cached, table, _, faults) = cached(2);
    for id in ["a", "b", "c"] {
        table.create(&tenant(), &note(id)).await.unwrap();
    }
    for id in ["a", "b", "a", "c", "a"] {
        cached.get(&note_key(id)).await.unwrap();
    }
    assert_eq!(reads(&faults), 3);
    cached.get(&note_key("b")).await.unwrap();
    assert_eq!(reads(&faults), 4);
}

#[tokio::test]
async fn what_is_gone_is_forgotten_and_absence_is_not_remembered() {
    let (cached, table, clock, faults) = cached(10);
    assert_eq!(cached.get(&note_key("n1")).await.unwrap(), None);
    table.create(&tenant(), &note("n1")).await.unwrap();
    assert!(cached.get(&note_key("n1")).await.unwrap().is_some());
    table.delete(note_key("n1")).await.unwrap();
    assert!(cached.get(&note_key("n1")).await.unwrap().is_some(), "stale, within its time");
    clock.advance(MINUTE);
    for _ in 0..2 {
        assert_eq!(cached.get(&note_key("n1")).await.unwrap(), None);
    }
    assert_eq!(reads(&faults), 4);
}
