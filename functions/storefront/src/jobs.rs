//! The schedules: each runs one use case and says in one log line what it did.

use async_trait::async_trait;
use kernel::TenantId;
use runtime::Job;
use storefront::reconcile::Reconciliation;
use storefront::recovery::Recovery;
use storefront::{Peers, Registry, health};
use web::BoxError;

/// `cron-warehouse-health`.
pub struct HealthCheck {
    /// Whose warehouses and orders.
    pub tenant: TenantId,
    /// Who is asked.
    pub registry: Registry,
    /// The warehouses.
    pub peers: Peers,
    /// What moves stuck orders on.
    pub recovery: Recovery,
}

#[async_trait]
impl Job for HealthCheck {
    async fn run(&self, _scheduled: kernel::Timestamp) -> Result<(), BoxError> {
        let checked = health::check(&self.tenant, &self.registry, &self.peers).await?;
        let changed: Vec<&str> = checked.changed.iter().map(inventory::LocationId::as_str).collect();
        tracing::info!(asked = checked.asked, healthy = checked.healthy, ?changed, "warehouses checked");
        // What waits at a warehouse that is offline must not wait for the next recovery.
        if checked.healthy < checked.asked {
            recover(&self.tenant, &self.recovery).await?;
        }
        Ok(())
    }
}

/// `cron-order-recovery`.
pub struct Recover {
    /// Whose warehouses and orders.
    pub tenant: TenantId,
    /// What moves stuck orders on.
    pub recovery: Recovery,
}

#[async_trait]
impl Job for Recover {
    async fn run(&self, _scheduled: kernel::Timestamp) -> Result<(), BoxError> {
        recover(&self.tenant, &self.recovery).await
    }
}

async fn recover(tenant: &TenantId, recovery: &Recovery) -> Result<(), BoxError> {
    let done = recovery.run(tenant).await?;
    tracing::info!(
        moved = done.moved,
        asked_again = done.asked_again,
        waiting = done.waiting,
        failed = done.failed,
        "orders recovered"
    );
    Ok(())
}

/// `cron-inventory-reconcile`.
pub struct Reconcile {
    /// Whose warehouses and orders.
    pub tenant: TenantId,
    /// What absorbs their figures.
    pub reconciliation: Reconciliation,
}

#[async_trait]
impl Job for Reconcile {
    async fn run(&self, _scheduled: kernel::Timestamp) -> Result<(), BoxError> {
        let runs = self.reconciliation.run(&self.tenant).await?;
        for run in &runs {
            let done = run.absorbed;
            tracing::info!(
                location = run.location.as_str(),
                rows = done.rows,
                moved = done.moved,
                drifted = done.drifted,
                failure = run.failure.as_deref(),
                "inventory reconciled"
            );
        }
        // The others are done; a failed invocation is what the alarm sees.
        match runs.iter().find_map(|run| run.failure.as_ref().map(|why| (&run.location, why))) {
            Some((location, why)) => Err(format!("reconciliation of {location}: {why}").into()),
            None => Ok(()),
        }
    }
}
