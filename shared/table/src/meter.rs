//! Counts what the table costs, for the benchmark and for tests that hold an operation to its budget.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

use crate::Table;

/// The `DynamoDB` calls the table makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metered {
    GetItem,
    BatchGetItem,
    Query,
    PutItem,
    UpdateItem,
    DeleteItem,
    BatchWriteItem,
    TransactWriteItems,
}

impl Metered {
    const fn reads(self) -> bool {
        match self {
            Self::GetItem | Self::BatchGetItem | Self::Query => true,
            Self::PutItem | Self::UpdateItem | Self::DeleteItem | Self::BatchWriteItem | Self::TransactWriteItems => {
                false
            }
        }
    }
}

/// What one kind of call, or all of them, have used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    pub calls: u64,
    /// Read units, of table and indexes.
    pub read_units: f64,
    /// Write units, of table and indexes.
    pub write_units: f64,
    /// The part of both that the indexes used.
    pub index_units: f64,
}

/// Counts calls and units since it was made or last taken. Retries inside the SDK count once.
#[derive(Debug, Default)]
pub struct CapacityMeter {
    usage: Mutex<BTreeMap<Metered, Usage>>,
}

impl CapacityMeter {
    /// The counts so far, by call.
    #[must_use]
    pub fn usage(&self) -> BTreeMap<Metered, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counts so far, by call; counting starts again.
    #[must_use]
    pub fn take(&self) -> BTreeMap<Metered, Usage> {
        std::mem::take(&mut *self.usage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sum of all calls so far.
    #[must_use]
    pub fn total(&self) -> Usage {
        self.usage().values().fold(Usage::default(), |mut sum, usage| {
            sum.calls += usage.calls;
            sum.read_units = plus(sum.read_units, usage.read_units);
            sum.write_units = plus(sum.write_units, usage.write_units);
            sum.index_units = plus(sum.index_units, usage.index_units);
            sum
        })
    }

    fn record(&self, call: Metered, consumed: &[ConsumedCapacity]) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = usage.entry(call).or_default();
        usage.calls += 1;
        for consumed in consumed {
            // A transaction that is answered from its token is billed as a read.
            let replayed = consumed.read_capacity_units().is_some() && consumed.write_capacity_units().is_none();
            let reads = call.reads() || replayed;
            let units = if reads { &mut usage.read_units } else { &mut usage.write_units };
            *units = plus(*units, consumed.capacity_units().unwrap_or_default());
            let indexes = [consumed.local_secondary_indexes(), consumed.global_secondary_indexes()];
            for index in indexes.into_iter().flatten().flat_map(|indexes| indexes.values()) {
                usage.index_units = plus(usage.index_units, index.capacity_units().unwrap_or_default());
            }
        }
    }
}

#[expect(clippy::float_arithmetic, reason = "capacity units are multiples of 0.5, which floats add exactly")]
fn plus(left: f64, right: f64) -> f64 {
    left + right
}

impl Table {
    /// What to ask `DynamoDB` to report.
    pub(crate) fn reported(&self) -> Option<ReturnConsumedCapacity> {
        self.inner.meter.as_ref().map(|_| ReturnConsumedCapacity::Indexes)
    }

    /// Counts a call that was answered.
    pub(crate) fn record(&self, call: Metered, consumed: &[ConsumedCapacity]) {
        if let Some(meter) = &self.inner.meter {
            meter.record(call, consumed);
        }
    }
}
