//! Lists as they are asked for and shown: their cursors are positions in the table, signed.

use std::sync::Arc;

use kernel::TenantId;
use table::Position;
use web::secret::Secret;
use web::{List, Page, Problem};

/// Signs cursors; the secret is read by lists only, and not before the first.
pub(crate) struct Cursors(pub(crate) Arc<dyn Secret>);

impl Cursors {
    /// A list whose cursor can be opened and sealed.
    pub(crate) async fn open<F>(&self, list: List<F>, tenant: &TenantId) -> Result<Listing<F>, Problem> {
        list.open(&*self.0, tenant).await.map(Listing)
    }
}

/// A list as it was asked for.
pub(crate) struct Listing<F>(web::Listing<F>);

impl<F> Listing<F> {
    /// What is wanted of the list.
    pub(crate) fn filter(&self) -> &F {
        self.0.filter()
    }

    /// Items on the page.
    pub(crate) fn limit(&self) -> usize {
        self.0.limit()
    }

    /// Where the page starts.
    pub(crate) fn start(&self) -> Result<Option<Position>, Problem> {
        self.0.start(Position::from_bytes)
    }

    /// The page as it is shown.
    pub(crate) fn page<T>(&self, items: Vec<T>, next: Option<&Position>) -> Page<T> {
        self.0.page(items, next.map(Position::to_bytes).as_deref())
    }
}
