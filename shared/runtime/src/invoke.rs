//! The life of a function: build, then one invocation after the other.
//!
//! All triggers meet here as text in, text out, behind one `dyn`, so that Lambda's runtime loop and everything below is
//! compiled once, in this crate. An invocation is a span, one line of log with its metrics, and never the death of the
//! process: a panic is an error of that invocation. Spans are sent after the answer, before the next event is asked for.

use std::borrow::Cow;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{Clock, SystemClock};
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tower::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::export::Exporter;
use crate::telemetry::Telemetry;

/// Why an invocation failed, for Lambda, Step Functions (`error_type` is what a `Retry` or `Catch` matches) and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A stable word.
    pub error_type: Cow<'static, str>,
    /// For a person. No personal data.
    pub message: String,
}

impl Failure {
    /// A failure of this type, because of this.
    pub fn new(error_type: impl Into<Cow<'static, str>>, message: impl Display) -> Self {
        Self { error_type: error_type.into(), message: message.to_string() }
    }

    /// The event is not what the function's trigger sends.
    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        Self::new("MalformedEvent", error)
    }
}

/// One invocation, as adapters see it.
pub(crate) struct Call {
    pub(crate) request_id: String,
    /// When Lambda ends it, in milliseconds since the epoch.
    deadline: u64,
    span: Span,
}

impl Call {
    /// Joins the trace the trigger belongs to.
    pub(crate) fn join(&self, traceparent: Option<&str>) {
        if let Some(traceparent) = traceparent {
            self.span.record("traceparent", traceparent);
        }
    }

    /// Whose data it is about, once that is known.
    pub(crate) fn tenant(&self, tenant: &str) {
        self.span.record("tenant", tenant);
    }

    /// What an HTTP request was answered with.
    pub(crate) fn status(&self, status: u16) {
        self.span.record("http.response.status_code", status);
    }

    /// The position of the invocation's span in its trace.
    pub(crate) fn traceparent(&self) -> Option<String> {
        crate::telemetry::position_of(&self.span).map(|position| position.to_string())
    }

    /// How long it may still take.
    pub(crate) fn time_left(&self) -> Duration {
        let now = u64::try_from(SystemClock.now().as_millisecond()).unwrap_or_default();
        Duration::from_millis(self.deadline.saturating_sub(now))
    }

    #[cfg(test)]
    pub(crate) fn test() -> Self {
        Self { request_id: "r-1".to_owned(), deadline: u64::MAX, span: Span::none() }
    }
}

/// What an invocation came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// For Lambda.
    pub(crate) answer: Box<RawValue>,
    /// What kind of work it was: the metrics' dimension. Few different ones.
    pub(crate) operation: String,
    /// More for the log line.
    pub(crate) fields: Vec<(&'static str, Value)>,
    /// Answered, but as a failure (a 5xx, records to deliver again).
    pub(crate) failed: bool,
}

/// An answer as JSON.
pub(crate) fn answer(answer: &(impl Serialize + ?Sized)) -> Result<Box<RawValue>, Failure> {
    serde_json::value::to_raw_value(answer).map_err(|error| Failure::new("MalformedAnswer", error))
}

/// A trigger's adapter.
#[async_trait]
pub(crate) trait Adapter: Send + Sync {
    async fn call(&self, event: &str, call: &Call) -> Result<Done, Failure>;
}

/// What stays the same from one invocation to the next.
struct Host {
    adapter: Box<dyn Adapter>,
    telemetry: &'static Telemetry,
    kind: &'static str,
    cold: AtomicBool,
    init: Duration,
}

/// Serves invocations until Lambda ends the process.
pub(crate) async fn serve(
    adapter: Box<dyn Adapter>,
    kind: &'static str,
    telemetry: &'static Telemetry,
    exporter: Option<Exporter>,
    init: Duration,
) -> Result<(), lambda_runtime::Error> {
    let host = Arc::new(Host { adapter, telemetry, kind, cold: AtomicBool::new(true), init });
    let handler = lambda_runtime::service_fn(move |event: LambdaEvent<Box<RawValue>>| host.clone().invoke(event));
    let exporter = exporter.map(Arc::new);
    Runtime::new(handler)
        .layer(tower::layer::layer_fn(move |inner| AfterAnswer { inner, exporter: exporter.clone() }))
        .run()
        .await
}

