//! The ISBN a row meant, from two columns that a spreadsheet or a data frame treated as numbers.
//!
//! What such a file does: an ISBN-10 loses its leading zeros; either column may gain `.0`; an ISBN-13 is printed as a
//! float (`9.78043955493e+12`), which rounds its last digit into the one before and drops zeros at the end. The last
//! digit of an ISBN-13 is its check digit, so the thirteen digits come back from the twelve only where a single number
//! both has a right check digit and rounds to what is printed. Where two do, neither is chosen: a guessed ISBN is
//! another book's. Nothing is computed in floating point here.

use kernel::{InvalidIsbn, Isbn};

use super::report::Reason;

/// What one column holds.
#[derive(Debug, PartialEq, Eq)]
enum Column {
    Empty,
    Known(Isbn),
    /// As many digits as an ISBN has, but the last one is wrong. An ISBN-10 is padded.
    BadCheckDigit(String),
    /// A barcode of another kind, a placeholder, text.
    Other,
    /// A number of 13 digits that was rounded when printed.
    Rounded(u64),
}

/// How many digits a rounded number needs to be restored without an ISBN-10: all but the check digit.
const BEFORE_CHECK_DIGIT: u32 = 12;

/// How many significant digits whoever wrote the file kept: the most that any value of the ISBN-13 column in
/// scientific notation shows. One value alone does not say, because zeros at the end are dropped.
pub(super) fn kept_digits<'a>(column: impl Iterator<Item = &'a str>) -> u32 {
    column
        .filter_map(|text| Some(scientific(text.trim())?.0.len()))
        .max()
        .and_then(|digits| u32::try_from(digits).ok())
        .unwrap_or(BEFORE_CHECK_DIGIT)
}

/// The ISBN of a row whose file keeps `kept` digits of a number in scientific notation.
pub(super) fn restore(isbn: &str, isbn13: &str, kept: u32) -> Result<Isbn, Reason> {
    match (read(isbn, kept), read(isbn13, kept)) {
        (Column::Known(isbn), Column::Known(other)) if isbn != other => {
            Err(Reason::DisagreeingIsbns { isbn10_means: isbn })
        }
        (Column::Known(isbn), Column::Rounded(printed)) if round(number(isbn), kept) != printed => {
            Err(Reason::DisagreeingIsbns { isbn10_means: isbn })
        }
        (Column::Known(isbn), Column::BadCheckDigit(_)) => Err(Reason::DisagreeingIsbns { isbn10_means: isbn }),
        // A second column that is no ISBN, such as the UPC of a paperback, says nothing against the first.
        (Column::Known(isbn), _) => Ok(isbn),
        (Column::BadCheckDigit(digits), other) => cut_from_13(&digits, &other, kept).ok_or(Reason::BadCheckDigit),
        (Column::Empty | Column::Other | Column::Rounded(_), Column::Known(isbn)) => Ok(isbn),
        (Column::Empty | Column::Other | Column::Rounded(_), Column::Rounded(printed)) => only_candidate(printed, kept),
        (_, Column::BadCheckDigit(_)) => Err(Reason::BadCheckDigit),
        (Column::Rounded(printed), Column::Empty | Column::Other) => only_candidate(printed, kept),
        (Column::Empty, Column::Empty) => Err(Reason::MissingIsbn),
        (Column::Empty | Column::Other, Column::Empty | Column::Other) => Err(Reason::NotAnIsbn),
    }
}

/// Some catalogues fill the ISBN-10 column with the last ten digits of the ISBN-13, whose check digit is another one.
/// Believed only when the other column says the same.
fn cut_from_13(ten: &str, other: &Column, kept: u32) -> Option<Isbn> {
    let isbn: Isbn = format!("978{ten}").parse().ok()?;
    let agrees = match other {
        Column::Known(known) => *known == isbn,
        Column::Rounded(printed) => round(number(isbn), kept) == *printed,
        Column::Empty | Column::BadCheckDigit(_) | Column::Other => false,
    };
    agrees.then_some(isbn)
}

fn only_candidate(printed: u64, kept: u32) -> Result<Isbn, Reason> {
    if kept < BEFORE_CHECK_DIGIT {
        return Err(Reason::DigitsLost);
    }
    let near = printed.saturating_sub(10)..=printed.saturating_add(10);
    let read: Vec<Result<Isbn, InvalidIsbn>> =
        near.filter(|number| round(*number, kept) == printed).map(|number| number.to_string().parse()).collect();
    let candidates: Vec<Isbn> = read.iter().copied().filter_map(Result::ok).collect();
    match *candidates {
        [isbn] => Ok(isbn),
        [] if read.contains(&Err(InvalidIsbn::CheckDigit)) => Err(Reason::BadCheckDigit),
        [] => Err(Reason::NotAnIsbn),
        [..] => Err(Reason::AmbiguousIsbn { candidates }),
    }
}

fn read(text: &str, kept: u32) -> Column {
    let text = text.trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    let digits = match scientific(text) {
        Some((digits, 13)) if digits.len() < 13 => {
            return format!("{digits:0<13}").parse().map_or(Column::Other, Column::Rounded);
        }
        Some((digits, length)) if digits.len() == length || lossless(length, kept) => {
            format!("{digits:0<length$}")
        }
        Some(_) => return Column::Other,
        None => text.replace(['-', ' '], ""),
    };
    // All zeros is a placeholder, though its check digit is right.
    if digits.bytes().all(|byte| byte == b'0') {
        return if digits.is_empty() { Column::Empty } else { Column::Other };
    }
    let padded = format!("{digits:0>10}");
    match padded.parse() {
        Ok(isbn) => Column::Known(isbn),
        Err(InvalidIsbn::CheckDigit) => Column::BadCheckDigit(padded),
        Err(InvalidIsbn::Character | InvalidIsbn::Length | InvalidIsbn::Prefix) => Column::Other,
    }
}

/// Whether a number of `length` digits was printed whole, so that only its last zeros can be missing.
fn lossless(length: usize, kept: u32) -> bool {
    u32::try_from(length).is_ok_and(|length| length <= kept)
}

/// The significant digits of `9.78043955493e+12` and how many digits the whole number has.
fn scientific(text: &str) -> Option<(String, usize)> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let is_number = whole.len() == 1
        && exponent < 20
        && fraction.len() <= exponent
        && mantissa.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    is_number.then(|| (format!("{whole}{fraction}"), exponent + 1))
}

/// What a number of 13 digits becomes when `kept` digits of it are printed: half goes to the even digit, as C's
/// `printf` and everything built on it does.
fn round(number: u64, kept: u32) -> u64 {
    let unit = 10u64.pow(13u32.saturating_sub(kept));
    let (quotient, rest) = (number / unit, number % unit);
    let up = match (rest * 2).cmp(&unit) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => quotient % 2,
        std::cmp::Ordering::Greater => 1,
    };
    (quotient + up) * unit
}

/// The thirteen digits as a number.
pub(super) fn number(isbn: Isbn) -> u64 {
    isbn.to_string().bytes().fold(0, |number, byte| number * 10 + u64::from(byte - b'0'))
}

#[cfg(test)]
mod tests;
