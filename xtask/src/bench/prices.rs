//! What an operation costs on AWS, from counts and a dated list of prices.
#![expect(clippy::float_arithmetic, reason = "prices are decimal fractions of dollars, and nothing is charged by them")]

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use serde::Deserialize;

use super::cases::Trigger;
use super::measure::Operation;
use crate::project::Project;

/// `tests/bench/prices-us-east-1.json`. Prices are dollars per million unless their name says otherwise.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) region: String,
    pub(super) as_of: String,
    #[expect(dead_code, reason = "for the reader of the file")]
    source: String,
    per_million: PerMillion,
    lambda_per_gigabyte_second: f64,
    logs_per_gigabyte: f64,
    assumed: Assumed,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PerMillion {
    http_api_request: f64,
    lambda_request: f64,
    write_unit: f64,
    read_unit: f64,
    sns_publish: f64,
    sqs_fifo_request: f64,
}

/// What cannot be measured here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Assumed {
    #[expect(dead_code, reason = "for the reader of the file")]
    why: String,
    memory_megabytes: f64,
    own_milliseconds: f64,
    milliseconds_per_call: BTreeMap<String, f64>,
    /// By operation: hashing on purpose, and waiting for somebody who is not AWS.
    milliseconds_of_others: BTreeMap<String, f64>,
}

impl Prices {
    pub(super) fn read(project: &Project) -> anyhow::Result<Self> {
        let path = project.path("tests/bench/prices-us-east-1.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no list of prices", path.display()))
    }

    /// Dollars for a million of these: front door, invocation, calls, units, logs. Without the authorizer, which the
    /// gateway asks once in five minutes, and without what follows by event.
    pub(super) fn per_million(&self, operation_name: &str, operation: &Operation, trigger: Trigger) -> f64 {
        let price = &self.per_million;
        let door = match trigger {
            Trigger::Http => price.http_api_request,
            // Reading a stream is free for Lambda, and the gateway's question is part of its price.
            Trigger::Authorizer | Trigger::Stream => 0.0,
            // As if every message came alone: received once, deleted once.
            Trigger::Queue => 2.0 * price.sqs_fifo_request,
        };
        let others = self.assumed.milliseconds_of_others.get(operation_name).copied().unwrap_or_default();
        let mut milliseconds = self.assumed.own_milliseconds + others;
        let mut calls = 0.0;
        for (api, count) in &operation.calls {
            let each = self.assumed.milliseconds_per_call.get(api).or(self.assumed.milliseconds_per_call.get("other"));
            milliseconds += count * each.copied().unwrap_or_default();
            calls += count
                * match api.as_str() {
                    "Publish" | "PublishBatch" => price.sns_publish,
                    "SendMessage" | "SendMessageBatch" => price.sqs_fifo_request,
                    _ => 0.0,
                };
        }
        let gigabyte_seconds = self.assumed.memory_megabytes / 1024.0 * milliseconds.ceil() / 1000.0;
        let compute = gigabyte_seconds * self.lambda_per_gigabyte_second * 1e6;
        let units = operation.write_units * price.write_unit + operation.read_units * price.read_unit;
        let logs = operation.log_bytes * 1e6 / 1e9 * self.logs_per_gigabyte;
        let total = door + price.lambda_request + compute + calls + units + logs;
        (total * 100.0).round() / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_of_a_placed_order_is_mostly_its_write_units() {
        let prices = Prices::read(&Project::open().unwrap()).unwrap();
        let operation = Operation {
            calls: BTreeMap::from([("BatchGetItem".to_owned(), 1.0), ("TransactWriteItems".to_owned(), 1.0)]),
            write_units: 9.0,
            read_units: 2.5,
            log_bytes: 500.0,
        };
        let dollars = prices.per_million("place-order", &operation, Trigger::Http);
        assert!((6.9..8.0).contains(&dollars), "{dollars}");
        assert!(prices.per_million("place-order", &operation, Trigger::Stream) < dollars);
    }
}
