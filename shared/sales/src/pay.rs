//! Paying for orders: asks the provider for whatever an order owes it, and records the answer.
//!
//! What is due is decided from the stored order, so it does not matter which event leads here, how often, or in which
//! order. The provider is called before the answer is written; a crash between the two repeats a call that the
//! provider recognises by its idempotency key.

use crate::Sales;
use crate::change::{By, ChangeError, Scope};
use crate::order::money::NOT_SENT;
use crate::order::{Order, OrderId};
use crate::payment::{
    Authorization, Intent, PaymentDue, PaymentEvent, PaymentProvider, ProviderUnavailable, RefundState,
};
use kernel::{Context, Money, MoneyError, TenantId};

/// Who takes the steps of this file.
const PAYMENTS: &str = "payments";

/// Why a payment is not settled yet.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The provider gave no usable answer; try again.
    #[error(transparent)]
    Provider(#[from] ProviderUnavailable),
    /// The order could not be read or written.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The order's amounts do not add up.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The order was authorised, but has lost the provider's id.
    #[error("the order has no authorisation to act on")]
    NoAuthorization,
    /// The provider refuses to give money back for good: a person must look.
    #[error("refund {number} was refused by the provider: {code}")]
    RefundRefused {
        /// Which refund of the order.
        number: usize,
        /// The provider's code.
        code: String,
    },
}

impl Sales {
    /// Does what the order owes its provider now, until nothing is due. Returns the order as it then stands.
    pub async fn settle_payment(
        &self,
        tenant: &TenantId,
        id: OrderId,
        provider: &dyn PaymentProvider,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let mut order = self.order(tenant, id).await.map_err(ChangeError::from)?.ok_or(ChangeError::NotFound)?;
        loop {
            let (tender, due) = order.payment_due()?;
            let intent = Intent { order: id, number: tender };
            let result = match due {
                PaymentDue::Nothing => return Ok(order),
                PaymentDue::Authorize(amount) => self.authorize(tenant, &order, intent, amount, provider, cause).await,
                PaymentDue::VoidUnknown(amount) => {
                    self.void_unknown(tenant, &order, intent, amount, provider, cause).await
                }
                PaymentDue::Void => {
                    provider.void(intent, authorization(&order, tender)?).await?;
                    self.record(tenant, intent, cause, PaymentEvent::Void, None).await
                }
                PaymentDue::Capture(amount) => {
                    provider.capture(intent, authorization(&order, tender)?, amount).await?;
                    self.record(tenant, intent, cause, PaymentEvent::Capture, Some(amount)).await
                }
                PaymentDue::GiveBack(amount) => self.give_back(tenant, id, amount, cause).await,
                PaymentDue::Refund(number, amount) => {
                    self.refund_at(tenant, &order, (tender, number), amount, provider, cause).await
                }
            };
            order = match result {
                Ok(order) => order,
                // The order moved on while the provider was asked: what is due now is decided again.
                Err(PayError::Change(ChangeError::Refused { .. })) => {
                    self.order(tenant, id).await.map_err(ChangeError::from)?.ok_or(ChangeError::NotFound)?
                }
                Err(error) => return Err(error),
            };
        }
    }

