//! One shard: its records, the batch being tried, and what becomes of it.

use super::records::Record;
use aws_lambda_events::streams::DynamoDbEventResponse;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Why records were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Their batch failed once more often than it may be retried.
    Retries,
    /// They became too old.
    RecordAge,
}

/// The mapping's settings.
pub(super) struct Limits {
    pub(super) batch: usize,
    pub(super) retries: Option<u32>,
    pub(super) age: Option<Duration>,
    pub(super) bisect: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batch: 100, retries: None, age: None, bisect: false }
    }
}

/// What the function made of a batch.
pub(super) enum Verdict {
    Handled,
    /// Everything from this position on is to be tried again.
    Partly(usize),
    Failed,
}

impl Verdict {
    /// Reads a response to the records `wanted` of `batch`. One that names no or an unknown record is a failure.
    pub(super) fn of(wanted: &[&Record], batch: &[Record], response: &DynamoDbEventResponse) -> Self {
        let mut lowest: Option<&str> = None;
        for failure in &response.batch_item_failures {
            let known = wanted.iter().find(|record| failure.item_identifier.as_ref() == Some(&record.sequence));
            let Some(record) = known else { return Self::Failed };
            lowest = Some(lowest.map_or(record.sequence.as_str(), |lowest| lowest.min(&record.sequence)));
        }
        match lowest {
            Some(lowest) => Self::Partly(batch.iter().take_while(|record| record.sequence.as_str() < lowest).count()),
            None => Self::Handled,
        }
    }
}

/// What settling a batch came to.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) given_up: Vec<Record>,
    /// Whether trying again leads anywhere.
    pub(super) moved: bool,
}

#[derive(Default)]
pub(super) struct Shard {
    records: VecDeque<Record>,
    /// The sizes of the batches cut already; the first is the one being tried, more than one after a bisection.
    cut: VecDeque<usize>,
    failures: u32,
    /// The batch being tried was handled before and is delivered again.
    repeated: bool,
}

impl Shard {
    pub(super) fn push(&mut self, record: Record) {
        self.records.push_back(record);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn pending(&self) -> usize {
        self.records.len()
    }

    /// Removes the records at the head that are too old.
    pub(super) fn take_expired(&mut self, limits: &Limits, now: Timestamp) -> Vec<Record> {
        let Some(age) = limits.age else { return Vec::new() };
        let old = |record: &&Record| now.duration_since(record.created).unsigned_abs() > age;
        let expired = self.records.iter().take_while(old).count();
        self.remove(expired)
    }

    /// The batch to try now; the same one until it is settled.
    pub(super) fn next_batch(&mut self, limits: &Limits, random: Option<&mut fastrand::Rng>) -> Vec<Record> {
        if self.cut.is_empty() && !self.records.is_empty() {
            let most = self.records.len().min(limits.batch);
            self.cut.push_back(random.map_or(most, |random| random.usize(1..=most)));
        }
        let size = self.cut.front().copied().unwrap_or_default();
        self.records.iter().take(size).cloned().collect()
    }

    pub(super) fn settle(&mut self, verdict: Verdict, limits: &Limits, random: Option<&mut fastrand::Rng>) -> Outcome {
        let size = self.cut.front().copied().unwrap_or_default();
        match verdict {
            Verdict::Handled => {
                self.failures = 0;
                // Lambda forgets that it has delivered a batch, once.
                self.repeated = !self.repeated && random.is_some_and(|random| random.u8(0..4) == 0);
                if !self.repeated {
                    self.remove(size);
                }
                Outcome { moved: true, ..Outcome::default() }
            }
            // The checkpoint moves: what is left is a new batch that has failed once.
            Verdict::Partly(handled) if handled > 0 => {
                self.remove(handled);
                self.failures = 1;
                Outcome { moved: true, given_up: self.give_up_if_exhausted(limits) }
            }
            // Halving counts no attempt.
            Verdict::Failed if limits.bisect && size > 1 => {
                self.cut.pop_front();
                self.cut.push_front(size - size / 2);
                self.cut.push_front(size / 2);
                self.failures = 0;
                Outcome { moved: true, ..Outcome::default() }
            }
            Verdict::Partly(_) | Verdict::Failed => {
                self.failures += 1;
                Outcome { moved: limits.retries.is_some(), given_up: self.give_up_if_exhausted(limits) }
            }
        }
    }

    /// Gives up the whole batch when it may not be tried again, the records in it that never failed included.
    fn give_up_if_exhausted(&mut self, limits: &Limits) -> Vec<Record> {
        if limits.retries.is_none_or(|retries| self.failures <= retries) {
            return Vec::new();
        }
        let size = self.cut.front().copied().unwrap_or_default();
        self.remove(size)
    }

    /// Removes records from the head, and with them what was cut of them.
    fn remove(&mut self, count: usize) -> Vec<Record> {
        let mut left = count;
        while left > 0 {
            let Some(size) = self.cut.front_mut() else { break };
            let taken = left.min(*size);
            *size -= taken;
            left -= taken;
            if *size == 0 {
                self.cut.pop_front();
                self.failures = 0;
                self.repeated = false;
            }
        }
        self.records.drain(..count).collect()
    }
}
