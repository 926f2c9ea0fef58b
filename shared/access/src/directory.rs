//! The directory of who: users and their lives, groups, applications, and what each of them is granted.
//!
//! Every change carries the version it was made from and writes its audit entry in the same transaction. What a grant
//! comes to is `rbac`'s business; signing in is `oauth`'s.

mod applications;
mod rights;
mod users;

use std::sync::Arc;

use kernel::{Clock, TenantId};
use table::{Table, TableError, TransactionError};

use crate::audit::{AuditEntry, AuditKind};
use crate::keys::NoRandomness;
use crate::rbac::InvalidRoles;
use crate::register::unexpected;
use crate::user::{InvalidStep, Violation};

pub use applications::Registered;
pub use rights::{Admitted, Group, MAX_GRANTS, MAX_GROUPS, Rights};
pub use users::{Export, ExportedSession, Invitation};

/// Who changes the directory, for the audit trail.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    pub tenant: &'a TenantId,
    pub principal: &'a str,
}

/// Whether the caller has seen this version.
pub type Seen<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// Why the directory was not changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("there is no such entry")]
    NotFound,
    /// Somebody else has changed it since.
    #[error("the entry is not at the version that was seen")]
    Stale,
    #[error("there is a user with this address")]
    Taken,
    #[error("the entry breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
    #[error(transparent)]
    Roles(#[from] InvalidRoles),
    #[error(transparent)]
    Step(#[from] InvalidStep),
    /// A public application has no secret to change.
    #[error("the application has no secret")]
    NoSecret,
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("the directory cannot be reached")]
    Table(#[from] TableError),
}

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Directory {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }

    fn entry(&self, actor: Actor<'_>, event: AuditKind, subject: impl ToString) -> AuditEntry {
        AuditEntry::new(&*self.clock, event, actor.principal, &subject.to_string())
    }
}

/// The first action was conditional on the version that was seen.
pub(crate) fn stale(error: TransactionError) -> DirectoryError {
    match error {
        TransactionError::Conditions(_) => DirectoryError::Stale,
        error @ (TransactionError::TokenReused | TransactionError::Table(_)) => unexpected(error).into(),
    }
}

#[cfg(test)]
mod tests;
