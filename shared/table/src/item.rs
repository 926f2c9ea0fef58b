//! Typed items: an [`Entity`] owns its keys, this file turns it into attributes and back.
//!
//! The table adds `pk`, `sk`, the index keys, `kind`, `v` (version) and `ttl` to what the entity serialises to. An
//! entity that wants to be in the local index `lsi1` serialises a whole number named `seq`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use kernel::{TenantId, Timestamp};
use serde::Serialize;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::key::{PK, SK};
use crate::size::{ITEM_LIMIT, item_size};
use crate::{Key, TableError, compress};

pub(crate) const KIND: &str = "kind";
pub(crate) const VERSION: &str = "v";
pub(crate) const TTL: &str = "ttl";
/// A compressed body (`compress`).
pub(crate) const PACKED: &str = "z";
/// The name of the blob the body is in (`claim`).
pub(crate) const CLAIM: &str = "claim";
/// The sort key of the local index: the one name an entity shares with the table.
pub(crate) const SEQ: &str = "seq";
/// Names that belong to the table, never to an entity.
const RESERVED: [&str; 11] = [PK, SK, "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", KIND, VERSION, TTL, PACKED, CLAIM];

/// How many of them every item has: its key, `kind` and `v`.
const ALWAYS: usize = 4;

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// A thing that is stored as one item. Its module docs say which access patterns its keys serve.
pub trait Entity: Serialize + DeserializeOwned + Send + Sync {
    /// Item type, stored as `kind` and checked when an item is decoded: `order`.
    const KIND: &'static str;

    /// Whether the body may outgrow an item: compressed beyond 4 KB when that saves write units, moved to the
    /// [`crate::BlobStore`] when it is over 400 KB even so.
    const LARGE: bool = false;

    /// For a `LARGE` entity: attributes that stay readable outside the compressed body, for conditions and updates.
    const OUTSIDE: &'static [&'static str] = &[];

    /// Where it is. Must not change while the item exists.
    fn key(&self, tenant: &TenantId) -> Key;

    /// Its place in the sparse worklist index; `None` keeps it out.
    fn gsi1(&self, _tenant: &TenantId) -> Option<Key> {
        None
    }

    /// Its place in the look-up index; `None` keeps it out.
    fn gsi2(&self, _tenant: &TenantId) -> Option<Key> {
        None
    }

    /// When `DynamoDB` may remove it, days later. It only cleans up: code checks expiry itself.
    fn ttl(&self) -> Option<Timestamp> {
        None
    }
}

/// A stored value and the version it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    pub value: T,
    /// 1 after creation; every write adds 1. What `update` wants as `seen`.
    pub version: u64,
}

/// An item as stored, for reads that mix types: look at [`Item::kind`], then [`Item::decode`].
#[derive(Debug, Clone, PartialEq)]
pub struct Item(pub(crate) Attributes);

impl Item {
    /// What type of item it is; empty when it says nothing.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text(KIND).unwrap_or_default()
    }

    /// The version; 0 when it has none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.number(VERSION).unwrap_or_default()
    }

    /// The primary key.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        Some(Key::stored(self.text(PK)?.to_owned(), self.text(SK)?.to_owned()))
    }

    /// The typed value; [`TableError::Corrupt`] when it is of another kind or shape.
    pub fn decode<T: Entity>(self) -> Result<Versioned<T>, TableError> {
        if self.kind() != T::KIND {
            let what = format!("expected a `{}`, found a `{}`", T::KIND, self.kind());
            return Err(TableError::corrupt(what));
        }
        let (key, version) = (self.key(), self.version());
        let Self(mut attributes) = self;
        if T::LARGE {
            compress::unpack(&mut attributes)?;
        }
        // Straight from the map, without the table's own attributes: another map of the rest would be the dearest part.
        let body = attributes.into_iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
        let body = Body(MapDeserializer::new(body.map(|(name, value)| (name, Stored(value)))));
        let value = T::deserialize(body).map_err(|error| TableError::damaged(key.as_ref(), error))?;
        Ok(Versioned { value, version })
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }
}

impl From<serde_dynamo::Item> for Item {
    /// An image from the table's stream.
    fn from(image: serde_dynamo::Item) -> Self {
        Self(image.into_inner().into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

/// The attributes of an item, as serde wants a whole: of a type that wraps another, they are those of the other.
struct Body<M>(M);

impl<'de, M: MapAccess<'de>> Deserializer<'de> for Body<M> {
    type Error = M::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, M::Error> {
        visitor.visit_map(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, M::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// An attribute, as serde wants the values of a map.
struct Stored(AttributeValue);

impl IntoDeserializer<'_, serde_dynamo::Error> for Stored {
    type Deserializer = serde_dynamo::Deserializer;

    fn into_deserializer(self) -> Self::Deserializer {
        serde_dynamo::Deserializer::from_attribute_value(serde_dynamo::AttributeValue::from(self.0))
    }
}

/// A whole item, ready to be put.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    pub(crate) attributes: Attributes,
    /// Bytes; over [`ITEM_LIMIT`] only when the body still has to go to the blob store.
    pub(crate) size: usize,
}

impl Encoded {
    /// The entity at this version.
    pub(crate) fn new<T: Entity>(tenant: &TenantId, entity: &T, version: u64) -> Result<Self, TableError> {
        let body: serde_dynamo::Item =
            serde_dynamo::to_item(entity).map_err(|error| TableError::encode(T::KIND, error))?;
        let (gsi1, gsi2, ttl) = (entity.gsi1(tenant), entity.gsi2(tenant), entity.ttl());
        // Exact: an allocation that is twice too large costs more than all the insertions.
        let own = ALWAYS + 2 * usize::from(gsi1.is_some()) + 2 * usize::from(gsi2.is_some());
        let mut attributes = Attributes::with_capacity(body.len() + own + usize::from(ttl.is_some()));
        for (name, value) in body.into_inner() {
            if RESERVED.contains(&name.as_str()) {
                let text = format!("the attribute name `{name}` belongs to the table");
                return Err(TableError::encode(T::KIND, text));
            }
            attributes.insert(name, value.into());
        }
        insert_key(&mut attributes, [PK, SK], entity.key(tenant));
        if let Some(key) = gsi1 {
            insert_key(&mut attributes, ["gsi1pk", "gsi1sk"], key);
        }
        if let Some(key) = gsi2 {
            insert_key(&mut attributes, ["gsi2pk", "gsi2sk"], key);
        }
        if let Some(ttl) = ttl {
            attributes.insert(TTL.to_owned(), AttributeValue::N(ttl.as_second().to_string()));
        }
        attributes.insert(KIND.to_owned(), AttributeValue::S(T::KIND.to_owned()));
        attributes.insert(VERSION.to_owned(), AttributeValue::N(version.to_string()));
        let mut size = item_size(&attributes);
        if T::LARGE {
            size = compress::pack(&mut attributes, size, &[&RESERVED, &[SEQ], T::OUTSIDE])?;
        } else if size > ITEM_LIMIT {
            return Err(TableError::ItemTooLarge { kind: T::KIND.to_owned(), bytes: size });
        }
        Ok(Self { attributes, size })
    }
}

fn insert_key(attributes: &mut Attributes, names: [&str; 2], key: Key) {
    let (pk, sk) = key.into_parts();
    attributes.insert(names[0].to_owned(), AttributeValue::S(pk));
    attributes.insert(names[1].to_owned(), AttributeValue::S(sk));
}

#[cfg(test)]
mod tests;
