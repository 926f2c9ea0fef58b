use proptest::prelude::*;

use super::*;
use crate::item::{Encoded, Item};
use crate::testing::{Document, document, noise, tenant};

fn encoded(document: &Document) -> Encoded {
    Encoded::new(&tenant(), document, 1).unwrap()
}

fn repetitive(lines: usize) -> Document {
    let lines = (0..lines).map(|line| format!("line {line} of a rather repetitive document")).collect();
    Document { lines, ..document("d1", 0, 0) }
}

#[test]
fn a_body_over_4_kb_is_compressed_beside_its_keys_and_outside_attributes() {
    let document = repetitive(200);
    let encoded = encoded(&document);
    let mut names: Vec<&str> = encoded.attributes.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["kind", "pk", "sk", "state", "v", "z"]);
    assert!(encoded.size < 2048, "{}", encoded.size);
    assert_eq!(encoded.size, item_size(&encoded.attributes));
    assert_eq!(Item(encoded.attributes).decode::<Document>().unwrap().value, document);
}

#[test]
fn a_small_body_is_left_alone() {
    assert!(!encoded(&repetitive(20)).attributes.contains_key(PACKED));
}

#[test]
fn a_body_that_would_save_no_write_unit_is_left_alone() {
    let document = document("d1", 7, 4980);
    let encoded = encoded(&document);
    assert!(!encoded.attributes.contains_key(PACKED));
    assert_eq!(encoded.size, item_size(&encoded.attributes));
    assert_eq!(Item(encoded.attributes).decode::<Document>().unwrap().value, document);
}

#[test]
fn a_partial_update_after_compression_wins_over_the_body() {
    let mut attributes = encoded(&repetitive(200)).attributes;
    attributes.insert("lines".into(), AttributeValue::L(vec![AttributeValue::S("newer".into())]));
    assert_eq!(Item(attributes).decode::<Document>().unwrap().value.lines, ["newer"]);
}

#[test]
fn a_damaged_body_is_reported_not_guessed() {
    let mut attributes = encoded(&repetitive(200)).attributes;
    attributes.insert(PACKED.into(), AttributeValue::B(Blob::new(b"not zstd")));
    let error = Item(attributes).decode::<Document>().unwrap_err();
    assert!(matches!(error, TableError::Corrupt { source: Some(_), .. }), "{error:?}");
}

#[test]
fn a_body_that_unpacks_to_more_than_the_limit_is_refused() {
    let bomb = zstd::bulk::compress(&vec![b' '; BODY_LIMIT + 1], 1).unwrap();
    let mut attributes = Attributes::from([(PACKED.to_owned(), AttributeValue::B(Blob::new(bomb)))]);
    assert!(matches!(unpack(&mut attributes), Err(TableError::Corrupt { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_body_survives_compression(
        lines in proptest::collection::vec(".{0,40}", 0..40),
        seed in any::<u64>(),
        repeat in 1usize..40,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut lines: Vec<String> = lines.iter().cycle().take(lines.len() * repeat).cloned().collect();
        lines.push(noise(seed, 3000));
        let document = Document { lines, bytes, ..document("d1", 0, 0) };
        let item = Item(encoded(&document).attributes);
        prop_assert_eq!(item.decode::<Document>().unwrap().value, document);
    }
}
