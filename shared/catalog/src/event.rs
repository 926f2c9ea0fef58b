//! What the catalogue tells the others: the whole book after every change.

use kernel::{Clock, Context, Event, TenantId};
use serde_json::json;

use crate::Book;

pub const BOOK_CREATED: &str = "catalog.book.created.v1";
/// Also when it is back on offer.
pub const BOOK_CHANGED: &str = "catalog.book.changed.v1";
pub const BOOK_DEACTIVATED: &str = "catalog.book.deactivated.v1";

/// The event of a book that has reached `version`.
pub(crate) fn of(
    kind: &'static str,
    tenant: &TenantId,
    book: &Book,
    version: u64,
    clock: &dyn Clock,
    cause: &Context,
) -> Event {
    let data = json!({
        "bookId": book.id,
        "isbn": book.isbn,
        "title": book.title,
        "authors": book.authors,
        "year": book.year,
        "language": book.language,
        "price": book.price,
        "active": book.active,
    });
    Event::new(kind, tenant, book.id, version, data, clock).caused_by(cause)
}
