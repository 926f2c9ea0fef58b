//! A session: one login of one user to one application, and the family of its refresh tokens.
//!
//! Pure. A refresh token is used once; using it gives its successor. Requests that were under way with the same token get
//! that same successor for 30 seconds, so that nobody is logged out by a lost answer or by two tabs; after that a used token
//! is a stolen one, and the whole family ends (RFC 9700, section 4.14). The session slides for a week and never goes
//! beyond 30 days.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::opaque;
use crate::user::UserId;

/// A session ends this long after the login, in seconds.
pub(crate) const LONGEST: i64 = 30 * 24 * 3600;
/// A session ends when it was not refreshed for so long, in seconds.
pub(crate) const IDLE: i64 = 7 * 24 * 3600;
/// For so long a used token still gets its successor, in seconds.
pub(crate) const LEEWAY: i64 = 30;
/// Used tokens that are remembered within the leeway.
const MAX_USED: usize = 8;

/// One login to one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// 256 random bits. Whoever knows it has held a token of the family.
    pub id: String,
    pub tenant: TenantId,
    pub user: UserId,
    /// The application.
    pub client: String,
    /// The user's epoch at the login.
    pub epoch: u64,
    /// Separated by spaces.
    pub scope: String,
    pub created: Timestamp,
    /// Epoch seconds of the last login or refresh.
    pub active: i64,
    pub revoked: bool,
    pub(crate) family: Family,
}

/// What is kept of the refresh tokens: hashes, and successors nobody can read without the token before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Family {
    /// Hash of the token that is good now; none before the first, and for sessions without.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    /// The latest used ones, oldest first.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    used: Vec<Used>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    #[serde(rename = "h")]
    hash: String,
    #[serde(rename = "n")]
    successor: String,
    #[serde(rename = "t")]
    at: i64,
}

/// What becomes of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// It was good; this is the session afterwards, whose token is the one that was given.
    Rotated(Box<Session>),
    /// It was used a moment ago; this is the token that came of it.
    Again(String),
    /// It was used before, or never was one: the family must end.
    Reused,
    /// The session is over.
    Over,
}

impl Session {
    /// When it ends if nothing refreshes it.
    #[must_use]
    pub fn expires(&self) -> i64 {
        self.created.as_second().saturating_add(LONGEST).min(self.active.saturating_add(IDLE))
    }

    /// Whether it stands.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        !self.revoked && now.as_second() < self.expires()
    }

    /// The session with its first refresh token.
    #[must_use]
    pub(crate) fn with_token(&self, secret: &str) -> Self {
        Self { family: Family { current: Some(opaque::hash(secret)), used: Vec::new() }, ..self.clone() }
    }

    /// Uses a refresh token; `fresh` is its successor if it is good.
    pub(crate) fn refresh(&self, secret: &str, fresh: &str, now: Timestamp) -> Refreshed {
        let second = now.as_second();
        if !self.is_alive(now) {
            return Refreshed::Over;
        }
        let is_recent = |used: &&Used| (second - used.at).abs() <= LEEWAY;
        if self.family.current.as_ref().is_some_and(|kept| opaque::is_of(secret, kept)) {
            let Some(successor) = opaque::covered(secret, fresh) else { return Refreshed::Reused };
            let mut used: Vec<Used> = self.family.used.iter().filter(is_recent).cloned().collect();
            if used.len() >= MAX_USED {
                used.remove(0);
            }
            used.push(Used { hash: opaque::hash(secret), successor, at: second });
            let family = Family { current: Some(opaque::hash(fresh)), used };
            return Refreshed::Rotated(Box::new(Self { family, active: second, ..self.clone() }));
        }
        let used = self.family.used.iter().filter(is_recent).find(|used| opaque::is_of(secret, &used.hash));
        match used.and_then(|used| opaque::covered(secret, &used.successor)) {
            Some(successor) => Refreshed::Again(successor),
            None => Refreshed::Reused,
        }
    }
}

#[cfg(test)]
mod tests;
