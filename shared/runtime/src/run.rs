//! The entry points: one plain function a trigger, for a `main` of one line.
//!
//! They take a builder, not a handler: it runs during start-up with the [`Context`], reads its settings and builds what
//! it needs. When it fails, or panics, start-up ends with a message that says why, in the log and to Lambda.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use futures::future::BoxFuture;
use messaging::{Consumer, EventHandler, Queue};
use serde_json::json;
use web::Cors;

use crate::adapters::{self, Job, StreamHandler, Task};
use crate::context::Context;
use crate::env::{self, ConfigError, Env, Settings};
use crate::export::Exporter;
use crate::http::Http;
use crate::invoke::{self, Adapter};
use crate::net::Roots;
use crate::settings;
use crate::telemetry::{self, Options, Telemetry};
use crate::wire::Wire;

/// Why a function could not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl InitError {
    /// Any other reason.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

/// A builder's work; `Box::pin(async move { … })` in the function's library.
pub type Building<T> = BoxFuture<'static, Result<T, InitError>>;
/// Builds a function of its parts. Lives in a library, so that its async body is compiled there and once.
pub type Builder<T> = fn(&'static Context) -> Building<T>;

settings! {
    struct Common {
        /// Lambda sets it; it is the service's name in metrics and traces.
        function: String = "AWS_LAMBDA_FUNCTION_NAME" or "function",
        log_level: String = "AWS_LAMBDA_LOG_LEVEL" or "info",
        rust_log: String = "RUST_LOG" or "",
        collector: String = "OTEL_EXPORTER_OTLP_ENDPOINT" or "",
        /// Share of traces kept; everything on the local stack unless it says otherwise.
        sample_percent: u64 = "TRACE_SAMPLE_PERCENT" or if env::process("AWS_ENDPOINT_URL").is_some() { 100u64 } else { 10 },
    }
}

settings! {
    struct HttpSettings {
        /// Browser origins that may call, comma-separated.
        cors_origins: String = "CORS_ORIGINS" or "",
    }
}

settings! {
    struct QueueSettings {
        dead_letters: String = "DEAD_LETTER_QUEUE_URL",
        /// The queue's own `maxReceiveCount`.
        max_receives: u32 = "MAX_RECEIVE_COUNT" or 5u32,
    }
}

/// For triggers that need nothing of their own.
struct NoSettings;

impl Settings for NoSettings {
    fn read(_: &mut Env) -> Option<Self> {
        Some(Self)
    }
}

/// A resource API behind API Gateway. The router gets [`web::finish`].
#[must_use]
pub fn run_http(build: Builder<Router>) -> ExitCode {
    run("server", build, |router, settings: HttpSettings, _| {
        Ok(Box::new(Http(web::finish(router, Cors::new(&settings.cors_origins)))))
    })
}

/// A queue's consumer; needs `DEAD_LETTER_QUEUE_URL`.
#[must_use]
pub fn run_sqs(build: Builder<Arc<dyn EventHandler>>) -> ExitCode {
    run("consumer", build, |handler, settings: QueueSettings, context| {
        let dead_letters = Queue::new(context.sqs()?, settings.dead_letters);
        let consumer = Consumer::new(Arc::new(dead_letters), settings.max_receives);
        Ok(Box::new(adapters::Queue { consumer, handler }))
    })
}

/// The consumer of the table's stream.
#[must_use]
pub fn run_stream(build: Builder<Arc<dyn StreamHandler>>) -> ExitCode {
    run("consumer", build, |handler, NoSettings, _| Ok(Box::new(adapters::Stream(handler))))
}

/// A task that runs by the clock.
#[must_use]
pub fn run_schedule(build: Builder<Arc<dyn Job>>) -> ExitCode {
    run("internal", build, |job, NoSettings, _| Ok(Box::new(adapters::Schedule(job))))
}

/// A step of a Step Functions workflow.
#[must_use]
pub fn run_task(build: Builder<Arc<dyn Task>>) -> ExitCode {
    run("internal", build, |task, NoSettings, _| Ok(Box::new(adapters::Step(task))))
}

/// What becomes of what was built, given the settings the trigger itself needs.
type Adapt<T, S> = fn(T, S, &'static Context) -> Result<Box<dyn Adapter>, InitError>;

fn run<T: Send + 'static, S: Settings + Send + 'static>(
    kind: &'static str,
    build: Builder<T>,
    adapt: Adapt<T, S>,
) -> ExitCode {
    let build: AnyBuilder = Box::new(move |context| {
        Box::pin(async move {
            // Both are looked at before either fails, so that all that is missing is named.
            let built = build(context).await;
            let (built, settings) = both(built, context.settings())?;
            adapt(built, settings, context)
        })
    });
    start(kind, build)
}

/// Two results as one; two lists of what is missing as one.
fn both<A, B>(a: Result<A, InitError>, b: Result<B, InitError>) -> Result<(A, B), InitError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(InitError::Config(mut a)), Err(InitError::Config(b))) => {
            let more: Vec<_> = b.missing.into_iter().filter(|name| !a.missing.contains(name)).collect();
            a.missing.extend(more);
            a.invalid.extend(b.invalid);
            Err(InitError::Config(a))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// What builds an adapter, whatever the trigger.
type AnyBuilder = Box<dyn FnOnce(&'static Context) -> Building<Box<dyn Adapter>>>;

fn start(kind: &'static str, build: AnyBuilder) -> ExitCode {
    let error = match start_up(kind, build, Instant::now()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => error,
    };
    let cause: &(dyn std::error::Error + 'static) = &error;
    tracing::error!(error = cause, "the function could not start");
    // Not being able to tell Lambda is no reason to tell nobody: the line above is in the log.
    let _ = report(&error);
    ExitCode::FAILURE
}

fn start_up(kind: &'static str, build: AnyBuilder, start: Instant) -> Result<(), InitError> {
    // A process has one of each and ends with it.
    let context: &'static Context = Box::leak(Box::new(Context::new(env::process)));
    let common: Common = Env::new(env::process).read()?;
    let telemetry = observe(&common);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(InitError::other)?;
    runtime.block_on(Box::pin(async move {
        let adapter = build(context).await?;
        context.warm_up().await;
        let exporter = exporter(context, telemetry, &common.collector)?;
        invoke::serve(adapter, kind, telemetry, exporter, start.elapsed()).await.map_err(InitError::Other)
    }))
}

fn observe(common: &Common) -> &'static Telemetry {
    let levels = if common.rust_log.is_empty() { &common.log_level } else { &common.rust_log };
    let options = Options {
        service: common.function.clone(),
        levels: Some(levels.clone()),
        sample_percent: common.sample_percent,
        exports: !common.collector.is_empty(),
    };
    let telemetry: &'static Telemetry = Box::leak(Box::new(Telemetry::new(options, Box::new(std::io::stdout()))));
    // Only a second call in the same process could fail, and there is none.
    let _ = tracing::subscriber::set_global_default(telemetry.subscriber());
    telemetry::log_panics();
    telemetry
}

fn exporter(
    context: &'static Context,
    telemetry: &'static Telemetry,
    collector: &str,
) -> Result<Option<Exporter>, InitError> {
    if collector.is_empty() {
        return Ok(None);
    }
    let wire = Wire::new(context.client(Roots::Amazon));
    Exporter::new(telemetry, Box::new(wire), collector).map(Some).map_err(InitError::other)
}

/// Tells Lambda why (`/runtime/init/error`). Without the async runtime, which may be what did not start.
fn report(error: &InitError) -> std::io::Result<()> {
    let Some(address) = env::process("AWS_LAMBDA_RUNTIME_API") else { return Ok(()) };
    let body = json!({ "errorType": "Runtime.InitError", "errorMessage": error.to_string() }).to_string();
    let mut stream = TcpStream::connect(&address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(
        stream,
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         lambda-runtime-function-error-type: Runtime.InitError\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    // Until Lambda has said something the process must not end.
    stream.read_exact(&mut [0])
}
