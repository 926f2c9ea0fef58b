//! Uploading a file of variables for a bulk mutation: asks where to, then sends it there. Repeatable: an upload nobody uses
//! goes away.

use bytes::Bytes;
use documents::{Outcome, Report};
use http::{Request, StatusCode};
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store};
use crate::answer::{self, Answer, UserError, user_errors_of};
use crate::document::STAGED_UPLOAD;

/// The largest file a store takes. Source: Shopify, bulk operations.
pub const MAX_BYTES: usize = 100 * 1024 * 1024;

/// Where a file goes, and what has to go with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Target {
    pub url: String,
    pub parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub value: String,
}

impl Target {
    /// What the bulk mutation calls the file.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.parameters.iter().find(|parameter| parameter.name == "key").map(|parameter| parameter.value.as_str())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    staged_uploads_create: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    staged_targets: Option<Vec<Target>>,
    user_errors: Vec<UserError>,
}

pub fn request(store: &Store) -> Result<Request<Bytes>, http::Error> {
    let input = json!([{ "resource": "BULK_MUTATION_VARIABLES", "filename": "variables.jsonl", "mimeType": "text/jsonl",
        "httpMethod": "POST" }]);
    store.graphql(&STAGED_UPLOAD, &json!({ "input": input }))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Target> {
    answer::read::<Data>(sent, true, now).and_then(|data| {
        let payload = data.staged_uploads_create;
        if let Some(report) = user_errors_of(&payload.user_errors) {
            return Err(report);
        }
        let target = payload.staged_targets.unwrap_or_default().into_iter().next();
        target.ok_or_else(|| Report::new(Outcome::Transient, "the store named no place to upload to"))
    })
}

/// The form that uploads a file: every parameter in its order, the file last. The token does not go along: the place is
/// not the store's.
pub fn upload(target: &Target, file: &[u8]) -> Result<Request<Bytes>, http::Error> {
    // A boundary must not be in what it bounds; lines of JSON begin with a brace.
    const BOUNDARY: &str = "crossdock-end-of-part";
    let mut body = Vec::with_capacity(file.len() + 4096);
    for parameter in &target.parameters {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{}\"\r\n\r\n", parameter.name);
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(parameter.value.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"variables.jsonl\"\r\ncontent-type: text/jsonl\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    Request::post(&target.url)
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Bytes::from(body))
}

/// How the upload ended; `None` when it is there.
#[must_use]
pub fn read_upload(sent: Sent) -> Option<Report> {
    match sent {
        Ok(response) if response.status() == StatusCode::CREATED => None,
        Ok(response) if response.status().is_server_error() => {
            Some(Report::new(Outcome::Transient, format!("the upload was answered {}", response.status())))
        }
        Ok(response) => {
            let code = format!("UPLOAD_{}", response.status().as_u16());
            Some(Report::new(Outcome::Rejected { code, field: None }, "the upload was refused"))
        }
        Err(error) => Some(Report::new(Outcome::Transient, error.to_string())),
    }
}
