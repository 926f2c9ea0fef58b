//! What subscribers are told, and what happens to it on the way.
//!
//! Source: Shopify, webhooks: eight more tries over four hours, then the subscription is removed; a delivery keeps its id
//! and its body over all its tries.

pub(crate) mod deliver;
pub(crate) mod payload;

use std::time::Duration;

use kernel::Timestamp;
use serde_json::Value;

use crate::world::{Fields, World};

/// Waits before the second to the ninth try: four hours together.
const RETRIES: [Duration; 8] = [
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(4),
    Duration::from_mins(8),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_mins(60),
    Duration::from_mins(120),
];

/// Topics: in the schema, and in the header.
const TOPICS: [(&str, &str); 15] = [
    ("APP_UNINSTALLED", "app/uninstalled"),
    ("BULK_OPERATIONS_FINISH", "bulk_operations/finish"),
    ("CUSTOMERS_CREATE", "customers/create"),
    ("CUSTOMERS_UPDATE", "customers/update"),
    ("CUSTOMERS_DATA_REQUEST", "customers/data_request"),
    ("CUSTOMERS_REDACT", "customers/redact"),
    ("SHOP_REDACT", "shop/redact"),
    ("FULFILLMENTS_CREATE", "fulfillments/create"),
    ("INVENTORY_LEVELS_UPDATE", "inventory_levels/update"),
    ("ORDERS_CANCELLED", "orders/cancelled"),
    ("ORDERS_CREATE", "orders/create"),
    ("ORDERS_UPDATED", "orders/updated"),
    ("PRODUCTS_CREATE", "products/create"),
    ("PRODUCTS_DELETE", "products/delete"),
    ("PRODUCTS_UPDATE", "products/update"),
];

/// The topic as the header has it.
pub(crate) fn topic(name: &str) -> Option<&'static str> {
    TOPICS.iter().find(|(schema, _)| *schema == name).map(|(_, header)| *header)
}

/// Something to be told to one address.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) subscription: String,
    pub(crate) uri: String,
    pub(crate) topic: &'static str,
    pub(crate) webhook_id: String,
    pub(crate) event_id: String,
    pub(crate) triggered_at: String,
    pub(crate) body: String,
    /// Tries so far.
    pub(crate) tries: usize,
    pub(crate) due: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Hooks {
    /// Nothing leaves until it is asked for.
    pub(crate) held: bool,
    queue: Vec<Delivery>,
}

impl Hooks {
    pub(crate) const fn new(held: bool) -> Self {
        Self { held, queue: Vec::new() }
    }

    /// Takes what is due; with `everything`, also what waits for another try.
    pub(crate) fn take(&mut self, now: Timestamp, everything: bool) -> Vec<Delivery> {
        let (due, later) =
            std::mem::take(&mut self.queue).into_iter().partition(|delivery| everything || delivery.due <= now);
        self.queue = later;
        due
    }

    pub(crate) const fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl World {
    /// Tells everybody who subscribed.
    pub(crate) fn emit(&mut self, name: &str, payload: &Value) {
        let Some(header) = topic(name) else { return };
        let subscribed: Vec<(String, String)> = self
            .all("WebhookSubscription")
            .iter()
            .filter_map(|id| self.get(id))
            .filter(|subscription| subscription.text("topic") == name)
            .map(|subscription| (subscription.text("id").to_owned(), subscription.text("uri").to_owned()))
            .collect();
        if subscribed.is_empty() {
            return;
        }
        let (event_id, due) = (self.uuid(), self.now());
        for (subscription, uri) in subscribed {
            let webhook_id = self.uuid();
            self.hooks.queue.push(Delivery {
                subscription,
                uri,
                topic: header,
                webhook_id,
                event_id: event_id.clone(),
                triggered_at: due.to_string(),
                body: payload.to_string(),
                tries: 0,
                due,
            });
        }
    }

    /// Records how a try went.
    pub(crate) fn delivered(&mut self, mut delivery: Delivery, accepted: bool) {
        self.counters.deliveries += 1;
        if accepted {
            return;
        }
        self.counters.failed_deliveries += 1;
        delivery.tries += 1;
        match RETRIES.get(delivery.tries - 1) {
            Some(wait) => {
                delivery.due = self.now().checked_add(*wait).unwrap_or(Timestamp::MAX);
                self.hooks.queue.push(delivery);
            }
            None => self.remove(&delivery.subscription),
        }
    }
}
