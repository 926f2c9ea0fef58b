//! `webhookSubscriptionCreate`: an address is told of a topic.
//!
//! Unlike the shop, this one takes `http://` addresses too: those who listen are on the same machine.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::webhooks;
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let (topic, input) = (arguments.text("topic"), arguments.at("webhookSubscription"));
    if webhooks::topic(topic).is_none() {
        return refuse(&["topic"], "", &format!("the stand-in does not tell of {topic}"));
    }
    let uri = uri(input).to_owned();
    if !uri.starts_with("http://") && !uri.starts_with("https://") {
        return refuse(&["webhookSubscription", "uri"], "", "Address is invalid");
    }
    let taken = world.all("WebhookSubscription").iter().filter_map(|id| world.get(id)).any(|known| {
        known.text("topic") == topic && known.text("uri") == uri && known.at("filter") == input.at("filter")
    });
    if taken {
        return refuse(&["webhookSubscription", "uri"], "", "Address for this topic has already been taken");
    }
    let now = world.now_text();
    let id = world.create(
        "WebhookSubscription",
        json!({
            "topic": topic, "uri": uri, "callbackUrl": uri, "format": "JSON", "filter": input.at("filter"),
            "includeFields": input.list("includeFields"), "metafieldNamespaces": input.list("metafieldNamespaces"),
            "name": input.at("name"), "createdAt": now, "updatedAt": now,
        }),
    );
    Ok(json!({ "webhookSubscription": id }))
}

pub(crate) fn uri(input: &Value) -> &str {
    if input.has("uri") { input.text("uri") } else { input.text("callbackUrl") }
}
