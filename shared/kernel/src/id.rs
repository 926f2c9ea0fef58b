//! Typed ids: `typed_id!(OrderId, "ord")` makes a type whose text is `ord_01J8ZQ4H0000000000000000AB`.
//!
//! An id is 128 bits and `Copy`; the text exists only outside. There is exactly one text per id: lower case, the
//! Crockford look-alikes (`O`, `I`, `L`) and values past 128 bits are refused, because ids are parts of table keys.

use std::fmt;

use sha2::{Digest, Sha256};
use ulid::{ULID_LEN, Ulid};

use crate::Clock;

/// The text is not an id of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `{prefix}_` followed by a ULID of 26 upper-case characters")]
pub struct InvalidId {
    /// What the id should have started with, without the underscore.
    pub prefix: &'static str,
}

/// Declares a public id type: `typed_id!(/** An order. */ OrderId, "ord");`.
///
/// The type has
/// - `new(clock: &dyn Clock)`: time-sortable, 80 random bits from a cryptographic generator;
/// - `from_ulid(Ulid)` and `ulid()`;
/// - `derive(parts: &[&str])`: the same parts always give the same id (not time-sortable), for an id that doubles as
///   an idempotency marker. Parts are length-prefixed, so `["ab", "c"]` and `["a", "bc"]` differ;
/// - `Display`, `FromStr` (error [`InvalidId`]), `Debug` and serde, all as the prefixed text;
/// - `Copy`, `Eq`, `Ord` (order of text = order of creation), `Hash`.
#[macro_export]
macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(unreachable_pub, reason = "the caller decides how far its module reaches")]
        pub struct $name($crate::Ulid);

        #[allow(unreachable_pub, dead_code, reason = "the caller decides how far its module reaches")]
        impl $name {
            #[doc = concat!("What the text starts with, without the underscore: `", $prefix, "`.")]
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id, sortable by the clock's millisecond.
            #[must_use]
            pub fn new(clock: &dyn $crate::Clock) -> Self {
                Self($crate::private::generate(clock))
            }

            /// The id with exactly these bits.
            #[must_use]
            pub const fn from_ulid(ulid: $crate::Ulid) -> Self {
                Self(ulid)
            }

            /// The one id that belongs to these parts: the first 16 bytes of the SHA-256 over them, each preceded by
            /// its length.
            #[must_use]
            pub fn derive(parts: &[&str]) -> Self {
                Self($crate::private::derive(parts))
            }

            /// The bits without the type.
            #[must_use]
            pub const fn ulid(self) -> $crate::Ulid {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::private::write(Self::PREFIX, self.0, f)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::private::write(Self::PREFIX, self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::InvalidId;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::private::parse(Self::PREFIX, text).map(Self)
            }
        }

        impl $crate::private::serde::Serialize for $name {
            fn serialize<S: $crate::private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> $crate::private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                $crate::private::deserialize(deserializer)
            }
        }
    };
}

/// A ULID of this millisecond; its random part comes from `rand`'s thread generator, which the system seeds.
#[must_use]
pub fn generate(clock: &dyn Clock) -> Ulid {
    Ulid::from_datetime(clock.now().into())
}

#[must_use]
pub fn derive(parts: &[&str]) -> Ulid {
    let mut hash = Sha256::new();
    for part in parts {
        // No string is longer than u64::MAX bytes; eight bytes on every platform, since derived ids are stored.
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(part);
    }
    let bits = hash.finalize().iter().take(16).fold(0, |bits: u128, byte| (bits << 8) | u128::from(*byte));
    Ulid(bits)
}

pub fn parse(prefix: &'static str, text: &str) -> Result<Ulid, InvalidId> {
    let invalid = InvalidId { prefix };
    let body = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(invalid)?;
    let ulid = Ulid::from_string(body).map_err(|_| invalid)?;
    // The decoder takes lower case and drops the bits a first character above `7` has too many.
    if ulid.array_to_str(&mut [0; ULID_LEN]) == body { Ok(ulid) } else { Err(invalid) }
}

