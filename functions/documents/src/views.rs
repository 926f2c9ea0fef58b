//! What documents, routes, connections and jobs look like outside.

use documents::centre::{Route, RouteState};
use documents::jobs::Job;
use documents::{Document, StepRecord};
use kernel::Timestamp;
use serde::Serialize;

/// A document, without its payload, which may be personal.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DocumentView {
    pub(crate) id: String,
    #[serde(rename = "type")]
    kind: String,
    version: u16,
    connection: String,
    source: String,
    external_id: String,
    revision: String,
    #[schema(example = "NEW")]
    state: &'static str,
    attempts: u32,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct FailureView {
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    detail: String,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        let failure = document.last.map(|last| FailureView {
            class: last.class.as_str(),
            code: last.code,
            field: last.field,
            detail: last.detail,
        });
        Self {
            id: document.id.to_string(),
            kind: document.kind.to_string(),
            version: document.shape,
            connection: document.connection.to_string(),
            source: document.source,
            external_id: document.external_id,
            revision: document.revision,
            state: document.state.as_str(),
            attempts: document.attempts,
            received_at: document.received_at,
            changed_at: document.changed_at,
            due: document.due,
            remote_id: document.remote.id,
            failure,
        }
    }
}

/// A document with its history and routes.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct WholeDocument {
    #[serde(flatten)]
    pub(crate) document: DocumentView,
    #[schema(value_type = Vec<Object>)]
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) routes: Vec<RouteView>,
}

/// The way of a document to a connector.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteView {
    document_id: String,
    connector: String,
    #[schema(value_type = String, example = "SENT")]
    state: RouteState,
    attempts: u32,
    detail: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Route> for RouteView {
    fn from(route: Route) -> Self {
        let Route { document, connector, state, attempts, detail, at } = route;
        Self { document_id: document.to_string(), connector: connector.to_string(), state, attempts, detail, at }
    }
}

/// A job by the clock.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobView {
    name: String,
    #[schema(example = "rate(5 minutes)")]
    schedule: String,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    due: Option<Timestamp>,
    runs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    last: Option<documents::jobs::RunResult>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let Job { name, schedule, paused, due, announced, last, .. } = job;
        Self { name: name.to_string(), schedule, paused, due, runs: announced, last }
    }
}
