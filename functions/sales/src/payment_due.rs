//! Settles payments by event. Which event it is does not matter: what is due is read from the order.

use async_trait::async_trait;
use kernel::Event;
use messaging::{EventHandler, Outcome};
use sales::{ChangeError, OrderId, PayError, PaymentProvider, Sales};
use serde::Deserialize;
use std::sync::Arc;

/// The consumer of every event after which an order may owe its provider something.
pub struct PaymentDue {
    sales: Sales,
    provider: Arc<dyn PaymentProvider>,
}

impl PaymentDue {
    /// For these orders, at this provider.
    pub fn new(sales: Sales, provider: Arc<dyn PaymentProvider>) -> Self {
        Self { sales, provider }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    order_id: OrderId,
}

#[async_trait]
impl EventHandler for PaymentDue {
    async fn handle(&self, event: &Event) -> Outcome {
        let Ok(About { order_id }) = About::deserialize(&event.data) else {
            return Outcome::reject("malformed_event", "no order in it");
        };
        match self.sales.settle_payment(&event.tenant, order_id, &*self.provider, &event.context()).await {
            Ok(_) => Outcome::Done,
            Err(error) => match error {
                PayError::Change(ChangeError::NotFound) => Outcome::reject("unknown_order", error),
                PayError::Change(ChangeError::Inconsistent(_)) => Outcome::reject("stock_disagrees", error),
                PayError::Money(_) => Outcome::reject("amount_overflow", error),
                PayError::NoAuthorization => Outcome::reject("no_authorization", error),
                PayError::Provider(_) | PayError::Change(_) => Outcome::retry(error),
            },
        }
    }
}
