//! Payments: the tenders of an order, what is given back, what is due at the provider, and the port to any provider.
//!
//! The provider is asked after the order is stored, by event, and every call carries an idempotency key derived from
//! the order and the number of the tender or refund: a call that is repeated after a crash or a timeout has no second
//! effect. Card data never comes here, only the provider's own token.

use crate::OrderId;
use crate::machine::{Machine, Row, names};
use async_trait::async_trait;
use kernel::Money;
use serde::{Deserialize, Serialize};

names! {
    /// Where a tender stands.
    pub enum PaymentState {
        /// Not asked yet, or no answer yet.
        Pending = "PENDING",
        /// The amount is held for us.
        Authorized = "AUTHORIZED",
        /// The provider said no.
        Declined = "DECLINED",
        /// What was due is ours; the rest of the hold is released.
        Captured = "CAPTURED",
        /// The hold is released.
        Voided = "VOIDED",
    }
}

names! {
    /// What can happen to a tender.
    pub enum PaymentEvent {
        /// The amount was held.
        Authorize = "authorize",
        /// The provider said no.
        Decline = "decline",
        /// Money was taken.
        Capture = "capture",
        /// The hold was released.
        Void = "void",
        /// Money is to be given back.
        Refund = "refund",
    }
}

names! {
    /// What a payment step may ask for.
    pub enum PaymentGuard {
        /// No more is given back than was taken.
        Covered = "what was taken covers it",
    }
}

use PaymentState::{Authorized, Captured, Declined, Pending, Voided};

impl Machine for PaymentState {
    type Event = PaymentEvent;
    type Guard = PaymentGuard;
    const WHAT: &'static str = "payment";
    const TABLE: &'static [Row<Self>] = &[
        (Pending, PaymentEvent::Authorize, None, Authorized),
        (Pending, PaymentEvent::Decline, None, Declined),
        (Pending, PaymentEvent::Void, None, Voided),
        (Authorized, PaymentEvent::Capture, None, Captured),
        (Authorized, PaymentEvent::Void, None, Voided),
        (Captured, PaymentEvent::Refund, Some(PaymentGuard::Covered), Captured),
    ];
}

/// One tender of an order. Most orders have one.
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
    /// What it is to cover, in minor units of the order's currency; `None` is the whole order.
    pub amount_minor: Option<i64>,
    /// Amount captured, in minor units of the order's currency.
    pub captured_minor: i64,
    /// Taken and given back by somebody else (a channel, a till): our provider is never asked.
    pub external: bool,
}

impl Payment {
    /// A payment that has not been asked for.
    pub fn pending(method: &str, token: &str) -> Self {
        Self {
            method: method.to_owned(),
            token: token.to_owned(),
            state: Pending,
            authorization: None,
            decline_code: None,
            amount_minor: None,
            captured_minor: 0,
            external: false,
        }
    }

    /// A payment of so much that somebody else has taken.
    pub fn taken_elsewhere(method: &str, reference: &str, minor: i64) -> Self {
        Self {
            state: Captured,
            amount_minor: Some(minor),
            captured_minor: minor,
            external: true,
            ..Self::pending(method, reference)
        }
    }
}

names! {
    /// Where a refund stands.
    pub enum RefundState {
        /// Decided. The provider is asked until it answers; for a payment taken elsewhere somebody confirms it.
        Requested = "REQUESTED",
        /// Given back.
        Done = "DONE",
        /// Refused for good by the provider. A person must look.
        Failed = "FAILED",
    }
}

/// Money that is given back of one tender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The tender, by its position.
    #[serde(rename = "n")]
    pub tender: usize,
    /// How much, in minor units, at least 1.
    #[serde(rename = "a")]
    pub minor: i64,
    /// Where it stands.
    #[serde(rename = "s")]
    pub state: RefundState,
    /// Why.
    #[serde(rename = "r")]
    pub reason: String,
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
    /// More was taken than the order is worth: decide on a refund of so much.
    GiveBack(Money),
    /// Give so much back, under the number of the refund.
    Refund(usize, Money),
}

/// What a call to the provider is for. The same intent is the same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// The order.
    pub order: OrderId,
    /// Position of the tender, or of the refund.
    pub number: usize,
}

impl Intent {
    /// The idempotency key of a call.
    pub fn key(self, verb: &str) -> String {
        match self.number {
            0 => format!("{}-{verb}", self.order),
            number => format!("{}-{verb}-{number}", self.order),
        }
    }
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

/// A payment provider. Every call is idempotent by its intent: repeated, it answers as the first time.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// Holds an amount.
    async fn authorize(
        &self,
        intent: Intent,
        amount: Money,
        payment: &Payment,
    ) -> Result<Authorization, ProviderUnavailable>;
    /// Takes an amount, at most the amount held, and releases the rest.
    async fn capture(&self, intent: Intent, authorization: &str, amount: Money) -> Result<(), ProviderUnavailable>;
    /// Releases the hold.
    async fn void(&self, intent: Intent, authorization: &str) -> Result<(), ProviderUnavailable>;
    /// Gives back captured money. `Declined` when it never will; asking again is no use then.
    async fn refund(
        &self,
        intent: Intent,
        authorization: &str,
        amount: Money,
    ) -> Result<Authorization, ProviderUnavailable>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::try_every_pair;

    #[test]
    fn every_pair_is_allowed_exactly_when_the_table_lists_it() {
        try_every_pair(&PaymentState::ALL, &PaymentEvent::ALL);
    }

    #[test]
    fn every_intent_has_a_key_of_its_own_and_the_first_tender_the_plain_one() {
        let order = OrderId::derive(&["o"]);
        assert_eq!(Intent { order, number: 0 }.key("capture"), format!("{order}-capture"));
        assert_eq!(Intent { order, number: 2 }.key("capture"), format!("{order}-capture-2"));
    }
}
