//! The catalogue: which books there are, what they cost, and how they are found.
//!
//! A book, the words it is found by and the event that tells of the change are always written in one transaction, so
//! search never disagrees with the catalogue. What is in stock belongs to `inventory`, what was ordered to `sales`;
//! HTTP is added by `storefront`.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod book;
mod change;
mod create;
mod event;
mod read;
mod search;
mod store;
#[cfg(test)]
mod testing;
mod words;

use std::fmt;
use std::sync::Arc;

use kernel::Clock;
use table::Table;

pub use book::{
    Book, BookId, MAX_AUTHOR_BYTES, MAX_AUTHORS, MAX_LANGUAGE_BYTES, MAX_TITLE_BYTES, NewBook, PRICES_MINOR, Patch,
    Violation, YEARS,
};
pub use change::ChangeError;
pub use create::{CreateError, CreateManyError, MAX_ROWS, Row};
pub use event::{BOOK_CHANGED, BOOK_CREATED, BOOK_DEACTIVATED};
pub use read::{Books, ListError};
pub use search::{InvalidSearch, MAX_SEARCH_BYTES, Search};

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Catalog {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog(..)")
    }
}
