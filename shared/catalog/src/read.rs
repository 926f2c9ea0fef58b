//! Reading: by id, by title, by search. Everything is a key look-up or a page of a query; nothing scans.
//!
//! Reads are eventually consistent: a book may be found a moment after it was created.

use kernel::TenantId;
use table::{Consistency, Position, TableError, Versioned};

use crate::Catalog;
use crate::book::{Book, BookId};
use crate::search::{Search, Wanted, first_with};
use crate::store::{Posting, books_by_title};

/// Postings looked at in one go, and how often within one page. A page that had to pass over more has fewer books than
/// asked for, or none, but tells where the next one starts.
const CANDIDATES: usize = 100;
const ROUNDS: usize = 5;
/// Fewer are not worth a round trip.
const FEWEST_CANDIDATES: usize = 10;

/// One page of books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    pub items: Vec<Versioned<Book>>,
    /// The `start` of the next page of the same list; `None` on the last. Goes into a signed cursor.
    pub next: Option<Vec<u8>>,
}

/// Why a page cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It was not `next` of a page of this list.
    #[error("the list has no such place to start from")]
    InvalidStart,
    #[error("the books cannot be read")]
    Table(#[from] TableError),
}

impl Catalog {
    /// A book, active or not.
    pub async fn get(&self, tenant: &TenantId, id: BookId) -> Result<Option<Versioned<Book>>, TableError> {
        let item = self.table.get_item(Book::key(tenant, id), Consistency::Eventual).await?;
        item.map(Book::decode).transpose()
    }

    /// Books, active or not, in the order of the ids; `None` where there is none.
    pub async fn get_many(
        &self,
        tenant: &TenantId,
        ids: &[BookId],
    ) -> Result<Vec<Option<Versioned<Book>>>, TableError> {
        let keys: Vec<_> = ids.iter().map(|id| Book::key(tenant, *id)).collect();
        let items = self.table.get_many(&keys, Consistency::Eventual).await?;
        items.into_iter().map(|item| item.map(Book::decode).transpose()).collect()
    }

    /// Active books by title, at most `limit`.
    pub async fn list(&self, tenant: &TenantId, limit: usize, start: Option<&[u8]>) -> Result<Books, ListError> {
        let start = start.map(Position::from_bytes).transpose().map_err(|_| ListError::InvalidStart)?;
        let page = self.table.query_items(books_by_title(tenant).limit(limit).start(start)).await?;
        let page = page.try_map(Book::decode)?;
        Ok(Books { items: page.items, next: page.next.map(|next| next.to_bytes()) })
    }

    /// Active books that match, at most `limit`, in the order of the words that match. No book comes twice.
    pub async fn search(
        &self,
        tenant: &TenantId,
        search: &Search,
        limit: usize,
        start: Option<&[u8]>,
    ) -> Result<Books, ListError> {
        match &search.0 {
            Wanted::Isbn(isbn) => {
                let book = self.get(tenant, BookId::of(*isbn)).await?;
                Ok(Books { items: book.into_iter().filter(|book| book.value.active).collect(), next: None })
            }
            Wanted::Words { longest, others } => self.search_words(tenant, longest, others, limit, start).await,
        }
    }

    async fn search_words(
        &self,
        tenant: &TenantId,
        longest: &str,
        others: &[String],
        limit: usize,
        start: Option<&[u8]>,
    ) -> Result<Books, ListError> {
        let limit = limit.max(1);
        let chunk = if others.is_empty() { limit.clamp(FEWEST_CANDIDATES, CANDIDATES) } else { CANDIDATES };
        let mut after = start.map(Posting::from_bytes).transpose()?;
        let mut items = Vec::new();
        for _ in 0..ROUNDS {
            let query = Posting::beginning_with(tenant, longest, after.as_ref()).limit(chunk);
            let page = self.table.query::<Posting>(query).await?;
            let postings: Vec<Posting> = page.items.into_iter().map(|posting| posting.value).collect();
            let ids: Vec<BookId> = postings.iter().map(|posting| posting.book).collect();
            let mut books = postings.into_iter().zip(self.get_many(tenant, &ids).await?).peekable();
            while let Some((posting, book)) = books.next() {
                items.extend(book.filter(|book| matches(&book.value, longest, others, &posting.word)));
                let more = books.peek().is_some() || page.next.is_some();
                if items.len() == limit || !more {
                    return Ok(Books { items, next: more.then(|| posting.to_bytes()) });
                }
                after = Some(posting);
            }
            if page.next.is_none() {
                return Ok(Books { items, next: None });
            }
        }
        Ok(Books { items, next: after.map(|posting| posting.to_bytes()) })
    }
}

/// Whether a book found by `word` is a result. It is one at the first of its words that begins with `longest` only: it
/// has a posting for each of them.
fn matches(book: &Book, longest: &str, others: &[String], word: &str) -> bool {
    let words = book.words();
    first_with(&words, longest).is_some_and(|first| first == word)
        && others.iter().all(|other| first_with(&words, other).is_some())
}

impl Posting {
    fn to_bytes(&self) -> Vec<u8> {
        format!("{}#{}", self.word, self.book).into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, ListError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ListError::InvalidStart)?;
        let (word, book) = text.rsplit_once('#').ok_or(ListError::InvalidStart)?;
        Ok(Self { word: word.to_owned(), book: book.parse().map_err(|_| ListError::InvalidStart)? })
    }
}

#[cfg(test)]
mod tests;
