//! Documents: what every connector stands on. A document is one thing to be told to, or taken from, another system, with
//! a state that says how far that got and a step for every attempt.
//!
//! | I want to | use |
//! |---|---|
//! | know which state follows which | [`State`] |
//! | say how a remote call ended | [`Outcome`], one of eleven classes |
//! | decide when it is tried again | [`Policy`], [`RetryBudget`] |
//! | know what changed between two snapshots, or merge three | [`change`], [`merge`] |
//! | translate | [`Mapper`] |
//! | read a whole source into documents | [`batch`] |
//! | run something by the clock, never twice at once | [`jobs`] |
//! | accept documents for whoever subscribes to their type | [`centre`] |
//! | take documents in, work on them, find those left behind | [`Documents`] |
//!
//! It knows no system on the other side and no protocol. It never calls one: connectors do, and report.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod batch;
pub mod centre;
pub mod change;
mod connections;
mod document;
mod intake;
pub mod jobs;
mod mapper;
pub mod merge;
mod name;
mod operate;
mod outcome;
mod policy;
mod process;
mod schema;
mod state;
mod store;
mod sweep;
#[cfg(test)]
mod testing;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use kernel::{Clock, TenantId};
use table::{Table, TableError};

use store::Store;

pub use connections::{CONNECTION_PAUSED, Connection, Health, Pause};

pub use document::{
    Command, Document, DocumentId, Failure, Hold, ItemState, KEEP_DAYS, NewDocument, Refused, Rules, Settled,
    StepRecord, Taken, Ticket,
};
pub use intake::{DOCUMENT_RECEIVED, Intake, ReceiveError, Received};
pub use mapper::{Mapper, Unmappable};
pub use name::{ConnectionId, DocumentType, InvalidName};
pub use operate::{CommandError, Filter, Many};
pub use outcome::{Class, Item, Outcome, Reaction, Remote, Report};
pub use policy::{Policies, Policy, RetryBudget, Window};
pub use process::{Attempt, Processed, Work};
pub use schema::Schemas;
pub use state::{InvalidTransition, State, Step};
pub use store::{Payload, Place, REDACTED};
pub use sweep::{DOCUMENT_DUE, Swept, Wake};

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    store: Store,
    clock: Arc<dyn Clock>,
    policies: Arc<Policies>,
    budget: RetryBudget,
    /// Connections this process has seen in the table.
    known: Arc<Mutex<HashSet<(TenantId, ConnectionId)>>>,
}

impl Documents {
    /// Over this table, with the default policy for every type.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: Store::new(table),
            clock,
            policies: Arc::default(),
            budget: RetryBudget::DEFAULT,
            known: Arc::default(),
        }
    }

    /// With these policies.
    #[must_use]
    pub fn with_policies(self, policies: Policies) -> Self {
        Self { policies: Arc::new(policies), ..self }
    }

    /// One document.
    pub async fn document(&self, tenant: &TenantId, id: DocumentId) -> Result<Option<Document>, TableError> {
        Ok(self.store.document(tenant, id).await?.map(|found| found.value))
    }

    /// What a document carries: JSON text.
    pub async fn payload(&self, tenant: &TenantId, id: DocumentId) -> Result<Option<Payload>, TableError> {
        self.store.payload(tenant, id).await
    }

    /// Forgets what a document carries, and keeps that there was one: its payload is an empty object from now on. May be repeated.
    pub async fn redact(&self, tenant: &TenantId, id: DocumentId) -> Result<(), TableError> {
        self.store.redact(tenant, id).await
    }

    /// A document's history, oldest first.
    pub async fn steps(&self, tenant: &TenantId, id: DocumentId) -> Result<Vec<StepRecord>, TableError> {
        self.store.steps(tenant, id).await
    }
}
