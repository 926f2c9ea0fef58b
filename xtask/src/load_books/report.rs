//! What became of the rows: the report file, one JSON line for each row that was not loaded, and the summary.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kernel::Isbn;
use serde::Serialize;

use super::book::Row;
use super::store::StoreError;

/// Why a row is not in the store. The tag is the reason code of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(super) enum Reason {
    /// Both ISBN columns are empty.
    MissingIsbn,
    /// There is a number, but none of an ISBN's shape: a barcode of another kind, say.
    NotAnIsbn,
    BadCheckDigit,
    /// Each column is right for itself, but they are two books' numbers; the ISBN-10 is that of `isbn10_means`.
    DisagreeingIsbns {
        isbn10_means: Isbn,
    },
    /// The rounded ISBN-13 stands for each of these, and there is no ISBN-10 to tell which.
    AmbiguousIsbn {
        candidates: Vec<Isbn>,
    },
    /// More digits of the ISBN-13 were lost than its check digit brings back, and there is no ISBN-10.
    DigitsLost,
    /// An earlier row has the same ISBN.
    DuplicateOfRow {
        duplicate_of_row: u64,
        restored_isbn: Isbn,
    },
    MissingTitle,
    MissingAuthors,
    /// The year is no whole number.
    BadYear,
    /// Not UTF-8, or more or fewer fields than the header.
    UnreadableRow {
        error: String,
    },
    /// The store's problem for this row, whose own code is `code`.
    RefusedByStore {
        code: String,
        problem: serde_json::Value,
    },
}

impl Reason {
    /// The reason code for the summary, where refusals count apart by the store's code.
    fn label(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let codes = ["reason", "code"].iter().filter_map(|key| value.get(key)?.as_str());
        codes.collect::<Vec<_>>().join(" ")
    }
}

/// How many rows went where; every row of the file is counted once.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) rows: usize,
    pub(crate) loaded: usize,
    pub(crate) already_there: usize,
    pub(crate) updated: usize,
    pub(crate) reported: BTreeMap<String, usize>,
    pub(crate) report: PathBuf,
    /// Why the store did not get all restored rows, if it did not.
    pub(crate) stopped: Option<StoreError>,
}

#[derive(Serialize)]
struct Line<'a> {
    row: u64,
    line: u64,
    #[serde(flatten)]
    reason: &'a Reason,
    #[serde(flatten)]
    shown: Option<Shown<'a>>,
}

/// Enough of the row to find the book by hand.
#[derive(Serialize)]
struct Shown<'a> {
    isbn: &'a str,
    isbn13: &'a str,
    authors: &'a str,
    title: &'a str,
}

/// Writes the report in the order of the file, over that of an earlier run, and counts the reasons.
pub(super) fn write(path: &Path, mut reported: Vec<(&Row, Reason)>) -> anyhow::Result<BTreeMap<String, usize>> {
    reported.sort_by_key(|(row, _)| row.number);
    let mut text = String::new();
    let mut counts = BTreeMap::new();
    for (row, reason) in &reported {
        let shown = row.columns.as_ref().ok().map(|columns| Shown {
            isbn: &columns.isbn,
            isbn13: &columns.isbn13,
            authors: &columns.authors,
            title: &columns.title,
        });
        text += &serde_json::to_string(&Line { row: row.number, line: row.line, reason, shown })?;
        text.push('\n');
        *counts.entry(reason.label()).or_default() += 1;
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(counts)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reported: usize = self.reported.values().sum();
        let sent = self.loaded + self.already_there + self.updated;
        writeln!(f, "{:>7} rows", self.rows)?;
        writeln!(f, "{:>7} loaded", self.loaded)?;
        writeln!(f, "{:>7} already there", self.already_there)?;
        if self.updated > 0 {
            writeln!(f, "{:>7} updated", self.updated)?;
        }
        let waiting = self.rows - sent - reported;
        if waiting > 0 {
            writeln!(f, "{waiting:>7} ready, not sent")?;
        }
        writeln!(f, "{reported:>7} reported in {}", self.report.display())?;
        let mut by_count: Vec<_> = self.reported.iter().collect();
        by_count.sort_by(|a, b| b.1.cmp(a.1));
        for (reason, count) in by_count {
            writeln!(f, "{count:>13} {reason}")?;
        }
        Ok(())
    }
}
