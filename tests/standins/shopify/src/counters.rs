//! What the shop saw, for tests to assert on.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: u64,
    pub(crate) throttled: u64,
    pub(crate) refused_documents: u64,
    /// Root fields that were executed, by name.
    pub(crate) operations: BTreeMap<String, u64>,
    pub(crate) deliveries: u64,
    pub(crate) failed_deliveries: u64,
    /// How often each mutation was applied with these very arguments.
    applied: HashMap<String, u64>,
}

impl Counters {
    /// A mutation that changed something.
    pub(crate) fn applied(&mut self, mutation: &str, arguments: &Value) {
        *self.applied.entry(format!("{mutation} {arguments}")).or_default() += 1;
    }

    pub(crate) fn report(&self, bucket_peak: u32) -> Value {
        let duplicates: u64 = self.applied.values().map(|times| times - 1).sum();
        json!({
            "requests": self.requests, "throttled": self.throttled, "refusedDocuments": self.refused_documents,
            "operations": self.operations, "duplicateMutations": duplicates, "bucketPeak": bucket_peak,
            "deliveries": self.deliveries, "failedDeliveries": self.failed_deliveries,
        })
    }
}
