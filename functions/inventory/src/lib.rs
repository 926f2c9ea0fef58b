//! The functions of inventory.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `cron-reservation-expiry` | schedule | lets reservations expire, then rebalances hot items |
//! | `inventory-on-level-changed` | the table's stream, items of kind `level` | tells how levels are now |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod feed;

use std::sync::Arc;

use async_trait::async_trait;
use inventory::Inventory;
use inventory::reservations::Reservations;
use kernel::{Clock, TenantId};
use messaging::{Publisher, Queue};
use runtime::{Building, Context, Job, StreamHandler, settings};
use table::Table;
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

pub use feed::{LEVEL_CHANGED, LevelFeed};

settings! {
    struct FeedSettings {
        topic: String = "EVENTS_TOPIC_ARN",
        parked: String = "PARKED_QUEUE_URL",
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
