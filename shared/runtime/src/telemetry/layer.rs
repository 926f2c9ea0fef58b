//! The subscriber: spans become positions in a trace, events become lines of JSON or metrics.
//!
//! - A span's trace is its parent's, unless it has a `traceparent` field: then it joins that trace (a request's, an
//!   event's). A span without either starts a trace, Lambda's own if it has a `lambda_trace` field.
//! - A line carries the fields of its event, and of all spans around it, and `trace_id` and `span_id`.
//! - `otel.name`, `otel.kind` and `otel.status_code` on a span mean what they mean to OpenTelemetry.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Number, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::trace::TraceContext;
use super::{Telemetry, metrics, otlp, redact};

/// The SDK's own spans, one an operation: worth a place in the trace, too much for the log.
const SDK_SPANS: &str = "aws_sdk_";

/// What is kept of a span while it lives.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) name: Cow<'static, str>,
    /// `span_id` is its own.
    pub(super) context: TraceContext,
    /// 0 without a parent.
    pub(super) parent_id: u64,
    /// Nanoseconds since the epoch.
    pub(super) start: i128,
    pub(super) kind: &'static str,
    pub(super) failed: bool,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Span {
    fn take(&mut self, fields: Fields) {
        for (name, value) in fields.0 {
            match (name, value.as_str()) {
                ("traceparent", Some(header)) => self.join(TraceContext::parse(header)),
                ("otel.name", Some(name)) => self.name = name.to_owned().into(),
                ("otel.kind", Some("server")) => self.kind = "server",
                ("otel.kind", Some("consumer")) => self.kind = "consumer",
                ("otel.kind", Some("client")) => self.kind = "client",
                ("otel.status_code", Some(code)) => self.failed = code == "ERROR",
                ("lambda_trace", _) => {}
                _ => {
                    self.fields.retain(|(present, _)| *present != name);
                    self.fields.push((name, redact::field(name, value)));
                }
            }
        }
    }

    fn join(&mut self, remote: Option<TraceContext>) {
        if let Some(remote) = remote {
            self.parent_id = remote.span_id;
            self.context = TraceContext { span_id: self.context.span_id, ..remote };
        }
    }
}

/// The fields of a span or event.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(present, _)| *present == name)?.1.as_str()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), Number::from_f64(value).map_or(Value::Null, Value::Number)));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let chain = std::iter::successors(Some(value), |error| error.source());
        let text: Vec<String> = chain.map(ToString::to_string).collect();
        self.0.push((field.name(), text.join(": ").into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}

/// The layer over `tracing_subscriber::Registry`.
pub(super) struct Recorder(pub(super) &'static Telemetry);

impl Recorder {
    fn log(&self, event: &Event<'_>, fields: Fields, spans: &[&Span]) {
        let metadata = event.metadata();
        let mut line = Map::new();
        for (name, value) in spans.iter().flat_map(|span| &span.fields) {
            line.insert((*name).to_owned(), value.clone());
        }
        for (name, value) in fields.0 {
            line.insert(name.to_owned(), redact::field(name, value));
        }
        line.insert("target".to_owned(), metadata.target().into());
        if let Some(span) = spans.last() {
            line.insert("trace_id".to_owned(), format!("{:032x}", span.context.trace_id).into());
            line.insert("span_id".to_owned(), format!("{:016x}", span.context.span_id).into());
        }
        self.0.write(metadata.level().as_str(), line, None);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        if metadata.is_span() && metadata.target().starts_with(SDK_SPANS) {
            return self.0.exports;
        }
        metadata.target() == metrics::TARGET || self.0.levels.would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let least = if self.0.exports { LevelFilter::DEBUG } else { LevelFilter::INFO };
        Some(self.0.max_level.max(least))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(reference) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let inherited = reference.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get().map(|span: &Span| span.context)
        });
        let parent = inherited.unwrap_or_else(|| TraceContext::root(fields.text("lambda_trace"), self.0.sampler));
        let sdk = attributes.metadata().target().starts_with(SDK_SPANS);
        let mut span = Span {
            name: attributes.metadata().name().into(),
            context: TraceContext { span_id: fastrand::u64(1..), ..parent },
            parent_id: parent.span_id,
            start: self.0.now().as_nanosecond(),
            kind: if sdk { "client" } else { "internal" },
            failed: false,
            fields: Vec::new(),
        };
        span.take(fields);
        reference.extensions_mut().insert(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(reference) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = reference.extensions_mut().get_mut::<Span>() {
            span.take(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if event.metadata().target() == metrics::TARGET {
            let (labels, values): (Vec<_>, Vec<_>) = fields.0.into_iter().partition(|(_, value)| value.is_string());
            let values = values.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?)));
            if labels.is_empty() {
                values.for_each(|(name, value)| self.0.count(name, value));
            } else {
                self.0.measured(labels, values.collect());
            }
            return;
        }
        let scope: Vec<_> = context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()).collect();
        let extensions: Vec<_> = scope.iter().map(|reference| reference.extensions()).collect();
        let spans: Vec<&Span> = extensions.iter().filter_map(|extensions| extensions.get()).collect();
        self.log(event, fields, &spans);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(reference) = context.span(&id) else { return };
        let extensions = reference.extensions();
        if let Some(span) = extensions.get::<Span>().filter(|span| self.0.exports && span.context.sampled) {
            self.0.keep(otlp::span(span, self.0.now().as_nanosecond()));
        }
    }
}
