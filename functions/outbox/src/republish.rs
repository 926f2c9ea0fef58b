//! Publishing again what the table still holds, with the ids the events always had.
//!
//! For the day after the stream was lost: it keeps 24 hours, the table eight days. Nothing records which events had been
//! published, so all of the window are; consumers know those they have seen by id and version.

use std::time::Duration;

use kernel::{TenantId, Timestamp};
use messaging::Publisher;
use serde::Serialize;
use table::{Table, TableError, outbox};
use tokio::time::Instant;

/// Events published between two looks at the clock.
const CHUNK: usize = 100;

/// What republishing a window did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Republished {
    /// Events found in the part of the window that was covered.
    pub listed: usize,
    /// Events the topic took.
    pub published: usize,
    /// Events the topic will never take, and items that are no event any more (`undecodable_event`): those of an hour
    /// are told with every part of it that is covered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Present when the window is not done: send the same request with this as `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next: Option<Timestamp>,
    /// Why it is not done, when it is not for lack of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interruption: Option<String>,
}

/// An event that cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Refused {
    pub id: String,
    pub code: String,
    pub reason: String,
}

/// Publishes every event of the tenant with a time in `from..to`, for about as long as `budget`. What it covers it
/// covers whole: [`Republished::next`] is where the rest begins.
///
/// # Errors
/// When the first hour of the window cannot be read from the table.
pub async fn republish(
    table: &Table,
    publisher: &Publisher,
    tenant: &TenantId,
    from: Timestamp,
    to: Timestamp,
    budget: Duration,
) -> Result<Republished, TableError> {
    let until = Instant::now() + budget;
    let mut done = Republished::default();
    let mut at = from;
    while at < to {
        let end = to.min(next_hour(at));
        let hour = match outbox::window(table, tenant, at, end).next_hour().await {
            Ok(hour) => hour.unwrap_or_default(),
            // What was done is worth telling; the next call meets the error at once.
            Err(error) if at > from => {
                done.next = Some(at);
                done.interruption = Some(error.to_string());
                return Ok(done);
            }
            Err(error) => return Err(error),
        };
        done.refused.extend(hour.damaged.into_iter().map(|(id, error)| Refused {
            id,
            code: "undecodable_event".to_owned(),
            reason: error.to_string(),
        }));
        let mut rest = hour.events.as_slice();
        while let Some(first) = rest.first() {
            let (chunk, later) = rest.split_at(chunk_len(rest));
            done.publish(publisher, chunk).await;
            if done.interruption.is_some() {
                done.next = Some(first.time);
                return Ok(done);
            }
            rest = later;
            if let Some(next) = rest.first().filter(|_| Instant::now() >= until) {
                done.next = Some(next.time);
                return Ok(done);
            }
        }
        at = end;
        if at < to && Instant::now() >= until {
            done.next = Some(at);
            break;
        }
    }
    Ok(done)
}

impl Republished {
    async fn publish(&mut self, publisher: &Publisher, events: &[kernel::Event]) {
        self.listed += events.len();
        for (event, result) in events.iter().zip(publisher.publish(events).await) {
            match result {
                Ok(()) => self.published += 1,
                Err(error) if error.is_retryable() => {
                    self.interruption.get_or_insert(error.to_string());
                }
                Err(error) => {
                    let (code, reason) = (error.code().to_owned(), error.to_string());
                    self.refused.push(Refused { id: event.id.to_string(), code, reason });
                }
            }
        }
    }
}

/// Events of one moment stay together, so that the moment after them is a place to go on from.
fn chunk_len(events: &[kernel::Event]) -> usize {
    let last = events.get(CHUNK - 1).map(|event| event.time);
    let same = |event: &&kernel::Event| Some(event.time) == last;
    events.len().min(CHUNK) + events.iter().skip(CHUNK).take_while(same).count()
}

fn next_hour(time: Timestamp) -> Timestamp {
    let hour = time.as_second().div_euclid(3600).saturating_add(1).saturating_mul(3600);
    Timestamp::from_second(hour).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
