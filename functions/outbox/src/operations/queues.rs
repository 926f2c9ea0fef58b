//! Which queues operators may reach: a list in the function's configuration, so that a name in a URL is never a queue's.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;

/// One dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Entry {
    /// Its URL.
    pub(super) dead_letters: String,
    /// URL of the queue its letters go back to; without one they are parked events and go back to the topic.
    pub(super) source: Option<String>,
}

/// Dead-letter queues by the name they have in URLs. In the environment as JSON:
/// `{"payment-due": {"deadLetters": "<url>", "source": "<url>"}, "parked-events": {"deadLetters": "<url>"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Queues(BTreeMap<String, Entry>);

impl Queues {
    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }
}

impl FromStr for Queues {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}
