//! Spans as OTLP/HTTP wants them in JSON.

use serde_json::{Value, json};

use super::layer::Span;

/// One span, finished at `end` (nanoseconds since the epoch).
pub(super) fn span(span: &Span, end: i128) -> Value {
    let kind = match span.kind {
        "server" => 2,
        "client" => 3,
        "consumer" => 5,
        _ => 1,
    };
    let mut object = json!({
        "traceId": format!("{:032x}", span.context.trace_id),
        "spanId": format!("{:016x}", span.context.span_id),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes(span.fields.iter().map(|(name, value)| (*name, value))),
    });
    if span.parent_id != 0 {
        object["parentSpanId"] = format!("{:016x}", span.parent_id).into();
    }
    if span.failed {
        object["status"] = json!({ "code": 2 });
    }
    object
}

/// A whole export request.
pub(super) fn request(service: &str, spans: Vec<Value>) -> Vec<u8> {
    let resource =
        [("service.name", &service.into()), ("cloud.provider", &"aws".into()), ("faas.name", &service.into())];
    json!({
        "resourceSpans": [{
            "resource": { "attributes": attributes(resource) },
            "scopeSpans": [{ "scope": { "name": "crossdock" }, "spans": spans }],
        }],
    })
    .to_string()
    .into_bytes()
}

fn attributes<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Vec<Value> {
    fields.into_iter().map(|(key, value)| json!({ "key": key, "value": any_value(value) })).collect()
}

/// Protobuf's JSON form: 64-bit numbers are text.
fn any_value(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Null | Value::Array(_) | Value::Object(_) => json!({ "stringValue": value.to_string() }),
    }
}
