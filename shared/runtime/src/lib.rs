//! The composition root: what turns a library into a Lambda function.
//!
//! A function's `main` is one line, `runtime::run_http(orders::api)`, and not async: the loop, the async runtime and every
//! future are compiled here or in the function's library, behind `dyn`, once for all binaries.
//!
//! Only this crate reads the environment, builds AWS clients or opens a socket. It knows no commerce, and what a batch's
//! records need is `messaging`'s business.
//!
//! | trigger | entry | what the builder gives |
//! |---|---|---|
//! | API Gateway HTTP API | [`run_http`] | an `axum::Router` |
//! | SQS | [`run_sqs`] | a [`messaging::EventHandler`] |
//! | the table's stream | [`run_stream`] | a [`StreamHandler`] |
//! | EventBridge | [`run_schedule`] | a [`Job`] |
//! | Step Functions, the API's authorizer, invocation by hand | [`run_task`] | a [`Task`] |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod adapters;
mod aws;
mod blobs;
mod bucket;
mod context;
mod env;
mod export;
mod http;
mod idempotency;
mod invoke;
mod json_service;
mod net;
mod run;
mod secrets;
mod signing;
mod telemetry;
mod wire;

/// A request allocates some thousand small pieces; glibc's allocator takes a tenth of its instructions for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use adapters::{Job, StreamHandler, Task};
pub use blobs::Blobs;
pub use context::Context;
pub use env::{ConfigError, Env, Settings};
pub use idempotency::idempotency;
pub use invoke::Failure;
pub use json_service::{CallError, JsonCalls, Protocol, Service};
pub use net::Roots;
pub use run::{Builder, Building, InitError, run_http, run_schedule, run_sqs, run_stream, run_task};
