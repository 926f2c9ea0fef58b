//! The stock ledger: one append-only, gap-free, hash-chained list of entries per item and location.
//!
//! Each entry holds what changed, the balances after it, and a hash over itself and the entry before it, so that a
//! changed, missing or reordered entry shows. [`verify`] replays a ledger from its first entry; it repairs nothing.

use crate::level::Level;
use crate::movement::{Movement, Posting};
use kernel::{Timestamp, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of an entry, in lower-case hexadecimal; the genesis hash is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hash(String);

impl Hash {
    /// What the first entry names as its predecessor.
    pub const GENESIS: Hash = Hash(String::new());

    /// The hexadecimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One posted movement. Never changed after it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in the ledger of its item and location, from 1 without gaps.
    pub seq: u64,
    /// [`Movement::name`].
    pub movement: String,
    /// Signed change of units on hand.
    pub on_hand_delta: i64,
    /// Signed change of units committed.
    pub committed_delta: i64,
    /// Units on hand after the entry.
    pub on_hand: i64,
    /// Units committed after the entry.
    pub committed: i64,
    /// Version of the location's own figure after the entry.
    pub source_version: u64,
    /// The document behind the movement.
    pub source: String,
    /// Who posted it.
    pub actor: String,
    /// A person's reason.
    pub reason: Option<String>,
    /// When it happened.
    pub effective_at: Timestamp,
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
    /// The deltas do not lead to the balances beside them.
    #[error("the balances of entry {seq} do not follow from its deltas")]
    Balance {
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
        /// Level as `seq/on hand/committed`.
        level: String,
        /// Ledger as `seq/on hand/committed`.
        ledger: String,
    },
}

impl Entry {
    pub(crate) fn record(before: &Level, after: &Level, movement: &Movement, posting: &Posting) -> Self {
        let mut entry = Self {
            seq: after.seq,
            movement: movement.name().to_owned(),
            on_hand_delta: after.on_hand - before.on_hand,
            committed_delta: after.committed - before.committed,
            on_hand: after.on_hand,
            committed: after.committed,
            source_version: after.source_version,
            source: posting.source.clone(),
            actor: posting.actor.clone(),
            reason: posting.reason.clone(),
            effective_at: posting.effective_at,
            hash: Hash::GENESIS,
        };
        entry.hash = entry.hash_after(&before.hash);
        entry
    }

    /// The hash this entry must carry when it follows one with hash `previous`.
    pub fn hash_after(&self, previous: &Hash) -> Hash {
        let mut sha = Sha256::new();
        let mut field = |text: &str| {
            // Length first, so that moving a character from one field to the next changes the hash.
            sha.update(text.len().to_be_bytes());
            sha.update(text.as_bytes());
        };
        field(&previous.0);
        field(&self.movement);
        field(&self.source);
        field(&self.actor);
        field(self.reason.as_deref().unwrap_or_default());
        field(&self.effective_at.to_string());
        for number in [self.on_hand_delta, self.committed_delta, self.on_hand, self.committed] {
            sha.update(number.to_be_bytes());
        }
        sha.update(self.seq.to_be_bytes());
        sha.update(self.source_version.to_be_bytes());
        Hash(hex(&sha.finalize()))
    }
}

/// Running proof of a ledger: feed it every entry in order, then compare it with the level.
#[derive(Debug, Clone)]
pub struct Proof {
    seq: u64,
    on_hand: i64,
    committed: i64,
    hash: Hash,
}

impl Default for Proof {
    fn default() -> Self {
        Self { seq: 0, on_hand: 0, committed: 0, hash: Hash::GENESIS }
    }
}

impl Proof {
    /// Checks that `entry` follows from everything before it.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Broken> {
        if entry.seq != self.seq + 1 {
            return Err(Broken::Gap { expected: self.seq + 1, found: entry.seq });
        }
        if entry.on_hand != self.on_hand + entry.on_hand_delta
            || entry.committed != self.committed + entry.committed_delta
        {
            return Err(Broken::Balance { seq: entry.seq });
        }
        if entry.hash != entry.hash_after(&self.hash) {
            return Err(Broken::Tampered { seq: entry.seq });
        }
        *self = Self { seq: entry.seq, on_hand: entry.on_hand, committed: entry.committed, hash: entry.hash.clone() };
        Ok(())
    }

    /// Checks that the level stands where the entries led.
    pub fn matches(&self, level: &Level) -> Result<(), Broken> {
        let same = self.seq == level.seq
            && self.on_hand == level.on_hand
            && self.committed == level.committed
            && self.hash == level.hash;
        if same {
            return Ok(());
        }
        Err(Broken::Level {
            level: format!("{}/{}/{}", level.seq, level.on_hand, level.committed),
            ledger: format!("{}/{}/{}", self.seq, self.on_hand, self.committed),
        })
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
