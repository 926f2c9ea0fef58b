//! The payment provider's stand-in, reached over HTTP as the real one is.
//!
//! It runs on threads of its own, so that tests may stop the clock of theirs.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use standins::payment::{Intent, PaymentProvider};
use tokio::runtime::Runtime;
use web::transport::{Transport, TransportError};

pub(crate) const KEY: &str = "sk_test_blackbox";

/// More than a call takes on a busy machine, and less than anybody wants to wait for the answer that never comes.
const PATIENCE: Duration = Duration::from_secs(2);

static THREADS: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

pub(crate) struct Bank {
    provider: PaymentProvider,
}

impl Bank {
    pub(crate) async fn open() -> Self {
        Self { provider: THREADS.spawn(PaymentProvider::start(0, KEY)).await.unwrap().unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        self.provider.url().to_owned()
    }

    /// The holds and takings of an order.
    pub(crate) fn intents_of(&self, order: &str) -> Vec<Intent> {
        let mut intents = self.provider.intents();
        intents.retain(|intent| intent.metadata.get("order_id").is_some_and(|id| id == order));
        intents
    }
}

/// The way to it.
pub(crate) struct Line {
    agent: ureq::Agent,
}

impl Line {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Self { agent: config.build().into() }
    }
}

#[async_trait]
impl Transport for Line {
    async fn send(&self, request: Request<Bytes>, _timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let agent = self.agent.clone();
        // A stopped clock stands still while a blocking task runs.
        let sent = tokio::task::spawn_blocking(move || {
            let mut answer = agent.run(request.map(|body| body.to_vec()))?;
            let body = answer.body_mut().read_to_vec()?;
            Ok::<_, ureq::Error>(answer.map(|_| Bytes::from(body)))
        });
        sent.await.unwrap().map_err(|error| {
            let late = matches!(error, ureq::Error::Timeout(_));
            if late { TransportError::TimedOut(PATIENCE) } else { TransportError::Broken(error.into()) }
        })
    }
}
