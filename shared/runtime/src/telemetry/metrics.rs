//! Metrics in `CloudWatch`'s embedded format: one line of JSON an invocation, which is its access log line too.
//!
//! Code anywhere counts by logging to the target `metric`: `tracing::info!(target: "metric", orders_placed = 1u64)`. Every
//! whole number in it is a metric; the unit is the ending of its name: `_us`, `_ms`, `_bytes`, `_percent`, or none for a count.
//! Counts of one invocation are added up, measurements are kept one by one. A field that is a text names what was measured
//! (`connection = "shop"`): it is a dimension, and such a measurement has a line of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The target that makes an event a metric.
pub(super) const TARGET: &str = "metric";

const NAMESPACE: &str = "Crossdock";
/// `CloudWatch` takes a hundred values a metric and line.
const MAX_VALUES: usize = 100;

/// What one invocation has counted so far.
#[derive(Debug, Default)]
pub(crate) struct Metrics(BTreeMap<String, Vec<u64>>);

impl Metrics {
    pub(crate) fn record(&mut self, name: &str, value: u64) {
        let values = self.0.entry(name.to_owned()).or_default();
        if unit(name) == "Count" {
            *values = vec![values.first().unwrap_or(&0).saturating_add(value)];
        } else if values.len() < MAX_VALUES {
            values.push(value);
        }
    }

    /// Adds the metrics to a log line, with the two dimensions every metric has.
    pub(crate) fn embed(self, line: &mut Map<String, Value>, service: &str, operation: &str, now_ms: i64) {
        let directive = directive(&["service", "operation"], self.0.keys(), now_ms);
        for (name, mut values) in self.0 {
            let value = if values.len() == 1 { values.pop().into() } else { Value::from(values) };
            line.insert(name, value);
        }
        line.insert("service".to_owned(), service.into());
        line.insert("operation".to_owned(), operation.into());
        line.insert("_aws".to_owned(), directive);
    }
}

/// A line of measurements whose dimensions are the service and these labels.
pub(super) fn line(
    service: &str,
    labels: Vec<(&'static str, Value)>,
    values: Vec<(&'static str, u64)>,
    now_ms: i64,
) -> Map<String, Value> {
    let names: Vec<&str> = std::iter::once("service").chain(labels.iter().map(|(name, _)| *name)).collect();
    let directive = directive(&names, values.iter().map(|(name, _)| name), now_ms);
    let mut line = Map::from_iter([("service".to_owned(), service.into()), ("_aws".to_owned(), directive)]);
    line.extend(labels.into_iter().map(|(name, value)| (name.to_owned(), value)));
    line.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    line
}

fn directive(dimensions: &[&str], metrics: impl Iterator<Item = impl AsRef<str>>, now_ms: i64) -> Value {
    let metrics: Vec<Value> =
        metrics.map(|name| json!({ "Name": name.as_ref(), "Unit": unit(name.as_ref()) })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics });
    json!({ "Timestamp": now_ms, "CloudWatchMetrics": [directive] })
}

fn unit(name: &str) -> &'static str {
    match name.rsplit_once('_').map(|(_, ending)| ending) {
        Some("us") => "Microseconds",
        Some("ms") => "Milliseconds",
        Some("bytes") => "Bytes",
        Some("percent") => "Percent",
        Some(_) | None => "Count",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_measurements_stay_apart() {
        let mut metrics = Metrics::default();
        for (name, value) in [("orders_placed", 1), ("orders_placed", 2), ("provider_ms", 7), ("provider_ms", 9)] {
            metrics.record(name, value);
        }
        let mut line = Map::new();
        metrics.embed(&mut line, "orders-api", "POST /v1/orders", 1_700_000_000_000);
        assert_eq!(
            Value::Object(line),
            json!({
                "orders_placed": 3,
                "provider_ms": [7, 9],
                "service": "orders-api",
                "operation": "POST /v1/orders",
                "_aws": {
                    "Timestamp": 1_700_000_000_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Crossdock",
                        "Dimensions": [["service", "operation"]],
                        "Metrics": [
                            { "Name": "orders_placed", "Unit": "Count" },
                            { "Name": "provider_ms", "Unit": "Milliseconds" },
                        ],
                    }],
                },
            })
        );
    }

    #[test]
    fn a_line_never_has_more_values_than_are_taken() {
        let mut metrics = Metrics::default();
        (0..500).for_each(|value| metrics.record("provider_ms", value));
        let mut line = Map::new();
        metrics.embed(&mut line, "s", "o", 0);
        assert_eq!(line["provider_ms"].as_array().unwrap().len(), MAX_VALUES);
    }
}
