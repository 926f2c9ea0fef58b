//! Pages of the table as pages of the API: positions travel as signed cursors.

use kernel::CursorKey;
use secrecy::ExposeSecret;
use table::Position;
use web::{Caller, List, Page, Problem};

use super::Api;
use crate::problem;

/// A list as it was asked for, ready to be read.
pub(super) struct Listing<F> {
    list: List<F>,
    cursors: CursorKey,
    caller: Caller,
}

impl<F> Listing<F> {
    pub(super) async fn new(list: List<F>, api: &Api, caller: Caller) -> Result<Self, Problem> {
        let secret = api.cursor_secret.read().await.map_err(|error| Problem::unavailable(&*error))?;
        let cursors = CursorKey::new(secret.expose_secret().as_bytes()).map_err(|error| Problem::internal(&error))?;
        Ok(Self { list, cursors, caller })
    }

    /// Where the page starts.
    pub(super) fn start(&self) -> Result<Option<Position>, Problem> {
        let start = self.list.start(&self.cursors, &self.caller.tenant)?;
        start.map(|bytes| Position::from_bytes(&bytes)).transpose().map_err(|error| problem::position(&error))
    }

    /// Items on it, as the table counts them.
    pub(super) fn limit(&self) -> usize {
        usize::try_from(self.list.limit).unwrap_or(usize::MAX)
    }

    /// The page as it is shown.
    pub(super) fn page<T, V: From<T>>(&self, page: table::Page<T>) -> Page<V> {
        let next = page.next.map(|next| next.to_bytes());
        let items = page.items.into_iter().map(V::from).collect();
        self.list.page(&self.cursors, &self.caller.tenant, items, next.as_deref())
    }
}