pub fn write(prefix: &str, ulid: Ulid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(prefix)?;
    f.write_str("_")?;
    f.write_str(ulid.array_to_str(&mut [0; ULID_LEN]))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::{ManualClock, SystemClock};

    typed_id!(
        /// An order, for the tests.
        OrderId,
        "ord"
    );
    typed_id!(OrderLineId, "ord_line");

    #[test]
    fn text_is_prefix_and_ulid() {
        let id = OrderId::from_ulid(Ulid(1));
        assert_eq!(id.to_string(), "ord_00000000000000000000000001");
        assert_eq!(format!("{id:?}"), id.to_string());
        assert_eq!(id.ulid(), Ulid(1));
    }

    #[test]
    fn new_ids_differ_within_a_millisecond_and_sort_by_time() {
        let clock = ManualClock::new(Timestamp::from_millisecond(1_700_000_000_000).unwrap());
        let mut earlier = HashSet::new();
        for _ in 0..1000 {
            assert!(earlier.insert(OrderId::new(&clock)));
        }
        clock.advance(Duration::from_millis(1));
        let later = OrderId::new(&clock);
        for id in earlier {
            assert_eq!(id.ulid().timestamp_ms(), 1_700_000_000_000);
            assert!(id < later && id.to_string() < later.to_string());
        }
    }

    #[test]
    fn derived_id_is_the_start_of_sha256_over_length_prefixed_parts() {
        // Computed outside: sha256(u64be(15) "acme.production" u64be(5) "cus_1" u64be(5) "key-1")[..16] in base 32.
        let id = OrderId::derive(&["acme.production", "cus_1", "key-1"]);
        assert_eq!(id.to_string(), "ord_42ZV255KQ98787ZSFRTN10TXV7");
    }

    #[test]
    fn derived_ids_depend_on_where_parts_end() {
        let ids = [
            OrderId::derive(&[]),
            OrderId::derive(&[""]),
            OrderId::derive(&["ab", "c"]),
            OrderId::derive(&["a", "bc"]),
            OrderId::derive(&["abc"]),
            OrderId::derive(&["abc", ""]),
        ];
        assert_eq!(HashSet::from(ids).len(), ids.len());
    }

    #[test]
    fn anything_but_the_one_text_is_refused() {
        let body = "01J8ZQ4H0000000000000000AB";
        assert!(format!("ord_{body}").parse::<OrderId>().is_ok());
        let wrong = [
            String::new(),
            "ord_".to_owned(),
            body.to_owned(),
            format!("evt_{body}"),
            format!("ORD_{body}"),
            format!("ord{body}"),
            format!("ord-{body}"),
            format!("ord_line_{body}"),
            format!(" ord_{body}"),
            format!("ord_{body} "),
            format!("ord_{body}0"),
            format!("ord_{}", &body[1..]),
            format!("ord_{}", body.to_lowercase()),
            // Look-alikes outside the alphabet, and a character of more than one byte.
            format!("ord_O{}", &body[1..]),
            format!("ord_0I{}", &body[2..]),
            format!("ord_0L{}", &body[2..]),
            format!("ord_0U{}", &body[2..]),
            format!("ord_é{}", &body[2..]),
            // 130 bits: would be another text of the id that starts with 0.
            format!("ord_8{}", &body[1..]),
        ];
        for text in wrong {
            assert_eq!(text.parse::<OrderId>(), Err(InvalidId { prefix: "ord" }), "{text}");
        }
        assert!(format!("ord_{body}").parse::<OrderLineId>().is_err());
        assert!(format!("ord_line_{body}").parse::<OrderLineId>().is_ok());
    }

    #[test]
    fn json_is_the_text_also_as_a_map_key() {
        let id = OrderId::new(&SystemClock);
        let json = serde_json::to_string(&[(id, 1)].into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap();
        assert_eq!(json, format!("{{\"{id}\":1}}"));
        let error = serde_json::from_str::<OrderId>("\"evt_1\"").unwrap_err();
        assert!(error.to_string().starts_with("expected `ord_` followed by"), "{error}");
        assert!(serde_json::from_str::<OrderId>("7").is_err());
    }

    proptest! {
        #[test]
        fn every_id_survives_text_and_json(bits: u128) {
            let id = OrderId::from_ulid(Ulid(bits));
            prop_assert_eq!(id.to_string().parse::<OrderId>(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<OrderId>(&json).unwrap(), id);
        }

        #[test]
        fn order_of_ids_is_order_of_texts(a: u128, b: u128) {
            let (a, b) = (OrderId::from_ulid(Ulid(a)), OrderId::from_ulid(Ulid(b)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn text_that_parses_is_the_text_of_its_id(text in "(ord|evt)?_?[0-9A-Za-z]{24,28}") {
            if let Ok(id) = text.parse::<OrderId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
