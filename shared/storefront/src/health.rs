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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, answer, at, not_sent, tenant};
    use inventory::Health;
    use serde_json::json;
    use std::time::Duration;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn all_are_asked_at_once_and_who_does_not_answer_well_is_offline_until_it_does() {
        let world = World::new().await;
        world.warehouses.say("alpha", answer(503, &json!({})));
        world.clock.advance(Duration::from_secs(60));
        let began = Instant::now();
        let checked = check(&tenant(), &world.registry, &world.peers()).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(100), "one after the other");
        assert_eq!(checked, Checked { asked: 2, healthy: 1, changed: vec![at("alpha")] });
        assert_eq!(world.warehouses.asked(), ["GET http://alpha/health", "GET http://beta/health"]);
        assert_eq!(world.warehouses.timeouts(), [Duration::from_secs(2); 2]);
        let all = world.registry.all(&tenant()).await.unwrap().by_id;
        assert_eq!((all[&at("alpha")].health, all[&at("beta")].health), (Health::Offline, Health::Healthy));
        assert_eq!(all[&at("beta")].last_seen.duration_since(all[&at("alpha")].last_seen).as_secs(), 60);

        world.warehouses.say("beta", not_sent());
        let checked = check(&tenant(), &world.registry, &world.peers()).await.unwrap();
        assert_eq!(checked.changed, [at("alpha"), at("beta")]);
        let all = world.registry.all(&tenant()).await.unwrap().by_id;
        assert_eq!((all[&at("alpha")].health, all[&at("beta")].health), (Health::Healthy, Health::Offline));
    }
}
