use std::collections::BTreeMap;
use std::time::Duration;

use kernel::{Clock, Context, EventId, ManualClock};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{clock, noon, table, tenant};

fn event_at(time: Timestamp, version: u64) -> Event {
    Event::new("test.note.created.v1", &tenant(), "note_1", version, json!({"text": "hi"}), &ManualClock::new(time))
}

#[test]
fn the_item_of_an_event_is_short_and_holds_nothing_twice() {
    let id: EventId = "evt_01J9ZZZZZZ0000000000000000".parse().unwrap();
    let data = json!({"lines": [{"sku": "9780140449136", "quantity": 2}]});
    let event = Event { id, data, correlation_id: id.to_string(), ..event_at(noon(), 3) };
    let encoded = encode(&event).unwrap();
    let item: BTreeMap<_, _> = encoded.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let expected = BTreeMap::from([
        ("pk", text("T#acme.test#EVENTS#2027011508#6")),
        ("sk", text("evt_01J9ZZZZZZ0000000000000000")),
        ("kind", text("event")),
        ("ttl", number("1800691200")),
        ("t", text("test.note.created.v1")),
        ("a", text("note_1")),
        ("n", number("3")),
        ("at", number("1800000000000000000")),
        ("d", text(r#"{"lines":[{"quantity":2,"sku":"9780140449136"}]}"#)),
    ]);
    assert_eq!(item, expected);
    assert_eq!(decode(&Item(encoded.attributes)).unwrap(), event);
}

#[test]
fn an_event_in_a_chain_keeps_where_it_comes_from() {
    let context = Context {
        correlation_id: "req-1".into(),
        causation_id: Some("evt_00000000000000000000000001".into()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    };
    let event = Event { group: "customer".into(), ..event_at(noon(), 1).caused_by(&context) };
    let encoded = encode(&event).unwrap();
    assert!(encoded.size < 1024, "{} bytes: an event must stay within one write unit", encoded.size);
    assert_eq!(decode(&Item(encoded.attributes)).unwrap(), event);
}

#[test]
fn an_event_no_item_can_hold_is_refused() {
    let event = Event { data: json!("x".repeat(ITEM_LIMIT)), ..event_at(noon(), 1) };
    assert!(matches!(encode(&event), Err(TableError::ItemTooLarge { kind, .. }) if kind == "event"));
}

#[test]
fn a_damaged_event_is_reported_with_its_key() {
    let whole = encode(&event_at(noon(), 1)).unwrap().attributes;
    for name in [KIND, TYPE, AGGREGATE, AGGREGATE_VERSION, TIME, DATA] {
        let mut attributes = whole.clone();
        attributes.remove(name);
        let error = decode(&Item(attributes)).unwrap_err();
        assert!(error.to_string().contains("T#acme.test#EVENTS#2027011508#"), "{error}");
    }
}

#[test]
fn events_spread_over_all_shards() {
    let mut counts = [0; 8];
    for _ in 0..800 {
        counts[usize::from(shard(&EventId::new(&*clock()).to_string()))] += 1;
    }
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}

#[tokio::test]
async fn a_window_lists_its_hours_in_order_and_nothing_else() {
    let table = table();
    let minutes = |minutes: i64| Timestamp::from_second(noon().as_second() + minutes * 60).unwrap();
    let mut written = Vec::new();
    for (minute, version) in [(-1, 1), (0, 2), (30, 9), (30, 3), (59, 4), (60, 5), (150, 6), (180, 7)] {
        let event = event_at(minutes(minute), version);
        let mut transaction = table.transaction(&tenant());
        transaction.event(&event);
        transaction.commit().await.unwrap();
        written.push(event);
    }
    let mut window = window(&table, &tenant(), minutes(0), minutes(180));
    let mut hours = Vec::new();
    while let Some(Hour { events, .. }) = window.next_hour().await.unwrap() {
        hours.push(events.iter().map(|event| event.aggregate_version).collect::<Vec<_>>());
    }
    assert_eq!(hours, [vec![2, 3, 9, 4], vec![5], vec![6]]);

    let other = "other.test".parse().unwrap();
    let mut foreign = super::window(&table, &other, minutes(0), minutes(60));
    assert!(foreign.next_hour().await.unwrap().unwrap().events.is_empty());
    assert!(foreign.next_hour().await.unwrap().is_none());
}

#[tokio::test]
async fn a_busy_hour_is_read_to_its_end() {
    let table = table();
    let clock = clock();
    let mut writer = crate::BatchWriter::new(table.clone(), None);
    for version in 0..300 {
        clock.advance(Duration::from_millis(10));
        let event = Event { data: json!("x".repeat(20_000)), ..event_at(clock.now(), version) };
        let encoded = encode(&event).unwrap();
        let key = Item(encoded.attributes.clone()).key().unwrap();
        writer.put_encoded(key, encoded).await.unwrap();
    }
    writer.finish().await.unwrap();
    let end = clock.now().checked_add(Duration::from_secs(1)).unwrap();
    let events = window(&table, &tenant(), noon(), end).next_hour().await.unwrap().unwrap().events;
    let versions: Vec<u64> = events.iter().map(|event| event.aggregate_version).collect();
    assert_eq!(versions, (0..300).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn any_event_survives_the_outbox(
        kind in ".{1,30}", aggregate in ".{1,20}", version in any::<u64>(), group in proptest::option::of(".{1,20}"),
        nanosecond in 0i64..4_000_000_000_000_000_000, text in ".{0,50}", number in any::<i64>(),
        causation in proptest::option::of(".{1,20}"), traceparent in proptest::option::of(".{1,20}"),
    ) {
        let time = Timestamp::from_nanosecond(nanosecond.into()).unwrap();
        let event = event_at(time, version);
        let event = Event {
            kind, group: group.unwrap_or_else(|| aggregate.clone()), aggregate_id: aggregate,
            causation_id: causation, traceparent, data: json!({"text": text, "list": [number, null, 0.5]}), ..event
        };
        let encoded = encode(&event).unwrap();
        prop_assert_eq!(encoded.size, item_size(&encoded.attributes));
        prop_assert_eq!(decode(&Item(encoded.attributes)).unwrap(), event);
    }
}
