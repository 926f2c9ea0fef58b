//! How users and their failed sign-ins are kept in the table.
//!
//! | item | partition | sort key |
//! |---|---|---|
//! | user | `USER#<id>` | `USER` |
//! | lockout | `USER#<id>` | `LOCKOUT` |
//!
//! Access patterns: a user by id; a user and the failures together by id, which follows from the e-mail address. There
//! is no list of users. Failures have an item of their own: they come and go without touching the user, and there are
//! some for addresses that are nobody's.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, TableError, Versioned};

use crate::lockout::Failures;
use crate::password::PasswordHash;
use crate::user::{Role, User, UserId};

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
    #[serde(rename = "h")]
    password: PasswordHash,
}

impl Entity for UserItem {
    const KIND: &'static str = "user";

    fn key(&self, tenant: &TenantId) -> Key {
        user_key(tenant, self.id)
    }
}

impl From<&User> for UserItem {
    fn from(user: &User) -> Self {
        let User { id, email, name, role, password } = user.clone();
        Self { id, email, name, role, password }
    }
}

pub(crate) fn user_key(tenant: &TenantId, id: UserId) -> Key {
    Key::tenant(tenant, &["USER", &id.to_string()], &["USER"])
}

pub(crate) fn decode_user(item: Item) -> Result<User, TableError> {
    let UserItem { id, email, name, role, password } = item.decode()?.value;
    Ok(User { id, email, name, role, password })
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
