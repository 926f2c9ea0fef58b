//! Test doubles of the AWS services this product uses, reached without a socket, where there is one by the
//! real AWS SDK client.
//!
//! - [`LocalDynamo`]: an embedded `DynamoDB`, one fresh database a test.
//! - [`FaultInjector`]: fails, delays or crashes a process at any AWS call, and records every call.
//! - [`LocalBucket`]: S3 in memory.
//! - [`LocalQueues`]: SNS and SQS in memory, drained as Lambda drains them.
//! - [`StreamSimulator`]: the table's change stream, delivered by AWS's rules.
//! - [`send`]: requests to a router; [`FixedSecret`] for it.
//! - [`Server`]: any of them on a TCP port, for programs that run on their own.
//!
//! What it deliberately does not do: judge timing or throughput, check IAM, or know anything of commerce.
//! It is a dev-dependency only; nothing that is deployed may use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test support: a broken expectation must stop the test at once"
)]

mod bucket;
mod dynamo;
mod faults;
mod fixtures;
mod pattern;
mod queues;
mod router;
mod schema;
mod server;
mod stream;
mod wire;

pub use bucket::LocalBucket;
pub use dynamo::LocalDynamo;
pub use faults::{Call, Capacity, Crashed, Effect, FaultInjector, Side, crash_points};
pub use fixtures::{clock, recorded_event, rng, tenant};
pub use kernel::ManualClock;
pub use queues::{LocalQueues, Pumped, Waiting};
pub use router::{Answer, FixedSecret, send};
pub use server::Server;
pub use stream::{Delivered, GivenUp, Reason, StreamSimulator};
pub use wire::Service;
