//! Payments: what an order owes its payment provider, and the port to any provider.
//!
//! The provider is asked after the order is stored, by event, and every call carries an idempotency key derived from
//! the order: a call that is repeated after a crash or a timeout has no second effect. Card data never comes here,
//! only the provider's own token.

use crate::OrderId;
use async_trait::async_trait;
use kernel::Money;
use serde::{Deserialize, Serialize};

/// Where the payment of an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentState {
    /// Not asked yet, or no answer yet.
    Pending,
    /// The amount is held for us.
    Authorized,
    /// The provider said no.
    Declined,
    /// The value of what was shipped is ours; the rest of the hold is released.
    Captured,
    /// The hold is released.
    Voided,
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Kind of payment, such as `card`.
    pub method: String,
    /// The provider's token for it.
    pub token: String,
    /// Where it stands.
    pub state: PaymentState,
    /// The provider's id of the authorisation.
    pub authorization: Option<String>,
    /// Why it was declined, in the provider's code.
    pub decline_code: Option<String>,
    /// Amount captured, in minor units of the order's currency.
    pub captured_minor: i64,
}

impl Payment {
    /// A payment that has not been asked for.
    pub fn pending(method: &str, token: &str) -> Self {
        Self {
            method: method.to_owned(),
            token: token.to_owned(),
            state: PaymentState::Pending,
            authorization: None,
            decline_code: None,
            captured_minor: 0,
        }
    }
}

/// What has to be asked of the provider next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentDue {
    /// Nothing.
    Nothing,
    /// Hold this amount.
    Authorize(Money),
    /// Take this amount and release the rest.
    Capture(Money),
    /// Release the hold.
    Void,
    /// Release a hold of this amount that may or may not exist.
    VoidUnknown(Money),
}

/// The provider's answer to a request for authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Held, under this id.
    Approved(String),
    /// Refused for good, with the provider's code.
    Declined(String),
}

/// The provider gave no usable answer. Asking again with the same key is safe.
#[derive(Debug, thiserror::Error)]
#[error("payment provider: {reason}")]
pub struct ProviderUnavailable {
    /// What happened, without card or customer data.
    pub reason: String,
}

/// A payment provider. Every call is idempotent by order: repeated, it answers as the first time.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Holds an amount.
    async fn authorize(
        &self,
        order: OrderId,
        amount: Money,
        payment: &Payment,
    ) -> Result<Authorization, ProviderUnavailable>;
    /// Takes an amount, at most the amount held, and releases the rest.
    async fn capture(&self, order: OrderId, authorization: &str, amount: Money) -> Result<(), ProviderUnavailable>;
    /// Releases the hold.
    async fn void(&self, order: OrderId, authorization: &str) -> Result<(), ProviderUnavailable>;
    /// Gives back captured money.
    async fn refund(&self, order: OrderId, authorization: &str, amount: Money) -> Result<(), ProviderUnavailable>;
}
