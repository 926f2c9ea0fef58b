//! Who is calling with e-mail and password.
//!
//! An unknown address, a wrong password and a locked user are answered alike, and after the same work: one read and one
//! hash. Guesses that are under way at the very moment a user gets locked are all judged, so their number is bounded by
//! how many sign-ins run at once, not by the lock.

use kernel::TenantId;
use table::{Consistency, TableError, Versioned};

use crate::Access;
use crate::credentials::Credentials;
use crate::lockout::{Failures, MAX_FAILURES};
use crate::password::PasswordError;
use crate::service::SecretError;
use crate::store::{LockoutItem, decode_failures, decode_user, lockout_key, user_key};
use crate::user::{Role, UserId};

/// Somebody known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A user's id, or `service:<name>`.
    pub principal: String,
    pub role: Role,
}

/// Why it could not be found out who is calling. A wrong credential is no error.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    #[error("the user cannot be read")]
    Table(#[from] TableError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Others kept failing at the same time; nobody is let in on a count that was not kept.
    #[error("a failed sign-in could not be counted")]
    Contended,
}

impl Access {
    /// The user behind an `Authorization: Basic` header; `None` for anything that is not the right password of a user
    /// who is not locked.
    pub async fn authenticate_basic(
        &self,
        tenant: &TenantId,
        header: &str,
    ) -> Result<Option<Identity>, AuthenticateError> {
        let Some(Credentials::Basic(email, password)) = Credentials::parse(header) else { return Ok(None) };
        let id = UserId::of(tenant, &email);
        let keys = [user_key(tenant, id), lockout_key(tenant, id)];
        // Strongly, so that a lock holds from the moment it is written.
        let mut items = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let user = items.next().flatten().map(decode_user).transpose()?;
        let failures = decode_failures(items.next().flatten())?;

        let right = self.hasher.verify(&password, user.as_ref().map(|user| &user.password))?;
        let now = self.clock.now();
        match user {
            _ if failures.value.is_locked(now) => Ok(None),
            Some(user) if right => {
                if !failures.value.is_clear(now) {
                    self.clear_failures(tenant, id, failures.version).await?;
                }
                Ok(Some(Identity { principal: id.to_string(), role: user.role }))
            }
            Some(_) | None => {
                self.count_failure(tenant, id, failures).await?;
                Ok(None)
            }
        }
    }

    /// Adds a failure to what was seen, or to what others have made of it since.
    async fn count_failure(
        &self,
        tenant: &TenantId,
        id: UserId,
        seen: Versioned<Failures>,
    ) -> Result<(), AuthenticateError> {
        let now = self.clock.now();
        let mut seen = seen;
        // Each lost race is a failure somebody else counted, and so many of them lock.
        for _ in 0..=2 * MAX_FAILURES {
            if seen.value.is_locked(now) {
                return Ok(());
            }
            let item = LockoutItem { user: id, failures: seen.value.and_one(now) };
            let written = match seen.version {
                0 => self.table.create(tenant, &item).await,
                version => self.table.update(tenant, &item, version).await.map(|_| ()),
            };
            match written {
                Ok(()) => return Ok(()),
                Err(TableError::ConditionFailed { old }) => seen = decode_failures(old)?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(AuthenticateError::Contended)
    }

    /// Forgets the failures that were seen. Those counted since stay: they may be somebody else's guesses.
    async fn clear_failures(&self, tenant: &TenantId, id: UserId, seen: u64) -> Result<(), TableError> {
        match self.table.delete_versioned(lockout_key(tenant, id), seen).await {
            Ok(()) | Err(TableError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
