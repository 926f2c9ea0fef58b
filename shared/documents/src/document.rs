//! A document and what happens to it, decided without IO: taken under a lease, settled by a report, retried, given up.
//!
//! Who holds it is told by a fencing token that only grows: a worker that stalled past its lease reports under an old
//! one and is refused. A lease that ran out counts as an attempt nobody knows the end of, so a document that kills
//! its workers is parked in the end like any other that fails.

mod settle;

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Class, ConnectionId, DocumentType, InvalidTransition, Policy, Remote, RetryBudget, State, Step, Window};

kernel::typed_id!(
    /// A document. Derived from what it is about, so it is its own idempotency marker.
    DocumentId,
    "doc"
);

/// What makes a document this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    pub kind: DocumentType,
    /// Version of the type's shape.
    pub shape: u16,
    /// Whose queue, credentials, limits and budget it uses.
    pub connection: ConnectionId,
    /// Where it comes from.
    pub source: String,
    /// What its source calls the thing it is about.
    pub external_id: String,
    /// Which state of that thing: a version, a time of change, a delivery's id.
    pub revision: String,
    /// Hash of the payload, to tell a repetition from a mistake.
    pub digest: String,
    /// How many days it is kept, and known when it comes again.
    pub keep_days: u16,
}

/// How many days most documents are kept.
pub const KEEP_DAYS: u16 = 400;

const fn keep_days() -> u16 {
    KEEP_DAYS
}

impl NewDocument {
    /// The one id of this document.
    #[must_use]
    pub fn id(&self, tenant: &TenantId) -> DocumentId {
        let shape = self.shape.to_string();
        DocumentId::derive(&[
            tenant.as_str(),
            self.connection.as_str(),
            self.kind.as_str(),
            &shape,
            &self.source,
            &self.external_id,
            &self.revision,
        ])
    }
}

/// A document. Its payload is stored beside it and does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub id: DocumentId,
    #[serde(rename = "type")]
    pub kind: DocumentType,
    pub shape: u16,
    pub connection: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub revision: String,
    pub digest: String,
    #[serde(default = "keep_days")]
    pub keep_days: u16,
    pub state: State,
    pub received_at: Timestamp,
    /// When it came into its state.
    pub changed_at: Timestamp,
    /// When somebody has to look at it again, if nothing happens before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Attempts that counted since it was received or an operator retried it.
    pub attempts: u32,
    /// Steps written so far.
    pub steps: u32,
    /// The fencing token of its last holder.
    pub fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What to ask the other system for, when it is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    #[serde(default)]
    pub remote: Remote,
    /// How the last attempt ended, when it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Failure>,
    /// Of a document of many items, how far each is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub items: BTreeMap<String, ItemState>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub by: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// Why the last attempt did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub class: Class,
    /// Attempts in a row that ended in this class.
    pub streak: u32,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Path of the field that is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// How far one of many items is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemState {
    pub class: Class,
    #[serde(default)]
    pub remote: Remote,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The right to work on a document until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Greater than every earlier holder's; other systems that can check one are given it.
    pub fence: u64,
    pub by: String,
    pub since: Timestamp,
}

/// One line of a document's history. Written once, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// 1 for the first.
    pub number: u32,
    pub step: Step,
    /// The state after it.
    pub state: State,
    pub at: Timestamp,
    /// Worker or operator.
    pub by: String,
    pub fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Why a document does not do what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// A worker has it.
    #[error("a worker holds the document until {until}")]
    Held { until: Timestamp },
    /// Its time has not come.
    #[error("the document is not due before {due}")]
    NotDue { due: Timestamp },
    /// The ticket is an earlier holder's.
    #[error("the document has another holder")]
    Fenced,
}

/// What taking a document came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// `None`: it was left behind once too often and is parked now.
    pub ticket: Option<Ticket>,
    /// The attempt that was left behind.
    pub abandoned: Option<StepRecord>,
}

/// What settling an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub record: StepRecord,
    /// The connection is to be paused.
    pub pause: bool,
}

/// What a decision about another attempt is taken by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub policy: &'a Policy,
    pub budget: RetryBudget,
    pub window: Window,
}

/// What an operator, or the source, may do to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Retry,
    Discard,
    Delete,
}

impl Command {
    const fn step(self) -> Step {
        match self {
            Self::Retry => Step::Retry,
            Self::Discard => Step::Discard,
            Self::Delete => Step::Delete,
        }
    }
}

impl Document {
    /// A document nobody has looked at. It is due at once if the message about it is lost, `grace` later.
    #[must_use]
    pub fn new(tenant: &TenantId, new: NewDocument, now: Timestamp, grace: Duration) -> Self {
        let id = new.id(tenant);
        let NewDocument { kind, shape, connection, source, external_id, revision, digest, keep_days } = new;
        Self {
            id,
            kind,
            shape,
            connection,
            source,
            external_id,
            revision,
            digest,
            keep_days,
            state: State::New,
            received_at: now,
            changed_at: now,
            due: Some(after(now, grace)),
            attempts: 0,
            steps: 0,
            fence: 0,
            hold: None,
            handle: None,
            remote: Remote::default(),
            last: None,
            items: BTreeMap::new(),
        }
    }

