//! Named jobs by the clock: due once at a time, never two runs of one job at once, paused and started by hand, and the
//! last result remembered.
//!
//! A tick every minute announces what is due by event; whoever does jobs of that name takes the run under a lease. A run
//! that is announced twice is done once; one whose worker died may be taken again when the lease is over. A job that is still
//! running when it is due again misses that time: runs do not queue up.
//!
//! | access pattern | key |
//! |---|---|
//! | the jobs of a tenant | pk `T#t#JOBS`, sk `<name>` |

mod schedule;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, Context, Event, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError, TransactionError, Versioned};

use crate::ConnectionId;
use crate::document::Hold;
use crate::store::table_error;

pub use schedule::{InvalidSchedule, Schedule};

/// Told when a job is to run: `{job, run}`.
pub const JOB_DUE: &str = "documents.job.due.v1";

/// How often a change that meets another is tried.
const TRIES: u32 = 5;

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub name: ConnectionId,
    /// As it was written: `rate(5 minutes)`.
    pub schedule: String,
    pub paused: bool,
    /// When it is due next; `None` when never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Runs announced so far: the number of the last one.
    pub announced: u64,
    /// The last run that ended.
    pub ended: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<RunResult>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    pub run: u64,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub succeeded: bool,
    /// For a person; no personal data.
    pub detail: String,
}

impl Entity for Job {
    const KIND: &'static str = "job";

    fn key(&self, tenant: &TenantId) -> Key {
        job_key(tenant, &self.name)
    }
}

fn job_key(tenant: &TenantId, name: &ConnectionId) -> Key {
    Key::tenant(tenant, &["JOBS"], &[name.as_str()])
}

/// Why a job was not changed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("there is no such job")]
    NotFound,
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    /// It changes faster than it can be written.
    #[error("the job is being changed")]
    Contended,
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What a job does.
#[async_trait]
pub trait JobWork: Send + Sync {
    /// One run, within its lease. What it says is kept as the job's last result.
    async fn run(&self) -> Result<String, String>;
}

