//! The storefront's functions: what customers, administrators and warehouses reach under `/store`, the instructions to
//! warehouses, and the schedules that keep them in step.
//!
//! | function | trigger |
//! |---|---|
//! | `storefront-customers-api` | `/store/v1/customers`, `/store/v1/me` |
//! | `storefront-books-api` | `/store/v1/books…` |
//! | `storefront-orders-api` | `/store/v1/orders…` |
//! | `storefront-warehouses-api` | `/store/v1/warehouses…`, `/store/v1/inventory` |
//! | `storefront-health-api` | `/store/health`, `/store/ready` |
//! | `storefront-on-shipment-requested` | queue `dispatch.fifo` |
//! | `cron-warehouse-health`, `cron-inventory-reconcile`, `cron-order-recovery` | schedules |
//!
//! Handlers check input, call one use case of a context and show the outcome. No rule of the business is here.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod api;
mod book_view;
mod books;
mod customers;
mod health;
mod jobs;
mod order_view;
mod orders;
mod problems;
#[cfg(test)]
mod tests;
mod warehouses;

use std::sync::Arc;

use kernel::TenantId;
use messaging::EventHandler;
use runtime::{Building, Context, InitError, Job, Roots, settings};
use sales::Sales;
use storefront::reconcile::Reconciliation;
use storefront::recovery::Recovery;
use storefront::{Dispatch, Peers, Registry};
use table::Table;
use utoipa::OpenApi as _;
use web::transport::Bearer;

pub use api::Api;
pub use jobs::{HealthCheck, Reconcile, Recover};

settings! {
    struct ApiSettings {
        table: String = "TABLE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
    }
}

settings! {
    struct TableSettings {
        table: String = "TABLE_NAME",
    }
}

settings! {
    struct PeerSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
        /// What the store shows to its warehouses.
        secret: String = "SERVICE_SECRET_ARN",
    }
}

settings! {
    struct TenantSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
    }
}

fn api(context: &'static Context) -> Result<Arc<Api>, InitError> {
    let settings: ApiSettings = context.settings()?;
    let table = Table::new(context.dynamodb()?, settings.table);
    Ok(Arc::new(Api::new(table, context.clock(), context.secret(settings.cursor_secret)?)))
}

/// `/store/v1/books…`.
pub fn books_api(api: Arc<Api>) -> axum::Router {
    books::routes(api)
}

/// `/store/v1/orders…`.
pub fn orders_api(api: Arc<Api>) -> axum::Router {
    orders::routes(api)
}

/// `/store/v1/warehouses…` and `/store/v1/inventory`.
pub fn warehouses_api(api: Arc<Api>) -> axum::Router {
    warehouses::routes(api)
}

/// `/store/v1/customers` and `/store/v1/me`; who registers becomes a customer of this tenant.
pub fn customers_api(access: access::Access, tenant: TenantId) -> axum::Router {
    customers::routes(Arc::new(customers::State { access, tenant }))
}

/// Builds `storefront-books-api`.
#[must_use]
pub fn books(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(books_api(api(context)?)) })
}

/// Builds `storefront-orders-api`.
#[must_use]
pub fn orders(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(orders_api(api(context)?)) })
}

/// Builds `storefront-warehouses-api`.
#[must_use]
pub fn warehouses(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(warehouses_api(api(context)?)) })
}

/// Builds `storefront-customers-api`.
#[must_use]
pub fn customers(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let settings: TenantSettings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table);
        Ok(customers_api(access::Access::new(table, context.clock()), settings.tenant))
    })
}

/// Builds `storefront-health-api`.
#[must_use]
pub fn health(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let settings: TenantSettings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table);
        Ok(health::routes(Arc::new(Registry::new(table, context.clock())), settings.tenant))
    })
}

struct Fulfilment {
    tenant: TenantId,
    table: Table,
    registry: Registry,
    peers: Peers,
}

fn fulfilment(context: &'static Context) -> Result<Fulfilment, InitError> {
    let PeerSettings { table, tenant, secret } = context.settings()?;
    let table = Table::new(context.dynamodb()?, table);
    // Warehouses are other deployments behind Amazon's own certificates or on the local stack.
    let transport = Bearer::new(context.transport(Roots::Amazon), context.secret(secret)?);
    let registry = Registry::new(table.clone(), context.clock());
    Ok(Fulfilment { tenant, table, registry, peers: Peers::new(Arc::new(transport)) })
}

/// Builds `storefront-on-shipment-requested`.
#[must_use]
pub fn on_shipment_requested(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let Fulfilment { table, registry, peers, .. } = fulfilment(context)?;
        let dispatch: Arc<dyn EventHandler> =
            Arc::new(Dispatch { sales: Sales::new(table, context.clock()), registry, peers });
        Ok(dispatch)
    })
}

/// Builds `cron-warehouse-health`.
#[must_use]
pub fn warehouse_health(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let Fulfilment { tenant, table, registry, peers } = fulfilment(context)?;
        let recovery =
            Recovery { sales: Sales::new(table, context.clock()), registry: registry.clone(), clock: context.clock() };
        let job: Arc<dyn Job> = Arc::new(jobs::HealthCheck { tenant, registry, peers, recovery });
        Ok(job)
    })
}

/// Builds `cron-inventory-reconcile`.
#[must_use]
pub fn inventory_reconcile(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let Fulfilment { tenant, table, registry, peers } = fulfilment(context)?;
        let inventory = inventory::Inventory::new(table);
        let reconciliation = Reconciliation { inventory, registry, peers, clock: context.clock() };
        let job: Arc<dyn Job> = Arc::new(jobs::Reconcile { tenant, reconciliation });
        Ok(job)
    })
}

/// Builds `cron-order-recovery`.
#[must_use]
pub fn order_recovery(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let TenantSettings { table, tenant } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        let registry = Registry::new(table.clone(), context.clock());
        let recovery = Recovery { sales: Sales::new(table, context.clock()), registry, clock: context.clock() };
        let job: Arc<dyn Job> = Arc::new(jobs::Recover { tenant, recovery });
        Ok(job)
    })
}

/// The description of everything under `/store`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = books::Doc::openapi();
    for part in [orders::Doc::openapi(), customers::Doc::openapi(), warehouses::Doc::openapi(), health::Doc::openapi()]
    {
        whole.merge(part);
    }
    whole
}
