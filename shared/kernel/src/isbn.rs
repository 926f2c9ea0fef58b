//! International Standard Book Numbers, checked and in one form.
//!
//! It does not know publishers or hyphenation, and repairs nothing: files with lost zeros are the importer's business.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A valid ISBN, kept and shown as its 13 digits without hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isbn(u64);

/// Why the text is not an ISBN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIsbn {
    /// Something else than digits, hyphens, spaces and the final `X` of an ISBN-10.
    #[error("an ISBN has digits, hyphens and spaces only")]
    Character,
    #[error("an ISBN has 10 or 13 digits")]
    Length,
    /// Thirteen digits that are an article number, but not a book's.
    #[error("an ISBN of 13 digits starts with 978 or 979 (but not 9790)")]
    Prefix,
    #[error("the check digit does not match")]
    CheckDigit,
}

/// Where the numbers that also have an ISBN-10 start: 978 and ten digits.
const BOOKLAND: u64 = 978_000_000_000;

impl Isbn {
    /// The ISBN of an ISBN-10's first nine digits, its check digit lost or not trusted.
    pub fn from_isbn10_body(digits: &str) -> Result<Self, InvalidIsbn> {
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidIsbn::Character);
        }
        if digits.len() != 9 {
            return Err(InvalidIsbn::Length);
        }
        Ok(Self::from_body(digits.bytes().fold(0, push_digit)))
    }

    /// The old form, which only numbers under 978 have.
    #[must_use]
    pub fn isbn10(self) -> Option<String> {
        let body = (self.0 / 10).checked_sub(BOOKLAND).filter(|body| *body < 1_000_000_000)?;
        Some(match check10(body) {
            10 => format!("{body:09}X"),
            check => format!("{body:09}{check}"),
        })
    }

    fn from_body(body: u64) -> Self {
        let twelve = BOOKLAND + body;
        Self(twelve * 10 + check13(twelve))
    }

    fn from_10(body: u64, check: u64) -> Result<Self, InvalidIsbn> {
        if check10(body) == check { Ok(Self::from_body(body)) } else { Err(InvalidIsbn::CheckDigit) }
    }

    fn from_13(number: u64) -> Result<Self, InvalidIsbn> {
        // 9790 is for printed music (ISMN).
        let is_book = matches!(number / 10_000_000_000, 978 | 979) && number / 1_000_000_000 != 9790;
        if !is_book {
            Err(InvalidIsbn::Prefix)
        } else if check13(number / 10) != number % 10 {
            Err(InvalidIsbn::CheckDigit)
        } else {
            Ok(Self(number))
        }
    }
}

fn push_digit(number: u64, ascii: u8) -> u64 {
    number * 10 + u64::from(ascii - b'0')
}

/// The last digit of an ISBN-10, where 10 is written `X`: weights 2, 3, 4 … from the right, modulo 11.
fn check10(body: u64) -> u64 {
    let sum: u64 = digits_from_right(body).zip(2..).map(|(digit, weight)| digit * weight).sum();
    (11 - sum % 11) % 11
}

/// The last digit of an ISBN-13: weights 3, 1, 3 … from the right, modulo 10.
fn check13(twelve: u64) -> u64 {
    let sum: u64 =
        digits_from_right(twelve).zip([3, 1].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    (10 - sum % 10) % 10
}

fn digits_from_right(number: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(number), |rest| Some(rest / 10).filter(|rest| *rest > 0)).map(|rest| rest % 10)
}

impl FromStr for Isbn {
    type Err = InvalidIsbn;

    /// Takes 10 or 13 digits with hyphens or spaces anywhere; an ISBN-10 may end in `X` or `x`.
    fn from_str(text: &str) -> Result<Self, InvalidIsbn> {
        let (mut number, mut digits, mut ends_in_x) = (0, 0, false);
        for byte in text.bytes() {
            match byte {
                b'-' | b' ' => {}
                b'0'..=b'9' if digits == 13 => return Err(InvalidIsbn::Length),
                b'0'..=b'9' if !ends_in_x => {
                    number = push_digit(number, byte);
                    digits += 1;
                }
                b'X' | b'x' if digits == 9 && !ends_in_x => ends_in_x = true,
                _ => return Err(InvalidIsbn::Character),
            }
        }
        match (digits, ends_in_x) {
            (9, true) => Self::from_10(number, 10),
            (10, _) => Self::from_10(number / 10, number % 10),
            (13, _) => Self::from_13(number),
            _ => Err(InvalidIsbn::Length),
        }
    }
}

impl fmt::Display for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Isbn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Isbn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn isbn(text: &str) -> Isbn {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_is_one_isbn() {
        for text in [
            "9780306406157",
            "978-0-306-40615-7",
            "978 0 306 40615 7",
            "0306406152",
            "0-306-40615-2",
            " 0 306 40615 2 ",
        ] {
            assert_eq!(isbn(text).to_string(), "9780306406157", "{text}");
        }
    }

