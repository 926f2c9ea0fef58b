use std::sync::Arc;

use tracing::field::Empty;

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn run(levels: &str, percent: u64, work: impl FnOnce()) -> (Vec<Value>, Option<Value>, &'static Telemetry) {
    let memory = Memory::default();
    let options = Options {
        service: "orders-api".to_owned(),
        levels: Some(levels.to_owned()),
        sample_percent: percent,
        exports: true,
    };
    let telemetry: &'static Telemetry = Box::leak(Box::new(Telemetry::new(options, Box::new(memory.clone()))));
    tracing::subscriber::with_default(telemetry.subscriber(), work);
    let export = telemetry.export().map(|body| serde_json::from_slice(&body).unwrap());
    (memory.lines(), export, telemetry)
}

fn spans(export: &Option<Value>) -> Vec<Value> {
    let spans = export.as_ref().map(|export| export["resourceSpans"][0]["scopeSpans"][0]["spans"].clone());
    spans.and_then(|spans| spans.as_array().cloned()).unwrap_or_default()
}

#[test]
fn a_line_has_the_fields_of_its_event_and_of_the_spans_around_it() {
    let (lines, _, _) = run("info", 100, || {
        let _request = tracing::info_span!("invocation", request_id = "r-1", tenant = tracing::field::Empty).entered();
        tracing::Span::current().record("tenant", "acme.test");
        let _inner = tracing::info_span!("place", order_id = "ord_1").entered();
        tracing::warn!(attempt = 2, password = "hunter2", "trying again");
    });
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    for (field, expected) in [
        ("level", "WARN"),
        ("message", "trying again"),
        ("request_id", "r-1"),
        ("tenant", "acme.test"),
        ("order_id", "ord_1"),
        ("password", "[redacted]"),
        ("target", "runtime::telemetry::tests"),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    assert_eq!(line["attempt"], 2);
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
}

#[test]
fn an_error_is_logged_with_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);
    let (lines, _, _) = run("info", 100, || {
        let error: &(dyn std::error::Error + 'static) = &Outer(std::io::Error::other("inner"));
        tracing::error!(error, "failed");
    });
    assert_eq!(lines[0]["error"], "outer: inner");
}

#[test]
fn levels_hold_for_lines_but_not_for_metrics() {
    for (levels, messages) in [
        ("WARN", vec!["warn"]),
        ("FATAL", vec![]),
        ("info,runtime=debug", vec!["debug", "info", "warn"]),
        ("runtime=loud", vec!["info", "warn"]),
    ] {
        let (lines, _, telemetry) = run(levels, 100, || {
            tracing::debug!("debug");
            tracing::info!("info");
            tracing::warn!("warn");
            tracing::info!(target: "metric", orders_placed = 1u64);
        });
        let seen: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
        assert_eq!(seen, messages, "{levels}");
        let mut line = Map::new();
        std::mem::take(&mut *telemetry.metrics.lock().unwrap()).embed(&mut line, "s", "o", 0);
        assert_eq!(line["orders_placed"], 1, "{levels}");
    }
}

#[test]
fn a_measurement_with_a_label_has_a_line_and_a_dimension_of_its_own() {
    let (lines, _, _) = run("WARN", 100, || {
        tracing::info!(target: "metric", connection = "shop", oldest_ms = 7u64, connection_error_percent = 3u64);
    });
    let line = &lines[0];
    assert_eq!(
        (&line["connection"], &line["oldest_ms"], &line["service"]),
        (&"shop".into(), &7.into(), &"orders-api".into())
    );
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], serde_json::json!([["service", "connection"]]));
    assert_eq!(directive["Metrics"][1], serde_json::json!({ "Name": "connection_error_percent", "Unit": "Percent" }));
}

#[test]
fn spans_are_exported_with_their_parents_and_kinds() {
    let (_, export, _) = run("info", 100, || {
        let root = tracing::info_span!("invocation", otel.kind = "server", otel.name = Empty, traceparent = Empty);
        root.record("traceparent", PARENT);
        root.record("otel.name", "POST /v1/orders");
        root.in_scope(|| {
            let call = tracing::debug_span!(target: "aws_sdk_dynamodb::operation", "DynamoDB.PutItem", retries = 1);
            call.record("otel.status_code", "ERROR");
            call.in_scope(|| ());
        });
    });
    let export = export.unwrap();
    let attributes = &export["resourceSpans"][0]["resource"]["attributes"];
    assert_eq!(attributes[0], serde_json::json!({ "key": "service.name", "value": { "stringValue": "orders-api" } }));
    let spans = spans(&Some(export));
    let (call, root) = (&spans[0], &spans[1]);
    assert_eq!((&root["name"], &root["kind"]), (&"POST /v1/orders".into(), &2.into()));
    assert_eq!(root["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(root["parentSpanId"], "b7ad6b7169203331");
    assert_eq!((&call["name"], &call["kind"]), (&"DynamoDB.PutItem".into(), &3.into()));
    assert_eq!((&call["traceId"], &call["parentSpanId"]), (&root["traceId"], &root["spanId"]));
    assert_eq!(call["attributes"][0], serde_json::json!({ "key": "retries", "value": { "intValue": "1" } }));
}

#[test]
fn whether_a_trace_is_kept_is_decided_at_its_root_and_holds_downstream() {
    let (_, export, _) = run("info", 0, || tracing::info_span!("root").in_scope(|| ()));
    assert!(spans(&export).is_empty());

    let (_, export, _) = run("info", 0, || tracing::info_span!("joined", traceparent = PARENT).in_scope(|| ()));
    assert_eq!(spans(&export).len(), 1);

    let unsampled = PARENT.replace("-01", "-00");
    let (_, export, _) = run("info", 100, || tracing::info_span!("joined", traceparent = unsampled).in_scope(|| ()));
    assert!(spans(&export).is_empty());
}

#[test]
fn every_event_of_a_batch_is_in_its_own_trace() {
    let other = PARENT.replace("0af7", "1af7");
    let (_, export, _) = run("info", 100, || {
        let _batch = tracing::info_span!("invocation").entered();
        for traceparent in [PARENT, &other] {
            tracing::info_span!("event", traceparent).in_scope(|| {
                assert_eq!(
                    position_of(&tracing::Span::current()).map(|context| context.to_string()[..35].to_owned()),
                    Some(traceparent[..35].to_owned())
                );
            });
        }
    });
    let traces: Vec<String> = spans(&export).iter().map(|span| span["traceId"].to_string()).collect();
    assert_eq!(traces.len(), 3);
    assert!(traces[0].contains("0af7651916") && traces[1].contains("1af7651916"));
}

#[test]
fn an_invocation_has_one_line_with_its_metrics() {
    let (_, _, telemetry) = run("info", 100, || ());
    telemetry.count("duration_us", 1_234);
    let memory = Memory::default();
    *telemetry.sink.lock().unwrap() = Box::new(memory.clone());
    telemetry.invoked(
        &tracing::Span::none(),
        "POST /v1/orders",
        false,
        Map::from_iter([("request_id".to_owned(), "r-1".into())]),
    );
    let line = &memory.lines()[0];
    assert_eq!((&line["message"], &line["request_id"]), (&"invocation".into(), &"r-1".into()));
    assert_eq!((&line["duration_us"], &line["operation"]), (&1_234.into(), &"POST /v1/orders".into()));
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "duration_us");
}
