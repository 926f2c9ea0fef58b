//! Reads the embedded database's stream and turns its records into Lambda's.

use crate::dynamo::LocalDynamo;
use aws_lambda_events::dynamodb::Event;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One change of one item.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The record as Lambda sends it.
    pub(super) value: Value,
    pub(super) sequence: String,
    pub(super) created: Timestamp,
    item: String,
}

impl Record {
    /// The shard this record's item always goes to.
    pub(super) fn shard_of(&self, shards: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.item.hash(&mut hasher);
        let shards = u64::try_from(shards).expect("few shards");
        usize::try_from(hasher.finish() % shards).expect("less than the number of shards")
    }
}

/// Records as an invocation's payload.
pub(super) fn event<'a>(records: impl Iterator<Item = &'a Record>) -> Event {
    let records: Vec<&Value> = records.map(|record| &record.value).collect();
    serde_json::from_value(json!({"Records": records})).expect("a stream event")
}

/// Reads a stream from its beginning on.
pub(super) struct Reader {
    dynamo: LocalDynamo,
    stream: Value,
    iterator: Value,
    read: u64,
}

impl Reader {
    pub(super) fn new(dynamo: &LocalDynamo, table: &str) -> Self {
        let described = dynamo.execute("DescribeTable", json!({"TableName": table}));
        let stream = described["Table"]["LatestStreamArn"].clone();
        let described = dynamo.execute("DescribeStream", json!({"StreamArn": stream}));
        let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
        let start = json!({"StreamArn": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = dynamo.execute("GetShardIterator", start)["ShardIterator"].clone();
        Self { dynamo: dynamo.clone(), stream, iterator, read: 0 }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.dynamo.now()
    }

    /// What was written since the last read. `random` mixes the items' records, keeping each item's order.
    pub(super) fn read(&mut self, random: Option<&mut fastrand::Rng>) -> Vec<Record> {
        let mut values = Vec::new();
        loop {
            let mut answer = self.dynamo.execute("GetRecords", json!({"ShardIterator": self.iterator}));
            self.iterator = answer["NextShardIterator"].take();
            let Value::Array(page) = answer["Records"].take() else { panic!("GetRecords answers a list") };
            if page.is_empty() {
                break;
            }
            values.extend(page.into_iter().filter(changes_something));
        }
        let values = match random {
            Some(random) => interleave(values, random),
            None => values,
        };
        values.into_iter().map(|value| self.record(value)).collect()
    }

    /// Numbers a record in the order it will be delivered, as a shard's sequence numbers are.
    fn record(&mut self, mut value: Value) -> Record {
        self.read += 1;
        let sequence = format!("1{:020}", self.read);
        value["dynamodb"]["SequenceNumber"] = json!(sequence);
        value["eventSourceARN"] = self.stream.clone();
        value["awsRegion"] = json!("us-east-1");
        let created = value["dynamodb"]["ApproximateCreationDateTime"].as_f64().expect("a creation time");
        let since_epoch = SignedDuration::try_from_secs_f64(created).expect("a creation time in range");
        Record { item: item(&value), value, sequence, created: Timestamp::UNIX_EPOCH + since_epoch }
    }
}

/// AWS writes no record for a write that leaves its item as it was; the embedded database does.
fn changes_something(value: &Value) -> bool {
    value["dynamodb"]["OldImage"] != value["dynamodb"]["NewImage"]
}

/// Merges the items' records at random, each item's in order.
fn interleave(values: Vec<Value>, random: &mut fastrand::Rng) -> Vec<Value> {
    let mut items: Vec<(String, VecDeque<Value>)> = Vec::new();
    for value in values {
        let name = item(&value);
        match items.iter_mut().find(|(known, _)| *known == name) {
            Some((_, records)) => records.push_back(value),
            None => items.push((name, VecDeque::from([value]))),
        }
    }
    let mut merged = Vec::new();
    while !items.is_empty() {
        let chosen = random.usize(0..items.len());
        merged.extend(items[chosen].1.pop_front());
        if items[chosen].1.is_empty() {
            items.swap_remove(chosen);
        }
    }
    merged
}

fn item(value: &Value) -> String {
    let keys = &value["dynamodb"]["Keys"];
    format!("{} {}", keys["pk"], keys["sk"])
}
