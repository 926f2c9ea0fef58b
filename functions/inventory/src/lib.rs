//! The functions of inventory.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `cron-reservation-expiry` | schedule | lets reservations expire, then rebalances hot items |
//! | `inventory-documents-api` | `/inventory/v1/transfers…`, `/inventory/v1/adjustments…`, `/inventory/v1/adjustment-rules`, `/inventory/v1/counts…`, `/inventory/v1/count-rules` | documents that people take through their states |
//! | `inventory-levels-api` | `/inventory/v1/levels…`, `/inventory/v1/movements…`, `/inventory/v1/valuation`, `/inventory/v1/companies…`, `/inventory/v1/locations…`, `/inventory/v1/allocations` | figures, what moves them, what they are worth, where orders would be sent from |
//! | `inventory-on-level-changed` | the table's stream, items of kind `level` | tells how levels are now |
//! | `inventory-reservations-api` | `/inventory/v1/reservations…`, `/inventory/v1/kits…` | units held back, and kits |
//!
//! Handlers check input, call one use case of the context and show the outcome. No rule of the business is here.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod api;
mod feed;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use inventory::Inventory;
use inventory::reservations::Reservations;
use kernel::{Clock, TenantId};
use messaging::{Publisher, Queue};
use runtime::{Building, Context, InitError, Job, StreamHandler, settings};
use table::Table;
use utoipa::OpenApi as _;
use web::BoxError;

/// Most reservations of one worklist that one run lets expire; the next run goes on.
const MOST: usize = 200;

settings! {
    struct TenantSettings {
        table: String = "TABLE_NAME",
        /// Whose stock.
        tenant: TenantId = "TENANT",
    }
}

pub use api::{Api, ReservationsApi};
pub use feed::{LEVEL_CHANGED, LevelFeed};

settings! {
    struct FeedSettings {
        topic: String = "EVENTS_TOPIC_ARN",
        parked: String = "PARKED_QUEUE_URL",
    }
}

settings! {
    struct ApiSettings {
        table: String = "TABLE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
    }
}

settings! {
    struct ReservationSettings {
        table: String = "TABLE_NAME",
    }
}

/// `cron-reservation-expiry`.
pub struct ExpireReservations {
    /// Whose.
    pub tenant: TenantId,
    /// What may be over.
    pub reservations: Reservations,
    /// What may be out of balance.
    pub inventory: Inventory,
    /// Time of the entries.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Job for ExpireReservations {
    async fn run(&self, _scheduled: kernel::Timestamp) -> Result<(), BoxError> {
        let expired = self.reservations.expire_due(&self.tenant, MOST).await?;
        let moved = self.inventory.rebalance_all(&self.tenant, "rebalance", self.clock.now()).await?;
        let inventory::hot::Rebalanced { taken, given, returned } = moved;
        tracing::info!(expired, taken, given, returned, "reservations expired and hot items rebalanced");
        Ok(())
    }
}

/// Builds `cron-reservation-expiry`.
#[must_use]
pub fn reservation_expiry(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let TenantSettings { table, tenant } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        let reservations = Reservations::new(table.clone(), context.clock());
        let inventory = Inventory::new(table);
        let job: Arc<dyn Job> =
            Arc::new(ExpireReservations { tenant, reservations, inventory, clock: context.clock() });
        Ok(job)
    })
}

/// Builds `inventory-on-level-changed`.
#[must_use]
pub fn level_feed(context: &'static Context) -> Building<Arc<dyn StreamHandler>> {
    Box::pin(async move {
        let FeedSettings { topic, parked } = context.settings()?;
        let publisher = Publisher::new(context.sns()?, topic);
        let parked = Queue::new(context.sqs()?, parked);
        let feed: Arc<dyn StreamHandler> = Arc::new(LevelFeed::new(publisher, Arc::new(parked)));
        Ok(feed)
    })
}

fn api(context: &'static Context) -> Result<Arc<Api>, InitError> {
    let ApiSettings { table, cursor_secret } = context.settings()?;
    let table = Table::new(context.dynamodb()?, table);
    Ok(Arc::new(Api::new(table, context.clock(), context.secret(cursor_secret)?)))
}

/// Levels, movements, valuation, companies, allocations.
pub fn levels_api(api: Arc<Api>) -> axum::Router {
    api::levels::routes(api.clone())
        .merge(api::movements::routes(api.clone()))
        .merge(api::valuation::routes(api.clone()))
        .merge(api::allocations::routes(api))
}

/// Reservations and kits.
pub fn reservations_api(api: Arc<ReservationsApi>) -> axum::Router {
    api::reservations::routes(api.clone()).merge(api::kits::routes(api))
}

/// Transfers, adjustments, counts.
pub fn documents_api(api: Arc<Api>) -> axum::Router {
    api::transfers::routes(api.clone())
        .merge(api::adjustments::routes(api.clone()))
        .merge(api::counts::routes(api.clone()))
        .merge(api::rules::routes(api))
}

/// Builds `inventory-levels-api`.
#[must_use]
pub fn levels(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(levels_api(api(context)?)) })
}

/// Builds `inventory-reservations-api`.
#[must_use]
pub fn reservations(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let ReservationSettings { table } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        Ok(reservations_api(Arc::new(ReservationsApi::new(table, context.clock()))))
    })
}

/// Builds `inventory-documents-api`.
#[must_use]
pub fn documents(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(documents_api(api(context)?)) })
}

/// The description of everything under `/inventory`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = api::levels::Doc::openapi();
    for part in [
        api::movements::Doc::openapi(),
        api::valuation::Doc::openapi(),
        api::allocations::Doc::openapi(),
        api::reservations::Doc::openapi(),
        api::kits::Doc::openapi(),
        api::transfers::Doc::openapi(),
        api::adjustments::Doc::openapi(),
        api::counts::Doc::openapi(),
        api::rules::Doc::openapi(),
    ] {
        whole.merge(part);
    }
    whole
}
