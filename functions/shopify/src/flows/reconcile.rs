//! `cron-shopify-reconcile`: every minute it is looked whether the job `shopify-reconcile` is to run, which the tick of jobs
//! announces every quarter of an hour and an operator whenever they like; what is announced is done, by one at a time. Its clock is also that by
//! which the connector gives the message centre signs of life.

use std::time::Duration;

use async_trait::async_trait;
use documents::ConnectionId;
use documents::jobs::{JobWork, Jobs};
use kernel::{TenantId, Timestamp};
use runtime::Job;
use shopify::flows::reconcile::Reconcile;
use web::BoxError;

use super::turn;
use crate::Membership;

const JOB: &str = "shopify-reconcile";
const SCHEDULE: &str = "rate(15 minutes)";
/// Longer than the function may run.
const LEASE: Duration = Duration::from_mins(3);

/// The function.
pub struct ReconcileJob {
    pub tenant: TenantId,
    pub membership: Membership,
    pub jobs: Jobs,
    pub flow: Reconcile,
}

#[async_trait]
impl Job for ReconcileJob {
    async fn run(&self, _: Timestamp) -> Result<(), BoxError> {
        let renewed = self.membership.renew(&self.tenant).await;
        // Stores are compared whether the message centre takes us or not.
        self.look().await.and(renewed)
    }
}

impl ReconcileJob {
    async fn look(&self) -> Result<(), BoxError> {
        let name = ConnectionId::literal(JOB);
        let job = self.jobs.define(&self.tenant, &name, SCHEDULE).await?;
        if job.announced == job.ended {
            return Ok(());
        }
        let by = "cron-shopify-reconcile";
        // Its result is for the operations API; a run that failed is no failure of the function.
        if let Some(result) = self.jobs.run(&self.tenant, &name, job.announced, by, LEASE, self).await? {
            tracing::info!(run = result.run, succeeded = result.succeeded, detail = result.detail, "stores reconciled");
        }
        Ok(())
    }
}

#[async_trait]
impl JobWork for ReconcileJob {
    /// Every store as far as the time allows. One that fails holds none of the others up.
    async fn run(&self) -> Result<String, String> {
        let is_over = turn(&*self.flow.operations.clock);
        let stores = self.flow.operations.stores.list(&self.tenant).await.map_err(|error| error.to_string())?;
        let connections = self.flow.documents.connections(&self.tenant).await.map_err(|error| error.to_string())?;
        let is_paused = |id: &ConnectionId| connections.iter().any(|known| known.id == *id && known.paused.is_some());
        let (mut all, mut failed) = (Vec::new(), false);
        for store in stores.into_iter().filter(|store| !store.uninstalled && !is_paused(&store.id)) {
            if is_over() {
                all.push(format!("{}: not reached", store.shop));
                continue;
            }
            match self.flow.store(&self.tenant, &store, &is_over).await {
                Ok(found) => all.push(format!("{}: {found}", store.shop)),
                Err(report) => {
                    failed = true;
                    all.push(format!("{}: {} {}", store.shop, report.outcome.class().as_str(), report.detail));
                }
            }
        }
        let all = all.join("; ");
        if failed { Err(all) } else { Ok(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_name_and_schedule_are_such() {
        assert_eq!(JOB.parse(), Ok(ConnectionId::literal(JOB)));
        assert!(SCHEDULE.parse::<documents::jobs::Schedule>().is_ok());
    }
}
