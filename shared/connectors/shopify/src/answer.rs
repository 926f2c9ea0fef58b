//! What came back, and how the call ended.
//!
//! Source: Shopify Admin API. An HTTP 200 proves nothing: it may hold errors of the whole call (`errors[]`), refusals of
//! what was asked (`userErrors[]`), or warnings that a filter was ignored (`extensions.search[]`), which count as
//! refusals, since the answer is not to the question. `THROTTLED` is a 200 without `Retry-After`.

mod classify;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use documents::{Outcome, Report};
use http::{Response, StatusCode};
use kernel::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use web::transport::TransportError;

use crate::document::API_VERSION;
use crate::limiter::{Throttle, wait_for};

pub(crate) use classify::is_daily_quota;
pub use classify::{user_errors, user_errors_of};

/// A refusal of something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub field: Option<Vec<String>>,
    #[serde(default)]
    pub message: String,
}

/// What the bucket is like now, and what the call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub requested: u32,
    /// What was charged; `None` when the call was not let in.
    pub actual: Option<u32>,
    pub throttle: Option<Throttle>,
}

/// The answer to one call.
#[derive(Debug)]
pub struct Answer<T> {
    /// Its data, or how it ended instead.
    pub result: Result<T, Report>,
    /// For the limiter, whatever the result.
    pub cost: Option<Cost>,
    /// Another version than ours answered: ours has expired.
    pub other_version: Option<String>,
}

impl<T> Answer<T> {
    /// Looks closer at the data.
    pub fn and_then<U>(self, look: impl FnOnce(T) -> Result<U, Report>) -> Answer<U> {
        Answer { result: self.result.and_then(look), cost: self.cost, other_version: self.other_version }
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Deserialize, Default)]
struct Extensions {
    #[serde(default)]
    cost: Option<WireCost>,
    #[serde(default)]
    search: Vec<Search>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCost {
    requested_query_cost: u32,
    #[serde(default)]
    actual_query_cost: Option<u32>,
    #[serde(default)]
    throttle_status: Option<Throttle>,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    warnings: Vec<Value>,
}

/// Reads an answer whose data is a `T`. `repeatable` says whether a call that failed in the store may be sent again as it
/// is: reads, upserts by identifier, and what carries an idempotency key.
pub fn read<T: DeserializeOwned>(
    sent: Result<Response<Bytes>, TransportError>,
    repeatable: bool,
    now: Timestamp,
) -> Answer<T> {
    let response = match sent {
        Ok(response) => response,
        Err(error) => return ended(classify::transport(&error)),
    };
    let other_version = response
        .headers()
        .get("x-shopify-api-version")
        .and_then(|version| version.to_str().ok())
        .filter(|version| *version != API_VERSION)
        .map(str::to_owned);
    if response.status() != StatusCode::OK {
        let report = classify::status(response.status(), retry_after(&response), repeatable, now);
        return Answer { result: Err(report), cost: None, other_version };
    }
    // A body that is no answer came after the store had acted.
    let Ok(envelope) = serde_json::from_slice::<Envelope>(response.body()) else {
        let report = Report::new(Outcome::Unknown, "the answer is not JSON");
        return Answer { result: Err(report), cost: None, other_version };
    };
    let cost = envelope.extensions.cost.as_ref().map(|cost| Cost {
        requested: cost.requested_query_cost,
        actual: cost.actual_query_cost,
        throttle: cost.throttle_status,
    });
    Answer { result: open(envelope, cost, repeatable, now), cost, other_version }
}

fn open<T: DeserializeOwned>(
    envelope: Envelope,
    cost: Option<Cost>,
    repeatable: bool,
    now: Timestamp,
) -> Result<T, Report> {
    if !envelope.errors.is_null() {
        let wait = cost.and_then(|cost| cost.throttle.map(|throttle| wait_for(throttle, cost.requested)));
        let wait = wait.unwrap_or(Duration::from_secs(1));
        return Err(classify::errors(&envelope.errors, wait, repeatable, now));
    }
    if envelope.extensions.search.iter().any(|search| !search.warnings.is_empty()) {
        let outcome = Outcome::Rejected { code: "FILTER_IGNORED".to_owned(), field: Some("query".to_owned()) };
        return Err(Report::new(outcome, "the store ignored a filter"));
    }
    serde_json::from_value(envelope.data)
        .map_err(|error| Report::new(Outcome::Unknown, format!("the data has another shape: {error}")))
}

fn ended<T>(report: Report) -> Answer<T> {
    Answer { result: Err(report), cost: None, other_version: None }
}

/// `Retry-After`, in seconds with a fraction (`4.0`).
fn retry_after(response: &Response<Bytes>) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: u64 = whole.parse().ok()?;
    let more = fraction.bytes().any(|digit| digit != b'0');
    Some(Duration::from_secs(seconds + u64::from(more)))
}
