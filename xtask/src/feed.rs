//! How long a change of stock takes to reach a consumer's queue, on the local stack: a queue of our own, subscribed to
//! the levels as a channel would be.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use kernel::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::aws::{self, Cloud};
use crate::demo::api::Api;
use crate::local_users::Users;
use crate::project::Project;
use crate::shell::step;
use crate::stacks::LocalStack;
use crate::tools::Tools;

/// When it is given up. How long it may take is for whoever reads the figure: machines differ.
const PATIENCE: Duration = Duration::from_secs(60);

/// Changes a level of the stack that `up` started, and prints how long its event took.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let tools = step("install the tools", |step| Tools::install(project, step))?;
    let (stacks, users) = (LocalStack::load(project)?, Users::load(project)?);
    let call = |service, operation, arguments: &Value| {
        aws::call(project, &tools, Cloud::Local, (service, operation), arguments)
    };
    // An item nobody else knows.
    let sku = format!("feed-{:016x}", fastrand::u64(..));
    let queue = subscribed(&call, &stacks.store.name, &sku)?;

    let api = stacks.store.url.strip_suffix("/store").context("the store's URL does not end in /store")?;
    let movement = json!({
        "location": "feed", "sku": sku, "movement": { "kind": "goodsReceived", "quantity": 1 },
    });
    let changed = SystemClock.now().as_millisecond();
    let key = [("idempotency-key", sku.as_str())];
    Api::basic(api, users.admin()?).send("POST", "/inventory/v1/movements", &key, Some(&movement))?.expect(201)?;
    let arrived = arrived(&call, &queue, &sku)?;
    eprintln!("a change of stock reached a consumer's queue in {} ms", arrived - changed);
    call("sqs", "delete_queue", &json!({ "QueueUrl": queue })).map(drop)
}

/// A queue that gets every level that changes; its URL.
fn subscribed(
    call: &impl Fn(&'static str, &'static str, &Value) -> anyhow::Result<Value>,
    stack: &str,
    name: &str,
) -> anyhow::Result<String> {
    let topics = call("sns", "list_topics", &json!({}))?;
    let mut topic = topics["Topics"].as_array().into_iter().flatten().filter_map(|topic| topic["TopicArn"].as_str());
    let topic = topic.find(|arn| arn.ends_with(&format!(":{stack}-events.fifo")));
    let topic = topic.context("the store has no topic of events")?;
    let anybody = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*" }],
    });
    let attributes = json!({ "FifoQueue": "true", "Policy": anybody.to_string() });
    let queue = call("sqs", "create_queue", &json!({ "QueueName": format!("{name}.fifo"), "Attributes": attributes }))?;
    let queue = queue["QueueUrl"].as_str().context("a queue without a URL")?.to_owned();
    let found = call("sqs", "get_queue_attributes", &json!({ "QueueUrl": queue, "AttributeNames": ["QueueArn"] }))?;
    let filter = json!({ "type": ["inventory.level.changed.v1"] });
    let attributes = json!({ "RawMessageDelivery": "true", "FilterPolicy": filter.to_string() });
    let endpoint = &found["Attributes"]["QueueArn"];
    let subscription = json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": endpoint, "Attributes": attributes });
    call("sns", "subscribe", &subscription)?;
    Ok(queue)
}

/// When a message of the item came into the queue, in milliseconds since 1970, by the queue's own word.
fn arrived(
    call: &impl Fn(&'static str, &'static str, &Value) -> anyhow::Result<Value>,
    queue: &str,
    sku: &str,
) -> anyhow::Result<i64> {
    let waiting = Instant::now();
    let request = json!({
        "QueueUrl": queue, "AttributeNames": ["SentTimestamp"], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 5,
    });
    while waiting.elapsed() < PATIENCE {
        let answer = call("sqs", "receive_message", &request)?;
        let mut messages = answer["Messages"].as_array().into_iter().flatten();
        if let Some(message) = messages.find(|message| message["Body"].as_str().is_some_and(|body| body.contains(sku)))
        {
            let sent = message["Attributes"]["SentTimestamp"].as_str().context("a message without a time")?;
            return Ok(sent.parse()?);
        }
    }
    bail!("a change of stock did not reach the queue within {PATIENCE:?}")
}
