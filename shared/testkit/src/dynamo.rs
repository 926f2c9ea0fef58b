//! An embedded `DynamoDB` for one test, reached by a real SDK client.
//!
//! It answers as fast as the database does and never throttles; throttles come from a [`FaultInjector`].

mod contention;
mod operations;
mod partial;
#[cfg(test)]
mod tests;

use crate::faults::FaultInjector;
use crate::schema::table_schema;
use crate::wire::{ApiReply, ApiRequest, Connector, Endpoint};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_smithy_runtime_api::client::result::ConnectorError;
use contention::Contention;
use dynoxide::Database;
use futures::future::BoxFuture;
use kernel::{Clock, Timestamp};
use partial::Unprocessed;
use serde_json::Value;
use std::sync::Arc;

/// An in-memory `DynamoDB`. Clones share the same data.
#[derive(Clone)]
pub struct LocalDynamo {
    database: Database,
    clock: Arc<dyn Clock>,
    contention: Option<Arc<Contention>>,
}

impl LocalDynamo {
    /// An empty database on the machine's clock.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a database is made on purpose, never by default")]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(kernel::SystemClock))
    }

    /// An empty database whose stream records carry the time of `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        let database = Database::memory_with_clock(Arc::new(DatabaseClock(Arc::clone(&clock))));
        Self { database: database.expect("an in-memory database opens"), clock, contention: None }
    }

    /// The same database, answering as AWS does under load: calls take a random (seeded) number of turns, and a write
    /// that meets a transaction under way gets `TransactionConflict`. Every clone made from the result shares it.
    #[must_use]
    pub fn contended(mut self, seed: u64) -> Self {
        self.contention = Some(Arc::new(Contention::new(seed)));
        self
    }

    /// Every item of a table as text, in an order of its own: for what must not have changed.
    #[must_use]
    pub fn everything(&self, table: &str) -> Vec<String> {
        let page = self.execute("Scan", serde_json::json!({ "TableName": table }));
        assert!(page["LastEvaluatedKey"].is_null(), "the tests' tables fit in one page");
        let mut items: Vec<String> = page["Items"].as_array().unwrap().iter().map(Value::to_string).collect();
        items.sort();
        items
    }

    /// Creates the product's table, with its indexes and its stream, under `name`.
    pub fn create_table(&self, name: &str) {
        self.execute("CreateTable", table_schema(name));
    }

    /// The same without its stream, for many writes that nobody follows: the database numbers a record of the stream by
    /// looking through all there are.
    pub fn create_table_without_stream(&self, name: &str) {
        let mut schema = table_schema(name);
        schema["StreamSpecification"] = serde_json::json!({ "StreamEnabled": false });
        self.execute("CreateTable", schema);
    }

    /// A client that reaches this database directly and does not retry.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(config().http_client(Connector::new(self.clone())).build())
    }

    /// A client of the process `faults` stands for; it does not retry.
    #[must_use]
    pub fn client_through(&self, faults: &FaultInjector) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(self.config_through(faults).build())
    }

    /// The configuration behind [`Self::client_through`], for a test that wants the SDK's retries or timeouts.
    #[must_use]
    pub fn config_through(&self, faults: &FaultInjector) -> Builder {
        config().http_client(Connector::new(faults.gate(self.clone())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Answers one call, half of it when a fault says so.
    fn answer(&self, mut request: ApiRequest) -> ApiReply {
        let unprocessed = if request.partial { Unprocessed::take(&mut request) } else { None };
        let dispatch = |request: ApiRequest| operations::dispatch(&self.database, &request.api, request.body);
        match unprocessed {
            Some(unprocessed) => unprocessed.answer(request, dispatch),
            None => dispatch(request),
        }
    }

    /// Runs one call in API form, past every fault and record. Panics when the database refuses it.
    pub fn execute(&self, api: &str, body: Value) -> Value {
        let reply = operations::dispatch(&self.database, api, body);
        assert!(reply.is_success(), "{api}: {}", reply.body);
        serde_json::from_str(&reply.body).expect("the database answers JSON")
    }
}

fn config() -> Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "testkit"))
        .retry_config(RetryConfig::disabled())
}

impl Endpoint for LocalDynamo {
    fn handle(&self, request: ApiRequest) -> BoxFuture<'static, Result<ApiReply, ConnectorError>> {
        let dynamo = self.clone();
        Box::pin(async move {
            // A network call always lets other tasks run; without this a test would see no interleaving at all.
            tokio::task::yield_now().await;
            let Some(contention) = &dynamo.contention else {
                return Ok(dynamo.answer(request));
            };
            contention.pause().await;
            let hold = match contention.enter(&request) {
                Ok(hold) => hold,
                Err(refusal) => return Ok(refusal),
            };
            contention.pause().await;
            let reply = dynamo.answer(request);
            contention.pause().await;
            drop(hold);
            Ok(reply)
        })
    }
}

/// The project's clock as the database reads it.
struct DatabaseClock(Arc<dyn Clock>);

impl dynoxide::storage_backend::Clock for DatabaseClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from(self.0.now().as_second()).expect("a time after 1970")
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.0.now().as_duration().as_secs_f64()
    }
}
