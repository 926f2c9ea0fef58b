//! Keys: the only way to name an item, and impossible to build without a tenant.
//!
//! `T#<tenant>#<part>#<part>…` is the partition, `<part>#<part>…` the sort key. Parts are escaped, so text that comes
//! from a client can be a part: it can never reach into another tenant's, or another entity's, partition.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use kernel::TenantId;

/// Attribute names of the table's own keys.
pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";

/// A partition of the table, or of one of its global indexes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(String);

impl Partition {
    /// `T#<tenant>#<part>#…`. Within the product the first part is the entity's name (`ORDER`).
    #[must_use]
    pub fn tenant(tenant: &TenantId, parts: &[&str]) -> Self {
        let tenant = tenant.as_str();
        let length: usize = parts.iter().map(|part| part.len() + 1).sum();
        let mut text = String::with_capacity(2 + tenant.len() + length);
        text.push_str("T#");
        text.push_str(tenant);
        for part in parts {
            text.push('#');
            push_escaped(&mut text, part);
        }
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// The key of one item in this partition. `sort` must not be empty.
    #[must_use]
    pub fn key(self, sort: &[&str]) -> Key {
        Key { pk: self.0, sk: sort_key(sort) }
    }
}

/// The primary key of an item, or its key in a global index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pk: String,
    sk: String,
}

impl Key {
    /// Partition `T#<tenant>#<partition…>`, sort key `<sort…>`.
    #[must_use]
    pub fn tenant(tenant: &TenantId, partition: &[&str], sort: &[&str]) -> Self {
        Partition::tenant(tenant, partition).key(sort)
    }

    #[must_use]
    pub fn pk(&self) -> &str {
        &self.pk
    }

    #[must_use]
    pub fn sk(&self) -> &str {
        &self.sk
    }

    /// A key that was read from the table.
    pub(crate) fn stored(pk: String, sk: String) -> Self {
        Self { pk, sk }
    }

    pub(crate) fn into_parts(self) -> (String, String) {
        (self.pk, self.sk)
    }

    /// The key as the SDK wants it.
    pub(crate) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([(PK.to_owned(), AttributeValue::S(self.pk)), (SK.to_owned(), AttributeValue::S(self.sk))])
    }
}

/// Joins escaped parts. A last empty part makes a prefix that matches whole parts only: `["L", ""]` is `L#`.
pub(crate) fn sort_key(parts: &[&str]) -> String {
    let length: usize = parts.iter().map(|part| part.len() + 1).sum();
    let mut text = String::with_capacity(length);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push('#');
        }
        push_escaped(&mut text, part);
    }
    text
}

/// `#` separates parts and `%` starts an escape; nothing else is special. Text without them, which is nearly all of
/// it, keeps its sort order.
fn push_escaped(text: &mut String, part: &str) {
    let mut rest = part;
    while let Some(at) = rest.find(['#', '%']) {
        let (plain, special) = rest.split_at(at);
        text.push_str(plain);
        text.push_str(if special.starts_with('#') { "%23" } else { "%25" });
        rest = &special[1..];
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(text: &str) -> TenantId {
        text.parse().unwrap()
    }

    #[test]
    fn key_is_readable_and_starts_with_the_tenant() {
        let key = Key::tenant(&tenant("acme.test"), &["STOCK", "alpha", "9780140449136"], &["L", "000000000007"]);
        assert_eq!(key.pk(), "T#acme.test#STOCK#alpha#9780140449136");
        assert_eq!(key.sk(), "L#000000000007");
    }

    #[test]
    fn separators_inside_a_part_are_escaped() {
        let key = Key::tenant(&tenant("acme.test"), &["A#B", "50%"], &["%23"]);
        assert_eq!(key.pk(), "T#acme.test#A%23B#50%25");
        assert_eq!(key.sk(), "%2523");
    }

    proptest! {
        #[test]
        fn different_parts_never_share_a_key(
            left in proptest::collection::vec("[#%a23é]{0,4}", 1..4),
            right in proptest::collection::vec("[#%a23é]{0,4}", 1..4),
        ) {
            let tenant = tenant("acme.test");
            let left: Vec<&str> = left.iter().map(String::as_str).collect();
            let right: Vec<&str> = right.iter().map(String::as_str).collect();
            prop_assert_eq!(
                Partition::tenant(&tenant, &left) == Partition::tenant(&tenant, &right),
                left == right
            );
            prop_assert_eq!(sort_key(&left) == sort_key(&right), left == right);
        }

        #[test]
        fn no_text_forges_a_key_of_another_tenant(
            parts in proptest::collection::vec(".{0,12}", 0..4),
            other in proptest::collection::vec(".{0,12}", 0..4),
            forged in "[a-z0-9.#%-]{0,24}",
        ) {
            let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            parts.insert(0, &forged);
            let other: Vec<&str> = other.iter().map(String::as_str).collect();
            let mine = Partition::tenant(&tenant("acme.test"), &parts);
            // `acme.test-2` has our own name as a prefix: the separator must keep them apart too.
            for theirs in [tenant("acme.test-2"), tenant("acm.e"), tenant("other.prod")] {
                let theirs = Partition::tenant(&theirs, &other);
                prop_assert_ne!(&mine, &theirs);
                prop_assert!(mine.as_str().starts_with("T#acme.test#"));
                prop_assert!(!theirs.as_str().starts_with("T#acme.test#"));
            }
        }
    }
}
