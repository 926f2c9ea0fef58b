//! What to list: a partition of the table or of an index, a range of its sort key, and where to go on.
//!
//! There are no filters: what a list must not show has no place in the partition or index it is read from.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::item::SEQ;
use crate::key::{PK, SK, sort_key};
use crate::{Consistency, Item, Partition};

/// The global indexes. Both hold keys only, so a write that does not touch their keys costs them nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GlobalIndex {
    /// Sparse worklists: status and due time.
    Gsi1,
    /// Inverted look-ups: external ids, references, lists by another parent.
    Gsi2,
}

impl GlobalIndex {
    /// The attributes of its partition and sort key.
    pub(crate) const fn attributes(self) -> [&'static str; 2] {
        match self {
            Self::Gsi1 => ["gsi1pk", "gsi1sk"],
            Self::Gsi2 => ["gsi2pk", "gsi2sk"],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Gsi1 => "gsi1",
            Self::Gsi2 => "gsi2",
        }
    }
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Table,
    /// The local index on `seq`, with whole items.
    Feed,
    Global(GlobalIndex),
}

impl Place {
    pub(crate) const fn index_name(self) -> Option<&'static str> {
        match self {
            Self::Table => None,
            Self::Feed => Some("lsi1"),
            Self::Global(index) => Some(index.name()),
        }
    }

    const fn attributes(self) -> [&'static str; 2] {
        match self {
            Self::Table => [PK, SK],
            Self::Feed => [PK, SEQ],
            Self::Global(index) => index.attributes(),
        }
    }
}

#[derive(Debug, Clone)]
enum Range {
    All,
    BeginsWith(AttributeValue),
    AtLeast(AttributeValue),
    AtMost(AttributeValue),
    More(AttributeValue),
    Between(AttributeValue, AttributeValue),
}

/// A list to read with [`crate::Table::query`]. In the order of the sort key, from its low end, eventually consistent,
/// unless said otherwise.
#[derive(Debug, Clone)]
#[must_use]
pub struct Query {
    pub(crate) place: Place,
    partition: String,
    range: Range,
    pub(crate) limit: usize,
    start: Option<Position>,
    pub(crate) backward: bool,
    pub(crate) consistency: Consistency,
}

impl Query {
    /// How many items a page has unless said otherwise.
    pub const DEFAULT_LIMIT: usize = 50;

    /// Items of one partition, by sort key.
    pub fn partition(partition: Partition) -> Self {
        Self::new(Place::Table, partition)
    }

    /// Items of one partition that have a `seq`, by it.
    pub fn feed(partition: Partition) -> Self {
        Self::new(Place::Feed, partition)
    }

    /// Items by their key in a global index.
    pub fn index(index: GlobalIndex, partition: Partition) -> Self {
        Self::new(Place::Global(index), partition)
    }

    fn new(place: Place, partition: Partition) -> Self {
        Self {
            place,
            partition: partition.into_text(),
            range: Range::All,
            limit: Self::DEFAULT_LIMIT,
            start: None,
            backward: false,
            consistency: Consistency::Eventual,
        }
    }

    /// Sort keys that start with these parts; end with an empty part to match whole parts only (`["L", ""]`).
    pub fn begins_with(self, sort: &[&str]) -> Self {
        Self { range: Range::BeginsWith(text(sort)), ..self }
    }

    /// Sort keys from these parts on, themselves included.
    pub fn at_least(self, sort: &[&str]) -> Self {
        Self { range: Range::AtLeast(text(sort)), ..self }
    }

    /// Sort keys up to these parts, themselves included.
    pub fn at_most(self, sort: &[&str]) -> Self {
        Self { range: Range::AtMost(text(sort)), ..self }
    }

    /// Sort keys from `low` to `high`, both included.
    pub fn between(self, low: &[&str], high: &[&str]) -> Self {
        Self { range: Range::Between(text(low), text(high)), ..self }
    }

    /// For a [`Query::feed`]: what came after this `seq`.
    pub fn after_seq(self, seq: u64) -> Self {
        Self { range: Range::More(AttributeValue::N(seq.to_string())), ..self }
    }