/// The jobs of tenants. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Jobs {
    /// Over this table.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }

    /// Makes a job, or gives it another schedule. Its pause and results stay.
    pub async fn define(&self, tenant: &TenantId, name: &ConnectionId, schedule: &str) -> Result<Job, JobError> {
        let due = schedule.parse::<Schedule>()?.next(self.clock.now());
        for _ in 0..TRIES {
            let found = self.find(tenant, name).await?;
            let (job, seen) = match found {
                Some(found) if found.value.schedule == schedule => return Ok(found.value),
                Some(Versioned { value, version }) => (Job { schedule: schedule.to_owned(), due, ..value }, version),
                None => {
                    let (name, schedule) = (name.clone(), schedule.to_owned());
                    let (announced, ended, paused) = (0, 0, false);
                    (Job { name, schedule, paused, due, announced, ended, hold: None, last: None }, 0)
                }
            };
            if self.write(tenant, &job, seen, None).await? {
                return Ok(job);
            }
        }
        Err(JobError::Contended)
    }

    /// All jobs, by name.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Job>, TableError> {
        let query = Query::partition(Partition::tenant(tenant, &["JOBS"])).consistency(Consistency::Strong);
        Ok(self.table.query_all::<Job>(query).await?.into_iter().map(|found| found.value).collect())
    }

    /// Stops announcing a job, or goes on with it from its next time on. A run under way is not touched.
    pub async fn set_paused(&self, tenant: &TenantId, name: &ConnectionId, paused: bool) -> Result<Job, JobError> {
        self.change(tenant, name, |job, now| {
            if job.paused && !paused {
                job.due = job.schedule.parse::<Schedule>().ok().and_then(|schedule| schedule.next(now));
            }
            job.paused = paused;
            false
        })
        .await
    }

    /// Announces a run now, paused or not. One that is still running is not doubled.
    pub async fn run_now(&self, tenant: &TenantId, name: &ConnectionId) -> Result<Job, JobError> {
        self.change(tenant, name, |job, now| {
            if job.is_running(now) {
                return false;
            }
            job.announced += 1;
            true
        })
        .await
    }

    /// Announces every job that is due; returns their names.
    pub async fn tick(&self, tenant: &TenantId) -> Result<Vec<ConnectionId>, TableError> {
        let mut announced = Vec::new();
        for job in self.list(tenant).await? {
            let now = self.clock.now();
            if !job.is_due(now) {
                continue;
            }
            let ticked = self.change(tenant, &job.name, |job, now| job.tick(now)).await;
            match ticked {
                Ok(after) if after.announced > job.announced => announced.push(job.name),
                Ok(_) | Err(JobError::NotFound | JobError::Contended | JobError::Schedule(_)) => {}
                Err(JobError::Table(error)) => return Err(error),
            }
        }
        Ok(announced)
    }

    /// Does an announced run, unless it was done or is being done: `None` then.
    pub async fn run(
        &self,
        tenant: &TenantId,
        name: &ConnectionId,
        run: u64,
        by: &str,
        lease: Duration,
        work: &dyn JobWork,
    ) -> Result<Option<RunResult>, TableError> {
        let Some(Versioned { value: mut job, version }) = self.find(tenant, name).await? else { return Ok(None) };
        let started_at = self.clock.now();
        if run <= job.ended || run > job.announced || job.is_running(started_at) {
            return Ok(None);
        }
        let until = started_at.checked_add(lease).unwrap_or(Timestamp::MAX);
        let hold = Hold { by: by.to_owned(), since: started_at, until };
        job.hold = Some(hold.clone());
        if !self.write(tenant, &job, version, None).await? {
            return Ok(None);
        }
        let outcome = work.run().await;
        let (succeeded, detail) = outcome.map_or_else(|why| (false, why), |what| (true, what));
        let result = RunResult { run, started_at, ended_at: self.clock.now(), succeeded, detail };
        tracing::info!(target: "metric", job_runs = 1_u64, job_failures = u64::from(!succeeded));
        let booked = self
            .change(tenant, name, |job, _| {
                // Whoever took the run over books it.
                if job.hold.as_ref() == Some(&hold) {
                    job.hold = None;
                    job.ended = run;
                    job.last = Some(result.clone());
                }
                false
            })
            .await;
        match booked {
            Ok(job) => Ok((job.last.as_ref() == Some(&result)).then_some(result)),
            Err(JobError::Table(error)) => Err(error),
            // The lease ends by itself.
            Err(JobError::NotFound | JobError::Contended | JobError::Schedule(_)) => Ok(None),
        }
    }

    async fn find(&self, tenant: &TenantId, name: &ConnectionId) -> Result<Option<Versioned<Job>>, TableError> {
        self.table.get::<Job>(job_key(tenant, name), Consistency::Strong).await
    }

    /// Changes a job; `decide` says whether its last run is to be announced.
    async fn change(
        &self,
        tenant: &TenantId,
        name: &ConnectionId,
        decide: impl Fn(&mut Job, Timestamp) -> bool,
    ) -> Result<Job, JobError> {
        for _ in 0..TRIES {
            let Versioned { value: mut job, version } = self.find(tenant, name).await?.ok_or(JobError::NotFound)?;
            let before = job.clone();
            let announce = decide(&mut job, self.clock.now());
            if job == before {
                return Ok(job);
            }
            let run = job.announced;
            let event = announce.then(|| {
                let data = json!({ "job": job.name, "run": run });
                let cause = Context::root(format!("job-{name}-{run}"), None);
                Event::new(JOB_DUE, tenant, &job.name, run, data, &*self.clock).caused_by(&cause)
            });
            if self.write(tenant, &job, version, event.as_ref()).await? {
                return Ok(job);
            }
        }
        Err(JobError::Contended)
    }

    /// Whether the job was still at version `seen`; 0 means that it must not exist.
    async fn write(&self, tenant: &TenantId, job: &Job, seen: u64, event: Option<&Event>) -> Result<bool, TableError> {
        let mut transaction = self.table.transaction(tenant);
        if seen == 0 {
            transaction.create(job);
        } else {
            transaction.put_versioned(job, seen);
        }
        if let Some(event) = event {
            transaction.event(event);
        }
        match transaction.commit().await {
            Ok(()) => Ok(true),
            Err(TransactionError::Conditions(_)) => Ok(false),
            Err(error) => Err(table_error(error)),
        }
    }
}

impl Job {
    /// Whether somebody is at it.
    #[must_use]
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.until > now)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        !self.paused && self.due.is_some_and(|due| due <= now)
    }

    /// Moves on to the next time; whether this one is to be announced.
    fn tick(&mut self, now: Timestamp) -> bool {
        if !self.is_due(now) {
            return false;
        }
        self.due = self.schedule.parse::<Schedule>().ok().and_then(|schedule| schedule.next(now));
        let free = !self.is_running(now);
        self.announced += u64::from(free);
        free
    }
}

#[cfg(test)]
mod tests;
