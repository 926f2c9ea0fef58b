//! The storefront's side of fulfilment: its warehouses as services on the network.
//!
//! [`peers`] (what is asked of a warehouse over HTTP), [`dispatch`] (instructions by event), [`health`] (who answers),
//! [`reconcile`] (what each counted), [`recovery`] (what got stuck). Orders, stock and books are `sales`, `inventory` and
//! `catalog`; this crate adds no model of its own.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

pub mod dispatch;
pub mod health;
pub mod peers;
pub mod reconcile;
pub mod recovery;
pub mod registry;
#[cfg(test)]
mod testing;

pub use dispatch::Dispatch;
pub use peers::Peers;
pub use registry::{Registry, RegistryError};
