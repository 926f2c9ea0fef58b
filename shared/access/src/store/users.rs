//! Users and their failed sign-ins.
//!
//! A user by id; a user and the failures together by id, which follows from the e-mail address; those who work here as a
//! list, customers not. Failures have an item of their own: they come and go without touching the user, and there are some
//! for addresses that are nobody's.

use std::collections::BTreeSet;

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, Partition, TableError, Versioned};

use crate::lockout::Failures;
use crate::password::PasswordHash;
use crate::user::{Role, User, UserId, UserStatus};

/// A user as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserItem {
    id: UserId,
    #[serde(rename = "e")]
    email: String,
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "r")]
    role: Role,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    password: Option<PasswordHash>,
    /// Absent while active.
    #[serde(rename = "st", default, skip_serializing_if = "UserStatus::is_active")]
    status: UserStatus,
    #[serde(rename = "ep", default, skip_serializing_if = "is_zero")]
    epoch: u64,
    #[serde(rename = "vf", default, skip_serializing_if = "is_false")]
    verified: bool,
    #[serde(rename = "gr", default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Entity for UserItem {
    const KIND: &'static str = "user";

    fn key(&self, tenant: &TenantId) -> Key {
        user_key(tenant, self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        (self.role != Role::Customer).then(|| users(tenant).key(&[&self.id.to_string()]))
    }
}

impl From<&User> for UserItem {
    fn from(user: &User) -> Self {
        let User { id, email, name, role, password, status, epoch, verified, groups } = user.clone();
        Self { id, email, name, role, password, status, epoch, verified, groups }
    }
}

pub(crate) fn user_key(tenant: &TenantId, id: UserId) -> Key {
    Key::tenant(tenant, &["USER", &id.to_string()], &["USER"])
}

/// Those who work here.
pub(crate) fn users(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["USERS"])
}

pub(crate) fn decode_user(item: Item) -> Result<User, TableError> {
    decode_versioned_user(item).map(|user| user.value)
}

pub(crate) fn decode_versioned_user(item: Item) -> Result<Versioned<User>, TableError> {
    let Versioned { value, version } = item.decode()?;
    let UserItem { id, email, name, role, password, status, epoch, verified, groups } = value;
    Ok(Versioned { value: User { id, email, name, role, password, status, epoch, verified, groups }, version })
}

/// The failures of a user, or of an address that is nobody's.
#[derive(Serialize, Deserialize)]
pub(crate) struct LockoutItem {
    #[serde(rename = "u")]
    pub(crate) user: UserId,
    #[serde(rename = "f")]
    pub(crate) failures: Failures,
}

impl Entity for LockoutItem {
    const KIND: &'static str = "lockout";

    fn key(&self, tenant: &TenantId) -> Key {
        lockout_key(tenant, self.user)
    }

    fn ttl(&self) -> Option<Timestamp> {
        self.failures.expiry()
    }
}

pub(crate) fn lockout_key(tenant: &TenantId, id: UserId) -> Key {
    Key::tenant(tenant, &["USER", &id.to_string()], &["LOCKOUT"])
}

/// The failures and the version they were read at; none at version 0 where there is no item.
pub(crate) fn decode_failures(item: Option<Item>) -> Result<Versioned<Failures>, TableError> {
    match item {
        None => Ok(Versioned { value: Failures::default(), version: 0 }),
        Some(item) => {
            let Versioned { value, version } = item.decode::<LockoutItem>()?;
            Ok(Versioned { value: value.failures, version })
        }
    }
}
