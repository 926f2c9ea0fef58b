//! The outbox: a domain event is an item written by the transaction that made it true
//! ([`crate::Transaction::event`]), and the table's stream brings it to the relay.
//!
//! Access patterns: by stream, on insert of kind `event`; by hour of the event's time, for the operator who republishes
//! what a broken relay missed ([`window`]). Nothing is written when an event has been published: consumers know an
//! event by its id, so publishing it again is harmless.
//!
//! Partition `T#<tenant>#EVENTS#<yyyymmddhh>#<shard 0..7>`, sort key the event id. Attribute names are short to keep an
//! event within one write unit; what the key says already is not repeated.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;
use kernel::{Event, TenantId, Timestamp, basic_time};

use crate::item::{Attributes, Encoded, KIND, TTL};
use crate::key::{PK, SK};
use crate::size::{ITEM_LIMIT, item_size};
use crate::{Consistency, Item, Partition, Query, Source, Table, TableError};

/// The item type of an event: what the stream is filtered by.
pub const EVENT_KIND: &str = "event";

/// How long events stay, in seconds: a broken relay has a week to be noticed.
const RETENTION: i64 = 8 * 24 * 3600;
/// Partitions an hour's events are spread over.
const SHARDS: u8 = 8;
const HOUR: i64 = 3600;

const TYPE: &str = "t";
const AGGREGATE: &str = "a";
const AGGREGATE_VERSION: &str = "n";
/// Left out when it is the aggregate's id.
const GROUP: &str = "g";
/// Left out when it is the event's own id.
const CORRELATION: &str = "c";
const CAUSATION: &str = "x";
const TRACEPARENT: &str = "w";
/// Nanoseconds since the epoch.
const TIME: &str = "at";
/// JSON text.
const DATA: &str = "d";

/// The item of an event.
pub(crate) fn encode(event: &Event) -> Result<Encoded, TableError> {
    let id = event.id.to_string();
    let data = serde_json::to_string(&event.data).map_err(|error| TableError::encode(EVENT_KIND, error))?;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let (pk, sk) = hour_partition(&event.tenant, event.time, shard(&id)).key(&[&id]).into_parts();

    let mut attributes: Attributes = HashMap::with_capacity(14);
    let mut insert = |name: &str, value: AttributeValue| attributes.insert(name.to_owned(), value);
    insert(PK, AttributeValue::S(pk));
    insert(SK, AttributeValue::S(sk));
    insert(KIND, text(EVENT_KIND));
    let expiry = event.time.as_second().saturating_add(RETENTION);
    insert(TTL, AttributeValue::N(expiry.to_string()));
    insert(TYPE, text(&event.kind));
    insert(AGGREGATE, text(&event.aggregate_id));
    insert(AGGREGATE_VERSION, AttributeValue::N(event.aggregate_version.to_string()));
    insert(TIME, AttributeValue::N(event.time.as_nanosecond().to_string()));
    insert(DATA, AttributeValue::S(data));
    if event.group != event.aggregate_id {
        insert(GROUP, text(&event.group));
    }
    if event.correlation_id != id {
        insert(CORRELATION, text(&event.correlation_id));
    }
    if let Some(causation) = &event.causation_id {
        insert(CAUSATION, text(causation));
    }
    if let Some(traceparent) = &event.traceparent {
        insert(TRACEPARENT, text(traceparent));
    }
    let size = item_size(&attributes);
    if size > ITEM_LIMIT {
        return Err(TableError::ItemTooLarge { kind: EVENT_KIND.to_owned(), bytes: size });
    }
    Ok(Encoded { attributes, size })
}

