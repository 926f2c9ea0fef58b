//! `CloudFormation`'s custom resource protocol: a request with a URL, where the answer is put.
//!
//! The URL is signed and as good as a password for the answer: it is not logged.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use inventory::LocationId;
use serde::Deserialize;
use serde_json::json;
use web::transport::Transport;

use super::RegistrationError;
use crate::peer::chain;

const TIMEOUT: Duration = Duration::from_secs(2);
/// Tries to deliver the answer, one after the other; after that Lambda runs the whole request again.
const TRIES: u32 = 3;
/// `CloudFormation` takes an answer of 4 KB.
const MAX_REASON: usize = 1_000;

/// A request, as far as the answer needs it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CustomResource {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

/// What is being done to the stack.
pub(super) enum Deployment<'a> {
    Made,
    Removed,
    Unknown(&'a str),
}

#[derive(Clone, Copy)]
pub(super) enum Status {
    Success,
    Failed,
}

impl CustomResource {
    pub(super) fn deployment(&self) -> Deployment<'_> {
        match self.request_type.as_str() {
            "Create" | "Update" => Deployment::Made,
            "Delete" => Deployment::Removed,
            other => Deployment::Unknown(other),
        }
    }

    /// Puts the answer where `CloudFormation` waits for it.
    pub(super) async fn answer(
        &self,
        transport: &dyn Transport,
        status: Status,
        reason: &str,
        location: &LocationId,
    ) -> Result<(), RegistrationError> {
        let status = match status {
            Status::Success => "SUCCESS",
            Status::Failed => "FAILED",
        };
        // Another physical id would make CloudFormation delete the resource that had the old one.
        let physical_id = self.physical_resource_id.clone().unwrap_or_else(|| format!("registration-{location}"));
        let body = json!({
            "Status": status,
            "Reason": reason.chars().take(MAX_REASON).collect::<String>(),
            "PhysicalResourceId": physical_id,
            "StackId": self.stack_id,
            "RequestId": self.request_id,
            "LogicalResourceId": self.logical_resource_id,
        });
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.put(transport, body.to_string().into()).await {
                Ok(()) => return Ok(()),
                Err(reason) => last = reason,
            }
        }
        Err(RegistrationError::NotAnswered(last))
    }

    /// Without a content type: the URL's signature covers that there is none.
    async fn put(&self, transport: &dyn Transport, body: Bytes) -> Result<(), String> {
        let request = Request::builder().method(Method::PUT).uri(&self.response_url).body(body);
        let answer = transport.send(request.map_err(|error| chain(&error))?, TIMEOUT).await;
        match answer.map_err(|error| chain(&error))?.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("status {}", status.as_u16())),
        }
    }
}
