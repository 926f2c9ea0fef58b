//! Metrics in `CloudWatch`'s embedded format: one line of JSON an invocation, which is its access log line too.
//!
//! Code anywhere counts by logging to the target `metric`: `tracing::info!(target: "metric", orders_placed = 1u64)`. Every
//! whole number in it is a metric; the unit is the ending of its name: `_us`, `_ms`, `_bytes`, `_percent`, or none for a count.
//! Counts of one invocation are added up, measurements are kept one by one. A field that is a text names what was measured
//! (`connection = "shop"`): it is a dimension, and such a measurement has a line of its own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};
use serde_json::{Map, Value};

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

    /// Adds the metrics to a log line, with the two dimensions every metric has; what says that they are metrics.
    pub(crate) fn embed(self, line: &mut Map<String, Value>, service: &str, operation: &str, now_ms: i64) -> Directive {
        let names = self.0.keys().cloned().collect();
        for (name, mut values) in self.0 {
            let value = if values.len() == 1 { values.pop().into() } else { Value::from(values) };
            line.insert(name, value);
        }
        line.insert("service".to_owned(), service.into());
        line.insert("operation".to_owned(), operation.into());
        Directive::new(vec!["service", "operation"], names, now_ms)
    }
}

/// A line of measurements whose dimensions are the service and these labels.
pub(super) fn line(
    service: &str,
    labels: Vec<(&'static str, Value)>,
    values: Vec<(&'static str, u64)>,
    now_ms: i64,
) -> (Map<String, Value>, Directive) {
    let dimensions = std::iter::once("service").chain(labels.iter().map(|(name, _)| *name)).collect();
    let names = values.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut line = Map::from_iter([("service".to_owned(), service.into())]);
    line.extend(labels.into_iter().map(|(name, value)| (name.to_owned(), value)));
    line.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    (line, Directive::new(dimensions, names, now_ms))
}

/// What tells `CloudWatch` which fields of a line are metrics. Written straight into the line: as values it would cost
/// more than everything else in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Directive {
    timestamp: i64,
    #[serde(rename = "CloudWatchMetrics")]
    sets: [MetricSet; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricSet {
    namespace: &'static str,
    dimensions: [Vec<&'static str>; 1],
    #[serde(serialize_with = "definitions")]
    metrics: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<'a> {
    name: &'a str,
    unit: &'static str,
}

impl Directive {
    fn new(dimensions: Vec<&'static str>, metrics: Vec<String>, timestamp: i64) -> Self {
        Self { timestamp, sets: [MetricSet { namespace: NAMESPACE, dimensions: [dimensions], metrics }] }
    }
}

fn definitions<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(names.len()))?;
    for name in names {
        list.serialize_element(&Definition { name, unit: unit(name) })?;
    }
    list.end()
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
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_add_up_and_measurements_stay_apart() {
        let mut metrics = Metrics::default();
        for (name, value) in [("orders_placed", 1), ("orders_placed", 2), ("provider_ms", 7), ("provider_ms", 9)] {
            metrics.record(name, value);
        }
        let mut line = Map::new();
        let directive = metrics.embed(&mut line, "orders-api", "POST /v1/orders", 1_700_000_000_000);
        let fields = json!({ "orders_placed": 3, "provider_ms": [7, 9], "service": "orders-api", "operation": "POST /v1/orders" });
        assert_eq!(Value::Object(line), fields);
        assert_eq!(
            serde_json::to_value(directive).unwrap(),
            json!({
                "Timestamp": 1_700_000_000_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Crossdock",
                    "Dimensions": [["service", "operation"]],
                    "Metrics": [
                        { "Name": "orders_placed", "Unit": "Count" },
                        { "Name": "provider_ms", "Unit": "Milliseconds" },
                    ],
                }],
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
