//! The other triggers: queue, stream, schedule, workflow step.
//!
//! Each turns its event into a call of one port and the outcome into what Lambda expects; what a batch's records need
//! (isolation, order, dead letters) is `messaging`'s business.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::dynamodb;
use aws_lambda_events::sqs::SqsEvent;
use aws_lambda_events::streams::DynamoDbEventResponse;
use kernel::{Clock, SystemClock, Timestamp};
use messaging::{Consumer, EventHandler};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use web::BoxError;

use crate::invoke::{Adapter, Call, Done, Failure, answer};

fn parse<'a, T: Deserialize<'a>>(event: &'a str) -> Result<T, Failure> {
    serde_json::from_str(event).map_err(|error| Failure::malformed(&error))
}

/// A queue's consumer.
pub(crate) struct Queue {
    pub(crate) consumer: Consumer,
    pub(crate) handler: Arc<dyn EventHandler>,
}

#[async_trait]
impl Adapter for Queue {
    async fn call(&self, event: &str, call: &Call) -> Result<Done, Failure> {
        let batch: SqsEvent = parse(event)?;
        let records = batch.records.len();
        let response = self.consumer.consume(batch, call.time_left(), &*self.handler).await;
        batch_done("consume", records, response.batch_item_failures.len(), answer(&response)?)
    }
}

/// Takes batches of a table's change records.
#[async_trait]
pub trait StreamHandler: Send + Sync {
    /// Deals with a batch and reports the sequence numbers to deliver again from.
    async fn handle(&self, batch: dynamodb::Event) -> DynamoDbEventResponse;
}

/// A stream's consumer.
pub(crate) struct Stream(pub(crate) Arc<dyn StreamHandler>);

#[async_trait]
impl Adapter for Stream {
    async fn call(&self, event: &str, _call: &Call) -> Result<Done, Failure> {
        let batch: dynamodb::Event = parse(event)?;
        let records = batch.records.len();
        let response = self.0.handle(batch).await;
        batch_done("stream", records, response.batch_item_failures.len(), answer(&response)?)
    }
}

fn batch_done(operation: &str, records: usize, failures: usize, answer: Box<RawValue>) -> Result<Done, Failure> {
    let fields = vec![("records", Value::from(records)), ("failures", Value::from(failures))];
    Ok(Done { answer, operation: operation.to_owned(), fields, failed: failures > 0 })
}

/// A task that runs by the clock.
#[async_trait]
pub trait Job: Send + Sync {
    /// Does what is due at `time`. A tick may come twice.
    async fn run(&self, time: Timestamp) -> Result<(), BoxError>;
}

/// A schedule's target.
pub(crate) struct Schedule(pub(crate) Arc<dyn Job>);

/// What is read of a schedule's event: `EventBridge` rules send a time, Scheduler only if its input says so.
#[derive(Deserialize)]
struct Tick {
    time: Option<Timestamp>,
}

#[async_trait]
impl Adapter for Schedule {
    async fn call(&self, event: &str, _call: &Call) -> Result<Done, Failure> {
        let time = parse::<Tick>(event)?.time.unwrap_or_else(|| SystemClock.now());
        self.0.run(time).await.map_err(|error| Failure::new("JobFailed", chain(&*error)))?;
        Ok(Done { answer: answer(&())?, operation: "schedule".to_owned(), fields: Vec::new(), failed: false })
    }
}

/// One step of a workflow.
#[async_trait]
pub trait Task: Send + Sync {
    /// Does the step. The failure's type is what the state machine's `Retry` and `Catch` match.
    async fn run(&self, input: Value) -> Result<Value, Failure>;
}

/// A workflow's step.
pub(crate) struct Step(pub(crate) Arc<dyn Task>);

#[async_trait]
impl Adapter for Step {
    async fn call(&self, event: &str, call: &Call) -> Result<Done, Failure> {
        let input: Value = parse(event)?;
        call.join(input.get("traceparent").and_then(Value::as_str));
        let output = self.0.run(input).await?;
        Ok(Done { answer: answer(&output)?, operation: "task".to_owned(), fields: Vec::new(), failed: false })
    }
}

/// An error and its sources in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
