//! Leases: one holder at a time, for a time, with a fencing token that only ever grows.
//!
//! A holder that stalls past its expiry does not know that it lost the lease. So expiry alone protects nothing: what
//! the holder writes goes through a transaction with [`crate::Transaction::guard`], which the table refuses once
//! somebody else holds the lease; other systems get [`Lease::fence`] and refuse a lower one than they have seen.
//!
//! Partition `T#<tenant>#LEASE#<name>`. The item stays after release, or the fencing token would start again.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, TenantId, Timestamp};

use crate::retry::LostAnswer;
use crate::{Condition, Item, Key, Table, TableError, Update};

const LEASE_KIND: &str = "lease";
const OWNER: &str = "o";
/// Milliseconds since the epoch.
const UNTIL: &str = "u";
const FENCE: &str = "f";

/// Why there is no lease, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else holds it.
    #[error("the lease is held until {until}")]
    Held { until: Timestamp },
    /// Somebody else took it after it had expired.
    #[error("the lease was lost")]
    Lost,
    #[error(transparent)]
    Table(#[from] TableError),
}

/// A lease that was acquired.
#[derive(Debug)]
#[must_use = "release it, or others wait until it expires"]
pub struct Lease {
    key: Key,
    owner: String,
    fence: u64,
    until: Timestamp,
}

impl Lease {
    /// Greater than every earlier holder's.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// When others may take it, by their clocks.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Holds as long as nobody else has acquired the lease, whatever any clock says.
    pub(crate) fn guard(&self) -> (Key, Condition) {
        (self.key.clone(), self.held())
    }

    fn held(&self) -> Condition {
        Condition::equals(OWNER, &self.owner).and(Condition::equals(FENCE, self.fence))
    }
}

/// Hands out leases.
#[derive(Debug, Clone)]
pub struct Leases {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Leases {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }

    /// Takes the lease when it is free or its holder's time is up.
    pub async fn acquire(&self, tenant: &TenantId, name: &[&str], time: Duration) -> Result<Lease, LeaseError> {
        let mut parts = vec!["LEASE"];
        parts.extend(name);
        let key = Key::tenant(tenant, &parts, &["LEASE"]);
        let owner = format!("{:032x}", fastrand::u128(..));
        let now = self.clock.now();
        let until = end(now, time);
        // Its own owner: an acquisition whose answer was lost, tried again.
        let free = Condition::lacks(UNTIL)
            .or(Condition::at_most(UNTIL, now.as_millisecond()))
            .or(Condition::equals(OWNER, &owner));
        let update = Update::upsert_kind(key.clone(), LEASE_KIND)
            .set(OWNER, &owner)
            .set(UNTIL, until.as_millisecond())
            .add(FENCE, 1)
            .require(free);
        match self.table.apply_with(update, LostAnswer::TryAgain).await {
            Ok(item) => {
                let fence = item.number(FENCE).ok_or_else(|| TableError::corrupt("a lease without a fence"))?;
                Ok(Lease { key, owner, fence, until })
            }
            Err(TableError::ConditionFailed { old }) => Err(LeaseError::Held { until: held_until(old.as_ref(), now) }),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the lease until `time` from now. Succeeds after expiry too, as long as nobody else has taken it.
    pub async fn renew(&self, lease: &mut Lease, time: Duration) -> Result<(), LeaseError> {
        let until = end(self.clock.now(), time);
        let update = Update::new(lease.key.clone()).set(UNTIL, until.as_millisecond()).require(lease.held());
        self.table.apply_with(update, LostAnswer::TryAgain).await.map_err(lost)?;
        lease.until = until;
        Ok(())
    }

    /// Gives the lease back; one that was lost already is nobody's business any more.
    pub async fn release(&self, lease: Lease) -> Result<(), LeaseError> {
        let held = lease.held();
        let update = Update::new(lease.key).remove(OWNER).remove(UNTIL).require(held);
        match self.table.apply_with(update, LostAnswer::TryAgain).await.map_err(lost) {
            Ok(_) | Err(LeaseError::Lost) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn lost(error: TableError) -> LeaseError {
    if matches!(error, TableError::ConditionFailed { .. }) { LeaseError::Lost } else { error.into() }
}

fn held_until(holder: Option<&Item>, now: Timestamp) -> Timestamp {
    let until = holder.and_then(|item| item.number(UNTIL));
    until.and_then(|until| Timestamp::from_millisecond(until).ok()).unwrap_or(now)
}

/// The end of time when `time` is longer than that.
fn end(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
