//! The contract with consumers outside: which routes there are, in which dated versions, and how one becomes another.
//!
//! The newest version has the shape of the platform's own API. An older one differs by steps, each of which is a pure
//! function in both directions; a request climbs them from its version to the newest, an answer comes down again. The
//! API documents come down the same steps, so that a document says what its version does.
//!
//! Pure: who may call, how often, and the way to the platform's own API are `functions/gateway`'s business. No amount is
//! computed here, no order understood.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod changes;
mod document;
mod routes;
mod version;

pub use changes::{Asked, place_in_version, to_newest, to_version};
pub use document::document;
pub use routes::{Class, Limits, ROUTES, Route, USAGE_DAYS, Uncounted, public_path};
pub use version::{End, VERSIONS, Version};
