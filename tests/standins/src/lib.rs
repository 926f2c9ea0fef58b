//! Stand-ins for the third parties of this product: they keep to the real protocol's rules, so that production differs
//! by base URL and secret only.
//!
//! Each is a library, to be started inside a test, and a program, to stand beside the local stack. They keep everything
//! in memory and forget it when they end.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod payment;
