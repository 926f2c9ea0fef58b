//! Users as those who run the tenant see them: invite, activate, suspend, export, erase.

use std::collections::BTreeSet;
use std::str::FromStr;

use kernel::{Context, Event, TenantId};
use serde::Serialize;
use serde_json::json;
use table::{Consistency, GlobalIndex, Page, Position, Query, TransactionError, Versioned};

use super::rights::MAX_GROUPS;
use super::{Actor, Directory, DirectoryError, Seen, stale};
use crate::audit::{AuditEntry, AuditKind};
use crate::email::Email;
use crate::rbac::Grant;
use crate::register::unexpected;
use crate::store::{
    AuditItem, GrantsItem, SessionItem, UserItem, audit_of_subject, decode_versioned_user, grants_key, lockout_key,
    sessions_of, user_key, users,
};
use crate::user::{MAX_NAME_BYTES, Role, User, UserId, UserStatus, UserStep, Violation, checked_name};

/// Entries of the trail an export holds at most: the newest.
const EXPORTED_ENTRIES: usize = 1000;

/// Somebody to be asked to join.
#[derive(Clone)]
pub struct Invitation {
    pub email: String,
    pub name: String,
    pub role: Role,
}

/// Everything kept about a user, for the user (GDPR, articles 15 and 20).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub status: UserStatus,
    pub groups: BTreeSet<String>,
    pub grants: Vec<Grant>,
    pub sessions: Vec<ExportedSession>,
    pub events: Vec<AuditEntry>,
}

/// A session in an export.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedSession {
    pub application: String,
    pub started: String,
    pub scope: String,
}

impl Directory {
    /// Asks somebody to join. The user is active with the first sign-in at the identity provider. An address whose user was
    /// erased can be invited again.
    pub async fn invite(&self, actor: Actor<'_>, new: &Invitation) -> Result<Versioned<User>, DirectoryError> {
        let (email, name) = checked(new)?;
        let id = UserId::of(actor.tenant, &email);
        let user = User {
            id,
            email: email.as_str().to_owned(),
            name,
            role: new.role,
            status: UserStatus::Invited,
            epoch: 0,
            verified: true,
            groups: BTreeSet::new(),
            password: None,
        };
        let entry = AuditItem(self.entry(actor, AuditKind::UserInvited, id));
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.create(&UserItem::from(&user)).create(&entry);
        match transaction.commit().await {
            Ok(()) => return Ok(Versioned { value: user, version: 1 }),
            Err(TransactionError::Conditions(_)) => {}
            Err(error) => return Err(unexpected(error).into()),
        }
        let there = self.user(actor.tenant, id).await?;
        if there.value.status != UserStatus::Erased {
            return Err(DirectoryError::Taken);
        }
        // Tokens of the one who was erased must not become good again.
        let user = User { epoch: there.value.epoch + 1, ..user };
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.put_versioned(&UserItem::from(&user), there.version).create(&entry);
        transaction.commit().await.map_err(stale)?;
        Ok(Versioned { value: user, version: there.version + 1 })
    }

    /// A user and the version.
    pub async fn user(&self, tenant: &TenantId, id: UserId) -> Result<Versioned<User>, DirectoryError> {
        let item = self.table.get_item(user_key(tenant, id), Consistency::Strong).await?;
        Ok(decode_versioned_user(item.ok_or(DirectoryError::NotFound)?)?)
    }

    /// Those who work here: every user but customers.
    pub async fn users(
        &self,
        tenant: &TenantId,
        limit: usize,
        start: Option<Position>,
    ) -> Result<Page<Versioned<User>>, DirectoryError> {
        let query = Query::index(GlobalIndex::Gsi2, users(tenant)).limit(limit).start(start);
        Ok(self.table.query_items(query).await?.try_map(decode_versioned_user)?)
    }

    /// Lets a user come in again.
    pub async fn activate(
        &self,
        actor: Actor<'_>,
        id: UserId,
        seen: Seen<'_>,
    ) -> Result<Versioned<User>, DirectoryError> {
        self.step(actor, id, seen, UserStep::Activate, AuditKind::UserActivated).await
    }

    /// Lets a user come in no more, and ends every session.
    pub async fn suspend(
        &self,
        actor: Actor<'_>,
        id: UserId,
        seen: Seen<'_>,
    ) -> Result<Versioned<User>, DirectoryError> {
        self.step(actor, id, seen, UserStep::Suspend, AuditKind::UserSuspended).await
    }

    async fn step(
        &self,
        actor: Actor<'_>,
        id: UserId,
        seen: Seen<'_>,
        step: UserStep,
        event: AuditKind,
    ) -> Result<Versioned<User>, DirectoryError> {
        let there = self.seen(actor.tenant, id, seen).await?;
        let user = there.value.after(step)?;
        let mut transaction = self.table.transaction(actor.tenant);
        transaction
            .put_versioned(&UserItem::from(&user), there.version)
            .create(&AuditItem(self.entry(actor, event, id)));
        transaction.commit().await.map_err(stale)?;
        Ok(Versioned { value: user, version: there.version + 1 })
    }

