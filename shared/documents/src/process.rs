//! A worker's part: take a document, let the connector attempt it, book the outcome.
//!
//! Whatever kills the worker in between, the document stays in the worklist: before it was taken as it was, after that
//! until its lease ends. What the attempt did meanwhile is the connector's business: it is told that an attempt before
//! ended unknown ([`Failure`](crate::Failure)), and repeats under the same key or looks first.

use async_trait::async_trait;
use kernel::TenantId;
use table::TableError;

use crate::connections::Pause;
use crate::document::{Document, DocumentId, Refused, Rules, Ticket};
use crate::store::{Change, Loaded, WriteError};
use crate::{Class, ConnectionId, Documents, Report, State, Window};

/// What an attempt works with.
#[derive(Debug)]
pub struct Work<'a> {
    pub tenant: &'a TenantId,
    /// As it was taken: with the handle and the failure of attempts before.
    pub document: &'a Document,
    /// JSON text.
    pub payload: &'a str,
    /// Grows with every holder.
    pub fence: u64,
}

/// What a connector does with one document.
#[async_trait]
pub trait Attempt: Send + Sync {
    /// Makes one attempt and says how it ended. It must end within the policy's lease.
    async fn attempt(&self, work: &Work<'_>) -> Report;
}

/// What became of a document a worker was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// An attempt was made; this is the state after it.
    Attempted(State),
    /// Nothing to do now: somebody has it, its time has not come, or it is over. Whenever there is, the sweep knows.
    NotNow,
    /// Its connection is paused.
    Paused,
    /// There is no such document.
    Missing,
    /// The attempt took so long that somebody else has the document. That one knows that something may have happened.
    Fenced,
}

impl Documents {
    /// Works on a document that is due.
    pub async fn process(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        connection: &ConnectionId,
        worker: &str,
        attempt: &dyn Attempt,
    ) -> Result<Processed, TableError> {
        self.work(tenant, id, connection, worker, None, attempt).await
    }

    /// Works on a document that waits for `handle`, whether it is due or not: the answer came by itself. One that does not
    /// wait for it, or not any more, is left as it is.
    pub async fn answer(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        connection: &ConnectionId,
        worker: &str,
        handle: &str,
        attempt: &dyn Attempt,
    ) -> Result<Processed, TableError> {
        self.work(tenant, id, connection, worker, Some(handle), attempt).await
    }

    async fn work(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        connection: &ConnectionId,
        worker: &str,
        handle: Option<&str>,
        attempt: &dyn Attempt,
    ) -> Result<Processed, TableError> {
        let Some(loaded) = self.store.load(tenant, id, connection).await? else { return Ok(Processed::Missing) };
        let Loaded { document, payload, connection } = loaded;
        if connection.is_some_and(|connection| connection.paused.is_some()) {
            return Ok(Processed::Paused);
        }
        let (mut document, mut seen) = (document.value, document.version);
        let mut done = Processed::NotNow;
        if let Some(handle) = handle {
            if !document.awaits(handle) {
                return Ok(done);
            }
            document.due = None;
        }
        // Twice when the credentials ran out: the second attempt gets new ones.
        for _ in 0..2 {
            let Some(ticket) = self.take(tenant, &mut document, &mut seen, worker).await? else { return Ok(done) };
            let work = Work { tenant, document: &document, payload: &payload.body, fence: ticket.fence };
            let report = attempt.attempt(&work).await;
            let class = report.outcome.deciding().class();
            done = self.settle(tenant, &mut document, &mut seen, &ticket, report).await?;
            if class != Class::AuthExpired {
                break;
            }
        }
        Ok(done)
    }

    /// Keeps a document that is being worked on for another lease.
    pub async fn extend(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        ticket: &Ticket,
    ) -> Result<Result<(), Refused>, TableError> {
        let Some(found) = self.store.document(tenant, id).await? else { return Ok(Err(Refused::Fenced)) };
        let (mut document, seen) = (found.value, found.version);
        let policy = self.policies.of(&document.kind);
        if let Err(refused) = document.extend(ticket, policy, self.clock.now()) {
            return Ok(Err(refused));
        }
        let change = Change { document: &document, seen, records: &[], pause: None };
        match self.store.write(tenant, change).await {
            Ok(_) => Ok(Ok(())),
            Err(WriteError::Changed | WriteError::AlreadyPaused) => Ok(Err(Refused::Fenced)),
            Err(WriteError::Table(error)) => Err(error),
        }
    }

    /// `None` when it is not to be had.
    async fn take(
        &self,
        tenant: &TenantId,
        document: &mut Document,
        seen: &mut u64,
        worker: &str,
    ) -> Result<Option<Ticket>, TableError> {
        let policy = self.policies.of(&document.kind);
        let Ok(taken) = document.take(worker, policy, self.clock.now()) else { return Ok(None) };
        let change = Change { document, seen: *seen, records: taken.abandoned.as_slice(), pause: None };
        match self.store.write(tenant, change).await {
            Ok(version) => *seen = version,
            Err(WriteError::Changed | WriteError::AlreadyPaused) => return Ok(None),
            Err(WriteError::Table(error)) => return Err(error),
        }
        if taken.abandoned.is_some() {
            tracing::warn!(document = %document.id, state = %document.state, "an attempt was left behind");
        }
        Ok(taken.ticket)
    }

    async fn settle(
        &self,
        tenant: &TenantId,
        document: &mut Document,
        seen: &mut u64,
        ticket: &Ticket,
        report: Report,
    ) -> Result<Processed, TableError> {
        let now = self.clock.now();
        let window = self.window(tenant, document, &report).await;
        let rules = Rules { policy: self.policies.of(&document.kind), budget: self.budget, window };
        let Ok(settled) = document.settle(ticket, report, &rules, now, &mut fastrand::Rng::new()) else {
            return Ok(Processed::Fenced);
        };
        let records = [settled.record];
        let pause = settled.pause.then(|| Pause {
            reason: "the credentials are refused".to_owned(),
            since: now,
            by: ticket.by.clone(),
        });
        let event = pause.as_ref().map(|pause| self.pause_event(tenant, &document.connection, pause));
        let mut pause = pause.as_ref().zip(event.as_ref());
        loop {
            let change = Change { document, seen: *seen, records: &records, pause };
            match self.store.write(tenant, change).await {
                Ok(version) => {
                    *seen = version;
                    return Ok(Processed::Attempted(document.state));
                }
                Err(WriteError::Changed) => {
                    tracing::warn!(document = %document.id, fence = ticket.fence, "a late report was refused");
                    return Ok(Processed::Fenced);
                }
                // Somebody else was first; the document's own outcome still has to be booked.
                Err(WriteError::AlreadyPaused) => pause = None,
                Err(WriteError::Table(error)) => return Err(error),
            }
        }
    }

    /// Counts the attempt. Counts are for judging, not for deciding what happened: when they cannot be had, the attempt
    /// is booked all the same.
    async fn window(&self, tenant: &TenantId, document: &Document, report: &Report) -> Window {
        let class = report.outcome.deciding().class();
        let retried = class.counts() && !matches!(class, Class::Done | Class::Rejected);
        let failed = class.is_failure();
        tracing::info!(target: "metric", document_attempts = 1_u64, document_retries = u64::from(retried),
            document_failures = u64::from(failed));
        let counted = self.store.count(tenant, &document.connection, failed, retried, self.clock.now()).await;
        counted.unwrap_or_else(|error| {
            tracing::warn!(%error, connection = %document.connection, "an attempt was not counted");
            Window::default()
        })
    }
}

#[cfg(test)]
mod tests;
