//! Changes of a book that exists, under optimistic lock.

use kernel::{Context, TenantId};
use table::{Consistency, TableError, Versioned};

use crate::book::{Book, BookId, Patch, Violation};
use crate::create::unexpected;
use crate::store::{BookItem, keep_postings};
use crate::{BOOK_CHANGED, BOOK_DEACTIVATED, Catalog, event};

/// Why a book was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("there is no such book")]
    NotFound,
    /// It is not at the version the caller saw, but this.
    #[error("the book has changed")]
    Stale(Box<Versioned<Book>>),
    #[error("the change breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
    #[error("the book cannot be stored")]
    Table(#[from] TableError),
}

impl Catalog {
    /// Changes a book that is still at version `seen`. A patch that changes nothing writes nothing and leaves the
    /// version as it is.
    pub async fn patch(
        &self,
        tenant: &TenantId,
        id: BookId,
        seen: u64,
        patch: Patch,
        cause: &Context,
    ) -> Result<Versioned<Book>, ChangeError> {
        let old = self.current(tenant, id).await?;
        if old.version != seen {
            return Err(ChangeError::Stale(Box::new(old)));
        }
        self.replace(tenant, old, patch, cause).await
    }

    /// Takes a book that is still at version `seen` off offer. It stays readable by id, for old orders. One that is
    /// off offer already is answered as it is, whatever was seen: the wish is fulfilled.
    pub async fn deactivate(
        &self,
        tenant: &TenantId,
        id: BookId,
        seen: u64,
        cause: &Context,
    ) -> Result<Versioned<Book>, ChangeError> {
        let old = self.current(tenant, id).await?;
        if !old.value.active {
            return Ok(old);
        }
        if old.version != seen {
            return Err(ChangeError::Stale(Box::new(old)));
        }
        self.replace(tenant, old, Patch { active: Some(false), ..Patch::default() }, cause).await
    }

    async fn current(&self, tenant: &TenantId, id: BookId) -> Result<Versioned<Book>, ChangeError> {
        let item = self.table.get_item(Book::key(tenant, id), Consistency::Strong).await?;
        Ok(Book::decode(item.ok_or(ChangeError::NotFound)?)?)
    }

    async fn replace(
        &self,
        tenant: &TenantId,
        old: Versioned<Book>,
        patch: Patch,
        cause: &Context,
    ) -> Result<Versioned<Book>, ChangeError> {
        let Versioned { value: old, version: seen } = old;
        let new = old.patched(patch).map_err(ChangeError::Invalid)?;
        if new == old {
            return Ok(Versioned { value: old, version: seen });
        }
        let version = seen.saturating_add(1);
        let kind = if old.active && !new.active { BOOK_DEACTIVATED } else { BOOK_CHANGED };
        let mut transaction = self.table.transaction(tenant);
        let place = transaction.len();
        transaction.put_versioned(&BookItem::from(&new), seen);
        keep_postings(&mut transaction, Some(&old), &new);
        transaction.event(&event::of(kind, tenant, &new, version, &*self.clock, cause));
        match transaction.commit().await {
            Ok(()) => Ok(Versioned { value: new, version }),
            Err(error) => match error.failed(place).map(|failed| failed.old.clone()) {
                Some(Some(now)) => Err(ChangeError::Stale(Box::new(Book::decode(now)?))),
                Some(None) => Err(ChangeError::NotFound),
                None => Err(unexpected(error).into()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
