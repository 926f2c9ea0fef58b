//! Delivers a table's change records to a function as Lambda's event source mapping for `DynamoDB` streams does.
//!
//! At least once; ordered for one item only, so that the records of a transaction come interleaved and in different
//! batches; a failed batch holds up its shard until it succeeds, is given up or is bisected; what a function reports as
//! failed is tried again from the lowest reported sequence number on.
//!
//! It does not wait between tries and does not invoke shards concurrently.

mod records;
mod shard;
#[cfg(test)]
mod tests;

pub use shard::Reason;

use crate::dynamo::LocalDynamo;
use crate::pattern;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::DynamoDbEventResponse;
use records::{Reader, Record};
use serde_json::{Value, json};
use shard::{Limits, Shard, Verdict};
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// How many shards an unruly stream has.
const SHARDS: usize = 3;

/// The stream of one table and the state of its delivery to one function.
pub struct StreamSimulator {
    reader: Reader,
    shards: Vec<Shard>,
    filter: Option<Value>,
    limits: Limits,
    /// Set when delivery is to be as bad as AWS allows.
    unruly: Option<fastrand::Rng>,
    given_up: Vec<GivenUp>,
}

/// Records Lambda stopped trying to deliver: what its on-failure destination is told about.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// Why.
    pub reason: Reason,
    /// The records. AWS tells the destination their sequence numbers only.
    pub records: Vec<EventRecord>,
}

/// What a delivery came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// How often the function was invoked.
    pub invocations: usize,
    /// Records handed to it, each time they were.
    pub records: usize,
    /// What the function said when it failed as a whole.
    pub errors: Vec<String>,
    /// Records still held up by a batch that fails.
    pub pending: usize,
}

impl StreamSimulator {
    /// The stream of `table` from its beginning: one shard, full batches of 100, each delivered once, retried forever.
    #[must_use]
    pub fn new(dynamo: &LocalDynamo, table: &str) -> Self {
        Self {
            reader: Reader::new(dynamo, table),
            shards: vec![Shard::default()],
            filter: None,
            limits: Limits::default(),
            unruly: None,
            given_up: Vec::new(),
        }
    }

    /// Delivers as badly as AWS allows, by `seed`: several shards, only one item's records in order, batches of any
    /// size, some of them delivered twice.
    #[must_use]
    pub fn unruly(mut self, seed: u64) -> Self {
        self.unruly = Some(fastrand::Rng::with_seed(seed));
        self.shards.resize_with(SHARDS, Shard::default);
        self
    }

    /// Delivers only the records that match `pattern`, in the language of Lambda event filters.
    #[must_use]
    pub fn filter(mut self, pattern: Value) -> Self {
        self.filter = Some(pattern);
        self
    }

    /// Delivers only records whose new image is of this kind.
    #[must_use]
    pub fn kind(self, kind: &str) -> Self {
        self.filter(json!({"dynamodb": {"NewImage": {"kind": {"S": [kind]}}}}))
    }

    /// `BatchSize`.
    #[must_use]
    pub fn batch_size(mut self, records: usize) -> Self {
        self.limits.batch = records;
        self
    }

    /// `MaximumRetryAttempts`.
    #[must_use]
    pub fn retries(mut self, attempts: u32) -> Self {
        self.limits.retries = Some(attempts);
        self
    }

    /// `MaximumRecordAge`, by the database's clock.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.limits.age = Some(age);
        self
    }

    /// `BisectBatchOnFunctionError`.
    #[must_use]
    pub fn bisecting(mut self) -> Self {
        self.limits.bisect = true;
        self
    }

    /// Delivers what is in the stream until all of it is handled or nothing moves any more: a batch that fails without
    /// a limit on its retries stays pending, and the next call tries it again.
    pub async fn deliver<H, F, E>(&mut self, handler: H) -> Delivered
    where
        H: Fn(Event) -> F,
        F: Future<Output = Result<DynamoDbEventResponse, E>>,
        E: Display,
    {
        let mut delivered = Delivered::default();
        loop {
            self.take_in();
            let mut moved = false;
            for index in 0..self.shards.len() {
                moved |= self.deliver_one(index, &handler, &mut delivered).await;
            }
            if !moved {
                delivered.pending = self.shards.iter().map(Shard::pending).sum();
                return delivered;
            }
        }
    }

    /// What was given up since the last call.
    pub fn take_given_up(&mut self) -> Vec<GivenUp> {
        std::mem::take(&mut self.given_up)
    }

    /// Loses every record not yet handled, as 24 hours of a broken function do.
    pub fn expire(&mut self) {
        self.take_in();
        self.shards.iter_mut().for_each(Shard::clear);
    }

    /// Reads the new records into their shards.
    fn take_in(&mut self) {
        for record in self.reader.read(self.unruly.as_mut()) {
            let shard = record.shard_of(self.shards.len());
            self.shards[shard].push(record);
        }
    }

    /// Tries the next batch of one shard; whether anything moved.
    async fn deliver_one<H, F, E>(&mut self, index: usize, handler: &H, delivered: &mut Delivered) -> bool
    where
        H: Fn(Event) -> F,
        F: Future<Output = Result<DynamoDbEventResponse, E>>,
        E: Display,
    {
        let expired = self.shards[index].take_expired(&self.limits, self.reader.now());
        let too_old = !expired.is_empty();
        self.give_up(Reason::RecordAge, &expired);
        let batch = self.shards[index].next_batch(&self.limits, self.unruly.as_mut());
        if batch.is_empty() {
            return too_old;
        }
        let wanted: Vec<&Record> = batch.iter().filter(|record| self.wants(record)).collect();
        let verdict = if wanted.is_empty() {
            Verdict::Handled
        } else {
            delivered.invocations += 1;
            delivered.records += wanted.len();
            match handler(records::event(wanted.iter().copied())).await {
                Ok(response) => Verdict::of(&wanted, &batch, &response),
                Err(error) => {
                    delivered.errors.push(error.to_string());
                    Verdict::Failed
                }
            }
        };
        let outcome = self.shards[index].settle(verdict, &self.limits, self.unruly.as_mut());
        self.give_up(Reason::Retries, &outcome.given_up);
        outcome.moved || too_old
    }

    fn wants(&self, record: &Record) -> bool {
        self.filter.as_ref().is_none_or(|pattern| pattern::matches(pattern, Some(&record.value)))
    }

    fn give_up(&mut self, reason: Reason, records: &[Record]) {
        let wanted: Vec<&Record> = records.iter().filter(|record| self.wants(record)).collect();
        if !wanted.is_empty() {
            self.given_up.push(GivenUp { reason, records: records::event(wanted.into_iter()).records });
        }
    }
}
