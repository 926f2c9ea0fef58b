//! HTTP as the rest of the system sees it: strict input, one shape of refusal, the caller, the conditions of a request,
//! and the way out to third parties.
//!
//! Built on axum; it knows no Lambda type (`runtime` turns gateway events into requests and back), no table, and no
//! commerce. A context builds a `Router` with these extractors; [`finish`] gives every answer what all have in common.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod batch;
mod body;
pub mod bucket;
mod caller;
mod edge;
mod etag;
pub mod hop;
pub mod idempotency;
mod listing;
pub mod openapi;
mod params;
mod prefer;
mod problem;
pub mod secret;
pub mod transport;

pub use batch::{Batch, BatchAnswer, MAX_ROWS, RowAnswer};
pub use body::{Json, LargeJson, MAX_BODY_BYTES, Raw, decode};
pub use caller::{Allowed, Caller, Denied, InvalidReach, Reach, RequestMeta, Roles, Scope, SessionEnd, Within};
pub use edge::{Cors, Operation, Verbatim, finish};
pub use etag::{ETag, IfMatch, stale};
pub use idempotency::{IdempotencyKey, idempotent};
pub use listing::{Listing, cursor_key};
pub use params::{DEFAULT_LIMIT, List, MAX_LIMIT, NoFilter, Page, PageParams, Path, Query};
pub use prefer::{MAX_WAIT, Wait};
pub use problem::{FieldError, PROBLEM_JSON, Problem, Validation};

/// Any error, for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
