//! Books as they are shown.

use catalog::Book;
use kernel::{Isbn, Money};
use serde::Serialize;
use table::Versioned;

/// A book.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookView {
    #[schema(value_type = String, example = "book_00000000000000000008WMAPT24N")]
    pub(crate) id: catalog::BookId,
    #[schema(value_type = String, example = "9780140449136")]
    isbn: Isbn,
    title: String,
    authors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication_year: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<String>,
    #[schema(value_type = Object, example = json!({"amount": "12.50", "currency": "GBP"}))]
    price: Money,
    active: bool,
    /// Units that can be ordered, over all warehouses that are up. Absent in answers to changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<i64>,
    /// For `If-Match`.
    version: u64,
}

impl BookView {
    pub(crate) fn new(book: Versioned<Book>, available: Option<i64>) -> Self {
        let Versioned { value, version } = book;
        Self {
            id: value.id,
            isbn: value.isbn,
            title: value.title,
            authors: value.authors,
            publication_year: value.year,
            language_code: value.language,
            price: value.price,
            active: value.active,
            available,
            version,
        }
    }
}
