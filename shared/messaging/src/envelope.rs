//! `CloudEvents` 1.0, structured JSON: how a [`kernel::Event`] looks on the wire.
//!
//! Extension attributes are lower-case words without separators, as the specification demands: `tenant`,
//! `aggregateid`, `aggregateversion`, `group`, `correlationid`, `causationid`, `traceparent`. Attributes this module
//! does not know are ignored, so that a newer producer may add some; an event kind's version is in its name.

use std::borrow::Cow;

use kernel::{Event, EventId, TenantId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// The text is not an event.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or an attribute is missing or malformed; the source says which.
    #[error("not a CloudEvent of ours: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another major version of `CloudEvents`.
    #[error("CloudEvents version `{0}` is not supported")]
    Version(String),
    /// `data` is not JSON.
    #[error("content type `{0}` is not supported")]
    ContentType(String),
    /// An attribute that must not be empty is.
    #[error("`{0}` is empty")]
    Empty(&'static str),
}

/// The event as a `CloudEvent`.
#[must_use]
pub fn encode(event: &Event) -> String {
    let context = event.kind.split('.').next().unwrap_or_default();
    let mut wire = json!({
        "specversion": "1.0",
        "id": event.id,
        "source": format!("/{}/{context}", event.tenant),
        "type": event.kind,
        "time": event.time,
        "datacontenttype": "application/json",
        "tenant": event.tenant,
        "aggregateid": event.aggregate_id,
        "aggregateversion": version(event.aggregate_version),
        "group": event.group,
        "correlationid": event.correlation_id,
        "data": event.data,
    });
    for (name, value) in [("causationid", &event.causation_id), ("traceparent", &event.traceparent)] {
        if let Some(value) = value {
            wire[name] = json!(value);
        }
    }
    safe(wire.to_string())
}

/// The same JSON without the two characters that SNS and SQS refuse in a body: written as escapes they may pass.
#[must_use]
pub fn safe(json: String) -> String {
    if json.contains(['\u{FFFE}', '\u{FFFF}']) {
        json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
    } else {
        json
    }
}

/// `CloudEvents` integers have 32 bits; what does not fit travels as text.
fn version(version: u64) -> Value {
    i32::try_from(version).map_or_else(|_| json!(version.to_string()), |version| json!(version))
}

/// Reads an event.
///
/// # Errors
/// What is missing or wrong, in words fit for a dead letter's reason.
pub fn decode(text: &str) -> Result<Event, EnvelopeError> {
    let wire: Wire = serde_json::from_str(text)?;
    if wire.specversion != "1.0" {
        return Err(EnvelopeError::Version(wire.specversion));
    }
    if let Some(kind) = wire.datacontenttype.filter(|kind| !is_json(kind)) {
        return Err(EnvelopeError::ContentType(kind));
    }
    for (name, value) in [("source", &wire.source), ("type", &wire.kind), ("aggregateid", &wire.aggregateid)] {
        if value.is_empty() {
            return Err(EnvelopeError::Empty(name));
        }
    }
    Ok(Event {
        id: wire.id,
        kind: wire.kind,
        tenant: wire.tenant,
        group: wire.group.unwrap_or_else(|| wire.aggregateid.clone()),
        aggregate_id: wire.aggregateid,
        aggregate_version: wire.aggregateversion.0,
        correlation_id: wire.correlationid,
        causation_id: wire.causationid,
        traceparent: wire.traceparent,
        time: wire.time,
        data: wire.data,
    })
}

/// Reads an event out of a queue message's body: the event itself (raw delivery, a direct send) or an SNS notification
/// around it.
///
/// # Errors
/// As [`decode`].
pub fn decode_body(body: &str) -> Result<Event, EnvelopeError> {
    match serde_json::from_str::<Notification<'_>>(body) {
        Ok(notification) if notification.kind == "Notification" => decode(&notification.message),
        Ok(_) | Err(_) => decode(body),
    }
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json") || media_type.ends_with("+json")
}

/// What SNS puts around a message when raw delivery is off.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification<'a> {
    #[serde(rename = "Type")]
    kind: Cow<'a, str>,
    message: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Wire {
    specversion: String,
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    datacontenttype: Option<String>,
    tenant: TenantId,
    aggregateid: String,
    aggregateversion: Version,
    group: Option<String>,
    correlationid: String,
    causationid: Option<String>,
    traceparent: Option<String>,
    data: Value,
}

/// A version, as a number or as text.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Version(u64);

impl TryFrom<Value> for Version {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .map(Self)
            .ok_or("aggregateversion is not a whole number")
    }
}

#[cfg(test)]
mod tests;
