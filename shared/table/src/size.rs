//! What an item weighs, by `DynamoDB`'s published rules, so that limits are met here with a clear error instead of there,
//! and so that compression is decided by what it saves.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// The most one item may weigh, keys and attribute names included.
pub const ITEM_LIMIT: usize = 400 * 1024;
/// The most the items of one transaction may weigh together.
pub const TRANSACTION_LIMIT: usize = 4 * 1024 * 1024;
/// The most actions one transaction may have.
pub const TRANSACTION_ACTIONS: usize = 100;

/// Bytes of a whole item.
#[must_use]
pub fn item_size(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

/// Bytes of one value, without its name.
#[must_use]
pub fn value_size(value: &AttributeValue) -> usize {
    // A document costs 3 bytes, and 1 more for each thing in it.
    const DOCUMENT: usize = 3;
    #[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enum is open; nothing here makes unknown types")]
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_size(number),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(|number| number_size(number)).sum(),
        AttributeValue::Bs(set) => set.iter().map(|bytes| bytes.as_ref().len()).sum(),
        AttributeValue::L(list) => DOCUMENT + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => DOCUMENT + map.len() + item_size(map),
        // Booleans and nulls.
        _ => 1,
    }
}

/// Write units of one plain write of `bytes`: 1 for each KB begun. A transaction doubles it.
#[must_use]
pub fn write_units(bytes: usize) -> usize {
    bytes.div_ceil(1024).max(1)
}

/// One byte for two significant digits, one for the exponent, one more for a sign.
fn number_size(number: &str) -> usize {
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (1, rest),
        None => (0, number),
    };
    let mantissa = digits.split(['e', 'E']).next().unwrap_or(digits);
    let whole = mantissa.split('.').next().unwrap_or(mantissa);
    let leading = mantissa.len() - mantissa.trim_start_matches(['0', '.']).len();
    let trimmed = if mantissa.len() == whole.len() {
        whole.trim_end_matches('0')
    } else {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    };
    let significant = trimmed.get(leading..).unwrap_or_default();
    let count = significant.bytes().filter(u8::is_ascii_digit).count();
    count.div_ceil(2) + 1 + negative
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    fn number(text: &str) -> usize {
        value_size(&AttributeValue::N(text.to_owned()))
    }

    #[test]
    fn numbers_cost_a_byte_for_two_significant_digits_and_one_more() {
        assert_eq!(number("0"), 1);
        assert_eq!(number("7"), 2);
        assert_eq!(number("42"), 2);
        assert_eq!(number("123"), 3);
        assert_eq!(number("-123"), 4);
        assert_eq!(number("1000"), 2, "trailing zeros are free");
        assert_eq!(number("0.0012"), 2, "leading zeros are free");
        assert_eq!(number("12.50"), 3);
        assert_eq!(number("10.05"), 3, "inner zeros count");
        assert_eq!(number("1e10"), 2);
    }

    #[test]
    fn documents_cost_three_bytes_and_one_for_each_element() {
        let list = AttributeValue::L(vec![AttributeValue::S("abc".into()), AttributeValue::Bool(true)]);
        assert_eq!(value_size(&list), 3 + 2 + 3 + 1);
        let map = AttributeValue::M(HashMap::from([("name".to_owned(), AttributeValue::S("é".into()))]));
        assert_eq!(value_size(&map), 3 + 1 + 4 + 2);
        assert_eq!(value_size(&AttributeValue::L(Vec::new())), 3);
    }

    #[test]
    fn sets_binaries_and_nulls_cost_what_they_hold() {
        assert_eq!(value_size(&AttributeValue::Ss(vec!["ab".into(), "c".into()])), 3);
        assert_eq!(value_size(&AttributeValue::Ns(vec!["12".into(), "3".into()])), 4);
        assert_eq!(value_size(&AttributeValue::Bs(vec![Blob::new([1, 2, 3])])), 3);
        assert_eq!(value_size(&AttributeValue::B(Blob::new([0; 9]))), 9);
        assert_eq!(value_size(&AttributeValue::Null(true)), 1);
    }

    #[test]
    fn an_item_counts_its_attribute_names() {
        let item = HashMap::from([
            ("pk".to_owned(), AttributeValue::S("T#a.b#X".into())),
            ("v".to_owned(), AttributeValue::N("1".into())),
        ]);
        assert_eq!(item_size(&item), 2 + 7 + 1 + 2);
    }

    #[tokio::test]
    async fn the_database_charges_by_the_same_size() {
        use crate::item::Encoded;
        use crate::testing::{document, faulty_table, tenant};
        let (table, faults) = faulty_table();
        let empty = Encoded::new(&tenant(), &document("d1", 1, 0), 1).unwrap().size;
        for (size, units) in [(1024, 1.0), (1025, 2.0), (2048, 2.0), (2049, 3.0)] {
            faults.forget();
            let document = document("d1", 1, size - empty);
            assert_eq!(Encoded::new(&tenant(), &document, 1).unwrap().size, size);
            table.put(&tenant(), &document).await.unwrap();
            assert_eq!(faults.capacity().write, units, "{size}");
        }
    }

    #[test]
    fn a_write_costs_a_unit_for_each_kilobyte_begun() {
        assert_eq!([0, 1, 1024, 1025, 4096].map(write_units), [1, 1, 1, 2, 4]);
    }
}
