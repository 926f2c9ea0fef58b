//! Settles payments by event. Which event it is does not matter: what is due is read from the order. Two kinds bring
//! work of their own first: an order placed without a key is compared with others, and an exchange becomes an order.

use async_trait::async_trait;
use kernel::Event;
use messaging::{EventHandler, Outcome};
use sales::place::ORDER_PLACED;
use sales::take_back::{EXCHANGE_REQUESTED, ExchangeOrder};
use sales::{ChangeError, IntakeError, OrderId, PayError, PaymentProvider, Sales};
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

    async fn exchange(&self, event: &Event) -> Option<Outcome> {
        let Ok(wanted) = ExchangeOrder::deserialize(&event.data) else {
            return Some(Outcome::reject("malformed_event", "no exchange in it"));
        };
        match self.sales.make_exchange(&event.tenant, &wanted, &event.context()).await {
            Ok(_) => None,
            Err(IntakeError::Change(error)) => Some(failed(error)),
            Err(error) => Some(Outcome::reject("exchange_refused", error)),
        }
    }

    async fn settle(&self, event: &Event, order_id: OrderId) -> Outcome {
        match self.sales.settle_payment(&event.tenant, order_id, &*self.provider, &event.context()).await {
            Ok(_) => Outcome::Done,
            Err(PayError::Provider(error)) => {
                // Until the provider answers, people should see the order.
                match self.sales.list_pending(&event.tenant, order_id, &event.context()).await {
                    Ok(()) => Outcome::retry(error),
                    Err(other) => Outcome::retry(other),
                }
            }
            Err(PayError::Change(error)) => failed(error),
            Err(error @ PayError::Money(_)) => Outcome::reject("amount_overflow", error),
            Err(error @ PayError::NoAuthorization) => Outcome::reject("no_authorization", error),
            Err(error @ PayError::RefundRefused { .. }) => Outcome::reject("refund_refused", error),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    order_id: OrderId,
    /// It was placed without an idempotency key.
    #[serde(default)]
    unkeyed: bool,
}

#[async_trait]
impl EventHandler for PaymentDue {
    async fn handle(&self, event: &Event) -> Outcome {
        let Ok(About { order_id, unkeyed }) = About::deserialize(&event.data) else {
            return Outcome::reject("malformed_event", "no order in it");
        };
        if event.kind == EXCHANGE_REQUESTED
            && let Some(outcome) = self.exchange(event).await
        {
            return outcome;
        }
        if event.kind == ORDER_PLACED
            && unkeyed
            && let Err(error) = self.sales.review(&event.tenant, order_id, &event.context()).await
        {
            return failed(error);
        }
        self.settle(event, order_id).await
    }
}

fn failed(error: ChangeError) -> Outcome {
    match error {
        ChangeError::NotFound => Outcome::reject("unknown_order", error),
        ChangeError::Inconsistent(_) => Outcome::reject("stock_disagrees", error),
        ChangeError::Money(_) => Outcome::reject("amount_overflow", error),
        ChangeError::Refused { .. } | ChangeError::Stale(_) | ChangeError::Contended | ChangeError::Table(_) => {
            Outcome::retry(error)
        }
    }
}
