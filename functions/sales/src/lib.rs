//! The functions of sales.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `sales-on-payment-due` | queue `payments.fifo`: orders placed, shipped, refused, rejected, cancelled | what the order owes its payment provider: authorise, capture, void |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod payment_due;

use std::sync::Arc;

use messaging::EventHandler;
use runtime::{Building, Context, Roots, settings};
use sales::Sales;
use sales::stripe::Stripe;
use table::Table;

pub use payment_due::PaymentDue;

settings! {
    struct PaymentSettings {
        table: String = "TABLE_NAME",
        /// The provider's API, up to but without `/v1`.
        provider: String = "PAYMENT_BASE_URL",
        /// The provider's key.
        key: String = "PAYMENT_SECRET_ARN",
    }
}

/// Builds `sales-on-payment-due`.
#[must_use]
pub fn on_payment_due(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let PaymentSettings { table, provider, key } = context.settings()?;
        let sales = Sales::new(Table::new(context.dynamodb()?, table), context.clock());
        let provider = Stripe::new(context.transport(Roots::Public), provider, context.secret(key)?);
        let handler: Arc<dyn EventHandler> = Arc::new(PaymentDue::new(sales, Arc::new(provider)));
        Ok(handler)
    })
}