    /// From when on it is as good as never received.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        after(self.received_at, Duration::from_secs(u64::from(self.keep_days) * 24 * 3600))
    }

    /// Whether it waits, with nobody at it, for what the other system does under this handle.
    #[must_use]
    pub fn awaits(&self, handle: &str) -> bool {
        self.state == State::Processing && self.hold.is_none() && self.handle.as_deref() == Some(handle)
    }

    /// Gives it to a worker for the policy's lease.
    pub fn take(&mut self, by: &str, policy: &Policy, now: Timestamp) -> Result<Taken, Refused> {
        self.state.apply(Step::Take)?;
        if let Some(hold) = &self.hold
            && hold.until > now
        {
            return Err(Refused::Held { until: hold.until });
        }
        let abandoned = self.hold.take().map(|hold| self.abandon(&hold, policy, now));
        if !self.state.is_open() {
            return Ok(Taken { ticket: None, abandoned });
        }
        // A new one is due whenever a message says so; its due time is for when the message is lost.
        if let Some(due) = self.due.filter(|due| self.state != State::New && *due > now) {
            return Err(Refused::NotDue { due });
        }
        self.enter(Step::Take, now)?;
        self.fence += 1;
        let until = after(now, policy.lease);
        self.due = Some(until);
        self.hold = Some(Hold { by: by.to_owned(), since: now, until });
        Ok(Taken { ticket: Some(Ticket { fence: self.fence, by: by.to_owned(), since: now }), abandoned })
    }

    /// Books the attempt of a holder who was never heard of again: as an unknown outcome.
    fn abandon(&mut self, hold: &Hold, policy: &Policy, now: Timestamp) -> StepRecord {
        self.attempts += 1;
        let detail = "the worker's lease ran out".to_owned();
        let streak = self.streak(Class::Unknown);
        self.last = Some(Failure { class: Class::Unknown, streak, detail, code: None, field: None });
        let step = if self.attempts >= policy.max_attempts { Step::Park } else { Step::Wait };
        // Both steps are allowed while it is processed, which is where a document with a holder is.
        if let Ok(state) = self.state.apply(step) {
            self.state = state;
            self.changed_at = now;
        }
        self.due = self.state.is_open().then_some(now);
        let mut record = self.record(step, &hold.by, now);
        record.class = Some(Class::Unknown);
        record.detail = "the worker's lease ran out".to_owned();
        record
    }

    /// Keeps it for another lease.
    pub fn extend(&mut self, ticket: &Ticket, policy: &Policy, now: Timestamp) -> Result<(), Refused> {
        self.check(ticket)?;
        let until = after(now, policy.lease);
        self.due = Some(until);
        if let Some(hold) = &mut self.hold {
            hold.until = until;
        }
        Ok(())
    }

    /// Does what an operator, or the source, wants. Not while a worker is at it: what it is doing would be lost.
    pub fn command(&mut self, command: Command, by: &str, now: Timestamp) -> Result<StepRecord, Refused> {
        if let Some(hold) = &self.hold
            && hold.until > now
        {
            return Err(Refused::Held { until: hold.until });
        }
        self.enter(command.step(), now)?;
        self.hold = None;
        self.due = None;
        if command == Command::Retry {
            self.attempts = 0;
            self.due = Some(now);
            if let Some(last) = &mut self.last {
                last.streak = 0;
            }
        }
        Ok(self.record(command.step(), by, now))
    }

    fn enter(&mut self, step: Step, now: Timestamp) -> Result<(), InvalidTransition> {
        let state = self.state.apply(step)?;
        if state != self.state {
            self.changed_at = now;
        }
        self.state = state;
        Ok(())
    }

    fn check(&self, ticket: &Ticket) -> Result<(), Refused> {
        if self.hold.is_some() && self.fence == ticket.fence { Ok(()) } else { Err(Refused::Fenced) }
    }

    /// Attempts in a row that ended in this class, this one included.
    fn streak(&self, class: Class) -> u32 {
        self.last.as_ref().filter(|last| last.class == class).map_or(1, |last| last.streak.saturating_add(1))
    }

    fn record(&mut self, step: Step, by: &str, now: Timestamp) -> StepRecord {
        self.steps += 1;
        StepRecord {
            number: self.steps,
            step,
            state: self.state,
            at: now,
            by: by.to_owned(),
            fence: self.fence,
            class: None,
            detail: String::new(),
            code: None,
            field: None,
            remote_id: None,
            duration_ms: None,
        }
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
