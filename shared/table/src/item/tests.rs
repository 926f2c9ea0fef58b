use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::{Note, note, tenant};

#[test]
fn item_holds_the_entity_its_keys_and_the_tables_own_attributes() {
    let note = Note { expires: Some(1_800_000_600), seq: Some(7), ..note("n1") };
    let encoded = Encoded::new(&tenant(), &note, 3).unwrap();
    let item: BTreeMap<_, _> = encoded.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let expected = BTreeMap::from([
        ("pk", text("T#acme.test#FOLDER#inbox")),
        ("sk", text("N#n1")),
        ("gsi1pk", text("T#acme.test#NOTES#open")),
        ("gsi1sk", text("n1")),
        ("gsi2pk", text("T#acme.test#NOTE#n1")),
        ("gsi2sk", text("inbox")),
        ("kind", text("note")),
        ("v", number("3")),
        ("ttl", number("1800000600")),
        ("folder", text("inbox")),
        ("id", text("n1")),
        ("text", text("hello")),
        ("open", AttributeValue::Bool(true)),
        ("count", number("0")),
        ("seq", number("7")),
        ("expires", number("1800000600")),
    ]);
    assert_eq!(item, expected);
    assert_eq!(encoded.size, item_size(&encoded.attributes));
}

#[test]
fn what_is_in_no_index_has_no_index_attributes() {
    let closed = Note { open: false, ..note("n1") };
    let encoded = Encoded::new(&tenant(), &closed, 1).unwrap();
    assert!(!encoded.attributes.contains_key("gsi1pk"));
    assert!(!encoded.attributes.contains_key("ttl"));
}

#[test]
fn an_item_of_another_kind_is_refused() {
    let mut encoded = Encoded::new(&tenant(), &note("n1"), 1).unwrap();
    encoded.attributes.insert(KIND.into(), AttributeValue::S("order".into()));
    let error = Item(encoded.attributes).decode::<Note>().unwrap_err();
    assert_eq!(error.to_string(), "stored data is damaged: expected a `note`, found a `order`");
}

#[test]
fn damage_names_the_item_it_was_found_in() {
    let mut encoded = Encoded::new(&tenant(), &note("n1"), 1).unwrap();
    encoded.attributes.remove("text");
    let error = Item(encoded.attributes).decode::<Note>().unwrap_err();
    assert_eq!(error.to_string(), "stored data is damaged: T#acme.test#FOLDER#inbox N#n1");
    assert!(!error.is_retryable());
}

#[test]
fn an_entity_cannot_use_the_tables_names() {
    #[derive(Serialize, serde::Deserialize)]
    struct Thief {
        v: u64,
    }
    impl Entity for Thief {
        const KIND: &'static str = "thief";
        fn key(&self, tenant: &TenantId) -> Key {
            Key::tenant(tenant, &["THIEF"], &["X"])
        }
    }
    let error = Encoded::new(&tenant(), &Thief { v: 9 }, 1).unwrap_err();
    assert!(matches!(error, TableError::Encode { kind: "thief", .. }), "{error}");
}

#[test]
fn an_item_over_400_kb_is_refused_with_its_size() {
    let large = Note { text: "x".repeat(ITEM_LIMIT), ..note("n1") };
    let error = Encoded::new(&tenant(), &large, 1).unwrap_err();
    assert!(matches!(&error, TableError::ItemTooLarge { kind, bytes } if kind == "note" && *bytes > ITEM_LIMIT));
}

#[test]
fn a_stream_image_is_an_item_like_any_other() {
    let image: serde_dynamo::Item = serde_json::from_str(
        r#"{"pk": {"S": "T#acme.test#FOLDER#inbox"}, "sk": {"S": "N#n1"}, "kind": {"S": "note"}, "v": {"N": "4"},
            "folder": {"S": "inbox"}, "id": {"S": "n1"}, "text": {"S": "hello"}, "open": {"BOOL": true},
            "count": {"N": "0"}}"#,
    )
    .unwrap();
    let item = Item::from(image);
    assert_eq!(item.kind(), "note");
    assert_eq!(item.decode::<Note>().unwrap(), Versioned { value: note("n1"), version: 4 });
}

proptest! {
    #[test]
    fn decoding_gives_back_what_was_encoded(
        id in ".{1,20}",
        text in ".{0,60}",
        open in any::<bool>(),
        count in any::<i64>(),
        seq in proptest::option::of(any::<u64>()),
        version in any::<u64>(),
    ) {
        let value = Note { id, text, open, count, seq, ..note("") };
        let encoded = Encoded::new(&tenant(), &value, version).unwrap();
        let item = Item(encoded.attributes);
        prop_assert_eq!(item.key().unwrap(), value.key(&tenant()));
        prop_assert_eq!(item.decode::<Note>().unwrap(), Versioned { value, version });
    }
}

#[test]
fn an_entity_that_wraps_another_type_has_its_attributes() {
    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Wrapped(Note);

    impl Entity for Wrapped {
        const KIND: &'static str = "wrapped";
        fn key(&self, tenant: &TenantId) -> Key {
            self.0.key(tenant)
        }
    }

    let wrapped = Wrapped(note("n1"));
    let encoded = Encoded::new(&tenant(), &wrapped, 1).unwrap();
    assert_eq!(Item(encoded.attributes).decode::<Wrapped>().unwrap().value, wrapped);
}
