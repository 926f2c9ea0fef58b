use std::str::FromStr;

use kernel::{ManualClock, TenantId, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn event(group: &str, payload: usize) -> Event {
    let clock = ManualClock::new(Timestamp::from_str("2026-03-01T10:00:00Z").unwrap());
    let tenant = TenantId::from_str("acme.test").unwrap();
    Event::new("sales.order.placed.v1", &tenant, group, 1, json!({"text": "x".repeat(payload)}), &clock)
}

fn unavailable() -> PublishError {
    PublishError::Unavailable { code: "Throttled".into(), reason: String::new() }
}

/// Runs the plan, every event succeeding, and returns the batches as positions.
fn run(events: &[Event]) -> (Vec<Vec<usize>>, Vec<Result<(), PublishError>>) {
    let mut plan = Plan::new(events);
    let mut batches = Vec::new();
    while let Some(batch) = plan.next_batch() {
        batches.push(batch.iter().map(|entry| entry.position).collect());
        for entry in &batch {
            plan.settle(entry, Ok(()));
        }
    }
    (batches, plan.into_results())
}

#[test]
fn independent_events_fill_batches_of_ten() {
    let events: Vec<Event> = (0..23).map(|n| event(&format!("g{n}"), 10)).collect();
    let (batches, results) = run(&events);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    assert!(results.iter().all(Result::is_ok));
}

#[test]
fn an_event_waits_for_the_one_before_it_in_its_group() {
    let events = [event("a", 1), event("a", 1), event("b", 1), event("a", 1)];
    assert_eq!(run(&events).0, [vec![0, 2], vec![1], vec![3]]);
}

#[test]
fn a_group_whose_event_is_unavailable_is_withheld_and_others_go_on() {
    let events = [event("a", 1), event("a", 1), event("b", 1), event("b", 1)];
    let mut plan = Plan::new(&events);
    let first = plan.next_batch().unwrap();
    plan.settle(&first[0], Err(unavailable()));
    plan.settle(&first[1], Ok(()));
    let second = plan.next_batch().unwrap();
    assert_eq!(second.iter().map(|entry| entry.position).collect::<Vec<_>>(), [3]);
    plan.settle(&second[0], Ok(()));
    assert!(plan.next_batch().is_none());
    assert_eq!(plan.into_results(), [Err(unavailable()), Err(PublishError::Withheld), Ok(()), Ok(())]);
}

#[test]
fn a_refused_event_does_not_hold_its_group_back() {
    let events = [event("a", 1), event("a", 1)];
    let mut plan = Plan::new(&events);
    let first = plan.next_batch().unwrap();
    plan.settle(&first[0], Err(PublishError::Refused { code: "InvalidParameter".into(), reason: String::new() }));
    assert_eq!(plan.next_batch().unwrap()[0].position, 1);
}

#[test]
fn an_event_larger_than_a_topic_takes_is_not_sent() {
    let events = [event("a", MAX_BATCH_BYTES), event("b", 1)];
    let (batches, results) = run(&events);
    assert_eq!(batches, [vec![1]]);
    assert!(matches!(results[0], Err(PublishError::TooLarge { bytes }) if bytes > MAX_BATCH_BYTES));
}

#[test]
fn an_event_of_exactly_the_limit_is_sent() {
    let overhead = Entry::new(0, &event("a", 0)).bytes();
    let (batches, results) = run(&[event("a", MAX_BATCH_BYTES - overhead)]);
    assert_eq!((batches, results), (vec![vec![0]], vec![Ok(())]));
}

#[test]
fn a_group_sns_would_not_take_goes_by_another_name_always_the_same() {
    assert_eq!(message_group("ord_01J#x"), "ord_01J#x");
    let names: HashSet<String> = ["", "Zürich", "main street", &"g".repeat(129)].map(message_group).into();
    assert_eq!(names.len(), 4);
    assert!(names.iter().all(|name| name.len() == 30 && name.is_ascii()));
    assert_eq!(message_group("Zürich"), message_group("Zürich"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batches_obey_every_limit_and_no_event_is_skipped_or_overtaken(
        shapes in proptest::collection::vec((0u8..6, prop_oneof![4 => 0usize..2_000, 1 => 50_000usize..270_000]), 0..40)
    ) {
        let events: Vec<Event> = shapes.iter().map(|(group, size)| event(&format!("g{group}"), *size)).collect();
        let sizes: Vec<usize> = events.iter().enumerate().map(|(n, event)| Entry::new(n, event).bytes()).collect();
        let (batches, results) = run(&events);
        for batch in &batches {
            let groups: HashSet<&str> = batch.iter().map(|n| events[*n].group.as_str()).collect();
            prop_assert_eq!(groups.len(), batch.len());
            prop_assert!(batch.len() <= 10);
            prop_assert!(batch.iter().map(|n| sizes[*n]).sum::<usize>() <= MAX_BATCH_BYTES);
        }
        let mut sent: Vec<usize> = batches.concat();
        for group in 0u8..6 {
            let order: Vec<usize> = sent.iter().copied().filter(|n| shapes[*n].0 == group).collect();
            prop_assert!(order.is_sorted());
        }
        sent.sort_unstable();
        let fitting: Vec<usize> = (0..events.len()).filter(|n| sizes[*n] <= MAX_BATCH_BYTES).collect();
        prop_assert_eq!(sent, fitting);
        for (size, result) in sizes.iter().zip(results) {
            prop_assert_eq!(result.is_ok(), *size <= MAX_BATCH_BYTES);
        }
    }
}