    /// Removes everything personal, what the user was granted, and every session; tells the other contexts. The id stays,
    /// so that what the user did stays attributable.
    pub async fn erase(
        &self,
        actor: Actor<'_>,
        id: UserId,
        seen: Seen<'_>,
        cause: &Context,
    ) -> Result<(), DirectoryError> {
        let there = self.seen(actor.tenant, id, seen).await?;
        let user = there.value.after(UserStep::Erase)?;
        let data = json!({ "user": id });
        let event = Event::new("access.user.erased.v1", actor.tenant, id, there.version + 1, data, &*self.clock);
        let mut transaction = self.table.transaction(actor.tenant);
        transaction
            .put_versioned(&UserItem::from(&user), there.version)
            .delete(grants_key(actor.tenant, &id.to_string()), None)
            .delete(lockout_key(actor.tenant, id), None)
            .create(&AuditItem(self.entry(actor, AuditKind::UserErased, id)))
            .event(&event.caused_by(cause));
        transaction.commit().await.map_err(stale)
    }

    /// Puts a user into these groups, and out of all others.
    pub async fn set_groups(
        &self,
        actor: Actor<'_>,
        id: UserId,
        seen: Seen<'_>,
        groups: BTreeSet<String>,
    ) -> Result<Versioned<User>, DirectoryError> {
        self.known_groups(actor.tenant, &groups).await?;
        let there = self.seen(actor.tenant, id, seen).await?;
        if there.value.status == UserStatus::Erased {
            return Err(DirectoryError::NotFound);
        }
        let user = User { groups, ..there.value };
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.put_versioned(&UserItem::from(&user), there.version).create(&AuditItem(self.entry(
            actor,
            AuditKind::UserGroupsChanged,
            id,
        )));
        transaction.commit().await.map_err(stale)?;
        Ok(Versioned { value: user, version: there.version + 1 })
    }

    /// Everything kept about a user. That it was asked for is itself in the trail.
    pub async fn export(&self, actor: Actor<'_>, id: UserId) -> Result<Export, DirectoryError> {
        let user = self.user(actor.tenant, id).await?.value;
        if user.status == UserStatus::Erased {
            return Err(DirectoryError::NotFound);
        }
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.create(&AuditItem(self.entry(actor, AuditKind::UserExported, id)));
        transaction.commit().await.map_err(unexpected)?;
        let subject = id.to_string();
        let grants = self.table.get::<GrantsItem>(grants_key(actor.tenant, &subject), Consistency::Eventual).await?;
        let sessions = Query::index(GlobalIndex::Gsi2, sessions_of(actor.tenant, id));
        let sessions = self.table.query_all::<SessionItem>(sessions).await?;
        let events = Query::index(GlobalIndex::Gsi2, audit_of_subject(actor.tenant, &subject)).backward();
        let events = self.table.query::<AuditItem>(events.limit(EXPORTED_ENTRIES)).await?;
        let User { email, name, role, status, groups, .. } = user;
        Ok(Export {
            id,
            email,
            name,
            role,
            status,
            groups,
            grants: grants.map(|grants| grants.value.grants).unwrap_or_default(),
            sessions: sessions.into_iter().map(|session| session.value.exported()).collect(),
            events: events.items.into_iter().map(|entry| entry.value.0).collect(),
        })
    }

    /// The user as it was seen.
    async fn seen(&self, tenant: &TenantId, id: UserId, seen: Seen<'_>) -> Result<Versioned<User>, DirectoryError> {
        let user = self.user(tenant, id).await?;
        if seen(user.version) { Ok(user) } else { Err(DirectoryError::Stale) }
    }

    async fn known_groups(&self, tenant: &TenantId, groups: &BTreeSet<String>) -> Result<(), DirectoryError> {
        let unknown = |detail: String| {
            DirectoryError::Invalid(vec![Violation { pointer: "/groups", code: "unknown_group", detail }])
        };
        if groups.len() > MAX_GROUPS {
            return Err(unknown(format!("may be {MAX_GROUPS} at most")));
        }
        match self.missing_group(tenant, groups).await? {
            Some(missing) => Err(unknown(format!("there is no group `{missing}`"))),
            None => Ok(()),
        }
    }
}

fn checked(new: &Invitation) -> Result<(Email, String), DirectoryError> {
    let mut found = Vec::new();
    let mut violation = |pointer, code, detail: String| found.push(Violation { pointer, code, detail });
    let email =
        Email::from_str(&new.email).map_err(|error| violation("/email", "invalid_email", error.to_string())).ok();
    let name = checked_name(&new.name);
    if name.is_none() {
        violation("/name", "invalid_name", format!("must be 1 to {MAX_NAME_BYTES} bytes without control characters"));
    }
    if new.role == Role::Service {
        violation("/role", "invalid_role", "services are no users".to_owned());
    }
    match (email, name, found.is_empty()) {
        (Some(email), Some(name), true) => Ok((email, name)),
        _ => Err(DirectoryError::Invalid(found)),
    }
}
