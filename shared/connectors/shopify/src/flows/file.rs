//! The file of a bulk operation, read in pieces: never more of it in memory than a piece, however long it is.
//!
//! A file that is not as long as the store said is an error, as is a line that cannot be read: nothing is left out silently.

use bytes::Bytes;
use documents::{Outcome, Report};
use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::runs::File;
use crate::client::Client;
use crate::outbound::refused;

/// A piece, in bytes.
pub(super) const PIECE: u64 = 1 << 20;
/// What is tried when a piece holds nothing whole. Below the longest answer that is taken.
pub(super) const MAX_PIECE: u64 = 7 << 20;

/// Some of a file: whole lines only, but for what stands before the first when it begins amid one.
pub(super) struct Piece {
    /// Where it begins.
    pub(super) at: u64,
    text: Bytes,
    /// Where the next one begins.
    pub(super) next: u64,
    /// Nothing comes after it.
    pub(super) is_last: bool,
}

impl Piece {
    /// The lines with the place of each.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut at = self.at;
        self.text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
            let begins = at;
            at += length(line);
            (begins, line)
        })
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A line as JSON.
pub(super) fn json(line: &[u8]) -> Result<Value, Report> {
    serde_json::from_slice(line).map_err(|_| refused("UNREADABLE_FILE", "a line of the file is not JSON"))
}

/// Reads the file from a place on.
pub(super) async fn piece(client: &Client, file: &File, at: u64, size: u64) -> Result<Piece, Report> {
    let Some(url) = file.url.as_deref().filter(|_| at < file.bytes) else {
        return Ok(Piece { at, text: Bytes::new(), next: at, is_last: true });
    };
    let end = at.saturating_add(size).min(file.bytes);
    let request = Request::get(url).header("range", format!("bytes={at}-{}", end - 1)).body(Bytes::new());
    let request = request.map_err(|error| refused("UNREADABLE_FILE", error.to_string()))?;
    let answer = client.carry(request).await;
    let answer = answer.map_err(|error| Report::new(Outcome::Transient, error.to_string()))?;
    let mut text = between(answer, file, at, end)?;
    let is_last = end == file.bytes;
    if !is_last {
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1));
    }
    let next = at + length(&text);
    Ok(Piece { at, text, next, is_last })
}

/// What was asked for, if that is what came.
fn between(answer: Response<Bytes>, file: &File, at: u64, end: u64) -> Result<Bytes, Report> {
    let other = |what: String| refused("OTHER_FILE", format!("the file is not as the store said: {what}"));
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => {
            let range = answer.headers().get("content-range").and_then(|range| range.to_str().ok()).unwrap_or_default();
            let expected = format!("bytes {at}-{}/{}", end - 1, file.bytes);
            if range != expected || length(answer.body()) != end - at {
                return Err(other(format!("{range} instead of {expected}")));
            }
            Ok(answer.into_body())
        }
        // The whole, from somebody who knows no ranges.
        StatusCode::OK if length(answer.body()) == file.bytes => Ok(answer.into_body().slice(place(at)..place(end))),
        StatusCode::OK => Err(other(format!("{} bytes instead of {}", answer.body().len(), file.bytes))),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Report::new(Outcome::Transient, format!("the file was answered {status}")))
        }
        status => Err(refused("FILE_GONE", format!("the file was answered {status}"))),
    }
}
