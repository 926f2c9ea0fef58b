//! Webhook subscriptions: what there is, and what has to be made. A store removes one whose deliveries keep failing, so they
//! are looked at again on schedule.

use bytes::Bytes;
use documents::{Remote, Report};
use http::Request;
use kernel::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Sent, Store};
use crate::Gid;
use crate::answer::{self, Answer, UserError, user_errors};
use crate::document::{SUBSCRIBE, SUBSCRIPTIONS};
use crate::webhook::Topic;

/// Who is told of what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Subscription {
    pub id: Gid,
    /// As in the schema; there may be topics we do not know.
    pub topic: String,
    pub uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    webhook_subscriptions: Nodes,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Subscription>,
}

pub fn request(store: &Store) -> Result<Request<Bytes>, http::Error> {
    store.graphql(&SUBSCRIPTIONS, &json!({}))
}

pub fn read(sent: Sent, now: Timestamp) -> Answer<Vec<Subscription>> {
    answer::read::<Data>(sent, true, now).and_then(|data| Ok(data.webhook_subscriptions.nodes))
}

/// The topics that nobody tells this address of.
#[must_use]
pub fn missing(there: &[Subscription], uri: &str) -> Vec<Topic> {
    let told = |topic: &Topic| there.iter().any(|known| known.topic == topic.schema() && known.uri == uri);
    Topic::subscribed().filter(|topic| !told(topic)).collect()
}

pub fn subscribe(store: &Store, topic: Topic, uri: &str) -> Result<Request<Bytes>, http::Error> {
    let subscription = json!({ "uri": uri, "format": "JSON" });
    store.graphql(&SUBSCRIBE, &json!({ "topic": topic.schema(), "subscription": subscription }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscribed {
    webhook_subscription_create: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    webhook_subscription: Option<Created>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
struct Created {
    id: Gid,
}

/// Not repeatable as it is: a second one is refused, and what there is is read again.
pub fn read_subscribed(sent: Sent, now: Timestamp) -> Answer<Report> {
    answer::read::<Subscribed>(sent, false, now).and_then(|data| {
        let payload = data.webhook_subscription_create;
        let remote = Remote { id: payload.webhook_subscription.map(|created| created.id.to_string()), version: None };
        Ok(user_errors(&payload.user_errors, remote))
    })
}
