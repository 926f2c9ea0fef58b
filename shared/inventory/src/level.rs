//! The level: how many units of one item one location holds, and how many of those are promised.
//!
//! `available = on_hand - committed` holds by construction, because `available` is never stored. A location may count
//! fewer units than are promised; available is then negative, nothing more can be promised, and the shortage shows
//! when a parcel is refused. Pure: reading and writing levels is `store.rs`.

use crate::ledger::{Entry, Hash};
use crate::movement::{MAX_UNITS, Movement, Observation, Posting};
use crate::{LocationId, Sku};
use kernel::Timestamp;

/// Stock of one item at one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// What.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Units physically there.
    pub on_hand: i64,
    /// Units promised to orders, part of `on_hand`.
    pub committed: i64,
    /// Sequence of the last ledger entry, 0 before the first. Only grows.
    pub seq: u64,
    /// Hash of the last ledger entry.
    pub hash: Hash,
    /// Version of the newest observation absorbed from the location's own system.
    pub source_version: u64,
    /// When such an observation was last absorbed.
    pub synced_at: Option<Timestamp>,
    /// Optimistic version of the stored item it was read from, 0 when there is none.
    pub version: u64,
}

/// A movement that the level does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More was asked for than is available.
    #[error("{requested} units requested, {available} available")]
    InsufficientStock {
        /// Units asked for.
        requested: i64,
        /// Units available.
        available: i64,
    },
    /// More was released or shipped than is promised.
    #[error("{requested} units requested, {committed} committed")]
    NotCommitted {
        /// Units asked for.
        requested: i64,
        /// Units committed.
        committed: i64,
    },
    /// A quantity of zero, below zero, or beyond [`MAX_UNITS`].
    #[error("quantity {0} is out of range")]
    OutOfRange(i64),
    /// The movement would change nothing, so there is nothing to record.
    #[error("the movement changes nothing")]
    NoChange,
}

impl Level {
    /// The level of an item that this location has never held.
    pub fn empty(sku: Sku, location: LocationId) -> Self {
        Self {
            sku,
            location,
            on_hand: 0,
            committed: 0,
            seq: 0,
            hash: Hash::GENESIS,
            source_version: 0,
            synced_at: None,
            version: 0,
        }
    }

    /// Units that can still be promised. Negative when the location counted fewer than are promised.
    pub fn available(&self) -> i64 {
        self.on_hand - self.committed
    }

    /// Applies one movement: the level after it, and the ledger entry that records it.
    pub fn apply(&self, movement: &Movement, posting: &Posting) -> Result<(Level, Entry), Refusal> {
        let mut next = self.clone();
        match *movement {
            Movement::StockAdjusted { delta } => {
                if delta == 0 || delta.abs() > MAX_UNITS {
                    return Err(Refusal::OutOfRange(delta));
                }
                // A correction may eat into what is promised, but a location cannot hold less than nothing.
                if self.on_hand + delta < 0 {
                    return Err(Refusal::InsufficientStock { requested: -delta, available: self.on_hand });
                }
                next.on_hand += delta;
            }
            Movement::Counted { on_hand } => next.on_hand = in_range(on_hand)?,
            Movement::Observed(seen) => {
                if seen.version <= self.source_version {
                    return Err(Refusal::NoChange);
                }
                next.absorb(seen, posting)?;
            }
            Movement::Committed { quantity } => {
                self.has_available(quantity)?;
                next.committed += quantity;
            }
            Movement::Released { quantity } => {
                self.has_committed(quantity)?;
                next.committed -= quantity;
            }
            Movement::FulfillmentCompleted { quantity, observed }
            | Movement::FulfillmentRefused { quantity, observed } => {
                self.has_committed(quantity)?;
                next.committed -= quantity;
                if observed.version > self.source_version {
                    next.absorb(observed, posting)?;
                }
            }
            Movement::Issued { quantity } => {
                self.has_available(quantity)?;
                next.on_hand -= quantity;
            }
        }
        in_range(next.on_hand)?;
        if matches!(movement, Movement::Counted { .. }) && next.on_hand == self.on_hand && self.seq > 0 {
            return Err(Refusal::NoChange);
        }
        next.seq += 1;
        let entry = Entry::record(self, &next, movement, posting);
        next.hash = entry.hash.clone();
        Ok((next, entry))
    }

    fn absorb(&mut self, seen: Observation, posting: &Posting) -> Result<(), Refusal> {
        self.on_hand = in_range(seen.on_hand)?;
        self.source_version = seen.version;
        self.synced_at = Some(posting.effective_at);
        Ok(())
    }

    fn has_available(&self, quantity: i64) -> Result<(), Refusal> {
        if positive(quantity)? > self.available() {
            return Err(Refusal::InsufficientStock { requested: quantity, available: self.available() });
        }
        Ok(())
    }

    fn has_committed(&self, quantity: i64) -> Result<(), Refusal> {
        if positive(quantity)? > self.committed {
            return Err(Refusal::NotCommitted { requested: quantity, committed: self.committed });
        }
        Ok(())
    }
}

fn positive(quantity: i64) -> Result<i64, Refusal> {
    if (1..=MAX_UNITS).contains(&quantity) { Ok(quantity) } else { Err(Refusal::OutOfRange(quantity)) }
}

fn in_range(on_hand: i64) -> Result<i64, Refusal> {
    if (0..=MAX_UNITS).contains(&on_hand) { Ok(on_hand) } else { Err(Refusal::OutOfRange(on_hand)) }
}

#[cfg(test)]
mod tests;
