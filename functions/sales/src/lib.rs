//! The functions of sales.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `sales-orders-api` | `/sales/v1/orders…`, `/sales/v1/sales`, `/sales/v1/customers…` | orders of every channel, for people and connectors |
//! | `sales-returns-api` | `/sales/v1/returns`, `/sales/v1/orders/{id}/returns…` | returns and exchanges |
//! | `sales-on-payment-due` | queue `payments.fifo`: orders placed, changed, released, shipped, refused, rejected, cancelled; refunds and exchanges asked for | looks at suspected duplicates, does what the order owes its payment provider (authorise, capture, void, refund), makes the orders of exchanges |
//!
//! Handlers check input, call one use case of the context and show the outcome. No rule of the business is here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod api;
mod payment_due;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use messaging::EventHandler;
use runtime::{Building, Context, InitError, Roots, settings};
use sales::Sales;
use sales::stripe::Stripe;
use table::Table;
use utoipa::OpenApi as _;

pub use api::Api;
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

settings! {
    struct OrdersSettings {
        table: String = "TABLE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
        files: String = "FILES_BUCKET",
    }
}

settings! {
    struct ReturnsSettings {
        table: String = "TABLE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
    }
}

/// Builds `sales-on-payment-due`.
#[must_use]
pub fn on_payment_due(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let PaymentSettings { table, provider, key } = context.settings()?;
        let sales = sales(context, table)?;
        let provider = Stripe::new(context.transport(Roots::Public), provider, context.secret(key)?);
        let handler: Arc<dyn EventHandler> = Arc::new(PaymentDue::new(sales, Arc::new(provider)));
        Ok(handler)
    })
}

fn sales(context: &'static Context, table: String) -> Result<Sales, InitError> {
    Ok(Sales::new(Table::new(context.dynamodb()?, table), context.clock()))
}

/// `/sales/v1/orders…` but for returns, `/sales/v1/sales`, `/sales/v1/customers…`.
pub fn orders_api(api: Arc<Api>) -> axum::Router {
    api::orders::routes(api.clone())
        .merge(api::notes::routes(api.clone()))
        .merge(api::files::routes(api.clone()))
        .merge(api::people::routes(api))
}

/// `/sales/v1/returns` and `/sales/v1/orders/{id}/returns…`.
pub fn returns_api(api: Arc<Api>) -> axum::Router {
    api::returns::routes(api)
}

/// Builds `sales-orders-api`.
#[must_use]
pub fn orders(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let OrdersSettings { table, cursor_secret, files } = context.settings()?;
        let sales = sales(context, table)?.with_files(context.bucket(&files)?);
        Ok(orders_api(Arc::new(Api::new(sales, context.secret(cursor_secret)?))))
    })
}

/// Builds `sales-returns-api`.
#[must_use]
pub fn returns(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let ReturnsSettings { table, cursor_secret } = context.settings()?;
        Ok(returns_api(Arc::new(Api::new(sales(context, table)?, context.secret(cursor_secret)?))))
    })
}

/// The description of everything under `/sales`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = api::orders::Doc::openapi();
    whole.merge(api::notes::Doc::openapi());
    whole.merge(api::files::Doc::openapi());
    whole.merge(api::people::Doc::openapi());
    whole.merge(api::returns::Doc::openapi());
    whole
}
