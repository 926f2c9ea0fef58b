//! Reconciliation: pages through what every healthy warehouse counted and absorbs it into the store's levels.
//!
//! A row moves forward in version only, and what is promised stays promised (`inventory` sees to both). A figure that
//! differs from ours is drift: it is counted and logged, and the ledger keeps it. A warehouse that stops answering in
//! the middle keeps what it gave so far; the next run starts over.

use crate::{Peers, Registry};
use futures::future::join_all;
use inventory::{Absorbed, Inventory, Location, LocationId, Posting};
use kernel::{Clock, TenantId};
use std::sync::Arc;
use table::TableError;

/// Most pages read of one warehouse in one run: 200,000 items.
const MAX_PAGES: usize = 1_000;

/// Absorbs what warehouses counted.
pub struct Reconciliation {
    /// Where it goes.
    pub inventory: Inventory,
    /// Who is up, and where.
    pub registry: Registry,
    /// The warehouses.
    pub peers: Peers,
    /// Time of the entries.
    pub clock: Arc<dyn Clock>,
}

/// What a run did at one warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The warehouse.
    pub location: LocationId,
    /// Its rows.
    pub absorbed: Absorbed,
    /// Why it ended early.
    pub failure: Option<String>,
}

impl Reconciliation {
    /// Reconciles all healthy warehouses of a tenant, side by side.
    pub async fn run(&self, tenant: &TenantId) -> Result<Vec<Reconciled>, TableError> {
        let all = self.registry.all(tenant).await?;
        let healthy = all.healthy().filter_map(|id| all.by_id.get(id).map(|at| (id, at)));
        Ok(join_all(healthy.map(|(id, at)| self.one(tenant, id, at))).await)
    }

    async fn one(&self, tenant: &TenantId, id: &LocationId, at: &Location) -> Reconciled {
        let mut done = Reconciled { location: id.clone(), absorbed: Absorbed::default(), failure: None };
        let posting = Posting {
            source: format!("reconciliation of {id}"),
            actor: "reconciliation".to_owned(),
            reason: None,
            effective_at: self.clock.now(),
        };
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = match self.peers.inventory(id, &at.url, cursor.as_deref()).await {
                Ok(page) => page,
                Err(error) => return Reconciled { failure: Some(error.to_string()), ..done },
            };
            match self.inventory.absorb(tenant, id, &page.rows, &posting).await {
                Ok(absorbed) => done.absorbed = done.absorbed + absorbed,
                Err(error) => return Reconciled { failure: Some(error.to_string()), ..done },
            }
            cursor = page.next;
            if cursor.is_none() {
                return done;
            }
        }
        Reconciled { failure: Some(format!("more than {MAX_PAGES} pages")), ..done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, answer, at, not_sent, page, tenant};
    use serde_json::json;

    fn reconciliation(world: &World) -> Reconciliation {
        Reconciliation {
            inventory: Inventory::new(world.table.clone()),
            registry: world.registry.clone(),
            peers: world.peers(),
            clock: world.clock.clone(),
        }
    }

    fn absorbed(rows: usize, moved: usize, drifted: usize) -> Absorbed {
        Absorbed { rows, moved, drifted }
    }

    #[tokio::test(start_paused = true)]
    async fn every_page_of_every_healthy_warehouse_is_absorbed_and_promises_are_kept() {
        let world = World::new().await;
        world.paid(2).await;
        world.warehouses.say("alpha", page(&[], Some("c1")));
        world.warehouses.say("alpha", page(&[(3, 7)], None));
        world.offline("beta").await;
        let runs = reconciliation(&world).run(&tenant()).await.unwrap();
        assert_eq!(runs, [Reconciled { location: at("alpha"), absorbed: absorbed(1, 1, 1), failure: None }]);
        let asked = ["GET http://alpha/v1/inventory?limit=200", "GET http://alpha/v1/inventory?limit=200&cursor=c1"];
        assert_eq!(world.warehouses.asked(), asked);
        let level = world.level("alpha").await;
        assert_eq!((level.on_hand, level.committed, level.source_version), (3, 2, 7));
        assert_eq!(world.level("beta").await.on_hand, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_moves_forward_only_and_drift_is_a_figure_that_differs() {
        let world = World::new().await;
        world.warehouses.say("alpha", page(&[(100, 1)], None));
        world.warehouses.say("beta", page(&[(5, 2)], None));
        let runs = reconciliation(&world).run(&tenant()).await.unwrap();
        assert_eq!(runs.iter().map(|run| run.absorbed).collect::<Vec<_>>(), [absorbed(1, 0, 0), absorbed(1, 1, 0)]);
        assert_eq!((world.level("alpha").await.on_hand, world.level("beta").await.source_version), (9, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_warehouse_that_dies_half_way_keeps_what_it_gave_and_the_others_are_done() {
        for death in [not_sent(), answer(500, &json!({})), answer(200, &json!("not a page"))] {
            let world = World::new().await;
            world.warehouses.say("alpha", page(&[(8, 2)], Some("c1")));
            world.warehouses.say("alpha", death);
            world.warehouses.say("beta", page(&[(4, 2)], None));
            let runs = reconciliation(&world).run(&tenant()).await.unwrap();
            assert_eq!(runs.iter().map(|run| run.absorbed).collect::<Vec<_>>(), [absorbed(1, 1, 1); 2]);
            assert_eq!(runs.iter().map(|run| run.failure.is_some()).collect::<Vec<_>>(), [true, false]);
            assert_eq!((world.level("alpha").await.on_hand, world.level("beta").await.on_hand), (8, 4));
        }
    }
}