    #[test]
    fn isbn_10_may_end_in_x() {
        for text in ["080442957X", "0-8044-2957-X", "0-8044-2957-x"] {
            assert_eq!(isbn(text).to_string(), "9780804429573");
        }
        assert_eq!(isbn("9780804429573").isbn10().as_deref(), Some("080442957X"));
    }

    #[test]
    fn isbn_10_keeps_its_leading_zeros() {
        assert_eq!(isbn("0000000000").isbn10().as_deref(), Some("0000000000"));
        assert_eq!(isbn("0000000019").to_string(), "9780000000019");
    }

    #[test]
    fn numbers_under_979_have_no_isbn_10() {
        assert_eq!(isbn("979-10-90636-07-1").isbn10(), None);
        assert_eq!(isbn("979-8-6024-0545-3").isbn10(), None);
    }

    #[test]
    fn body_without_check_digit_is_completed() {
        assert_eq!(Isbn::from_isbn10_body("030640615"), Ok(isbn("0306406152")));
        assert_eq!(Isbn::from_isbn10_body("080442957"), Ok(isbn("080442957X")));
        for text in ["", "03064061", "0306406152"] {
            assert_eq!(Isbn::from_isbn10_body(text), Err(InvalidIsbn::Length), "{text}");
        }
        for text in ["0-3064061", "08044295X", "٠٠٠٠٠٠٠٠٠"] {
            assert_eq!(Isbn::from_isbn10_body(text), Err(InvalidIsbn::Character), "{text}");
        }
    }

    #[test]
    fn refusals_say_why() {
        let cases = [
            ("", InvalidIsbn::Length),
            ("--", InvalidIsbn::Length),
            ("030640615", InvalidIsbn::Length),
            ("03064061521", InvalidIsbn::Length),
            ("97803064061570", InvalidIsbn::Length),
            ("0306406153", InvalidIsbn::CheckDigit),
            ("030640615X", InvalidIsbn::CheckDigit),
            ("9780306406158", InvalidIsbn::CheckDigit),
            ("4006381333931", InvalidIsbn::Prefix),
            ("9790060115615", InvalidIsbn::Prefix),
            ("9.78031E+12", InvalidIsbn::Character),
            ("X306406152", InvalidIsbn::Character),
            ("03064061X2", InvalidIsbn::Character),
            ("080442957XX", InvalidIsbn::Character),
            ("080442957X1", InvalidIsbn::Character),
            ("978030640615X", InvalidIsbn::Character),
            ("978\u{2013}0306406157", InvalidIsbn::Character),
            ("ISBN 9780306406157", InvalidIsbn::Character),
            ("٩٧٨٠٣٠٦٤٠٦١٥٧", InvalidIsbn::Character),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Isbn>(), Err(error), "{text}");
        }
    }

    #[test]
    fn json_is_the_13_digits() {
        assert_eq!(serde_json::to_string(&isbn("0306406152")).unwrap(), "\"9780306406157\"");
        assert_eq!(serde_json::from_str::<Isbn>("\"0-306-40615-2\"").unwrap(), isbn("9780306406157"));
        assert!(serde_json::from_str::<Isbn>("9780306406157").is_err());
    }

    /// Weighted sum over the characters as printed, written apart from the code under test.
    fn weighted(text: &str, weights: impl IntoIterator<Item = u32>) -> u32 {
        let digits = text.chars().map(|c| if c == 'X' { 10 } else { c.to_digit(10).unwrap() });
        digits.zip(weights).map(|(digit, weight)| digit * weight).sum()
    }

    proptest! {
        #[test]
        fn check_digits_satisfy_both_standards(body in "[0-9]{9}") {
            let isbn = Isbn::from_isbn10_body(&body).unwrap();
            let (ten, thirteen) = (isbn.isbn10().unwrap(), isbn.to_string());
            prop_assert_eq!(weighted(&ten, (1..=10).rev()) % 11, 0);
            prop_assert_eq!(weighted(&thirteen, [1, 3].into_iter().cycle()) % 10, 0);
            prop_assert_eq!(&ten[..9], &body);
            prop_assert_eq!(&thirteen[3..12], &body);
            prop_assert_eq!(ten.parse::<Isbn>(), Ok(isbn));
            prop_assert_eq!(thirteen.parse::<Isbn>(), Ok(isbn));
        }

        #[test]
        fn one_wrong_digit_is_noticed(body in "[0-9]{9}", at in 0..13usize, by in 1..10u8) {
            let right = Isbn::from_isbn10_body(&body).unwrap().to_string();
            let mut wrong = right.into_bytes();
            wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
            prop_assert!(String::from_utf8(wrong).unwrap().parse::<Isbn>().is_err());
        }

        #[test]
        fn any_text_is_an_isbn_or_an_error(text in "[0-9Xx -]{0,20}|\\PC{0,20}") {
            if let Ok(isbn) = text.parse::<Isbn>() {
                prop_assert_eq!(isbn.to_string().parse::<Isbn>(), Ok(isbn));
            }
        }
    }
}
