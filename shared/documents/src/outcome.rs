//! How a remote call ended: exactly one of eleven classes, each with one reaction.
//!
//! A connector maps every status, error code and silence of its protocol to one of these and to nothing else. What it
//! does not know is [`Outcome::Pending`] when the other side answered with a state nobody has heard of, and
//! [`Outcome::Unknown`] when it is not known whether the request had an effect. It is never taken for a success.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// The eleven classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    Done,
    Pending,
    Throttled,
    AuthExpired,
    AuthBroken,
    Conflict,
    DependencyMissing,
    Rejected,
    Transient,
    Unknown,
    Partial,
}

/// What is done about a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Record the remote id and version.
    Finish,
    /// Keep the handle first, then ask again.
    AskAgain,
    /// Come back later; it was no attempt.
    Yield,
    /// Get new credentials once; when that was of no use, [`Reaction::Pause`].
    Refresh,
    /// Pause the connection, tell somebody, keep the document.
    Pause,
    /// Read the other side again and merge; a bounded number of times.
    Merge,
    /// Put right what it depends on, then try again.
    Repair,
    /// Never again unchanged: a person has to look.
    Park,
    /// Try again later, under the same idempotency key.
    Repeat,
    /// Repeat what is idempotent; of anything else look up first whether it happened.
    LookUp,
    /// Each item by its own class.
    PerItem,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Pending,
        Self::Throttled,
        Self::AuthExpired,
        Self::AuthBroken,
        Self::Conflict,
        Self::DependencyMissing,
        Self::Rejected,
        Self::Transient,
        Self::Unknown,
        Self::Partial,
    ];

    /// What is done about it.
    #[must_use]
    pub const fn reaction(self) -> Reaction {
        match self {
            Self::Done => Reaction::Finish,
            Self::Pending => Reaction::AskAgain,
            Self::Throttled => Reaction::Yield,
            Self::AuthExpired => Reaction::Refresh,
            Self::AuthBroken => Reaction::Pause,
            Self::Conflict => Reaction::Merge,
            Self::DependencyMissing => Reaction::Repair,
            Self::Rejected => Reaction::Park,
            Self::Transient => Reaction::Repeat,
            Self::Unknown => Reaction::LookUp,
            Self::Partial => Reaction::PerItem,
        }
    }

    /// Whether it uses up one of the document's attempts. What is not the document's fault does not.
    #[must_use]
    pub const fn counts(self) -> bool {
        match self {
            Self::Pending | Self::Throttled | Self::AuthExpired | Self::AuthBroken => false,
            Self::Done
            | Self::Conflict
            | Self::DependencyMissing
            | Self::Rejected
            | Self::Transient
            | Self::Unknown
            | Self::Partial => true,
        }
    }

    /// Whether the connection's error rate counts it: the other side, or the way there, did not do its part.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Done | Self::Pending | Self::Throttled => false,
            Self::AuthExpired
            | Self::AuthBroken
            | Self::Conflict
            | Self::DependencyMissing
            | Self::Rejected
            | Self::Transient
            | Self::Unknown
            | Self::Partial => true,
        }
    }

    /// The word in steps and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::Pending => "PENDING",
            Self::Throttled => "THROTTLED",
            Self::AuthExpired => "AUTH_EXPIRED",
            Self::AuthBroken => "AUTH_BROKEN",
            Self::Conflict => "CONFLICT",
            Self::DependencyMissing => "DEPENDENCY_MISSING",
            Self::Rejected => "REJECTED",
            Self::Transient => "TRANSIENT",
            Self::Unknown => "UNKNOWN",
            Self::Partial => "PARTIAL",
        }
    }

    /// Of several items still open, the class that decides about the whole document: what stops a connection comes
    /// first, what is for a person comes last.
    const fn urgency(self) -> u8 {
        match self {
            Self::AuthBroken => 0,
            Self::AuthExpired => 1,
            Self::Throttled => 2,
            Self::Unknown => 3,
            Self::Transient => 4,
            Self::Conflict => 5,
            Self::DependencyMissing => 6,
            Self::Pending => 7,
            Self::Partial => 8,
            Self::Rejected => 9,
            Self::Done => 10,
        }
    }
}

