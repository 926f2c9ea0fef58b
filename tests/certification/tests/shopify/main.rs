//! The connector to Shopify against its stand-in: the certification, and what only Shopify asks for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test")]

mod flows;
mod goods;
mod network;
mod scale;
mod world;

certification::certify!(world::World);
