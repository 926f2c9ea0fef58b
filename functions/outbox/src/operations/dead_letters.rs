//! Looking at dead letters and sending them back, over HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kernel::{EventId, TenantId, Timestamp};
use messaging::{Destination, Letter, Queue, Redrive, Scope};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use web::{Allowed, Caller, FieldError, Json, Path, Problem, Query};

use super::{BUDGET, OPERATOR, Operations, Operators};
use crate::parked::{self, Topic};

const MAX_LISTED: u16 = 200;
const MAX_MOVED: u16 = 10_000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Peek {
    /// Letters to show, 50 unless given. There is no cursor: SQS shows the oldest first and only as many as it likes.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
}

/// Dead letters of a queue.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeadLetters {
    queue: String,
    /// About how many the queue holds, whoever's they are.
    waiting: u64,
    items: Vec<DeadLetter>,
}

/// A message that could not be handled.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadLetter {
    id: String,
    reason: String,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Which event it is. Its data stays in the queue: it may be personal.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventSummary>,
    /// The message as it is, when it is no event.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventSummary {
    #[schema(value_type = String)]
    id: EventId,
    #[serde(rename = "type")]
    kind: String,
    #[schema(value_type = String)]
    tenant: TenantId,
    aggregate_id: String,
    aggregate_version: u64,
    correlation_id: String,
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
}

impl From<Letter> for DeadLetter {
    fn from(letter: Letter) -> Self {
        let (code, reason) = match parked::notice(&letter.message.body) {
            Some(notice) => ("stream_batch_given_up".to_owned(), notice.to_string()),
            None => (letter.code, letter.reason),
        };
        let event = letter.event.map(|event| EventSummary {
            id: event.id,
            kind: event.kind,
            tenant: event.tenant,
            aggregate_id: event.aggregate_id,
            aggregate_version: event.aggregate_version,
            correlation_id: event.correlation_id,
            time: event.time,
        });
        let body = event.is_none().then_some(letter.message.body);
        let (id, source, receive_count, since) = (letter.id, letter.source, letter.receive_count, letter.since);
        Self { id, reason, code, source, receive_count, since, event, body }
    }
}

/// Which letters to send back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// How many at most; all unless given.
    #[schema(minimum = 1, maximum = 10000)]
    limit: Option<u16>,
}

/// What sending back did.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SentBack {
    /// Letters sent back and removed.
    moved: usize,
    /// Letters that could not be sent back and stay, with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<Left>,
    /// Whether there was nothing more to try; otherwise send the request again.
    complete: bool,
    /// SQS's handle of the move, when SQS does it by itself (202).
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Left {
    id: String,
    reason: String,
}

/// Shows dead letters, oldest first, without taking them out.
#[utoipa::path(get, path = "/v1/operations/dead-letters/{queue}", params(("queue" = String, Path), Peek),
    responses((status = 200, body = DeadLetters)))]
pub(super) async fn list(
    State(operations): State<Arc<Operations>>,
    allowed: Allowed<Operators>,
    Path(queue): Path<String>,
    Query(peek): Query<Peek>,
) -> Result<Json<DeadLetters>, Problem> {
    let caller = allowed.0;
    let (letters, _) = operations.open(&queue)?;
    let limit = peek.limit.unwrap_or(50);
    if !(1..=MAX_LISTED).contains(&limit) {
        return Err(Problem::invalid(vec![FieldError::parameter("limit", "out_of_range", "must be 1 to 200")]));
    }
    let listing = letters.list(&operations.scope(&caller), limit.into(), Instant::now() + BUDGET).await;
    let listing = listing.map_err(|error| Problem::unavailable(&error))?;
    Ok(Json(DeadLetters {
        queue,
        waiting: listing.waiting,
        items: listing.letters.into_iter().map(DeadLetter::from).collect(),
    }))
}

/// Sends dead letters back to the queue they came from, parked events to the topic.
#[utoipa::path(post, path = "/v1/operations/dead-letters/{queue}/redrive", params(("queue" = String, Path)),
    request_body = Wanted, responses((status = 200, body = SentBack), (status = 202, body = SentBack)))]
pub(super) async fn redrive(
    State(operations): State<Arc<Operations>>,
    allowed: Allowed<Operators>,
    Path(queue): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    let caller = allowed.0;
    let (letters, destination) = operations.open(&queue)?;
    if wanted.limit.is_some_and(|limit| !(1..=MAX_MOVED).contains(&limit)) {
        return Err(Problem::invalid(vec![FieldError::at("/limit", "out_of_range", "must be 1 to 10000")]));
    }
    let scope = operations.scope(&caller);
    let principal = caller.principal;
    if let (Scope::All, None, Some(source)) = (&scope, wanted.limit, destination.queue()) {
        let task = letters.start_move(source).await.map_err(|error| Problem::unavailable(&error))?;
        if task.is_some() {
            tracing::info!(queue, principal, task, "SQS moves the dead letters back");
            let answer = Json(SentBack { task, ..SentBack::default() });
            return Ok((StatusCode::ACCEPTED, answer).into_response());
        }
    }
    let limit = wanted.limit.map_or(usize::MAX, usize::from);
    let done = letters.send_back(&scope, &*destination, limit, Instant::now() + BUDGET).await;
    let done = done.map_err(|error| Problem::unavailable(&error))?;
    tracing::info!(queue, principal, moved = done.moved, left = done.left.len(), "dead letters sent back");
    let left = done.left.into_iter().map(|(id, reason)| Left { id, reason }).collect();
    Ok(Json(SentBack { moved: done.moved, left, complete: done.complete, task: None }).into_response())
}

impl Operations {
    /// The dead letters of a queue on the list, and where they go back to.
    fn open(&self, name: &str) -> Result<(Redrive, Box<dyn Destination>), Problem> {
        let entry = self.queues.get(name).ok_or_else(Problem::not_found)?;
        let queue = |url: &str| Queue::new(self.sqs.clone(), url);
        let destination: Box<dyn Destination> = match &entry.source {
            Some(url) => Box::new(queue(url)),
            None => Box::new(Topic(self.publisher.clone())),
        };
        Ok((Redrive::new(queue(&entry.dead_letters)), destination))
    }

    fn scope(&self, caller: &Caller) -> Scope {
        if caller.is(OPERATOR) {
            return Scope::All;
        }
        Scope::Tenant { tenant: caller.tenant.clone(), strays: caller.tenant == self.tenant }
    }
}