    /// At most this many items on the page; 0 counts as 1.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit: limit.max(1), ..self }
    }

    /// Goes on after an earlier page of the same query.
    pub fn start(self, after: Option<Position>) -> Self {
        Self { start: after, ..self }
    }

    /// From the high end of the sort key.
    pub fn backward(self) -> Self {
        Self { backward: true, ..self }
    }

    /// For a global index this concerns the items only: which ones are found stays eventually consistent.
    pub fn consistency(self, consistency: Consistency) -> Self {
        Self { consistency, ..self }
    }

    /// The key condition and its values.
    pub(crate) fn condition(&self) -> (String, HashMap<String, AttributeValue>) {
        let [partition, sort] = self.place.attributes();
        let mut values = HashMap::from([(":p".to_owned(), AttributeValue::S(self.partition.clone()))]);
        let mut value = |name: &str, value: &AttributeValue| {
            values.insert(name.to_owned(), value.clone());
        };
        let range = match &self.range {
            Range::All => String::new(),
            Range::BeginsWith(prefix) => {
                value(":a", prefix);
                format!(" AND begins_with({sort}, :a)")
            }
            Range::AtLeast(low) => {
                value(":a", low);
                format!(" AND {sort} >= :a")
            }
            Range::AtMost(high) => {
                value(":a", high);
                format!(" AND {sort} <= :a")
            }
            Range::More(low) => {
                value(":a", low);
                format!(" AND {sort} > :a")
            }
            Range::Between(low, high) => {
                value(":a", low);
                value(":b", high);
                format!(" AND {sort} BETWEEN :a AND :b")
            }
        };
        (format!("{partition} = :p{range}"), values)
    }

    /// Where `DynamoDB` starts reading.
    pub(crate) fn start_key(&self) -> Option<HashMap<String, AttributeValue>> {
        let Position { sk, elsewhere } = self.start.as_ref()?;
        let [partition, sort] = self.place.attributes();
        let mut key = HashMap::from([
            (partition.to_owned(), AttributeValue::S(self.partition.clone())),
            (SK.to_owned(), AttributeValue::S(sk.clone())),
        ]);
        match (self.place, elsewhere) {
            (Place::Feed, Some((_, seq))) => {
                key.insert(sort.to_owned(), AttributeValue::N(seq.clone()));
            }
            (Place::Global(_), Some((pk, index_sort))) => {
                key.insert(PK.to_owned(), AttributeValue::S(pk.clone()));
                key.insert(sort.to_owned(), AttributeValue::S(index_sort.clone()));
            }
            (Place::Table, _) | (Place::Feed | Place::Global(_), None) => {}
        }
        Some(key)
    }

    /// Where a page goes on that ends with `last`.
    pub(crate) fn position_after(&self, last: &Item) -> Option<Position> {
        let [_, sort] = self.place.attributes();
        let sk = last.text(SK)?.to_owned();
        let elsewhere = match self.place {
            Place::Table => None,
            Place::Feed => Some((String::new(), last.0.get(sort)?.as_n().ok()?.clone())),
            Place::Global(_) => Some((last.text(PK)?.to_owned(), last.text(sort)?.to_owned())),
        };
        Some(Position { sk, elsewhere })
    }
}

fn text(sort: &[&str]) -> AttributeValue {
    AttributeValue::S(sort_key(sort))
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` when there is nothing more.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub fn try_map<U, E>(self, map: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let items = self.items.into_iter().map(map).collect::<Result<_, E>>()?;
        Ok(Page { items, next: self.next })
    }
}

/// A place in a list. Means something to the same query only; seal [`Position::to_bytes`] into a `kernel::Cursor`
/// before it leaves the house.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    #[serde(rename = "s")]
    sk: String,
    /// In an index: the item's partition and the index's sort key.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    elsewhere: Option<(String, String)>,
}

/// The bytes are no position.
#[derive(Debug, thiserror::Error)]
#[error("not a position in a list")]
pub struct InvalidPosition(#[source] serde_json::Error);

impl Position {
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPosition> {
        serde_json::from_slice(bytes).map_err(InvalidPosition)
    }
}
