//! Text plumbing shared by the types whose outside form is one string: deserialising through [`FromStr`], and the
//! one grammar for decimal numbers.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Deserialises a string through [`FromStr`], without copying it first.
pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Text(PhantomData))
}

struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// A decimal number in plain notation, taken apart.
pub(crate) struct PlainDecimal<'a> {
    pub(crate) negative: bool,
    /// At least one ASCII digit, and no leading zero unless it is the only one.
    pub(crate) whole: &'a [u8],
    /// ASCII digits after the point; empty when there is no point.
    pub(crate) fraction: &'a [u8],
}

/// Takes apart a JSON number without an exponent: `-?(0|[1-9][0-9]*)(\.[0-9]+)?`. Anything else (plus sign, white
/// space, `1e3`, `NaN`, `.5`, `5.`, `007`, digits outside ASCII) is `None`.
pub(crate) fn plain_decimal(text: &str) -> Option<PlainDecimal<'_>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole.as_bytes(), fraction.as_bytes()),
        None => (digits.as_bytes(), &[][..]),
    };
    let canonical = matches!(whole, [b'0'] | [b'1'..=b'9', ..]);
    let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    (canonical && all_digits).then_some(PlainDecimal { negative, whole, fraction })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_decimals_are_taken_apart() {
        let number = plain_decimal("-120.030").unwrap();
        assert!(number.negative);
        assert_eq!((number.whole, number.fraction), (&b"120"[..], &b"030"[..]));

        let number = plain_decimal("0").unwrap();
        assert!(!number.negative);
        assert_eq!((number.whole, number.fraction), (&b"0"[..], &b""[..]));
    }

    #[test]
    fn other_notations_are_refused() {
        for text in [
            "",
            "-",
            "+1",
            "--1",
            " 1",
            "1 ",
            "1\n",
            "1e3",
            "1E3",
            "1.5e0",
            "NaN",
            "nan",
            "inf",
            "-inf",
            "Infinity",
            ".5",
            "5.",
            ".",
            "-.5",
            "00",
            "01",
            "-01.5",
            "1.2.3",
            "1.-2",
            "1,5",
            "1_000",
            "0x10",
            "1.+2",
            "\u{661}",
            "1.\u{662}",
            "\u{2212}1",
            "\0",
        ] {
            assert!(plain_decimal(text).is_none(), "{text:?}");
        }
    }
}