    /// Shows an order that is still PENDING in the worklists: its payment could not be asked for, and people should
    /// know. Nothing happens to one that has moved on.
    pub async fn list_pending(&self, tenant: &TenantId, id: OrderId, cause: &Context) -> Result<(), ChangeError> {
        let by = By::new(PAYMENTS, cause, "payment_delayed");
        match self.change(tenant, id, by, Scope::Nothing, &|order, _| order.list_pending().map(|()| Vec::new())).await {
            Ok(_) | Err(ChangeError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn authorize(
        &self,
        tenant: &TenantId,
        order: &Order,
        intent: Intent,
        amount: Money,
        provider: &dyn PaymentProvider,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let tender = intent.number;
        let payment = order.payments().nth(tender).ok_or(PayError::NoAuthorization)?;
        let answer = provider.authorize(intent, amount, payment).await?;
        let now = self.now();
        let changed = match answer {
            Authorization::Approved(held) => {
                let step = |order: &mut Order, _: &_| order.authorize(tender, held.clone(), now).map(|()| Vec::new());
                let by = By::new(PAYMENTS, cause, "payment_authorized");
                self.change(tenant, order.id, by, Scope::Nothing, &step).await?
            }
            Authorization::Declined(code) => {
                let step = |order: &mut Order, _: &_| order.decline(tender, code.clone(), now);
                self.change(tenant, order.id, By::new(PAYMENTS, cause, "payment_declined"), Scope::Own, &step).await?
            }
        };
        Ok(changed)
    }

    /// The order ended before we know whether anything is held. Asking again gives the first answer if there was one;
    /// if not, it holds the amount for the moment it takes to release it.
    async fn void_unknown(
        &self,
        tenant: &TenantId,
        order: &Order,
        intent: Intent,
        amount: Money,
        provider: &dyn PaymentProvider,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let payment = order.payments().nth(intent.number).ok_or(PayError::NoAuthorization)?;
        let event = match provider.authorize(intent, amount, payment).await? {
            Authorization::Approved(held) => {
                provider.void(intent, &held).await?;
                PaymentEvent::Void
            }
            Authorization::Declined(_) => PaymentEvent::Decline,
        };
        self.record(tenant, intent, cause, event, None).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        intent: Intent,
        cause: &Context,
        event: PaymentEvent,
        captured: Option<Money>,
    ) -> Result<Order, PayError> {
        let tender = intent.number;
        let step = |order: &mut Order, _: &_| order.record_payment(tender, event, captured).map(|()| Vec::new());
        let what = format!("payment_{event}");
        Ok(self.change(tenant, intent.order, By::new(PAYMENTS, cause, &what), Scope::Nothing, &step).await?)
    }

    /// Decides on the refund of what was paid beforehand and is not sent.
    async fn give_back(
        &self,
        tenant: &TenantId,
        id: OrderId,
        amount: Money,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let step = |order: &mut Order, _: &_| match order.payment_due() {
            // Someone else decided meanwhile.
            Ok((_, due)) if due != PaymentDue::GiveBack(amount) => Err(crate::Refused::NoChange),
            Ok(_) => order.refund(amount.minor(), NOT_SENT).map(|()| Vec::new()),
            Err(error) => Err(error.into()),
        };
        let by = By::new(PAYMENTS, cause, "refund_requested");
        Ok(self.change(tenant, id, by, Scope::Nothing, &step).await?)
    }

    /// Gives money back at the provider. The refund is stored already, under the number that is part of the call's key.
    async fn refund_at(
        &self,
        tenant: &TenantId,
        order: &Order,
        (tender, number): (usize, usize),
        amount: Money,
        provider: &dyn PaymentProvider,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let intent = Intent { order: order.id, number };
        let (state, code) = match provider.refund(intent, authorization(order, tender)?, amount).await? {
            Authorization::Approved(_) => (RefundState::Done, None),
            Authorization::Declined(code) => (RefundState::Failed, Some(code)),
        };
        let changed = self.confirm_refund(tenant, (order.id, number), state, PAYMENTS, cause).await?;
        match code {
            None => Ok(changed),
            Some(code) => Err(PayError::RefundRefused { number, code }),
        }
    }

    /// Records what became of a refund: the provider's answer, or for a payment that was taken elsewhere, that whoever
    /// took it gave it back or did not.
    pub async fn confirm_refund(
        &self,
        tenant: &TenantId,
        (id, number): (OrderId, usize),
        state: RefundState,
        actor: &str,
        cause: &Context,
    ) -> Result<Order, ChangeError> {
        let step = |order: &mut Order, _: &_| order.record_refund(number, state).map(|()| Vec::new());
        let what = format!("refund_{}", state.as_str().to_ascii_lowercase());
        self.change(tenant, id, By::new(actor, cause, &what), Scope::Nothing, &step).await
    }

    /// Decides to give money back, out of goodwill or because something was wrong. The provider is asked by event.
    pub async fn refund(
        &self,
        tenant: &TenantId,
        id: OrderId,
        amount: Money,
        reason: &str,
        (actor, cause): (&str, &Context),
        seen: Option<u64>,
    ) -> Result<Order, ChangeError> {
        let step = |order: &mut Order, _: &_| {
            // Refuses another currency.
            order.total()?.checked_sub(amount)?;
            order.refund(amount.minor(), reason).map(|()| Vec::new())
        };
        let by = By { reason: Some(reason), seen, ..By::new(actor, cause, "refund_requested") };
        self.change(tenant, id, by, Scope::Nothing, &step).await
    }
}

fn authorization(order: &Order, tender: usize) -> Result<&str, PayError> {
    order.payments().nth(tender).and_then(|p| p.authorization.as_deref()).ok_or(PayError::NoAuthorization)
}
