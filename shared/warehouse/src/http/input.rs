//! Checks that several routes share. Each says what is wrong and where.

use std::ops::RangeInclusive;

use ::inventory::Sku;
use kernel::Isbn;
use web::FieldError;

use super::sku;

/// An ISBN in whatever form.
pub(super) fn parse_isbn(pointer: impl Into<String>, text: &str) -> Result<Sku, FieldError> {
    text.parse::<Isbn>().map(sku).map_err(|error| FieldError::at(pointer, "invalid_isbn", error.to_string()))
}

pub(super) fn out_of_range(pointer: impl Into<String>, number: i64, range: &RangeInclusive<i64>) -> Option<FieldError> {
    let detail = || format!("must be {} to {}", range.start(), range.end());
    (!range.contains(&number)).then(|| FieldError::at(pointer, "out_of_range", detail()))
}

/// Something a person wrote, in one line.
pub(super) fn invalid_text(pointer: impl Into<String>, text: &str, max: usize) -> Option<FieldError> {
    let fine = text.chars().count() <= max && !text.trim().is_empty() && !text.chars().any(char::is_control);
    let detail = || format!("must be 1 to {max} characters without control characters");
    (!fine).then(|| FieldError::at(pointer, "invalid_text", detail()))
}

/// A book that an earlier row has already.
pub(super) fn repeated(pointer: impl Into<String>) -> FieldError {
    FieldError::at(pointer, "duplicate_isbn", "an earlier row has the same book")
}
