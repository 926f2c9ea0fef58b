//! A whole source becomes documents: page after page, by several workers, through crashes, and with proof that nothing is
//! missing.
//!
//! The source is cut into parts; a part is leased to one worker, whose place in it is stored with every chunk it stores. A
//! worker holds one page in memory, however many rows there are. A page that was being stored when its worker died is
//! read again: its rows are known by the ids of their documents, so none is stored or counted twice. A batch is a
//! success only when every part is done and no fewer documents are stored than the source counted.

mod ledger;

use std::time::Duration;

use async_trait::async_trait;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use table::TableError;

use crate::document::Hold;
use crate::{ConnectionId, DocumentType, Report};

pub use ledger::{Batches, LedgerError};

kernel::typed_id!(
    /// One run through a source.
    BatchId,
    "bat"
);

/// Rows stored at once: three actions each and one for the place, within a transaction's hundred.
const CHUNK: usize = 33;
/// What their payloads may weigh together, before they are compressed: a transaction takes 4 MB.
const CHUNK_BYTES: usize = 3 << 20;
/// How long a worker may take for one page and one chunk.
const LEASE: Duration = Duration::from_secs(120);

/// One thing of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub external_id: String,
    pub revision: String,
    /// JSON text.
    pub payload: String,
}

/// A page of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePage {
    pub rows: Vec<Row>,
    /// Where the next page is, in the source's own words; `None` on the last.
    pub next: Option<String>,
}

/// Where the rows come from. Errors are reports, as of any remote call.
#[async_trait]
pub trait Source: Send + Sync {
    /// How many rows the source says the part has.
    async fn count(&self, part: &str) -> Result<u64, Report>;

    /// The page at a cursor; the first without one. A cursor the source does not know is an error, never an empty page.
    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<SourcePage, Report>;
}

/// One run through a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub id: BatchId,
    #[serde(rename = "type")]
    pub kind: DocumentType,
    pub shape: u16,
    pub connection: ConnectionId,
    /// The documents' source.
    pub source: String,
    pub parts: Vec<String>,
    pub started_at: Timestamp,
    /// How long its documents are known.
    pub keep_days: u16,
}

/// How far a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    pub batch: BatchId,
    pub name: String,
    /// Where the next page is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// What the source counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
    /// Documents of this batch, each counted once.
    pub stored: u64,
    /// Rows that came more than once.
    pub repeated: u64,
    pub done: bool,
    /// Grows with every holder.
    pub fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Why the source did not go on, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What a batch has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Parts are still to be read.
    Running { parts_left: usize },
    /// All is read and nothing is missing.
    Success { counted: u64, stored: u64 },
    /// All is read, and the source counted more than is stored.
    Short { counted: u64, stored: u64 },
}

/// Judges a batch by its parts.
#[must_use]
pub fn verdict(parts: &[Part]) -> Verdict {
    let parts_left = parts.iter().filter(|part| !part.done).count();
    if parts_left > 0 {
        return Verdict::Running { parts_left };
    }
    let counted = parts.iter().map(|part| part.counted.unwrap_or(u64::MAX)).fold(0, u64::saturating_add);
    let stored = parts.iter().map(|part| part.stored).fold(0, u64::saturating_add);
    if stored < counted { Verdict::Short { counted, stored } } else { Verdict::Success { counted, stored } }
}

/// How a worker's turn at a part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// The part is read to its end.
    Done,
    /// The time was up; the rest is for the next turn.
    Interrupted,
    /// Somebody else has the part, or it is done already.
    NotMine,
    /// The source failed; the place is kept.
    Failed(Report),
}

/// Where parts and rows are kept. [`Batches`] is the table's.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Gives the part to a worker; `None` when it is done or somebody has it.
    async fn take(&self, part: &str, by: &str, lease: Duration) -> Result<Option<(Part, u64)>, TableError>;

    /// Stores the rows and the part's new place in one go, if the part is still at version `seen`. Adds to the part's
    /// counts and returns its new version.
    async fn commit(&self, part: &mut Part, seen: u64, rows: &[Row]) -> Result<u64, LedgerError>;
}

/// Reads a part until it is done or `is_over` says that the time is up; asked after every chunk.
///
/// # Errors
/// When the table fails; the part is then taken up again by whoever comes after the lease.
pub async fn run_part(
    source: &dyn Source,
    ledger: &dyn Ledger,
    part: &str,
    by: &str,
    is_over: &(dyn Fn() -> bool + Sync),
) -> Result<Turn, TableError> {
    let Some((mut part, mut seen)) = ledger.take(part, by, LEASE).await? else { return Ok(Turn::NotMine) };
    let mut turn = read(source, ledger, &mut part, &mut seen, is_over).await;
    if let Ok(Turn::Failed(report)) = &turn {
        part.failure = Some(format!("{}: {}", report.outcome.class().as_str(), report.detail));
    }
    if !matches!(turn, Ok(Turn::NotMine) | Err(_)) {
        // Given back, so that the next worker need not wait for the lease.
        part.hold = None;
        match ledger.commit(&mut part, seen, &[]).await {
            Ok(_) => {}
            Err(LedgerError::Lost) => turn = Ok(Turn::NotMine),
            Err(LedgerError::Table(error)) => return Err(error),
        }
    }
    turn
}

async fn read(
    source: &dyn Source,
    ledger: &dyn Ledger,
    part: &mut Part,
    seen: &mut u64,
    is_over: &(dyn Fn() -> bool + Sync),
) -> Result<Turn, TableError> {
    if part.counted.is_none() {
        match source.count(&part.name).await {
            Ok(counted) => part.counted = Some(counted),
            Err(report) => return Ok(Turn::Failed(report)),
        }
    }
    loop {
        let SourcePage { rows, next } = match source.page(&part.name, part.cursor.as_deref()).await {
            Ok(page) => page,
            Err(report) => return Ok(Turn::Failed(report)),
        };
        let mut left = rows.as_slice();
        loop {
            let (chunk, rest) = left.split_at(chunk(left));
            left = rest;
            // The place moves on with the page's last chunk, and not before.
            let is_last = left.is_empty();
            if is_last {
                part.cursor.clone_from(&next);
                part.done = next.is_none();
                part.failure = None;
            }
            match ledger.commit(part, *seen, chunk).await {
                Ok(version) => *seen = version,
                Err(LedgerError::Lost) => return Ok(Turn::NotMine),
                Err(LedgerError::Table(error)) => return Err(error),
            }
            if part.done {
                return Ok(Turn::Done);
            }
            if is_over() {
                return Ok(Turn::Interrupted);
            }
            if is_last {
                break;
            }
        }
    }
}

/// How many of the rows are the next chunk: what one transaction takes. One that is larger goes alone, to the bucket.
fn chunk(rows: &[Row]) -> usize {
    let mut bytes = 0;
    let fit = rows.iter().take(CHUNK).take_while(|row| {
        bytes += row.payload.len();
        bytes <= CHUNK_BYTES
    });
    fit.count().max(1).min(rows.len())
}

#[cfg(test)]
mod tests;
