//! Logs, metrics and traces of one function.
//!
//! Everything goes through `tracing`: a library logs, counts and opens spans without knowing any of this. Lines and
//! metrics go to standard output as JSON; spans are kept until the invocation is answered, then sent as OTLP/HTTP JSON
//! (`docs/decisions/0005-tracing.md` says why it is written here). Nothing is written by a thread of its own: a
//! sandbox is frozen between invocations.

mod layer;
mod metrics;
mod otlp;
mod redact;
#[cfg(test)]
mod tests;
pub(crate) mod trace;

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use kernel::{Clock, SystemClock, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use layer::{Recorder, Span};
use metrics::Metrics;
use trace::{Sampler, TraceContext};

/// Spans kept for one export at most; an invocation that makes more is a bug, not a reason to run out of memory.
const MAX_SPANS: usize = 512;

/// What is logged and sampled, and where it goes.
pub(crate) struct Telemetry {
    service: String,
    levels: Targets,
    max_level: LevelFilter,
    sampler: Sampler,
    exports: bool,
    sink: Mutex<Box<dyn Write + Send>>,
    metrics: Mutex<Metrics>,
    finished: Mutex<Vec<Value>>,
}

/// How a function wants its telemetry.
pub(crate) struct Options {
    pub(crate) service: String,
    /// `RUST_LOG`, or Lambda's own level.
    pub(crate) levels: Option<String>,
    pub(crate) sample_percent: u64,
    /// Whether there is anybody to send spans to.
    pub(crate) exports: bool,
}

impl Telemetry {
    pub(crate) fn new(options: Options, sink: Box<dyn Write + Send>) -> Self {
        let levels = options.levels.as_deref().unwrap_or("info");
        // Lambda calls the highest level FATAL; tracing has none above ERROR.
        let levels = if levels.eq_ignore_ascii_case("fatal") { "error" } else { levels };
        let levels: Targets =
            levels.to_ascii_lowercase().parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
        // It logs every failure a second time.
        let levels = levels.with_target("lambda_runtime", LevelFilter::OFF);
        let max_level = levels.iter().map(|(_, level)| level).chain(levels.default_level()).max();
        Self {
            service: options.service,
            max_level: max_level.unwrap_or(LevelFilter::INFO),
            levels,
            sampler: Sampler::percent(options.sample_percent),
            exports: options.exports,
            sink: Mutex::new(sink),
            metrics: Mutex::default(),
            finished: Mutex::default(),
        }
    }

    pub(crate) fn subscriber(&'static self) -> impl tracing::Subscriber + Send + Sync {
        Registry::default().with(Recorder(self))
    }

    /// Writes the one line every invocation gets, with its metrics and the fields of its span.
    pub(crate) fn invoked(&self, span: &tracing::Span, operation: &str, failed: bool, mut line: Map<String, Value>) {
        with_span(span, |span| {
            line.extend(span.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            line.insert("trace_id".to_owned(), format!("{:032x}", span.context.trace_id).into());
        });
        let metrics = std::mem::take(&mut *self.metrics.lock().unwrap_or_else(PoisonError::into_inner));
        let directive = metrics.embed(&mut line, &self.service, operation, self.now().as_millisecond());
        line.insert("message".to_owned(), "invocation".into());
        self.write(if failed { "ERROR" } else { "INFO" }, line, Some(directive));
    }

    /// Adds to a metric of this invocation.
    pub(crate) fn count(&self, name: &str, value: u64) {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).record(name, value);
    }

    /// Writes measurements of what the labels name, as a line of their own.
    fn measured(&self, labels: Vec<(&'static str, Value)>, values: Vec<(&'static str, u64)>) {
        let (line, directive) = metrics::line(&self.service, labels, values, self.now().as_millisecond());
        self.write("INFO", line, Some(directive));
    }

    /// The export request of all spans finished since the last time, if there are any.
    pub(crate) fn export(&self) -> Option<Vec<u8>> {
        let spans = std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner));
        (!spans.is_empty()).then(|| otlp::request(&self.service, spans))
    }

    fn keep(&self, span: Value) {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        if finished.len() < MAX_SPANS {
            finished.push(span);
        }
    }

    fn write(&self, level: &str, mut line: Map<String, Value>, directive: Option<metrics::Directive>) {
        line.insert("level".to_owned(), level.into());
        line.insert("timestamp".to_owned(), format!("{:.3}", self.now()).into());
        // A map of values is always JSON; and there is nowhere to report that the log cannot be written.
        let mut text = serde_json::to_vec(&Line { fields: &line, directive }).unwrap_or_default();
        text.push(b'\n');
        let _ = self.sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text);
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

/// A line of log.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    fields: &'a Map<String, Value>,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    directive: Option<metrics::Directive>,
}

/// The position of a span, for whatever is sent out from it.
pub(crate) fn position_of(span: &tracing::Span) -> Option<TraceContext> {
    with_span(span, |span| span.context)
}

fn with_span<T>(span: &tracing::Span, look: impl FnOnce(&Span) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.extensions().get().map(look)
    })?
}

/// Logs panics like everything else, with the place; whoever catches one says what it cost.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("no message");
        tracing::error!(target: "panic", location, message);
    }));
}