/// What the other system calls what it has now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remote {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its version, etag or time of change, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// How the call ended, with what its reaction needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so, now or already.
    Done(Remote),
    /// Taken in; ask for `handle`, not before `check_at` if the other side said when.
    Pending { handle: String, check_at: Option<Timestamp> },
    /// Too fast, or out of quota; not before `until` if the other side said when.
    Throttled { until: Option<Timestamp> },
    /// The credentials ran out.
    AuthExpired,
    /// The credentials are refused for good, or may not do this.
    AuthBroken,
    /// The other side has changed it meanwhile.
    Conflict,
    /// Something it refers to is not there yet.
    DependencyMissing { what: String },
    /// Never acceptable as it is.
    Rejected { code: String, field: Option<String> },
    /// No effect, and worth another try.
    Transient,
    /// Nobody knows whether it had an effect.
    Unknown,
    /// One call, many items: an outcome for each. At most [`Outcome::MAX_ITEMS`]; more belong into more documents.
    Partial(Vec<Item>),
}

/// An item of a call that carried several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Which item, in the document's own words.
    pub key: String,
    /// Not itself [`Outcome::Partial`]; that counts as [`Outcome::Unknown`].
    pub outcome: Outcome,
}

impl Outcome {
    /// Items a document may have: it is one stored item with all of them inside.
    pub const MAX_ITEMS: usize = 250;

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Done(_) => Class::Done,
            Self::Pending { .. } => Class::Pending,
            Self::Throttled { .. } => Class::Throttled,
            Self::AuthExpired => Class::AuthExpired,
            Self::AuthBroken => Class::AuthBroken,
            Self::Conflict => Class::Conflict,
            Self::DependencyMissing { .. } => Class::DependencyMissing,
            Self::Rejected { .. } => Class::Rejected,
            Self::Transient => Class::Transient,
            Self::Unknown => Class::Unknown,
            Self::Partial(_) => Class::Partial,
        }
    }

    /// The outcome that decides: of several items, the most urgent one; [`Outcome::Unknown`] when there is none, because a
    /// call that reports on nothing has proved nothing.
    #[must_use]
    pub fn deciding(&self) -> &Self {
        let Self::Partial(items) = self else { return self };
        let decisive = items.iter().map(|item| &item.outcome).min_by_key(|outcome| outcome.class().urgency());
        match decisive {
            Some(Self::Partial(_)) | None => &Self::Unknown,
            Some(outcome) => outcome,
        }
    }
}

/// What a connector reports of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub outcome: Outcome,
    /// For a person, at most a sentence or two. No personal data, no secrets.
    pub detail: String,
}

impl Report {
    /// An outcome and the words for it.
    #[must_use]
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        Self::new(outcome, "")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_has_a_reaction_of_its_own() {
        let reactions: BTreeSet<String> = Class::ALL.iter().map(|class| format!("{:?}", class.reaction())).collect();
        assert_eq!(reactions.len(), Class::ALL.len());
        let words: BTreeSet<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
        assert_eq!(words.len(), Class::ALL.len());
    }

    #[test]
    fn what_the_document_cannot_help_is_no_attempt() {
        let free: Vec<Class> = Class::ALL.into_iter().filter(|class| !class.counts()).collect();
        assert_eq!(free, [Class::Pending, Class::Throttled, Class::AuthExpired, Class::AuthBroken]);
    }

    #[test]
    fn a_partial_outcome_is_decided_by_its_most_urgent_item() {
        let item = |outcome: Outcome| Item { key: format!("{outcome:?}"), outcome };
        let done = || Outcome::Done(Remote::default());
        let rejected = || Outcome::Rejected { code: "x".into(), field: None };
        let decide =
            |outcomes: Vec<Outcome>| Outcome::Partial(outcomes.into_iter().map(item).collect()).deciding().class();
        assert_eq!(decide(vec![done(), done()]), Class::Done);
        assert_eq!(decide(vec![done(), rejected()]), Class::Rejected);
        assert_eq!(decide(vec![rejected(), Outcome::Transient, done()]), Class::Transient);
        assert_eq!(decide(vec![Outcome::Transient, Outcome::AuthBroken]), Class::AuthBroken);
        assert_eq!(decide(vec![]), Class::Unknown);
        assert_eq!(decide(vec![Outcome::Partial(vec![])]), Class::Unknown);
    }
}
