//! Who is calling with e-mail and password.
//!
//! An unknown address, a wrong password and a locked user are answered alike, and after the same work: one read and one
//! hash. From a network where too many have failed nothing is tried (`guesses`). Once somebody is guessing, every guess is counted before it is judged. Only the first guesses, when nobody has failed
//! lately, are judged before they are counted: their number is bounded by how many sign-ins run at once.

use kernel::TenantId;
use table::{Consistency, TableError, TransactionError, Versioned};
use web::BoxError;

use crate::Access;
use crate::audit::{AuditEntry, AuditKind};
use crate::credentials::Credentials;
use crate::guesses::Guesses;
use crate::lockout::{Failures, MAX_FAILURES};
use crate::password::{Password, PasswordError};
use crate::register::unexpected;
use crate::service::SecretError;
use crate::store::{AuditItem, LockoutItem, decode_failures, decode_user, lockout_key, user_key};
use crate::user::{Role, User, UserId, UserStatus};

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
    #[error("the token cannot be judged")]
    Token(#[source] BoxError),
    /// Nothing was tried: too many sign-ins have failed from this network. So many seconds from now they may be tried again.
    #[error("too many failed sign-ins from this network")]
    TooManyFailures { reset: u32 },
    /// Others kept failing at the same time; nobody is let in on a count that was not kept.
    #[error("a failed sign-in could not be counted")]
    Contended,
}

impl Access {
    /// The user behind an `Authorization: Basic` header; `None` for anything that is not the right password of a user
    /// who is not locked. `address` is where it comes from.
    pub async fn authenticate_basic(
        &self,
        tenant: &TenantId,
        header: &str,
        address: &str,
    ) -> Result<Option<Identity>, AuthenticateError> {
        let Some(Credentials::Basic(email, password)) = Credentials::parse(header) else { return Ok(None) };
        let id = UserId::of(tenant, &email);
        let guesses = Guesses::of(self, tenant, address);
        let keys = [user_key(tenant, id), lockout_key(tenant, id), guesses.key()];
        // Strongly, so that a lock holds from the moment it is written.
        let mut items = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let user = items.next().flatten().map(decode_user).transpose()?;
        let failures = decode_failures(items.next().flatten())?;
        let held = guesses.before(items.next().flatten()).await?;
        let found = self.judge(tenant, (id, user, failures), &password).await?;
        guesses.after(found.is_some(), held).await?;
        Ok(found)
    }

    async fn judge(
        &self,
        tenant: &TenantId,
        (id, user, failures): (UserId, Option<User>, Versioned<Failures>),
        password: &Password,
    ) -> Result<Option<Identity>, AuthenticateError> {
        let now = self.clock.now();
        let is_locked = failures.value.is_locked(now);
        // Where somebody is guessing already, the guess is counted before the hash, so that guesses at the same time cannot
        // outrun the count. Where nobody is, signing in writes nothing.
        let is_watched = !is_locked && !failures.value.is_clear(now);
        let counted = if is_watched { self.count_failure(tenant, id, failures).await? } else { Some(failures) };

        let kept = user.as_ref().and_then(|user| user.password.as_ref());
        let right = self.hasher.verify(password, kept)?;
        match (user, counted) {
            (_, _) if is_locked => Ok(None),
            // It was locked meanwhile.
            (_, None) => Ok(None),
            (Some(user), Some(counted)) if right && user.status == UserStatus::Active => {
                if is_watched {
                    self.clear_failures(tenant, id, counted.version).await?;
                }
                Ok(Some(Identity { principal: id.to_string(), role: user.role }))
            }
            (Some(_) | None, Some(counted)) => {
                if !is_watched {
                    self.count_failure(tenant, id, counted).await?;
                }
                Ok(None)
            }
        }
    }

    /// Adds a failure to what was seen, or to what others have made of it since, and to the audit trail; gives what is kept
    /// then, or `None` when it is locked and nothing was added.
    async fn count_failure(
        &self,
        tenant: &TenantId,
        id: UserId,
        seen: Versioned<Failures>,
    ) -> Result<Option<Versioned<Failures>>, AuthenticateError> {
        let now = self.clock.now();
        let mut seen = seen;
        // Each lost race is a failure somebody else counted, and so many of them lock.
        for _ in 0..=2 * MAX_FAILURES {
            if seen.value.is_locked(now) {
                return Ok(None);
            }
            let failures = seen.value.and_one(now);
            let item = LockoutItem { user: id, failures: failures.clone() };
            let subject = id.to_string();
            let entry = AuditEntry::new(&*self.clock, AuditKind::SignInFailed, &subject, &subject);
            let mut transaction = self.table.transaction(tenant);
            match seen.version {
                0 => transaction.create(&item),
                version => transaction.put_versioned(&item, version),
            };
            transaction.create(&AuditItem(entry));
            match transaction.commit().await {
                Ok(()) => return Ok(Some(Versioned { value: failures, version: seen.version + 1 })),
                Err(TransactionError::Conditions(mut failed)) => {
                    let old = failed.first_mut().and_then(Option::take).and_then(|failed| failed.old);
                    seen = decode_failures(old)?;
                }
                Err(error) => return Err(unexpected(error).into()),
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