/// The event an item holds, from a query or from a stream image.
pub fn decode(item: &Item) -> Result<Event, TableError> {
    let key = item.key();
    let damaged = |source: Source| TableError::damaged(key.as_ref(), source);
    let text = |name: &str| item.text(name).ok_or_else(|| damaged(format!("an event without `{name}`").into()));
    let optional = |name: &str| item.text(name).map(str::to_owned);

    if item.kind() != EVENT_KIND {
        return Err(damaged(format!("expected an event, found `{}`", item.kind()).into()));
    }
    let id = text(SK)?;
    let tenant = text(PK)?.split('#').nth(1).unwrap_or_default();
    let nanoseconds: i128 = item.number(TIME).ok_or_else(|| damaged("an event without a time".into()))?;
    let aggregate_id = text(AGGREGATE)?.to_owned();
    Ok(Event {
        id: id.parse().map_err(|error| damaged(Box::new(error)))?,
        kind: text(TYPE)?.to_owned(),
        tenant: tenant.parse().map_err(|error| damaged(Box::new(error)))?,
        aggregate_version: item
            .number(AGGREGATE_VERSION)
            .ok_or_else(|| damaged("an event without its aggregate's version".into()))?,
        group: optional(GROUP).unwrap_or_else(|| aggregate_id.clone()),
        aggregate_id,
        correlation_id: optional(CORRELATION).unwrap_or_else(|| id.to_owned()),
        causation_id: optional(CAUSATION),
        traceparent: optional(TRACEPARENT),
        time: Timestamp::from_nanosecond(nanoseconds).map_err(|error| damaged(Box::new(error)))?,
        data: serde_json::from_str(text(DATA)?).map_err(|error| damaged(Box::new(error)))?,
    })
}

/// The events of `from..to` (by their own time), published or not.
#[must_use]
pub fn window(table: &Table, tenant: &TenantId, from: Timestamp, to: Timestamp) -> Window {
    Window { table: table.clone(), tenant: tenant.clone(), from, to, hour: from.as_second().div_euclid(HOUR) }
}

/// Reads a window an hour at a time, so that days of events need no more memory than their busiest hour.
#[derive(Debug)]
pub struct Window {
    table: Table,
    tenant: TenantId,
    from: Timestamp,
    to: Timestamp,
    /// Hours since the epoch: the next to read.
    hour: i64,
}

/// What an hour of a window holds.
#[derive(Debug, Default)]
pub struct Hour {
    /// Oldest first, an aggregate's in the order of its versions.
    pub events: Vec<Event>,
    /// Items of the whole hour that cannot be read, wherever in it they belong: by key, and why.
    pub damaged: Vec<(String, TableError)>,
}

impl Window {
    /// The next hour, which may be empty. `None` at the end of the window.
    pub async fn next_hour(&mut self) -> Result<Option<Hour>, TableError> {
        let Ok(start) = Timestamp::from_second(self.hour.saturating_mul(HOUR)) else {
            return Ok(None);
        };
        if start >= self.to {
            return Ok(None);
        }
        let shards = (0..SHARDS).map(|shard| self.read(hour_partition(&self.tenant, start, shard)));
        let mut hour = Hour::default();
        for item in try_join_all(shards).await?.into_iter().flatten() {
            match decode(&item) {
                Ok(event) => hour.events.push(event),
                Err(error) => hour.damaged.push((item.text(SK).unwrap_or_default().to_owned(), error)),
            }
        }
        hour.events.retain(|event| (self.from..self.to).contains(&event.time));
        hour.events.sort_by(|left, right| {
            (left.time, left.aggregate_version, left.id).cmp(&(right.time, right.aggregate_version, right.id))
        });
        self.hour += 1;
        Ok(Some(hour))
    }

    async fn read(&self, partition: Partition) -> Result<Vec<Item>, TableError> {
        let mut items = Vec::new();
        let mut query = Query::partition(partition).limit(1000).consistency(Consistency::Strong);
        loop {
            let page = self.table.query_items(query.clone()).await?;
            items.extend(page.items);
            match page.next {
                None => return Ok(items),
                next => query = query.start(next),
            }
        }
    }
}

fn hour_partition(tenant: &TenantId, time: Timestamp, shard: u8) -> Partition {
    let mut hour = basic_time(time).replace('T', "");
    hour.truncate("2026112118".len());
    Partition::tenant(tenant, &["EVENTS", &hour, &shard.to_string()])
}

/// Spreads an hour's events evenly: the last bytes of an id are random.
fn shard(id: &str) -> u8 {
    id.bytes().fold(0u8, u8::wrapping_add) % SHARDS
}

#[cfg(test)]
mod tests;
