//! New books, one or up to a hundred at a time.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use kernel::{Context, TenantId};
use table::{TableError, TransactionError, Versioned};

use crate::book::{Book, BookId, NewBook, Violation};
use crate::store::{BookItem, keep_postings};
use crate::{BOOK_CREATED, Catalog, event};

/// Most rows of one [`Catalog::create_many`].
pub const MAX_ROWS: usize = 100;
/// Transactions of one batch that are under way at the same time.
const CONCURRENCY: usize = 8;

/// Why a book was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("the book breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
    /// There is a book with this ISBN, active or not: this one.
    #[error("there is a book with this ISBN")]
    Exists(Box<Versioned<Book>>),
    #[error("the book cannot be stored")]
    Table(#[from] TableError),
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Created(Versioned<Book>),
    /// It was there, just like this.
    Exists(Versioned<Book>),
    /// There is a book with this ISBN, but another title, price or so, or it is not active.
    Differs(Versioned<Book>),
    Invalid(Vec<Violation>),
}

/// Why no answer can be given for the rows. Some may have been created: sending the same rows again finishes the job.
#[derive(Debug, thiserror::Error)]
pub enum CreateManyError {
    #[error("{0} rows are more than {MAX_ROWS}")]
    TooManyRows(usize),
    #[error("the books cannot be stored")]
    Table(#[from] TableError),
}

impl Catalog {
    /// Adds a book. Of several calls with one ISBN, also at the same time, one creates it.
    pub async fn create(
        &self,
        tenant: &TenantId,
        new: NewBook,
        cause: &Context,
    ) -> Result<Versioned<Book>, CreateError> {
        let book = Book::new(new).map_err(CreateError::Invalid)?;
        match self.store_new(tenant, book, cause).await? {
            (book, true) => Ok(book),
            (existing, false) => Err(CreateError::Exists(Box::new(existing))),
        }
    }

    /// Adds the books that are not there yet, each on its own: one outcome a row, in order. Of two rows with one ISBN
    /// the first counts.
    pub async fn create_many(
        &self,
        tenant: &TenantId,
        rows: Vec<NewBook>,
        cause: &Context,
    ) -> Result<Vec<Row>, CreateManyError> {
        if rows.len() > MAX_ROWS {
            return Err(CreateManyError::TooManyRows(rows.len()));
        }
        let checked: Vec<_> = rows.into_iter().map(Book::new).collect();
        let mut first: HashMap<BookId, &Book> = HashMap::new();
        for book in checked.iter().flatten() {
            first.entry(book.id).or_insert(book);
        }
        let mut stored = self.find_or_create(tenant, first.into_values().cloned().collect(), cause).await?;
        let outcome = |row: Result<Book, _>| match row {
            Err(violations) => Some(Row::Invalid(violations)),
            Ok(book) => {
                let (existing, created) = stored.get_mut(&book.id)?;
                // The second of two rows with one ISBN meets the book the first one created.
                Some(match std::mem::take(created) {
                    true => Row::Created(existing.clone()),
                    false if existing.value == book => Row::Exists(existing.clone()),
                    false => Row::Differs(existing.clone()),
                })
            }
        };
        Ok(checked.into_iter().filter_map(outcome).collect())
    }

    /// The stored book for each of these, and whether it is new.
    async fn find_or_create(
        &self,
        tenant: &TenantId,
        books: Vec<Book>,
        cause: &Context,
    ) -> Result<HashMap<BookId, (Versioned<Book>, bool)>, TableError> {
        let ids: Vec<BookId> = books.iter().map(|book| book.id).collect();
        let existing = self.get_many(tenant, &ids).await?;
        let results = stream::iter(books.into_iter().zip(existing)).map(async |(book, existing)| match existing {
            Some(existing) => Ok((existing.value.id, (existing, false))),
            None => {
                let (stored, created) = Box::pin(self.store_new(tenant, book, cause)).await?;
                Ok((stored.value.id, (stored, created)))
            }
        });
        results.buffer_unordered(CONCURRENCY).try_collect().await
    }

    /// Writes the book with its postings and its event unless its id is taken; returns what is stored then, and
    /// whether this call wrote it.
    async fn store_new(
        &self,
        tenant: &TenantId,
        book: Book,
        cause: &Context,
    ) -> Result<(Versioned<Book>, bool), TableError> {
        let mut transaction = self.table.transaction(tenant);
        let place = transaction.len();
        transaction.create(&BookItem::from(&book));
        keep_postings(&mut transaction, None, &book);
        transaction.event(&event::of(BOOK_CREATED, tenant, &book, 1, &*self.clock, cause));
        match transaction.commit().await {
            Ok(()) => Ok((Versioned { value: book, version: 1 }, true)),
            Err(error) => match error.failed(place).and_then(|failed| failed.old.clone()) {
                Some(old) => Ok((Book::decode(old)?, false)),
                None => Err(unexpected(error)),
            },
        }
    }
}

/// A failure of a transaction that is no business answer.
pub(crate) fn unexpected(error: TransactionError) -> TableError {
    match error {
        TransactionError::Table(error) => error,
        // Tokens and event ids are random, and postings are written without a condition.
        other @ (TransactionError::Conditions(_) | TransactionError::TokenReused) => TableError::Conflict(other.into()),
    }
}

#[cfg(test)]
mod tests;
