//! A request with an idempotency key happens once, and its repetitions get the first answer.
//!
//! Two ways. [`Marker`] goes into the caller's own transaction: effect and marker commit together, which no separate
//! record can promise; use it wherever the effect is a transaction. [`Idempotency`] is for effects outside the table:
//! a record is in progress, with an expiry after which the work counts as crashed and may be taken over, then completed.
//!
//! Expiry is checked here; the table's TTL only cleans up. Partition `T#<tenant>#IDEM#<scope>#<key>`.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use kernel::{Clock, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::item::{Attributes, Encoded, KIND, TTL};
use crate::key::{PK, SK};
use crate::retry::LostAnswer;
use crate::size::{ITEM_LIMIT, item_size};
use crate::{Condition, FailedCondition, Item, Key, Table, TableError, Update};

const RECORD_KIND: &str = "idempotency";
const STATUS: &str = "st";
const IN_PROGRESS: &str = "P";
const COMPLETED: &str = "D";
/// Milliseconds since the epoch after which the record does not count.
const EXPIRY: &str = "e";
/// Milliseconds since the epoch after which work in progress counts as crashed.
const RUNS_UNTIL: &str = "u";
/// Who is working.
const OWNER: &str = "o";
const PAYLOAD: &str = "h";
/// JSON text.
const RESPONSE: &str = "r";

/// Why a request with an idempotency key was not answered.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The first request with this key is still running: try again later.
    #[error("a request with the same idempotency key is in progress")]
    InProgress,
    /// The key was used for another request.
    #[error("the idempotency key was used with another payload")]
    PayloadMismatch,
    /// The work took longer than it said, and another execution has taken over.
    #[error("another execution has taken the request over")]
    Lost,
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What tells two requests apart that come with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(Sha256::digest(payload).into())
    }

    fn attribute(self) -> AttributeValue {
        AttributeValue::B(Blob::new(self.0))
    }
}

/// Names a request: `scope` is the operation and whoever asks (`["orders", "cus_01J…"]`), `key` what the client sent.
#[derive(Debug, Clone, Copy)]
pub struct RequestKey<'a> {
    pub scope: &'a [&'a str],
    pub key: &'a str,
}

impl RequestKey<'_> {
    fn item_key(&self, tenant: &TenantId) -> Key {
        let mut parts = Vec::with_capacity(self.scope.len() + 2);
        parts.push("IDEM");
        parts.extend(self.scope);
        parts.push(self.key);
        Key::tenant(tenant, &parts, &["IDEM"])
    }
}

/// The answer to a request, to be committed in the same transaction as its effect.
#[derive(Debug)]
pub struct Marker {
    attributes: Attributes,
    now: i64,
}

impl Marker {
    /// `retention` is how long a repetition gets this answer.
    pub fn new(
        tenant: &TenantId,
        request: RequestKey<'_>,
        payload: PayloadHash,
        response: &impl Serialize,
        retention: Duration,
        clock: &dyn Clock,
    ) -> Result<Self, TableError> {
        let now = clock.now().as_millisecond();
        let mut attributes = record(request.item_key(tenant), COMPLETED, payload, now, retention);
        attributes.insert(RESPONSE.to_owned(), AttributeValue::S(to_json(response)?));
        Ok(Self { attributes, now })
    }

    /// The answer that was committed before, when the marker's condition failed
    /// ([`crate::TransactionError::failed`] at the marker's place).
    pub fn replay<R: DeserializeOwned>(failed: &FailedCondition, payload: PayloadHash) -> Result<R, IdempotencyError> {
        replay(failed.old.as_ref(), payload)
    }

    pub(crate) fn encode(self) -> Result<(Encoded, Condition), TableError> {
        let size = item_size(&self.attributes);
        if size > ITEM_LIMIT {
            return Err(TableError::ItemTooLarge { kind: RECORD_KIND.to_owned(), bytes: size });
        }
        Ok((Encoded { attributes: self.attributes, size }, free(self.now)))
    }
}

/// The right to do the work of a request, and the duty to say how it ended.
#[derive(Debug)]
#[must_use = "complete or abandon it, or repetitions are refused until it expires"]
pub struct Ticket {
    key: Key,
    owner: String,
}

/// How a request begins.
#[derive(Debug)]
pub enum Begun<R> {
    /// For the first time: do the work.
    First(Ticket),
    /// Again: this was the answer.
    Again(R),
}

/// Records of requests whose effect lies outside the table.
#[derive(Debug, Clone)]
pub struct Idempotency {
    table: Table,
    clock: Arc<dyn Clock>,
    retention: Duration,
}

