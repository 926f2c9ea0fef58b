//! The health check: asks every warehouse at once whether it is well, and records who answered.

use crate::{Peers, Registry, RegistryError};
use futures::future::join_all;
use inventory::LocationId;
use kernel::TenantId;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Warehouses asked.
    pub asked: usize,
    /// Those that answered.
    pub healthy: usize,
    /// Those whose health changed.
    pub changed: Vec<LocationId>,
}

/// Checks all warehouses of a tenant.
pub async fn check(tenant: &TenantId, registry: &Registry, peers: &Peers) -> Result<Checked, RegistryError> {
    let all = registry.all(tenant).await?;
    let answers: Vec<(LocationId, bool)> =
        join_all(all.by_id.iter().map(|(id, at)| async move { (id.clone(), peers.is_healthy(&at.url).await) })).await;
    let changed = registry.observe(tenant, &answers).await?;
    Ok(Checked { asked: answers.len(), healthy: answers.iter().filter(|(_, well)| *well).count(), changed })
}
