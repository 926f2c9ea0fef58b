//! The one `DynamoDB` table everything is stored in: typed keys and items, reads, conditional writes, transactions with
//! their outbox event and idempotency marker, leases, counters, compression, claim check, cache and capacity control.
//!
//! It knows nothing of commerce: which items there are and where they are kept is decided by the store module of each
//! context, which is also the only place that names an attribute. It reads no environment and builds no client.
//! There is no scan.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod batch;
mod cache;
mod capacity;
mod claim;
mod compress;
mod condition;
mod contention;
mod counter;
mod error;
pub mod idempotency;
mod item;
mod key;
mod lease;
mod meter;
pub mod outbox;
mod query;
mod read;
mod retry;
pub mod size;
#[cfg(test)]
mod testing;
mod transaction;
mod update;
mod write;

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::Client;

pub use batch::BatchWriter;
pub use cache::Cached;
pub use capacity::{CapacityTracker, Reservation};
pub use claim::BlobStore;
pub use condition::Condition;
pub use contention::{Attempts, Contended, until_written};
pub use counter::ShardedCounter;
pub use error::{Source, TableError};
pub use item::{Entity, Item, Versioned};
pub use key::{Key, Partition};
pub use lease::{Lease, LeaseError, Leases};
pub use meter::{CapacityMeter, Metered, Usage};
pub use query::{GlobalIndex, InvalidPosition, Page, Position, Query};
pub use transaction::{FailedCondition, Transaction, TransactionError};
pub use update::Update;

use retry::LostAnswer;

/// Whether a read must see every write that was acknowledged before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// May be a moment behind; half the price.
    #[default]
    Eventual,
    Strong,
}

impl Consistency {
    pub(crate) const fn is_strong(self) -> bool {
        matches!(self, Self::Strong)
    }
}

/// The table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    inner: Arc<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    /// Tries calls with a lost answer again.
    repeatable: Client,
    /// Reports them. Made when it is first needed: a function that reads, or writes transactions only, never does.
    once: OnceLock<Client>,
    name: String,
    meter: Option<Arc<CapacityMeter>>,
    blobs: Option<Arc<dyn BlobStore>>,
}

impl Table {
    /// Retries are the table's business (`retry`), whatever the client says; its timeouts, connections and
    /// credentials are used as they are.
    #[must_use]
    pub fn new(client: impl Borrow<Client>, name: impl Into<String>) -> Self {
        let repeatable = retry::client(client.borrow(), LostAnswer::TryAgain);
        let inner = Inner { repeatable, once: OnceLock::new(), name: name.into(), meter: None, blobs: None };
        Self { inner: Arc::new(inner) }
    }

    /// Counts calls and consumed units from now on, which makes `DynamoDB` report them.
    #[must_use]
    pub fn with_meter(mut self, meter: Arc<CapacityMeter>) -> Self {
        Arc::make_mut(&mut self.inner).meter = Some(meter);
        self
    }

    /// Where bodies over 400 KB go.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Arc<dyn BlobStore>) -> Self {
        Arc::make_mut(&mut self.inner).blobs = Some(blobs);
        self
    }

    pub(crate) fn client(&self, lost_answer: LostAnswer) -> &Client {
        match lost_answer {
            LostAnswer::TryAgain => &self.inner.repeatable,
            LostAnswer::Report => {
                self.inner.once.get_or_init(|| retry::client(&self.inner.repeatable, LostAnswer::Report))
            }
        }
    }
}
