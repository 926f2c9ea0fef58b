//! The audit trail: every security event, with who did it and to whom, written together with what it tells of.
//!
//! It holds ids and no names, addresses or secrets. There is no way to change or remove an entry.

use kernel::{Clock, TenantId};
use serde::{Deserialize, Serialize};
use table::{GlobalIndex, Page, Position, Query, Table, TableError, Versioned};

use crate::store::{AuditItem, audit_of_day, audit_of_subject};

kernel::typed_id!(
    /// An entry of the audit trail.
    AuditId,
    "aud"
);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditKind {
    UserInvited,
    UserActivated,
    UserSuspended,
    UserErased,
    UserExported,
    UserGroupsChanged,
    SignInFailed,
    SignInRefused,
    SessionStarted,
    SessionEnded,
    /// A code or a refresh token was used a second time: its session was ended.
    TokenReused,
    ApplicationRegistered,
    ApplicationChanged,
    ApplicationSuspended,
    ApplicationSecretChanged,
    ApplicationRefused,
    GrantsChanged,
    GroupChanged,
    RolesChanged,
    OrgChanged,
    ApiKeyCreated,
    ApiKeyRevoked,
    /// A consumer of the public API was moved to another version of the contract.
    ConsumerPinned,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub id: AuditId,
    /// `2026-11-21`, in UTC.
    pub day: String,
    pub event: AuditKind,
    /// Who did it; the subject itself for what people do to themselves.
    pub actor: String,
    /// Who or what it is about.
    pub subject: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// An id that says more: a session, an application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl AuditEntry {
    /// An event of this moment.
    pub(crate) fn new(clock: &dyn Clock, event: AuditKind, actor: &str, subject: &str) -> Self {
        let at = clock.now().to_string();
        let day = at.get(..10).unwrap_or_default().to_owned();
        let (actor, subject) = (actor.to_owned(), subject.to_owned());
        Self { id: AuditId::new(clock), day, event, actor, subject, at, about: None }
    }

    #[must_use]
    pub(crate) fn about(self, what: impl ToString) -> Self {
        Self { about: Some(what.to_string()), ..self }
    }
}

/// Reads the trail.
#[derive(Debug, Clone)]
pub struct AuditTrail {
    table: Table,
}

impl AuditTrail {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The events of a day (`2026-11-21`), oldest first.
    pub async fn day(
        &self,
        tenant: &TenantId,
        day: &str,
        limit: usize,
        start: Option<Position>,
    ) -> Result<Page<AuditEntry>, TableError> {
        let query = Query::partition(audit_of_day(tenant, day)).limit(limit).start(start);
        self.table.query::<AuditItem>(query).await?.try_map(|Versioned { value, .. }| Ok(value.0))
    }

    /// What is known about a principal, newest first.
    pub async fn subject(
        &self,
        tenant: &TenantId,
        subject: &str,
        limit: usize,
        start: Option<Position>,
    ) -> Result<Page<AuditEntry>, TableError> {
        let query = Query::index(GlobalIndex::Gsi2, audit_of_subject(tenant, subject)).backward();
        let page = self.table.query::<AuditItem>(query.limit(limit).start(start)).await?;
        page.try_map(|Versioned { value, .. }| Ok(value.0))
    }
}