impl Idempotency {
    /// `retention` is how long a repetition gets the first answer; an hour is usual.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, retention: Duration) -> Self {
        Self { table, clock, retention }
    }

    /// Starts the work, or answers with what it came to before. `within` is the longest the work may take, usually
    /// what is left of the invocation: after that a repetition may start it again.
    pub async fn begin<R: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        request: RequestKey<'_>,
        payload: PayloadHash,
        within: Duration,
    ) -> Result<Begun<R>, IdempotencyError> {
        let key = request.item_key(tenant);
        let owner = format!("{:032x}", fastrand::u128(..));
        let now = self.clock.now().as_millisecond();
        let mut attributes = record(key.clone(), IN_PROGRESS, payload, now, self.retention);
        attributes.insert(OWNER.to_owned(), AttributeValue::S(owner.clone()));
        let until = now.saturating_add(milliseconds(within));
        attributes.insert(RUNS_UNTIL.to_owned(), AttributeValue::N(until.to_string()));
        let encoded = Encoded { size: item_size(&attributes), attributes };
        match self.table.put_encoded(encoded, Some(free(now)), LostAnswer::TryAgain).await {
            Ok(()) => Ok(Begun::First(Ticket { key, owner })),
            Err(TableError::ConditionFailed { old }) => {
                let ours = old.as_ref().and_then(|old| old.text(OWNER)) == Some(&owner);
                if ours {
                    // The answer to an earlier attempt of this very call was lost.
                    return Ok(Begun::First(Ticket { key, owner }));
                }
                replay(old.as_ref(), payload).map(Begun::Again)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The work is done; repetitions get this answer.
    pub async fn complete(&self, ticket: Ticket, response: &impl Serialize) -> Result<(), IdempotencyError> {
        let Ticket { key, owner } = ticket;
        let expiry = self.clock.now().as_millisecond().saturating_add(milliseconds(self.retention));
        let update = Update::new(key)
            .set(STATUS, COMPLETED)
            .set(RESPONSE, to_json(response)?)
            .set(EXPIRY, expiry)
            .set(TTL, expiry / 1000)
            .require(Condition::equals(OWNER, &owner));
        match self.table.apply_with(update, LostAnswer::TryAgain).await {
            Ok(_) => Ok(()),
            Err(TableError::ConditionFailed { .. }) => Err(IdempotencyError::Lost),
            Err(error) => Err(error.into()),
        }
    }

    /// The work failed without effect: the next request may try again at once.
    pub async fn abandon(&self, ticket: Ticket) -> Result<(), IdempotencyError> {
        let mine = Condition::equals(OWNER, &ticket.owner).and(Condition::equals(STATUS, IN_PROGRESS));
        match self.table.delete_if(ticket.key, Some(mine)).await {
            // Whoever took over owns the record now.
            Ok(()) | Err(TableError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn record(key: Key, status: &str, payload: PayloadHash, now: i64, retention: Duration) -> Attributes {
    let expiry = now.saturating_add(milliseconds(retention));
    let (pk, sk) = key.into_parts();
    Attributes::from([
        (PK.to_owned(), AttributeValue::S(pk)),
        (SK.to_owned(), AttributeValue::S(sk)),
        (KIND.to_owned(), AttributeValue::S(RECORD_KIND.to_owned())),
        (STATUS.to_owned(), AttributeValue::S(status.to_owned())),
        (PAYLOAD.to_owned(), payload.attribute()),
        (EXPIRY.to_owned(), AttributeValue::N(expiry.to_string())),
        (TTL.to_owned(), AttributeValue::N((expiry / 1000).to_string())),
    ])
}

/// There is no record, or one that does not count any more.
fn free(now: i64) -> Condition {
    let crashed = Condition::equals(STATUS, IN_PROGRESS).and(Condition::at_most(RUNS_UNTIL, now));
    Condition::absent().or(Condition::at_most(EXPIRY, now)).or(crashed)
}

/// What the record that is in the way says.
fn replay<R: DeserializeOwned>(old: Option<&Item>, payload: PayloadHash) -> Result<R, IdempotencyError> {
    let old = old.ok_or(IdempotencyError::InProgress)?;
    if old.0.get(PAYLOAD) != Some(&payload.attribute()) {
        return Err(IdempotencyError::PayloadMismatch);
    }
    if old.text(STATUS) != Some(COMPLETED) {
        return Err(IdempotencyError::InProgress);
    }
    let key = old.key();
    let response = old.text(RESPONSE).unwrap_or_default();
    let response = serde_json::from_str(response).map_err(|error| TableError::damaged(key.as_ref(), error))?;
    Ok(response)
}

fn to_json(response: &impl Serialize) -> Result<String, TableError> {
    serde_json::to_string(response).map_err(|error| TableError::encode(RECORD_KIND, error))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
