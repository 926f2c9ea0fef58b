//! Black-box tests: the whole product in one process, from the customer's request to the last schedule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a failed unwrap is a failed test")]

mod architecture;
mod bank;
mod crash;
mod gateway;
mod network;
mod order_flow;
mod process;
mod prove;
mod race;
mod stack;
mod template;
mod templates;
mod tenants;
mod world;
