//! A list whose cursors can be opened and sealed: [`List`] together with the key they are signed with.
//!
//! What a cursor holds is the business of whoever makes the list; a cursor that was signed here and still cannot be read
//! belongs to another version of it.

use kernel::{CursorKey, TenantId};
use secrecy::ExposeSecret;

use crate::secret::Secret;
use crate::{List, Page, Problem};

/// A list as it was asked for, ready to be read.
pub struct Listing<F> {
    list: List<F>,
    cursors: CursorKey,
    tenant: TenantId,
}

/// What cursors are signed with, made of the secret.
pub async fn cursor_key(secret: &dyn Secret) -> Result<CursorKey, Problem> {
    let secret = secret.read().await.map_err(|error| Problem::unavailable(&*error))?;
    CursorKey::new(secret.expose_secret().as_bytes()).map_err(|error| Problem::internal(&error))
}

impl<F> List<F> {
    /// Reads the secret that cursors are signed with.
    pub async fn open(self, secret: &dyn Secret, tenant: &TenantId) -> Result<Listing<F>, Problem> {
        Ok(Listing { list: self, cursors: cursor_key(secret).await?, tenant: tenant.clone() })
    }
}

impl<F> Listing<F> {
    /// What is wanted of the list.
    pub fn filter(&self) -> &F {
        &self.list.filter
    }

    /// Items on a page.
    pub fn limit(&self) -> usize {
        usize::try_from(self.list.limit).unwrap_or(usize::MAX)
    }

    /// Where the page starts; `None` for the first one.
    pub fn start<P, E>(&self, read: impl FnOnce(&[u8]) -> Result<P, E>) -> Result<Option<P>, Problem> {
        let bytes = self.list.start(&self.cursors, &self.tenant)?;
        let other_version = |_| Problem::bad_request("invalid_cursor").detail("Start again without a cursor.");
        bytes.map(|bytes| read(&bytes)).transpose().map_err(other_version)
    }

    /// The page as it is shown; `next` is where the following one starts.
    pub fn page<T>(&self, items: Vec<T>, next: Option<&[u8]>) -> Page<T> {
        self.list.page(&self.cursors, &self.tenant, items, next)
    }
}
