//! One row of the file: reading it, and the book the store is to have from it.
//!
//! It changes what a row says only where the file is known to spoil it (see `repair`); it does not look into the
//! title, judge a language code or know what the store accepts: the store answers for each row itself.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use kernel::{Currency, Isbn, Money};
use serde::{Deserialize, Serialize};

use super::repair;
use super::report::Reason;

/// The columns used, by the names in the file's header. Others may be there.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Columns {
    pub(super) isbn: String,
    pub(super) isbn13: String,
    pub(super) authors: String,
    pub(super) original_publication_year: String,
    pub(super) title: String,
    pub(super) language_code: String,
}

const REQUIRED: [&str; 6] = ["isbn", "isbn13", "authors", "original_publication_year", "title", "language_code"];

/// A row as it stands in the file.
#[derive(Debug)]
pub(super) struct Row {
    /// 1 is the first row below the header.
    pub(super) number: u64,
    /// Where the row starts, for an editor: a quoted title may span lines.
    pub(super) line: u64,
    /// The error when the row has another number of fields than the header, or is not UTF-8.
    pub(super) columns: Result<Columns, String>,
}

/// What `POST /v1/books/batch` takes for each book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Book {
    pub(super) isbn: Isbn,
    title: String,
    authors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication_year: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<String>,
    price: Money,
}

/// All rows of the file, spoilt ones included. An error is one of the whole file.
pub(super) fn read_rows(file: &Path) -> anyhow::Result<Vec<Row>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let headers = reader.headers().context("the header is not UTF-8")?.clone();
    for column in REQUIRED {
        ensure!(headers.iter().any(|header| header == column), "{} has no column {column}", file.display());
    }
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let start = reader.position().clone();
        // The reader stops between the two characters of a Windows line end.
        let in_line_end = usize::try_from(start.byte()).is_ok_and(|byte| bytes.get(byte) == Some(&b'\n'));
        let columns = match reader.read_record(&mut record) {
            Ok(false) => return Ok(rows),
            Ok(true) => record.deserialize(Some(&headers)),
            Err(error) => Err(error),
        };
        rows.push(Row {
            number: start.record(),
            line: start.line() + u64::from(in_line_end),
            columns: columns.map_err(|error| error.to_string()),
        });
    }
}

impl Book {
    /// The book of a row in a file that keeps `kept` digits of an ISBN-13 (see [`repair::kept_digits`]).
    pub(super) fn from_columns(columns: &Columns, kept: u32) -> Result<Self, Reason> {
        let isbn = repair::restore(&columns.isbn, &columns.isbn13, kept)?;
        let title = columns.title.trim().to_owned();
        if title.is_empty() {
            return Err(Reason::MissingTitle);
        }
        let authors = split_authors(&columns.authors);
        if authors.is_empty() {
            return Err(Reason::MissingAuthors);
        }
        let language_code = columns.language_code.trim().to_owned();
        Ok(Self {
            isbn,
            title,
            authors,
            publication_year: read_year(&columns.original_publication_year)?,
            language_code: Some(language_code).filter(|code| !code.is_empty()),
            price: price(isbn),
        })
    }
}

/// Each name once: the same person may be in the file as author and as translator.
fn split_authors(column: &str) -> Vec<String> {
    let mut authors: Vec<String> = Vec::new();
    for name in column.split(',') {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if !name.is_empty() && !authors.contains(&name) {
            authors.push(name);
        }
    }
    authors
}

/// The year, negative before our era; the file may write it as a float.
fn read_year(column: &str) -> Result<Option<i32>, Reason> {
    let text = column.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.parse().map(Some).map_err(|_| Reason::BadYear)
}

/// Such files have no prices, so one is made up: 4.99 to 23.99, by the digit before the check digit and whether the
/// one before that is even. It is a function of the ISBN so that loading again changes nothing.
fn price(isbn: Isbn) -> Money {
    let pounds = (repair::number(isbn) / 10) % 20;
    Money::from_minor(499 + 100 * i64::try_from(pounds).unwrap_or(0), Currency::GBP)
}
