//! Documents: what every connector stands on. A document is one thing to be told to, or taken from, another system, with
//! a state that says how far that got and a step for every attempt.
//!
//! | I want to | use |
//! |---|---|
//! | know which state follows which | [`State`] |
//! | say how a remote call ended | [`Outcome`], one of eleven classes |
//! | decide when it is tried again | [`Policy`], [`RetryBudget`] |
//!
//! It knows no system on the other side and no protocol. It never calls one: connectors do, and report.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod document;
mod name;
mod outcome;
mod policy;
mod state;

pub use document::{
    Command, Document, DocumentId, Failure, Hold, ItemState, NewDocument, Refused, Rules, Settled, StepRecord, Taken,
    Ticket,
};
pub use name::{ConnectionId, DocumentType, InvalidName};
pub use outcome::{Class, Item, Outcome, Reaction, Remote, Report};
pub use policy::{Policies, Policy, RetryBudget, Window};
pub use state::{InvalidTransition, State, Step};
