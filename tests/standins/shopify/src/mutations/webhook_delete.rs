//! `webhookSubscriptionDelete`: an address is told no more.

use serde_json::{Value, json};

use super::{Outcome, refuse};
use crate::world::{Fields, World};

pub(crate) fn apply(world: &mut World, arguments: &Value) -> Outcome {
    let id = arguments.text("id");
    if world.of("WebhookSubscription", id).is_none() {
        return refuse(&["id"], "", "Webhook subscription does not exist");
    }
    world.remove(id);
    Ok(json!({ "deletedWebhookSubscriptionId": id }))
}
