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