impl Host {
    fn invoke(
        self: Arc<Self>,
        event: LambdaEvent<Box<RawValue>>,
    ) -> BoxFuture<'static, Result<Box<RawValue>, Diagnostic>> {
        let span = tracing::info_span!(
            "invocation",
            request_id = event.context.request_id,
            lambda_trace = event.context.xray_trace_id,
            traceparent = Empty,
            tenant = Empty,
            otel.kind = self.kind,
            otel.name = Empty,
            otel.status_code = Empty,
            http.response.status_code = Empty,
        );
        let call = Call { request_id: event.context.request_id, deadline: event.context.deadline, span: span.clone() };
        Box::pin(async move { self.run(event.payload.get(), &call).await }.instrument(span))
    }

    async fn run(&self, event: &str, call: &Call) -> Result<Box<RawValue>, Diagnostic> {
        let start = Instant::now();
        let work = AssertUnwindSafe(self.adapter.call(event, call)).catch_unwind();
        // What panicked has been logged by the panic hook.
        let result = work.await.unwrap_or_else(|_| Err(Failure::new("Panic", "the handler panicked")));
        self.report(call, result.as_ref(), start.elapsed());
        result.map(|done| done.answer).map_err(|failure| Diagnostic {
            error_type: failure.error_type.into_owned(),
            error_message: failure.message,
        })
    }

    fn report(&self, call: &Call, result: Result<&Done, &Failure>, duration: Duration) {
        let mut line = Map::new();
        let failed = match result {
            Ok(done) => {
                line.extend(done.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
                done.failed
            }
            Err(failure) => {
                line.insert("error_type".to_owned(), failure.error_type.as_ref().into());
                line.insert("error".to_owned(), failure.message.as_str().into());
                true
            }
        };
        let operation = result.map_or(self.kind, |done| done.operation.as_str());
        line.insert("request_id".to_owned(), call.request_id.as_str().into());
        self.telemetry.count("duration_us", microseconds(duration));
        self.telemetry.count("errors", u64::from(failed));
        if self.cold.swap(false, Ordering::Relaxed) {
            self.telemetry.count("cold_start", 1);
            self.telemetry.count("init_us", microseconds(self.init));
        }
        if failed {
            call.span.record("otel.status_code", "ERROR");
        }
        call.span.record("otel.name", operation);
        self.telemetry.invoked(&call.span, operation, failed, line);
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Sends the spans once the answer is out: the caller does not wait for it, and the sandbox is not frozen yet.
struct AfterAnswer<S> {
    inner: S,
    exporter: Option<Arc<Exporter>>,
}

impl<S> Service<LambdaInvocation> for AfterAnswer<S>
where
    S: Service<LambdaInvocation, Response = (), Error = lambda_runtime::Error, Future: Send + 'static>,
{
    type Response = ();
    type Error = lambda_runtime::Error;
    type Future = BoxFuture<'static, Result<(), lambda_runtime::Error>>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let answered = self.inner.call(invocation);
        let exporter = self.exporter.clone();
        Box::pin(async move {
            let result = answered.await;
            if let Some(exporter) = exporter {
                exporter.flush().await;
            }
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;
    use crate::telemetry::Options;

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

    /// Does what the event says.
    struct Obedient;

    #[async_trait]
    impl Adapter for Obedient {
        async fn call(&self, event: &str, _: &Call) -> Result<Done, Failure> {
            match event {
                "panic" => panic!("as told"),
                "fail" => Err(Failure::new("Told", "to fail")),
                _ => Ok(done()),
            }
        }
    }

    fn done() -> Done {
        let fields = vec![("records", Value::from(3))];
        Done { answer: answer(&Map::new()).unwrap(), operation: "obey".to_owned(), fields, failed: false }
    }

    #[tokio::test]
    async fn nothing_an_invocation_does_ends_the_process_and_each_leaves_one_line() {
        let memory = Memory::default();
        let options = Options { service: "s".to_owned(), levels: None, sample_percent: 0, exports: false };
        let telemetry = Box::leak(Box::new(Telemetry::new(options, Box::new(memory.clone()))));
        let cold = AtomicBool::new(true);
        let host = Host { adapter: Box::new(Obedient), telemetry, kind: "server", cold, init: Duration::ZERO };
        let mut outcomes = Vec::new();
        for event in ["panic", "fail", "work"] {
            let result = host.run(event, &Call::test()).await;
            outcomes.push(result.map(|answer| answer.get().to_owned()).map_err(|failure| failure.error_type));
        }
        let failed = |kind: &str| Err(kind.to_owned());
        assert_eq!(outcomes, [failed("Panic"), failed("Told"), Ok("{}".to_owned())]);

        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let errors: Vec<u64> = lines.iter().map(|line| line["errors"].as_u64().unwrap()).collect();
        assert_eq!(errors, [1, 1, 0]);
        assert_eq!((&lines[0]["cold_start"], &lines[1]["cold_start"]), (&Value::from(1), &Value::Null));
        assert_eq!((&lines[1]["error_type"], &lines[1]["level"]), (&"Told".into(), &"ERROR".into()));
        assert_eq!((&lines[2]["records"], &lines[2]["operation"]), (&3.into(), &"obey".into()));
    }
}
