//! `cargo xtask load-books FILE.csv`: loads a catalogue in the columns of goodbooks-10k into a store.
//!
//! Such files passed through tools that took ISBNs for numbers (see `repair`). What can be restored without guessing
//! is loaded; every other row is in the report with its reason. Running it again loads nothing twice: the ISBN
//! identifies the book, and prices are computed from it. It does not delete books that are no longer in the file.

mod book;
mod repair;
mod report;
#[cfg(test)]
mod stand_in;
mod store;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use self::book::{Book, Row};
use self::report::{Reason, Summary};
use self::store::Outcome;
pub(crate) use self::store::Store;

#[derive(Debug, clap::Args)]
pub(crate) struct LoadBooks {
    /// A CSV file with the columns of goodbooks-10k (tests/data/README.md lists them).
    file: PathBuf,
    /// The store, up to but without /v1; the local stack's unless given.
    #[arg(long, requires = "password_file")]
    url: Option<String>,
    /// The name of a store administrator.
    #[arg(long, default_value = "admin")]
    user: String,
    /// A file with the user's password, or - to read it from standard input.
    #[arg(long, requires = "url")]
    password_file: Option<PathBuf>,
    /// Only restore and report; nothing is sent.
    #[arg(long)]
    dry_run: bool,
}

impl LoadBooks {
    /// `local` is the store of the running local stack, for when no `--url` is given.
    pub(crate) fn run(&self, local: impl FnOnce() -> anyhow::Result<Store>) -> anyhow::Result<()> {
        let store = match (&self.url, &self.password_file) {
            _ if self.dry_run => None,
            (Some(url), Some(file)) => Some(Store::new(url, &self.user, &read_password(file)?)),
            _ => Some(local()?),
        };
        let summary = load(&self.file, store.as_ref(), &report_folder())?;
        print(&summary);
        match summary.stopped {
            Some(error) => Err(error).context("not all books were sent; run it again to send the rest"),
            None => Ok(()),
        }
    }
}

/// Loads what it can of `file` and writes the report into `folder`. Without a store nothing is sent.
pub(crate) fn load(file: &Path, store: Option<&Store>, folder: &Path) -> anyhow::Result<Summary> {
    let rows = book::read_rows(file)?;
    let (books, mut reported) = restore(&rows);
    let mut summary = Summary { rows: rows.len(), ..Summary::default() };
    if let Some(store) = store {
        send(&books, store, &mut summary, &mut reported);
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    summary.report = folder.join(format!("{stem}.report.jsonl"));
    summary.reported = report::write(&summary.report, reported)?;
    Ok(summary)
}

type Reported<'a> = Vec<(&'a Row, Reason)>;

fn restore(rows: &[Row]) -> (Vec<(&Row, Book)>, Reported<'_>) {
    let isbn13s = rows.iter().filter_map(|row| Some(row.columns.as_ref().ok()?.isbn13.as_str()));
    let kept = repair::kept_digits(isbn13s);
    let (mut books, mut reported, mut first_rows) = (Vec::new(), Vec::new(), HashMap::new());
    for row in rows {
        let restored = match &row.columns {
            Ok(columns) => Book::from_columns(columns, kept),
            Err(error) => Err(Reason::UnreadableRow { error: error.clone() }),
        };
        match restored {
            Ok(book) => match first_rows.get(&book.isbn) {
                Some(&first) => {
                    reported.push((row, Reason::DuplicateOfRow { duplicate_of_row: first, restored_isbn: book.isbn }));
                }
                None => {
                    first_rows.insert(book.isbn, row.number);
                    books.push((row, book));
                }
            },
            Err(reason) => reported.push((row, reason)),
        }
    }
    (books, reported)
}

/// Sends batch after batch until the end or until the store is out of reach, which stays in the summary.
fn send<'a>(books: &[(&'a Row, Book)], store: &Store, summary: &mut Summary, reported: &mut Reported<'a>) {
    let bar = progress_bar(books.len());
    for batch in books.chunks(store::BATCH) {
        let bodies: Vec<&Book> = batch.iter().map(|(_, book)| book).collect();
        let outcomes = match store.load(&bodies) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                summary.stopped = Some(error);
                return bar.finish_and_clear();
            }
        };
        for ((row, _), outcome) in batch.iter().zip(outcomes) {
            match outcome {
                Outcome::Created => summary.loaded += 1,
                Outcome::Exists => summary.already_there += 1,
                Outcome::Updated => summary.updated += 1,
                Outcome::Refused { problem } => {
                    reported.push((row, Reason::RefusedByStore { code: store::code(&problem), problem }));
                }
            }
        }
        bar.inc(u64::try_from(batch.len()).unwrap_or(0));
    }
    bar.finish_and_clear();
}

/// Nothing is drawn where standard error is not a terminal.
fn progress_bar(books: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} books, {eta} left");
    let bar = ProgressBar::new(u64::try_from(books).unwrap_or(0));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn read_password(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => io::stdin().read_to_string(&mut text).map(|_| ()),
        _ => fs::read_to_string(file).map(|content| text = content),
    };
    read.with_context(|| format!("cannot read the password from {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// `target/load-books` of the workspace, wherever the command was started.
pub(crate) fn report_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    workspace.join("target/load-books")
}

#[expect(clippy::print_stdout, reason = "the summary is what the command is for")]
fn print(summary: &Summary) {
    print!("{summary}");
}

#[cfg(test)]
mod tests;
