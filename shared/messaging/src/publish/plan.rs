//! Which events go into which batch: pure, so that the rules can be checked without SNS.
//!
//! A batch has ten entries and 256 KiB at most, one entry of a group at most, and never overtakes within a group.

use std::collections::{HashSet, VecDeque};

use kernel::{Event, EventId};

use super::PublishError;
use crate::envelope;

/// SNS counts bodies and attributes (name, type, value) of all entries; more needs a topic attribute we do not set.
pub(super) const MAX_BATCH_BYTES: usize = 262_144;
const MAX_ENTRIES: usize = 10;

/// One event, ready to send.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    position: usize,
    pub(super) body: String,
    pub(super) group: String,
    pub(super) deduplication: String,
    pub(super) attributes: Vec<(&'static str, String)>,
}

impl Entry {
    fn new(position: usize, event: &Event) -> Self {
        let mut attributes = vec![("type", event.kind.clone()), ("tenant", event.tenant.to_string())];
        attributes.extend(event.traceparent.clone().map(|value| ("traceparent", value)));
        Self {
            position,
            body: envelope::encode(event),
            group: message_group(&event.group),
            deduplication: event.id.to_string(),
            attributes,
        }
    }

    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + "String".len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }
}

/// SNS takes 1 to 128 visible ASCII characters; any other group goes by a name derived from it.
fn message_group(group: &str) -> String {
    if (1..=128).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic()) {
        group.to_owned()
    } else {
        EventId::derive(&[group]).to_string()
    }
}

/// What is still to send and what became of the rest.
#[derive(Debug)]
pub(super) struct Plan {
    pending: VecDeque<Entry>,
    results: Vec<Result<(), PublishError>>,
    /// Groups of which an event could not be sent; everything after it waits.
    blocked: HashSet<String>,
}

impl Plan {
    pub(super) fn new(events: &[Event]) -> Self {
        let mut pending = VecDeque::with_capacity(events.len());
        // Whatever is never settled was never sent.
        let mut results = vec![Err(PublishError::Withheld); events.len()];
        for (position, (event, result)) in events.iter().zip(&mut results).enumerate() {
            let entry = Entry::new(position, event);
            match entry.bytes() {
                0..=MAX_BATCH_BYTES => pending.push_back(entry),
                bytes => *result = Err(PublishError::TooLarge { bytes }),
            }
        }
        Self { pending, results, blocked: HashSet::new() }
    }

    /// The next entries to send together, or `None` when nothing is left that may be sent.
    pub(super) fn next_batch(&mut self) -> Option<Vec<Entry>> {
        let mut batch: Vec<Entry> = Vec::with_capacity(MAX_ENTRIES);
        let mut bytes = 0;
        // Groups that are in the batch, or have an event that had to stay behind.
        let mut passed = self.blocked.clone();
        let mut rest = VecDeque::with_capacity(self.pending.len());
        for entry in self.pending.drain(..) {
            let size = entry.bytes();
            let free = passed.insert(entry.group.clone());
            if free && batch.len() < MAX_ENTRIES && bytes + size <= MAX_BATCH_BYTES {
                bytes += size;
                batch.push(entry);
            } else {
                rest.push_back(entry);
            }
        }
        self.pending = rest;
        (!batch.is_empty()).then_some(batch)
    }

    pub(super) fn settle(&mut self, entry: &Entry, result: Result<(), PublishError>) {
        if result.as_ref().is_err_and(PublishError::is_retryable) {
            self.blocked.insert(entry.group.clone());
        }
        if let Some(slot) = self.results.get_mut(entry.position) {
            *slot = result;
        }
    }

    pub(super) fn into_results(self) -> Vec<Result<(), PublishError>> {
        self.results
    }
}

#[cfg(test)]
mod tests;
