//! Words: how a title, a name or a query becomes what search compares.
//!
//! Letters are folded (compatibility forms, accents, case), everything else separates. It knows no language: no stop
//! words, no stems, and text without spaces between words is one word, found by its beginning.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A shorter word finds too much to be worth a posting; a longer one is cut, on both sides.
pub(crate) const MIN_CHARS: usize = 2;
pub(crate) const MAX_CHARS: usize = 32;
/// Different words a book is found by: keeps a change of all of them, with the book and its event, well within one
/// transaction.
pub(crate) const MAX_WORDS: usize = 24;
/// Words of the title that come before the authors; the others get what is left.
const TITLE_FIRST: usize = 16;
/// Characters of a title that decide its place in the alphabet.
const SORT_CHARS: usize = 64;

/// The words of a text in its order, repeated ones too.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let parts = folded.split(|c: char| !c.is_alphanumeric());
    parts.filter(|word| is_word(word)).map(|word| word.chars().take(MAX_CHARS).collect()).collect()
}

/// The words a book is found by.
pub(crate) fn of_book<'a>(title: &str, authors: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let mut first = words(title);
    let rest = first.split_off(first.len().min(TITLE_FIRST));
    let names = authors.into_iter().flat_map(|author| words(author));
    let mut found = BTreeSet::new();
    for word in first.into_iter().chain(names).chain(rest) {
        if found.len() < MAX_WORDS {
            found.insert(word);
        }
    }
    found
}

/// What a title is sorted by: its folded words, cut. The hyphen between them sorts after the `#` that ends a part of a
/// key and before every letter and digit, so `emma` comes before `emma-brown`, and that before `emmas`.
pub(crate) fn sort_text(title: &str) -> String {
    let folded = fold(title);
    let parts: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-").chars().take(SORT_CHARS).collect()
}

/// The first characters of a word name the partition of its postings.
pub(crate) fn head(word: &str) -> &str {
    word.char_indices().nth(MIN_CHARS).map_or(word, |(end, _)| &word[..end])
}

fn is_word(word: &str) -> bool {
    word.chars().nth(MIN_CHARS - 1).is_some()
}

fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Lower case first: some capitals only come apart once they are small.
    for c in text.nfkc().flat_map(char::to_lowercase).nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            // Letters that Unicode does not take apart, but that few keyboards have.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            other => folded.push(other),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_punctuation_do_not_matter() {
        assert_eq!(
            words("Harry Potter and the Sorcerer's Stone"),
            ["harry", "potter", "and", "the", "sorcerer", "stone"]
        );
        assert_eq!(words("GABRIEL GARCÍA-MÁRQUEZ"), ["gabriel", "garcia", "marquez"]);
        assert_eq!(
            words("Jo Nesbø; Stanisław Lem; Große Œuvre"),
            ["jo", "nesbo", "stanislaw", "lem", "grosse", "oeuvre"]
        );
        assert_eq!(words("ﬁne １９８４ İstanbul"), ["fine", "1984", "istanbul"]);
        assert_eq!(words("ΟΔΥΣΣΕΥΣ"), words("Οδυσσεύς"));
    }

    #[test]
    fn short_words_are_dropped_and_long_ones_cut() {
        assert_eq!(words("A j.k. I ok"), ["ok"]);
        assert_eq!(words(&"x".repeat(50)), ["x".repeat(32)]);
        assert_eq!(words("— ! #%"), Vec::<String>::new());
    }

    #[test]
    fn a_long_title_leaves_room_for_the_authors() {
        let title: Vec<String> = (10..60).map(|n| format!("w{n}")).collect();
        let found = of_book(&title.join(" "), &["Ada Lovelace".to_owned()]);
        assert_eq!(found.len(), MAX_WORDS);
        assert!(found.contains("lovelace") && found.contains("w25") && found.contains("w31"));
        assert!(!found.contains("w32"));
    }

    #[test]
    fn titles_sort_by_their_letters() {
        assert_eq!(sort_text("  «Émile», or: On Education "), "emile-or-on-education");
        assert_eq!(sort_text("!!!"), "");
        assert_eq!(sort_text(&"é".repeat(100)).len(), 64);
    }

    #[test]
    fn the_head_of_a_word_is_whole_characters() {
        assert_eq!(head("harry"), "ha");
        assert_eq!(head("ok"), "ok");
        assert_eq!(head("сон"), "со");
    }

    proptest! {
        #[test]
        fn words_are_words_whatever_the_text(text in "\\PC{0,80}") {
            for word in words(&text) {
                prop_assert!((MIN_CHARS..=MAX_CHARS).contains(&word.chars().count()));
                prop_assert!(word.chars().all(char::is_alphanumeric));
                prop_assert_eq!(words(&word), [word.clone()]);
                prop_assert!(word.starts_with(head(&word)));
            }
        }

        #[test]
        fn a_text_in_capitals_or_decomposed_has_the_same_words(text in "[a-zà-üß-ÿα-ωа-яÅ .'-]{0,60}") {
            let plain = words(&text);
            prop_assert_eq!(&words(&text.nfd().collect::<String>()), &plain);
            prop_assert_eq!(&words(&text.nfkc().collect::<String>()), &plain);
            prop_assert_eq!(&words(&text.to_uppercase()), &plain);
        }

        #[test]
        fn the_sort_text_sorts_like_itself(text in "\\PC{0,80}") {
            let sorted = sort_text(&text);
            prop_assert!(sorted.chars().count() <= SORT_CHARS);
            prop_assert_eq!(sort_text(&sorted), sorted.trim_end_matches('-'));
        }
    }
}
