//! What takes longer than a call: everything a store has is read, many products go to it in one file, and what both sides
//! believe is compared. Cut into steps, each of which may be done again, so that whatever drives them can be stopped and
//! started anywhere.
//!
//! | flow | steps |
//! |---|---|
//! | [`full_sync`] | a bulk query is begun, looked at, its file read in parts, and the whole judged |
//! | [`fallback`] | products that single calls do not get through are gathered, sent in a file, and each settled |
//! | [`reconcile`] | orders no webhook told of, subscriptions that are gone, levels that differ |
//!
//! What operators ask for and see of them: [`syncs`], [`drift`].

pub mod drift;
pub mod fallback;
mod file;
pub mod full_sync;
pub mod reconcile;
pub mod runs;
pub mod syncs;

use std::sync::Arc;

use documents::{Outcome, Report};
use kernel::{Clock, TenantId};

use crate::Shop;
use crate::calls::{Store, bulk};
use crate::client::{Client, To, unstored};
use crate::document::BULK_POLL;
use crate::outbound::refused;
use crate::stores::{Connection, Stores};
use runs::{File, Run, RunId, Runs};

/// Whose circuit the calls of bulk operations use: not that of what is in them.
const ENTITY: &str = "bulk";

/// How long it is waited, in seconds, before an operation is looked at again.
const SHORTEST: i64 = 5;
const LONGEST: i64 = 300;

/// What a bulk operation has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The store is at it; so many objects so far. To be looked at again after so many seconds, which are more the longer it
    /// takes.
    Running { objects: u64, wait: u64 },
    /// Its file is there.
    Ended { objects: u64 },
}

/// The stores, and bulk operations at them: what the flows share.
pub struct Operations {
    pub client: Client,
    pub stores: Stores,
    pub runs: Runs,
    pub clock: Arc<dyn Clock>,
}

impl Operations {
    /// A store that is connected.
    pub(crate) async fn store(&self, tenant: &TenantId, shop: &Shop) -> Result<Connection, Report> {
        let store = self.stores.find(tenant, shop).await.map_err(|error| unstored(&error))?;
        let store = store.ok_or_else(|| refused("UNKNOWN_STORE", "the store is not connected"))?;
        if store.uninstalled {
            return Err(Report::new(Outcome::AuthBroken, "the merchant threw the app out"));
        }
        Ok(store)
    }

    pub(crate) async fn run(&self, tenant: &TenantId, id: RunId) -> Result<Run, Report> {
        let run = self.runs.find(tenant, id).await.map_err(|error| unstored(&error))?;
        run.ok_or_else(|| refused("UNKNOWN_RUN", "the run was never begun"))
    }

    pub(crate) async fn save(&self, tenant: &TenantId, run: &mut Run) -> Result<(), Report> {
        self.runs.save(tenant, run).await.map_err(|error| unstored(&error))
    }

    /// How far the store is with the operation of a run. Once it has ended, where its file is is remembered.
    pub async fn look(&self, tenant: &TenantId, id: RunId) -> Result<Look, Report> {
        let mut run = self.run(tenant, id).await?;
        if let Some(file) = &run.file {
            return Ok(Look::Ended { objects: file.objects });
        }
        let operation = run.operation.clone().ok_or_else(|| refused("NOT_BEGUN", "no operation was begun"))?;
        let to = To { tenant, shop: &run.shop, entity: ENTITY };
        let build = |at: &Store| bulk::poll(at, &operation);
        match self.client.call(to, BULK_POLL.points, build, bulk::read_progress).await? {
            bulk::Progress::Running { objects } => {
                let age = self.clock.now().duration_since(run.begun_at).as_secs();
                let wait = (age / 10).clamp(SHORTEST, LONGEST);
                Ok(Look::Running { objects, wait: wait.unsigned_abs() })
            }
            bulk::Progress::Failed { code, .. } => Err(refused(&code, "the store gave the operation up")),
            bulk::Progress::Completed { objects, roots, bytes, url } => {
                run.file = Some(File { url, bytes, objects, roots });
                self.save(tenant, &mut run).await?;
                Ok(Look::Ended { objects })
            }
        }
    }
}
