use std::str::FromStr;

use kernel::{Context, ManualClock};
use proptest::prelude::*;

use super::*;

fn event() -> Event {
    let clock = ManualClock::new(Timestamp::from_str("2026-03-01T10:00:00Z").unwrap());
    let tenant = TenantId::from_str("acme.production").unwrap();
    let event = Event::new("sales.order.placed.v1", &tenant, "ord_01J", 7, json!({"total": "12.34"}), &clock);
    event.caused_by(&Context::root("req-1", Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into())))
}

/// The wire form with one attribute replaced, or removed by `None`.
fn wire_with(name: &str, value: Option<Value>) -> String {
    let mut wire: Value = serde_json::from_str(&encode(&event())).unwrap();
    match value {
        Some(value) => wire[name] = value,
        None => drop(wire.as_object_mut().unwrap().remove(name)),
    }
    wire.to_string()
}

#[test]
fn an_event_on_the_wire_is_a_structured_cloud_event() {
    let event = event();
    let wire: Value = serde_json::from_str(&encode(&event)).unwrap();
    let expected = json!({
        "specversion": "1.0",
        "id": event.id.to_string(),
        "source": "/acme.production/sales",
        "type": "sales.order.placed.v1",
        "time": "2026-03-01T10:00:00Z",
        "datacontenttype": "application/json",
        "tenant": "acme.production",
        "aggregateid": "ord_01J",
        "aggregateversion": 7,
        "group": "ord_01J",
        "correlationid": "req-1",
        "causationid": "req-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"total": "12.34"},
    });
    assert_eq!(wire, expected);
}

#[test]
fn context_attributes_are_named_as_cloud_events_demands() {
    let wire: Value = serde_json::from_str(&encode(&event())).unwrap();
    for name in wire.as_object().unwrap().keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
    }
}

#[test]
fn a_version_beyond_32_bits_travels_as_text() {
    let event = Event { aggregate_version: u64::MAX, ..event() };
    let wire: Value = serde_json::from_str(&encode(&event)).unwrap();
    assert_eq!(wire["aggregateversion"], json!(u64::MAX.to_string()));
    assert_eq!(decode(&encode(&event)).unwrap(), event);
}

#[test]
fn unknown_extensions_and_absent_optional_attributes_are_accepted() {
    assert_eq!(decode(&wire_with("region", Some(json!("eu")))).unwrap().kind, "sales.order.placed.v1");
    assert_eq!(decode(&wire_with("causationid", None)).unwrap().causation_id, None);
    assert_eq!(decode(&wire_with("group", None)).unwrap().group, "ord_01J");
    assert_eq!(decode(&wire_with("datacontenttype", None)).unwrap().data, json!({"total": "12.34"}));
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        ("id", None, "missing field `id`"),
        ("id", Some(json!("ord_01J8ZQ4H0000000000000000AB")), "evt"),
        ("data", None, "missing field `data`"),
        ("tenant", Some(json!("ACME")), "client.environment"),
        ("time", Some(json!("yesterday")), "year"),
        ("aggregateversion", Some(json!(-1)), "aggregateversion"),
        ("aggregateversion", Some(json!(1.5)), "aggregateversion"),
        ("specversion", Some(json!("0.3")), "0.3"),
        ("datacontenttype", Some(json!("text/xml")), "text/xml"),
        ("source", Some(json!("")), "source"),
        ("type", Some(json!("")), "type"),
    ];
    for (name, value, expected) in cases {
        let error = decode(&wire_with(name, value.clone())).unwrap_err().to_string();
        assert!(error.contains(expected), "{name} = {value:?}: {error}");
    }
}

#[test]
fn an_event_is_found_in_a_raw_body_and_in_an_sns_notification() {
    let event = event();
    let raw = encode(&event);
    let notification = json!({
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:eu-west-1:1:events.fifo",
        "Message": raw,
        "MessageAttributes": {"type": {"Type": "String", "Value": event.kind}},
    });
    assert_eq!(decode_body(&raw).unwrap(), event);
    assert_eq!(decode_body(&notification.to_string()).unwrap(), event);
}

#[test]
fn a_subscription_confirmation_is_not_an_event() {
    let confirmation = json!({"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"});
    assert!(decode_body(&confirmation.to_string()).is_err());
}

#[test]
fn characters_that_queues_refuse_are_escaped() {
    let event = Event { data: json!("a\u{FFFE}b\u{FFFF}c"), ..event() };
    let wire = encode(&event);
    assert!(wire.contains(r"a\ufffeb\uffffc"), "{wire}");
    assert_eq!(decode(&wire).unwrap(), event);
}

proptest! {
    #[test]
    fn every_event_survives_the_wire(
        kind in "[a-z]{1,8}\\.[a-z]{1,8}\\.v[1-9]",
        aggregate in "\\PC{1,40}",
        version: u64,
        group in "\\PC{1,20}",
        text in "\\PC{0,40}",
        causation in proptest::option::of("\\PC{1,20}"),
    ) {
        let event = Event {
            kind,
            aggregate_id: aggregate,
            aggregate_version: version,
            group,
            causation_id: causation,
            data: json!({"text": text, "list": [1, null, true]}),
            ..event()
        };
        prop_assert_eq!(decode_body(&encode(&event)).unwrap(), event);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        prop_assert!(decode_body(&text).is_err());
    }
}
