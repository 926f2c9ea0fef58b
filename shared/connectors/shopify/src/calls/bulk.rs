//! Bulk operations: started, asked about, and read, a row an outcome.
//!
//! Starting one is not repeatable: a second one would do everything again. After an unknown end the newest operation of
//! the kind tells. Rows of a mutation are upserts, so an operation that was done twice is harmless but dear.

mod rows;

use bytes::Bytes;
use documents::{Outcome, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store, absent};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors_of};
use crate::document::{BULK_MUTATION, BULK_POLL, BULK_QUERY};

pub use rows::{Row, RowError, row};

#[derive(Deserialize)]
struct Started {
    #[serde(alias = "bulkOperationRunMutation", alias = "bulkOperationRunQuery")]
    run: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    bulk_operation: Option<Identified>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Identified {
    id: Gid,
}

/// Runs `mutation` for every line of the file at `path`. `client` is our own name of the run.
pub fn run_mutation(store: &Store, mutation: &str, path: &str, client: &str) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&BULK_MUTATION, &json!({ "mutation": mutation, "path": path, "client": client }))
}

/// Runs `query`; what belongs to an object stands right after it in the result.
pub fn run_query(store: &Store, query: &str) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&BULK_QUERY, &json!({ "query": query }))
}

/// The operation that runs now.
pub fn read_started(sent: Sent, now: Timestamp) -> Answer<Gid> {
    answer::read::<Started>(sent, false, now).and_then(|data| {
        if let Some(report) = user_errors_of(&data.run.user_errors) {
            return Err(report);
        }
        let operation = data.run.bulk_operation;
        operation.map(|it| it.id).ok_or_else(|| Report::new(Outcome::Unknown, "the store named no operation"))
    })
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Still at it; so many objects so far. Also a state we do not know.
    Running { objects: u64 },
    /// All done: `objects` rows, so many of them with nothing above, in a file of so many bytes at `url`; none when there
    /// is no url.
    Completed { objects: u64, roots: u64, bytes: u64, url: Option<String> },
    /// Ended early. What was done until then may be at `url`.
    Failed { code: String, url: Option<String> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    bulk_operation: Option<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    status: String,
    error_code: Option<String>,
    /// A number as text.
    object_count: String,
    root_object_count: String,
    file_size: Option<String>,
    url: Option<String>,
    partial_data_url: Option<String>,
}

pub fn poll(store: &Store, id: &Gid) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&BULK_POLL, &json!({ "id": id }))
}

pub fn read_progress(sent: Sent, now: Timestamp) -> Answer<Progress> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let operation = data.bulk_operation.ok_or_else(|| absent("bulk operation"))?;
        let number = |text: &str| text.parse().unwrap_or_default();
        let objects = number(&operation.object_count);
        Ok(match operation.status.as_str() {
            "COMPLETED" => Progress::Completed {
                objects,
                roots: number(&operation.root_object_count),
                bytes: operation.file_size.as_deref().map_or(0, number),
                url: operation.url,
            },
            "FAILED" | "EXPIRED" | "CANCELED" => Progress::Failed {
                code: operation.error_code.unwrap_or(operation.status),
                url: operation.partial_data_url.or(operation.url),
            },
            _ => Progress::Running { objects },
        })
    })
}
