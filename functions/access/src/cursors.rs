//! Lists as they are asked for and shown: their cursors, signed.

use std::sync::Arc;

use kernel::{CursorKey, TenantId};
use secrecy::ExposeSecret;
use table::Position;
use web::secret::Secret;
use web::{List, Page, Problem};

/// Signs cursors; the secret is read by lists only, and not before the first.
pub(crate) struct Cursors(pub(crate) Arc<dyn Secret>);

impl Cursors {
    /// A list whose cursor can be opened and sealed.
    pub(crate) async fn open<F>(&self, list: List<F>, tenant: &TenantId) -> Result<Listing<F>, Problem> {
        let secret = self.0.read().await.map_err(|error| Problem::unavailable(&*error))?;
        let key = CursorKey::new(secret.expose_secret().as_bytes()).map_err(|error| Problem::internal(&error))?;
        Ok(Listing { list, key, tenant: tenant.clone() })
    }
}

/// A list as it was asked for.
pub(crate) struct Listing<F> {
    pub(crate) list: List<F>,
    key: CursorKey,
    tenant: TenantId,
}

impl<F> Listing<F> {
    /// Items on the page.
    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.list.limit).unwrap_or(usize::MAX)
    }

    /// Where the page starts.
    pub(crate) fn start(&self) -> Result<Option<Position>, Problem> {
        let bytes = self.list.start(&self.key, &self.tenant)?;
        let position = bytes.map(|bytes| Position::from_bytes(&bytes)).transpose();
        position.map_err(|error| Problem::bad_request("invalid_cursor").caused_by(&error))
    }

    /// The page as it is shown.
    pub(crate) fn page<T>(&self, items: Vec<T>, next: Option<&Position>) -> Page<T> {
        self.list.page(&self.key, &self.tenant, items, next.map(Position::to_bytes).as_deref())
    }
}
