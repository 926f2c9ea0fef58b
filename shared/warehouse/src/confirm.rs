//! Tells the store what came of its instructions: one HTTP call for each event of the warehouse's own outbox.
//!
//! The event's data is the confirmation, sent as it is. The store takes the same confirmation any number of times, so
//! delivering it twice is harmless.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use kernel::Event;
use messaging::{EventHandler, Outcome};

use crate::peer::{Post, Reply, StoreClient};
use crate::shipment::{OrderId, SHIPMENT_COMPLETED};

/// For one try. The queue tries again later, and the function has time for several in a row.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The store has heard it before.
const ALREADY_SETTLED: &str = "shipment_already_settled";

/// Consumer of [`SHIPMENT_COMPLETED`].
pub struct ConfirmShipment {
    store: StoreClient,
}

impl ConfirmShipment {
    #[must_use]
    pub fn new(store: StoreClient) -> Self {
        Self { store }
    }
}

#[async_trait]
impl EventHandler for ConfirmShipment {
    async fn handle(&self, event: &Event) -> Outcome {
        if event.kind != SHIPMENT_COMPLETED {
            return Outcome::Done;
        }
        // It becomes part of a URL.
        let order = event.data["orderId"].as_str().and_then(|id| id.parse::<OrderId>().ok());
        let Some(order) = order else {
            return Outcome::reject("malformed_confirmation", "the event names no order");
        };
        let path = format!("/v1/orders/{order}/status");
        let key = Some(event.id.to_string());
        let post = Post { path: &path, body: &event.data, timeout: TIMEOUT, key, circuit: None };
        match self.store.post(post).await {
            Reply::Accepted => Outcome::Done,
            Reply::Refused { status: StatusCode::CONFLICT, code } if code == ALREADY_SETTLED => Outcome::Done,
            Reply::Refused { status, code } => {
                Outcome::reject("refused_by_store", format!("{} {code}", status.as_u16()))
            }
            Reply::Unavailable(reason) => Outcome::retry(reason),
        }
    }
}

#[cfg(test)]
mod tests;
