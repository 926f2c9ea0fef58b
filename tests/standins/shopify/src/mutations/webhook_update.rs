//! `webhookSubscriptionUpdate`: changes where and of what an address is told.

use serde_json::{Value, json};

use super::{Outcome, refuse, webhook_create};
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let (id, input) = (arguments.text("id"), arguments.at("webhookSubscription"));
    if world.of("WebhookSubscription", id).is_none() {
        return refuse(&["id"], "", "Webhook subscription does not exist");
    }
    let uri = webhook_create::uri(input).to_owned();
    if !uri.is_empty() {
        world.set(id, "uri", uri.as_str());
        world.set(id, "callbackUrl", uri);
    }
    for name in ["filter", "includeFields", "metafieldNamespaces", "name"] {
        if let Some(value) = input.get(name) {
            world.set(id, name, value.clone());
        }
    }
    world.touch(id);
    Ok(json!({ "webhookSubscription": id }))
}
