//! Paying for orders: asks the provider for whatever an order owes it, and records the answer.
//!
//! What is due is decided from the stored order, so it does not matter which event leads here, how often, or in which
//! order. The provider is called before the answer is written; a crash between the two repeats a call that the
//! provider recognises by its idempotency key.

use crate::Sales;
use crate::change::{ChangeError, Scope};
use crate::order::{Order, OrderId, Refused};
use crate::payment::{Authorization, PaymentDue, PaymentProvider, PaymentState, ProviderUnavailable};
use kernel::{Context, Money, MoneyError, TenantId};

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
            let due = order.payment_due()?;
            let result = match due {
                PaymentDue::Nothing => return Ok(order),
                PaymentDue::Authorize(amount) => self.authorize(tenant, &order, amount, provider, cause).await,
                PaymentDue::VoidUnknown(amount) => self.void_unknown(tenant, &order, amount, provider, cause).await,
                PaymentDue::Void => {
                    provider.void(id, authorization(&order)?).await?;
                    self.record(tenant, id, cause, PaymentState::Voided, None).await
                }
                PaymentDue::Capture(amount) => {
                    provider.capture(id, authorization(&order)?, amount).await?;
                    self.record(tenant, id, cause, PaymentState::Captured, Some(amount)).await
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

    async fn authorize(
        &self,
        tenant: &TenantId,
        order: &Order,
        amount: Money,
        provider: &dyn PaymentProvider,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let answer = provider.authorize(order.id, amount, &order.payment).await?;
        let now = self.now();
        let who = ("payments", cause);
        let changed = match answer {
            Authorization::Approved(held) => {
                let step = |order: &mut Order, _: &_| order.accept(held.clone(), now).map(|()| Vec::new());
                self.change(tenant, order.id, who, Scope::Nothing, &step).await?
            }
            Authorization::Declined(code) => {
                let step = |order: &mut Order, _: &_| order.decline(code.clone(), now);
                self.change(tenant, order.id, who, Scope::Own, &step).await?
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
        amount: Money,
        provider: &dyn PaymentProvider,
        cause: &Context,
    ) -> Result<Order, PayError> {
        let state = match provider.authorize(order.id, amount, &order.payment).await? {
            Authorization::Approved(held) => {
                provider.void(order.id, &held).await?;
                PaymentState::Voided
            }
            Authorization::Declined(_) => PaymentState::Declined,
        };
        self.record(tenant, order.id, cause, state, None).await
    }

    async fn record(
        &self,
        tenant: &TenantId,
        id: OrderId,
        cause: &Context,
        state: PaymentState,
        captured: Option<Money>,
    ) -> Result<Order, PayError> {
        let step = |order: &mut Order, _: &_| order.record_payment(state, captured).map(|()| Vec::new());
        Ok(self.change(tenant, id, ("payments", cause), Scope::Nothing, &step).await?)
    }
}

fn authorization(order: &Order) -> Result<&str, PayError> {
    order.payment.authorization.as_deref().ok_or(PayError::NoAuthorization)
}

impl Order {
    /// Records what became of a hold. Refused when it is settled already.
    fn record_payment(&mut self, state: PaymentState, captured: Option<Money>) -> Result<(), Refused> {
        match self.payment.state {
            PaymentState::Pending | PaymentState::Authorized => {
                self.payment.state = state;
                self.payment.captured_minor = captured.map_or(0, Money::minor);
                Ok(())
            }
            PaymentState::Declined | PaymentState::Captured | PaymentState::Voided => Err(Refused::PaymentSettled),
        }
    }
}
