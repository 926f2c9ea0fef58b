//! The book, and what may be one. Pure.
//!
//! An ISBN is a book's identity within a tenant: its id holds it, so one ISBN cannot be two books, the ISBN of a book
//! never changes, and what is kept by ISBN (stock) can be read together with the book, without reading the book first.
//! Stock itself is not here (`inventory`), neither is what was paid (`sales`).

use std::collections::BTreeSet;

use kernel::{Isbn, Money};
use unicode_normalization::UnicodeNormalization;

use crate::words;

kernel::typed_id!(
    /// A book, by its ISBN.
    BookId,
    "book"
);

impl BookId {
    /// The one id of this ISBN's book, whether there is such a book or not: the ISBN as the low bits of the id.
    #[must_use]
    pub fn of(isbn: Isbn) -> Self {
        let digits = isbn.to_string().bytes().fold(0, |number: u128, digit| number * 10 + u128::from(digit - b'0'));
        Self::from_ulid(kernel::Ulid(digits))
    }

    /// The ISBN the id holds; `None` for an id nobody gave out.
    #[must_use]
    pub fn isbn(self) -> Option<Isbn> {
        format!("{:013}", self.ulid().0).parse().ok()
    }
}

/// Longest title and author's name, in bytes of UTF-8.
pub const MAX_TITLE_BYTES: usize = 512;
pub const MAX_AUTHOR_BYTES: usize = 128;
/// Authors a book has at least one of.
pub const MAX_AUTHORS: usize = 20;
/// First publication; before the common era it is negative.
pub const YEARS: std::ops::RangeInclusive<i16> = -3000..=2999;
/// Price in minor units: up to 9,999,999.99 where there are hundredths.
pub const PRICES_MINOR: std::ops::RangeInclusive<i64> = 1..=999_999_999;
/// Longest language code.
pub const MAX_LANGUAGE_BYTES: usize = 16;

/// A title on offer, or once on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    pub id: BookId,
    pub isbn: Isbn,
    pub title: String,
    pub authors: Vec<String>,
    /// Of the first publication, when known.
    pub year: Option<i16>,
    /// `eng`, `en-GB`; when known.
    pub language: Option<String>,
    pub price: Money,
    /// Only active books are listed, found and sold.
    pub active: bool,
}

/// A book to be. Text is taken as typed; [`Book::new`] trims and checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBook {
    /// 10 or 13 digits, with or without hyphens.
    pub isbn: String,
    pub title: String,
    pub authors: Vec<String>,
    pub year: Option<i16>,
    pub language: Option<String>,
    pub price: Money,
}

/// What to change of a book; `None` leaves it, `Some(None)` removes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    pub title: Option<String>,
    pub authors: Option<Vec<String>>,
    pub year: Option<Option<i16>>,
    pub language: Option<Option<String>>,
    pub price: Option<Money>,
    /// `true` puts a deactivated book back on offer.
    pub active: Option<bool>,
}

/// One rule the input breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the input: `/authors/3`.
    pub pointer: String,
    /// Stable name of the rule.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl Book {
    /// An active book, or everything that is wrong with it.
    pub fn new(new: NewBook) -> Result<Self, Vec<Violation>> {
        let NewBook { isbn, title, authors, year, language, price } = new;
        let mut violations = Vec::new();
        let isbn = isbn.parse::<Isbn>().map_err(|error| violations.push(violation("/isbn", "invalid_isbn", error)));
        let checked = Checked::new(title, authors, year, language, price, &mut violations);
        match isbn {
            Ok(isbn) if violations.is_empty() => Ok(checked.into_book(BookId::of(isbn), isbn, true)),
            Ok(_) | Err(()) => Err(violations),
        }
    }

    /// The book after the change, or everything that is wrong with the change.
    pub fn patched(&self, patch: Patch) -> Result<Self, Vec<Violation>> {
        let old = self.clone();
        let mut violations = Vec::new();
        let checked = Checked::new(
            patch.title.unwrap_or(old.title),
            patch.authors.unwrap_or(old.authors),
            patch.year.unwrap_or(old.year),
            patch.language.unwrap_or(old.language),
            patch.price.unwrap_or(old.price),
            &mut violations,
        );
        let active = patch.active.unwrap_or(old.active);
        if violations.is_empty() { Ok(checked.into_book(old.id, old.isbn, active)) } else { Err(violations) }
    }

    /// The words it is found by: none while it is not active.
    pub(crate) fn words(&self) -> BTreeSet<String> {
        if self.active { words::of_book(&self.title, &self.authors) } else { BTreeSet::new() }
    }
}

/// What can change of a book, in its stored form.
struct Checked {
    title: String,
    authors: Vec<String>,
    year: Option<i16>,
    language: Option<String>,
    price: Money,
}

impl Checked {
    fn new(
        title: String,
        authors: Vec<String>,
        year: Option<i16>,
        language: Option<String>,
        price: Money,
        violations: &mut Vec<Violation>,
    ) -> Self {
        let title = text(&title, MAX_TITLE_BYTES, "/title", violations);
        if !(1..=MAX_AUTHORS).contains(&authors.len()) {
            violations.push(violation("/authors", "wrong_count", format!("must be 1 to {MAX_AUTHORS} names")));
        }
        let authors = authors.iter().take(MAX_AUTHORS).enumerate();
        let authors = authors
            .map(|(index, name)| text(name, MAX_AUTHOR_BYTES, &format!("/authors/{index}"), violations))
            .collect();
        if year.is_some_and(|year| !YEARS.contains(&year)) {
            let detail = format!("must be {} to {}", YEARS.start(), YEARS.end());
            violations.push(violation("/year", "out_of_range", detail));
        }
        if language.as_deref().is_some_and(|code| !is_language(code)) {
            violations.push(violation("/language", "invalid_language", "must be a language code such as eng or en-GB"));
        }
        if !PRICES_MINOR.contains(&price.minor()) {
            let [least, most] = [PRICES_MINOR.start(), PRICES_MINOR.end()]
                .map(|minor| Money::from_minor(*minor, price.currency()).amount());
            violations.push(violation("/price/amount", "out_of_range", format!("must be {least} to {most}")));
        }
        Self { title, authors, year, language, price }
    }

    fn into_book(self, id: BookId, isbn: Isbn, active: bool) -> Book {
        let Self { title, authors, year, language, price } = self;
        Book { id, isbn, title, authors, year, language, price, active }
    }
}

fn violation(pointer: &str, code: &'static str, detail: impl ToString) -> Violation {
    Violation { pointer: pointer.to_owned(), code, detail: detail.to_string() }
}

/// The text trimmed and composed (NFC), so that equal looks are equal bytes.
fn text(raw: &str, max: usize, pointer: &str, violations: &mut Vec<Violation>) -> String {
    if raw.len() > 2 * max {
        violations.push(violation(pointer, "too_long", format!("must be at most {max} bytes")));
        return String::new();
    }
    let text: String = raw.trim().nfc().collect();
    if text.is_empty() {
        violations.push(violation(pointer, "required", "must not be empty"));
    } else if text.len() > max {
        violations.push(violation(pointer, "too_long", format!("must be at most {max} bytes")));
    } else if text.chars().any(char::is_control) {
        violations.push(violation(pointer, "invalid_character", "must not hold control characters"));
    }
    text
}

/// The shape of a BCP 47 tag, or of the three-letter code publishers use; not whether there is such a language.
fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    let primary = parts.next().unwrap_or_default();
    code.len() <= MAX_LANGUAGE_BYTES
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests;
