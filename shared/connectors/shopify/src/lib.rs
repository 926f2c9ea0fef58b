//! The connector to Shopify stores: builds requests, reads answers, says how each call ended, and translates between our
//! words and theirs, both ways.
//!
//! | I want to | use |
//! |---|---|
//! | call a store | [`calls`]: a request builder and an answer reader a file; [`answer`] says how it ended |
//! | know when I may call | [`limiter`], one bucket a store for all workers; [`breaker`], one circuit a store and entity |
//! | take a webhook | [`webhook::verify`]; what it gives is the only thing handlers take |
//! | connect a store | [`connect`], of [`install`], [`installs`], [`stores`], [`tokens`] |
//! | translate | [`map`] |
//! | tell our own change from theirs | [`echo`] |
//! | make a call, all of that together | [`client`] |
//! | tell a store what we have | [`outbound`], over the port [`platform`] |
//! | read everything that changed in a time | [`reading`] |
//! | read all of a store, send it much at once, compare with it | [`flows`] |
//! | take what a store tells | [`inbound`], over the same port |
//! | know a customer as they were told of last | [`customers`] |
//!
//! It never opens a socket: a request goes through the [`web::transport::Transport`] of whoever calls. It keeps no token.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod answer;
pub mod breaker;
pub mod calls;
pub mod client;
pub mod connect;
pub mod customers;
pub mod document;
pub mod echo;
pub mod flows;
mod gid;
pub mod inbound;
pub mod install;
pub mod installs;
pub mod limiter;
pub mod map;
pub mod outbound;
pub mod platform;
pub mod reading;
mod shop;
pub mod stores;
pub mod synced;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod webhook;

pub use gid::{Gid, InvalidGid};
pub use shop::{InvalidShop, Shop};
