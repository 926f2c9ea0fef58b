//! Lists with cursors, and who may see them.

use documents::Place;
use kernel::{CursorKey, TenantId};
use secrecy::ExposeSecret;
use web::{List, Page, Problem, Roles};

use crate::Operations;

/// Parts of the system: sources of documents, connectors.
pub(crate) struct Services;
impl Roles for Services {
    const ALLOWED: &'static [&'static str] = &["SERVICE"];
}

/// Who runs it.
pub(crate) struct Operators;
impl Roles for Operators {
    const ALLOWED: &'static [&'static str] = &["OPERATOR", "STORE_ADMIN"];
}

/// Either.
pub(crate) struct Anybody;
impl Roles for Anybody {
    const ALLOWED: &'static [&'static str] = &["SERVICE", "OPERATOR", "STORE_ADMIN"];
}

/// What cursors are signed with.
pub(crate) async fn key(operations: &Operations) -> Result<CursorKey, Problem> {
    let secret = operations.cursor_secret.read().await.map_err(|error| Problem::unavailable(&*error))?;
    CursorKey::new(secret.expose_secret().as_bytes()).map_err(|error| Problem::internal(&error))
}

pub(crate) fn bad_cursor() -> Problem {
    Problem::bad_request("invalid_cursor").detail("Start again without a cursor.")
}

/// A list whose cursor can be opened and sealed.
pub(crate) struct Listing<'a, F> {
    list: &'a List<F>,
    key: CursorKey,
    tenant: &'a TenantId,
}

impl<'a, F> Listing<'a, F> {
    pub(crate) async fn open(
        operations: &Operations,
        list: &'a List<F>,
        tenant: &'a TenantId,
    ) -> Result<Self, Problem> {
        Ok(Self { list, key: key(operations).await?, tenant })
    }

    pub(crate) fn start(&self) -> Result<Option<Place>, Problem> {
        let bytes = self.list.start(&self.key, self.tenant)?;
        let place = bytes.map(|bytes| Place::from_bytes(&bytes)).transpose();
        place.map_err(|_| bad_cursor())
    }

    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.list.limit).unwrap_or(usize::MAX)
    }

    pub(crate) fn page<T>(&self, items: Vec<T>, next: Option<&Place>) -> Page<T> {
        self.list.page(&self.key, self.tenant, items, next.map(Place::to_bytes).as_deref())
    }
}
