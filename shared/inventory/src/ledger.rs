//! The stock ledger: one append-only, gap-free, hash-chained list of entries per item and location.
//!
//! Each entry holds what changed, the balances and the value after it, and a hash over itself and the entry before it, so
//! that a changed, missing or reordered entry shows. Effective times never go back: what happened earlier is booked at
//! the time of the entry before it, and its own time is kept beside it, so that the order by time is the order by sequence.
//! [`Proof`] replays a ledger from its first entry in constant memory; it repairs nothing.

use crate::balances::Balances;
use crate::level::{Level, micros};
use crate::movement::{Movement, Posting};
use crate::valuation::Booked;
use kernel::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// SHA-256 of an entry; its text is lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first entry names as its predecessor.
    pub const GENESIS: Hash = Hash([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&kernel::hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Hash;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("32 bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Hash, E> {
                bytes.try_into().map(Hash).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// What an entry did to the value of the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// How it was booked.
    pub booked: Booked,
    /// Value of everything on hand after the entry.
    pub after: Decimal,
}

/// One posted movement. Never changed after it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in the ledger of its item and location, from 1 without gaps.
    pub seq: u64,
    /// [`Movement::name`].
    pub movement: Cow<'static, str>,
    /// Signed change of every balance.
    pub delta: Balances,
    /// Balances after the entry.
    pub after: Balances,
    /// What it did to the value; `None` where no company values the stock.
    pub value: Option<Value>,
    /// Version of the location's own figure after the entry.
    pub source_version: u64,
    /// The document behind the movement.
    pub source: String,
    /// Who posted it.
    pub actor: String,
    /// A person's reason.
    pub reason: Option<String>,
    /// When it counts. Never before the entry that precedes it.
    pub effective_at: Timestamp,
    /// When it happened, where that is earlier.
    pub occurred_at: Option<Timestamp>,
    /// Hash of this entry, which covers the hash of the one before.
    pub hash: Hash,
}

/// A ledger that does not prove its balances.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An entry is missing, doubled or out of order.
    #[error("entry {found} stands where entry {expected} belongs")]
    Gap {
        /// Sequence that should come next.
        expected: u64,
        /// Sequence found.
        found: u64,
    },
    /// An entry counts from before the one that precedes it.
    #[error("entry {seq} counts from before its predecessor")]
    Time {
        /// The entry.
        seq: u64,
    },
    /// The deltas do not lead to the balances beside them.
    #[error("the balances of entry {seq} do not follow from its deltas")]
    Balance {
        /// The entry.
        seq: u64,
    },
    /// The change of value does not lead to the value beside it, or nothing on hand has a value.
    #[error("the value of entry {seq} does not follow")]
    Value {
        /// The entry.
        seq: u64,
    },
    /// The entry or its predecessor was changed after it was written.
    #[error("the hash of entry {seq} does not cover its content")]
    Tampered {
        /// The entry.
        seq: u64,
    },
    /// The level does not stand where its ledger ends.
    #[error("the level says {level}, its ledger ends with {ledger}")]
    Level {
        /// Level as `seq/balances/value`.
        level: String,
        /// Ledger in the same form.
        ledger: String,
    },
    /// The cost layers do not add up to the level.
    #[error("the cost layers hold {quantity} units worth {value}")]
    Layers {
        /// Units in all layers.
        quantity: i64,
        /// Value of all layers.
        value: Decimal,
    },
}

impl Entry {
    pub(crate) fn record(
        before: &Level,
        after: &Level,
        booked: Option<Booked>,
        movement: &Movement,
        posting: &Posting,
    ) -> Self {
        let occurred_at = micros(posting.effective_at);
        let mut entry = Self {
            seq: after.seq,
            movement: Cow::Borrowed(movement.name()),
            delta: after.balances - before.balances,
            after: after.balances,
            value: booked.zip(after.cost).map(|(booked, cost)| Value { booked, after: cost.value }),
            source_version: after.source_version,
            source: posting.source.clone(),
            actor: posting.actor.clone(),
            reason: posting.reason.clone(),
            effective_at: after.effective_at,
            occurred_at: (occurred_at != after.effective_at).then_some(occurred_at),
            hash: Hash::GENESIS,
        };
        entry.hash = entry.hash_after(&before.hash);
        entry
    }

