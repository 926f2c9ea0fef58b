//! What is searched for: an ISBN, or words. Pure.

use std::collections::BTreeSet;
use std::ops::Bound;

use kernel::Isbn;

use crate::words;

/// Longest text to search for.
pub const MAX_SEARCH_BYTES: usize = 200;

/// Something to search for. A book matches words when each of them begins one of the book's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(pub(crate) Wanted);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Isbn(Isbn),
    /// The longest word, which finds the fewest books, and the others.
    Words {
        longest: String,
        others: Vec<String>,
    },
}

/// Why nothing can be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSearch {
    #[error("must be at most {MAX_SEARCH_BYTES} bytes")]
    TooLong,
    #[error("must hold a word of at least {} letters or digits", words::MIN_CHARS)]
    NoWord,
}

impl Search {
    /// An ISBN of 10 or 13 digits if the text is one, otherwise its words.
    pub fn parse(text: &str) -> Result<Self, InvalidSearch> {
        if text.len() > MAX_SEARCH_BYTES {
            return Err(InvalidSearch::TooLong);
        }
        if let Ok(isbn) = text.trim().parse() {
            return Ok(Self(Wanted::Isbn(isbn)));
        }
        let mut words = words::words(text);
        words.sort_by(|a, b| b.chars().count().cmp(&a.chars().count()).then_with(|| a.cmp(b)));
        words.dedup();
        let mut words = words.into_iter();
        let longest = words.next().ok_or(InvalidSearch::NoWord)?;
        Ok(Self(Wanted::Words { longest, others: words.collect() }))
    }
}

/// The first of these words that begins with `prefix`.
pub(crate) fn first_with<'a>(words: &'a BTreeSet<String>, prefix: &str) -> Option<&'a String> {
    words.range::<str, _>((Bound::Included(prefix), Bound::Unbounded)).next().filter(|word| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> (String, Vec<String>) {
        match Search::parse(text) {
            Ok(Search(Wanted::Words { longest, others })) => (longest, others),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_isbn_in_either_form_is_searched_as_one() {
        let isbn: Isbn = "9780140449136".parse().unwrap();
        for text in ["978-0-14-044913-6", " 0140449132 ", "9780140449136"] {
            assert_eq!(Search::parse(text), Ok(Search(Wanted::Isbn(isbn))), "{text}");
        }
        assert_eq!(words("9780140449137").0, "9780140449137");
    }

    #[test]
    fn the_longest_word_leads() {
        assert_eq!(
            words("The Hobbit, or THERE the"),
            ("hobbit".into(), vec!["there".into(), "the".into(), "or".into()])
        );
    }

    #[test]
    fn nothing_to_search_for_is_refused() {
        assert_eq!(Search::parse(" a ! "), Err(InvalidSearch::NoWord));
        assert_eq!(Search::parse(&"ab ".repeat(67)), Err(InvalidSearch::TooLong));
    }

    #[test]
    fn a_word_is_found_by_its_beginning_only() {
        let words: BTreeSet<String> = ["harry", "hart", "potter"].map(str::to_owned).into();
        assert_eq!(first_with(&words, "har").map(String::as_str), Some("harry"));
        assert_eq!(first_with(&words, "harri"), None);
        assert_eq!(first_with(&words, "otter"), None);
    }
}
