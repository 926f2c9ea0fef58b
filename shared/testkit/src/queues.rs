//! SNS topics and SQS queues in memory, reached by the real SDK clients and drained as Lambda drains them.
//!
//! It does not check permissions, encrypt, retain for days or deliver to anything but its own queues.

mod mapping;
mod queue;
mod sns;
mod sqs;
#[cfg(test)]
mod tests;
mod topic;

pub use mapping::Pumped;

use crate::faults::FaultInjector;
use crate::wire::{ApiReply, ApiRequest, Connector, Endpoint, Service};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_smithy_runtime_api::client::result::ConnectorError;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use kernel::{Clock, ManualClock};
use queue::{Incoming, Message, Queue, Redrive};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use topic::{Subscription, Topic};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// Topics and queues on one clock. Clones share them. Names that end in `.fifo` are FIFO.
#[derive(Clone)]
pub struct LocalQueues {
    clock: Arc<ManualClock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    queues: BTreeMap<String, Queue>,
    /// Numbers messages; also their sequence numbers.
    sent: u64,
    /// Set when deliveries are to be as bad as AWS allows.
    unruly: Option<fastrand::Rng>,
}

/// A message waiting in a queue, as a test looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The message's body.
    pub body: String,
    /// String attributes by name.
    pub attributes: BTreeMap<String, String>,
    /// Its FIFO group.
    pub group: Option<String>,
    /// Its FIFO deduplication id.
    pub deduplication: Option<String>,
    /// How often it was received from this queue.
    pub receives: u32,
}

impl LocalQueues {
    /// No topics and no queues yet; visibility and deduplication follow `clock`.
    #[must_use]
    pub fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// From now on deliveries are as bad as AWS allows, by `seed`: groups come in any order, batches have any size, and
    /// some handled messages are delivered once more because their deletion is lost.
    pub fn make_unruly(&self, seed: u64) {
        self.state().unruly = Some(fastrand::Rng::with_seed(seed));
    }

    /// Creates a topic; returns its ARN.
    pub fn create_topic(&self, name: &str) -> String {
        self.state().topics.insert(name.to_owned(), Topic::new(name));
        arn("sns", name)
    }

    /// Creates a queue; returns its URL. What is received stays hidden for `visibility`.
    pub fn create_queue(&self, name: &str, visibility: Duration) -> String {
        self.insert(name, visibility, None)
    }

    /// Creates a queue that moves to the (existing) queue `dead_letters` what was received `max_receives` times.
    pub fn create_queue_with_dead_letters(
        &self,
        name: &str,
        visibility: Duration,
        dead_letters: &str,
        max_receives: u32,
    ) -> String {
        let dead_letters = last_part(dead_letters);
        assert!(self.state().queues.contains_key(dead_letters), "no queue {dead_letters}");
        self.insert(name, visibility, Some(Redrive { queue: dead_letters.to_owned(), max_receives }))
    }

    fn insert(&self, name: &str, visibility: Duration, redrive: Option<Redrive>) -> String {
        let visibility = SignedDuration::try_from(visibility).expect("a visibility timeout under twelve hours");
        let queue = Queue::new(is_fifo(name), visibility, redrive);
        self.state().queues.insert(name.to_owned(), queue);
        url(name)
    }

    /// Sends what is published to `topic` and matches `filter` (a policy on message attributes) to `queue`. `raw`
    /// delivers the message itself instead of SNS's envelope around it. Topic and queue by name, ARN or URL.
    pub fn subscribe(&self, topic: &str, queue: &str, filter: Option<Value>, raw: bool) {
        let queue = last_part(queue).to_owned();
        let mut state = self.state();
        assert!(state.queues.contains_key(&queue), "no queue {queue}");
        let topic = state.topics.get_mut(last_part(topic)).expect("an existing topic");
        topic.subscriptions.push(Subscription { queue, filter, raw });
    }

    /// What waits in `queue`, in flight or not, oldest first.
    #[must_use]
    pub fn waiting(&self, queue: &str) -> Vec<Waiting> {
        self.state().queue(queue).messages.iter().map(Waiting::from).collect()
    }

    /// An SQS client of the process `faults` stands for; it does not retry.
    #[must_use]
    pub fn sqs(&self, faults: &FaultInjector) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "testkit"))
            .retry_config(RetryConfig::disabled())
            .http_client(Connector::new(faults.gate(self.clone())));
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// An SNS client of the process `faults` stands for; it does not retry.
    #[must_use]
    pub fn sns(&self, faults: &FaultInjector) -> aws_sdk_sns::Client {
        let config = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "testkit"))
            .retry_config(RetryConfig::disabled())
            .http_client(Connector::new(faults.gate(self.clone())));
        aws_sdk_sns::Client::from_conf(config.build())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl State {
    /// A queue by name, ARN or URL; a test that names none is wrong.
    fn queue(&mut self, queue: &str) -> &mut Queue {
        let name = last_part(queue);
        self.queues.get_mut(name).unwrap_or_else(|| panic!("no queue {name}"))
    }

    fn send(&mut self, queue: &str, content: Incoming, now: Timestamp) -> (String, u64) {
        self.sent += 1;
        let number = self.sent;
        self.queue(queue).send(content, number, now)
    }

    /// Receives from a queue and moves what was received too often to its dead-letter queue.
    fn receive(&mut self, queue: &str, max: usize, hide: Option<SignedDuration>, now: Timestamp) -> Vec<Message> {
        let mut random = self.unruly.take();
        let from = self.queue(queue);
        let hide = hide.unwrap_or(from.visibility);
        let received = from.receive(max, hide, now, random.as_mut());
        let redrive = from.redrive.clone();
        self.unruly = random;
        for message in received.dead {
            let target = redrive.as_ref().expect("only a redrive policy makes dead letters");
            self.queue(&target.queue).bury(message, last_part(queue));
        }
        received.messages
    }
}

impl From<&Message> for Waiting {
    fn from(message: &Message) -> Self {
        let text = |value: &Value| value["StringValue"].as_str().unwrap_or_default().to_owned();
        let content = &message.content;
        Self {
            body: content.body.clone(),
            attributes: content.attributes.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            group: content.group.clone(),
            deduplication: content.deduplication.clone(),
            receives: message.receives,
        }
    }
}

impl Endpoint for LocalQueues {
    fn handle(&self, request: ApiRequest) -> BoxFuture<'static, Result<ApiReply, ConnectorError>> {
        let queues = self.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(match request.service {
                Service::Sqs => queues.answer_sqs(&request),
                Service::Sns => queues.answer_sns(&request),
                Service::Dynamo | Service::S3 => panic!("{} is not a call for a queue or a topic", request.api),
            })
        })
    }
}

fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

fn url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

/// The name at the end of an ARN or a URL.
fn last_part(name: &str) -> &str {
    name.rsplit([':', '/']).next().unwrap_or(name)
}

fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}