    /// The hash this entry must carry when it follows one with hash `previous`. Balances that are 0 and did not change
    /// are left out, as they are where it is stored.
    #[must_use]
    pub fn hash_after(&self, previous: &Hash) -> Hash {
        let mut bytes = Vec::with_capacity(384);
        bytes.extend(previous.0);
        for text in [&*self.movement, &self.source, &self.actor, self.reason.as_deref().unwrap_or_default()] {
            // Length first, so that moving a character from one field to the next changes the hash.
            bytes.extend(text.len().to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.source_version.to_be_bytes());
        bytes.extend(self.effective_at.as_microsecond().to_be_bytes());
        bytes.extend(self.occurred_at.map_or(0, Timestamp::as_microsecond).to_be_bytes());
        for (place, ((_, delta), (_, after))) in (0u8..).zip(self.delta.named().into_iter().zip(self.after.named())) {
            if (delta, after) != (0, 0) {
                bytes.push(place);
                bytes.extend(delta.to_be_bytes());
                bytes.extend(after.to_be_bytes());
            }
        }
        if let Some(value) = &self.value {
            for amount in [value.booked.value_delta, value.booked.variance, value.after] {
                // The bytes of an amount, not of how many zeros it is written with.
                bytes.extend(amount.normalize().serialize());
            }
        }
        Hash(Sha256::digest(&bytes).into())
    }
}

/// Running proof of a ledger: feed it every entry in order, then compare it with the level.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    seq: u64,
    balances: Balances,
    value: Decimal,
    effective_at: Timestamp,
    hash: Hash,
}

impl Default for Proof {
    fn default() -> Self {
        Self {
            seq: 0,
            balances: Balances::default(),
            value: Decimal::ZERO,
            effective_at: Timestamp::UNIX_EPOCH,
            hash: Hash::GENESIS,
        }
    }
}

impl Proof {
    /// Checks that `entry` follows from everything before it.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Broken> {
        let seq = entry.seq;
        if seq != self.seq + 1 {
            return Err(Broken::Gap { expected: self.seq + 1, found: seq });
        }
        if entry.effective_at < self.effective_at {
            return Err(Broken::Time { seq });
        }
        if entry.after != self.balances + entry.delta {
            return Err(Broken::Balance { seq });
        }
        let (delta, value) = entry.value.map_or_else(Default::default, |v| (v.booked.value_delta, v.after));
        if value != self.value + delta || (entry.after.on_hand == 0 && !value.is_zero()) {
            return Err(Broken::Value { seq });
        }
        if entry.hash != entry.hash_after(&self.hash) {
            return Err(Broken::Tampered { seq });
        }
        *self = Self { seq, balances: entry.after, value, effective_at: entry.effective_at, hash: entry.hash };
        Ok(())
    }

    /// Checks that the level stands where the entries led.
    pub fn matches(&self, level: &Level) -> Result<(), Broken> {
        let value = level.value();
        let same = self.seq == level.seq
            && self.balances == level.balances
            && self.value == value
            && self.effective_at == level.effective_at
            && self.hash == level.hash;
        if same {
            return Ok(());
        }
        let told = |seq: u64, balances: &Balances, value: Decimal| {
            let units: Vec<String> = balances.named().iter().map(|(_, units)| units.to_string()).collect();
            format!("{seq}/{}/{value}", units.join(","))
        };
        Err(Broken::Level {
            level: told(level.seq, &level.balances, value),
            ledger: told(self.seq, &self.balances, self.value),
        })
    }
}

/// A [`Proof`] that remembers what it found as of an instant.
#[derive(Debug, Clone)]
pub struct Rebuild {
    /// The proof of everything that was fed.
    pub proof: Proof,
    instant: Option<Timestamp>,
    then: Proof,
}

impl Rebuild {
    /// Nothing was fed yet. Without an instant it remembers what it found last.
    #[must_use]
    pub fn new(instant: Option<Timestamp>) -> Self {
        Self { proof: Proof::default(), instant, then: Proof::default() }
    }

    /// [`Proof::follow`].
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.proof.follow(entry)?;
        if self.instant.is_none_or(|instant| entry.effective_at <= instant) {
            self.then = self.proof;
        }
        Ok(())
    }

    /// Sequence, balances and value as of the instant.
    #[must_use]
    pub fn as_of(&self) -> (u64, Balances, Decimal) {
        (self.then.seq, self.then.balances, self.then.value)
    }
}

/// Proves a whole ledger, given in order, against its level.
pub fn verify<'a>(level: &Level, entries: impl IntoIterator<Item = &'a Entry>) -> Result<(), Broken> {
    let mut proof = Proof::default();
    for entry in entries {
        proof.follow(entry)?;
    }
    proof.matches(level)
}
