//! The store's side: `POST {url}/v1/books/batch` over HTTP Basic, tried again while the store is out of reach.
//!
//! Sending a batch twice is safe, because the store answers `exists` for a book it has; so every failure that may pass
//! is retried. It keeps one request in flight: the store is a few functions on somebody's machine or bill.

use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kernel::Backoff;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::Book;

/// The most books the store takes in one request.
pub(super) const BATCH: usize = 100;

const TIMEOUT: Duration = Duration::from_secs(60);
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(500), Duration::from_secs(10), 6);

/// A store and who speaks to it.
pub(crate) struct Store {
    agent: ureq::Agent,
    endpoint: String,
    authorization: String,
    backoff: Backoff,
}

/// What the store did with one book.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase")]
pub(super) enum Outcome {
    Created,
    Exists,
    Updated,
    Refused { problem: Value },
}

/// Why the rest of the file could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the store cannot be reached at {endpoint}")]
    Unreachable { endpoint: String, source: Box<ureq::Error> },
    #[error("the store at {endpoint} answers {status}: {body}")]
    Status { endpoint: String, status: u16, body: String },
    #[error("the answer of {endpoint} is not one line for each book")]
    Answer { endpoint: String },
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    index: usize,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Store {
    /// `url` is the store's base, without `/v1`.
    pub(crate) fn new(url: &str, user: &str, password: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build();
        Self {
            agent: config.new_agent(),
            endpoint: format!("{}/v1/books/batch", url.trim_end_matches('/')),
            authorization: format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
            backoff: BACKOFF,
        }
    }

    /// The outcome of each book, in order. A batch the store refuses as a whole is halved, so that one row it cannot
    /// even read does not take the others with it.
    pub(super) fn load(&self, books: &[&Book]) -> Result<Vec<Outcome>, StoreError> {
        let (status, body) = self.post(books)?;
        match (status, books) {
            (200..=299, _) => self.outcomes(&body, books.len()),
            (400 | 413 | 422, [_]) => Ok(vec![Outcome::Refused { problem: problem(status, &body) }]),
            (400 | 413 | 422, _) => {
                let (left, right) = books.split_at(books.len() / 2);
                let mut outcomes = self.load(left)?;
                outcomes.extend(self.load(right)?);
                Ok(outcomes)
            }
            _ => Err(StoreError::Status { endpoint: self.endpoint.clone(), status, body }),
        }
    }

    fn outcomes(&self, body: &str, expected: usize) -> Result<Vec<Outcome>, StoreError> {
        let wrong = || StoreError::Answer { endpoint: self.endpoint.clone() };
        let mut lines = serde_json::from_str::<Answer>(body).map_err(|_| wrong())?.results;
        lines.sort_by_key(|line| line.index);
        if lines.iter().map(|line| line.index).eq(0..expected) {
            Ok(lines.into_iter().map(|line| line.outcome).collect())
        } else {
            Err(wrong())
        }
    }

    /// The final answer: neither "too busy" nor "not now", unless the store never said anything else.
    fn post(&self, books: &[&Book]) -> Result<(u16, String), StoreError> {
        let body = json!({ "books": books }).to_string();
        let mut rng = fastrand::Rng::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = self.post_once(&body);
            let may_pass = matches!(answer, Err(_) | Ok((429 | 500..=599, _)));
            match self.backoff.delay(attempt, &mut rng) {
                Some(delay) if may_pass => thread::sleep(delay),
                _ => {
                    return answer.map_err(|error| StoreError::Unreachable {
                        endpoint: self.endpoint.clone(),
                        source: Box::new(error),
                    });
                }
            }
        }
    }

    fn post_once(&self, body: &str) -> Result<(u16, String), ureq::Error> {
        let request = self.agent.post(&self.endpoint).header("authorization", &self.authorization);
        let mut response = request.content_type("application/json").send(body)?;
        let text = response.body_mut().read_to_string()?;
        Ok((response.status().as_u16(), text))
    }
}

/// The stable code of a refusal's problem.
pub(super) fn code(problem: &Value) -> String {
    problem.get("code").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

fn problem(status: u16, body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| json!({ "code": format!("http_{status}"), "detail": body }))
}

#[cfg(test)]
mod tests;
