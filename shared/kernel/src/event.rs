//! The domain event: what happened, to what, and because of what.
//!
//! It is one self-contained fact; how it is stored (`table`) and what it looks like on the wire (`messaging`) is
//! decided there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Clock, TenantId};

crate::typed_id!(
    /// An event; also what consumers and queues deduplicate by.
    EventId,
    "evt"
);

/// Something that happened. Consumers may meet it twice and out of order: `id` tells duplicates, `aggregate_version`
/// tells age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub id: EventId,
    /// Dotted name with a version: `sales.order.placed.v1`.
    pub kind: String,
    pub tenant: TenantId,
    /// What it happened to, as text: `ord_01J…`.
    pub aggregate_id: String,
    /// The aggregate's version after the change.
    pub aggregate_version: u64,
    /// Events of one group are delivered in order. The aggregate id unless set otherwise.
    pub group: String,
    /// The request or schedule everything goes back to.
    pub correlation_id: String,
    /// What led to this directly: an event's or a request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    pub time: Timestamp,
    /// The payload; its shape belongs to `kind`.
    pub data: Value,
}

impl Event {
    /// An event of this moment that starts a chain of its own; see [`Event::caused_by`].
    #[must_use]
    pub fn new(
        kind: impl Into<String>,
        tenant: &TenantId,
        aggregate_id: impl ToString,
        aggregate_version: u64,
        data: Value,
        clock: &dyn Clock,
    ) -> Self {
        let id = EventId::new(clock);
        let aggregate_id = aggregate_id.to_string();
        Self {
            id,
            kind: kind.into(),
            tenant: tenant.clone(),
            group: aggregate_id.clone(),
            aggregate_id,
            aggregate_version,
            correlation_id: id.to_string(),
            causation_id: None,
            traceparent: None,
            time: clock.now(),
            data,
        }
    }

    /// Puts the event into the chain that led to it.
    #[must_use]
    pub fn caused_by(self, context: &Context) -> Self {
        let Context { correlation_id, causation_id, traceparent } = context.clone();
        Self { correlation_id, causation_id, traceparent, ..self }
    }

    /// The context of whatever this event causes.
    #[must_use]
    pub fn context(&self) -> Context {
        Context {
            correlation_id: self.correlation_id.clone(),
            causation_id: Some(self.id.to_string()),
            traceparent: self.traceparent.clone(),
        }
    }
}

/// Where a piece of work comes from: what is needed to tie the events it writes to their cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The request or schedule everything goes back to.
    pub correlation_id: String,
    /// The event or request being handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Context {
    /// The context of a request or schedule that nothing here caused: it is its own cause.
    #[must_use]
    pub fn root(request_id: impl Into<String>, traceparent: Option<String>) -> Self {
        let correlation_id = request_id.into();
        Self { causation_id: Some(correlation_id.clone()), correlation_id, traceparent }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ManualClock;

    fn placed(clock: &dyn Clock) -> Event {
        let tenant = "acme.production".parse().unwrap();
        Event::new("sales.order.placed.v1", &tenant, "ord_1", 3, json!({"total": 1}), clock)
    }

    fn clock() -> ManualClock {
        ManualClock::new("2026-01-02T03:04:05Z".parse().unwrap())
    }

    #[test]
    fn new_event_starts_its_own_chain_and_is_grouped_by_aggregate() {
        let event = placed(&clock());
        assert_eq!(event.group, "ord_1");
        assert_eq!(event.correlation_id, event.id.to_string());
        assert_eq!((event.causation_id, event.traceparent), (None, None));
        assert_eq!(event.time, clock().now());
        assert_eq!(event.id.ulid().timestamp_ms(), 1_767_323_045_000);
    }

    #[test]
    fn chain_keeps_its_correlation_and_names_the_direct_cause() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned();
        let request = Context::root("req-1", Some(trace.clone()));
        let first = placed(&clock()).caused_by(&request);
        let second = placed(&clock()).caused_by(&first.context());

        assert_eq!((first.correlation_id.as_str(), first.causation_id.as_deref()), ("req-1", Some("req-1")));
        assert_eq!(second.correlation_id, "req-1");
        assert_eq!(second.causation_id, Some(first.id.to_string()));
        assert_eq!(second.traceparent, Some(trace));
    }

    #[test]
    fn json_shape_is_pinned_and_absent_fields_are_left_out() {
        let event = Event { id: EventId::from_ulid(crate::Ulid(1)), ..placed(&clock()) }.caused_by(&Context {
            correlation_id: "c".into(),
            causation_id: None,
            traceparent: None,
        });
        let json = json!({
            "id": "evt_00000000000000000000000001",
            "kind": "sales.order.placed.v1",
            "tenant": "acme.production",
            "aggregateId": "ord_1",
            "aggregateVersion": 3,
            "group": "ord_1",
            "correlationId": "c",
            "time": "2026-01-02T03:04:05Z",
            "data": {"total": 1},
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), json);
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }

    #[test]
    fn full_event_and_context_survive_json() {
        let context = Context::root("req-1", Some("00-ab".into()));
        let event = placed(&clock()).caused_by(&context);
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
        let json = serde_json::to_string(&context).unwrap();
        assert_eq!(serde_json::from_str::<Context>(&json).unwrap(), context);
    }
}
