//! Products that single calls do not get through: taken together into a file, sent in one bulk operation, and each settled
//! by its own row of the result.
//!
//! A product whose circuit is open waits for [`AROUND`]. Gathering makes it a line of a run, as it is at that moment, and it
//! waits for the run from then on; its row ends the wait. What got no row is tried again, and what a run that died left
//! behind comes back by itself a day later, which is longer than a store takes for anything. The circuit is not closed from
//! here: the next product that comes when its time is over is the probe.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use documents::{Attempt, Document, DocumentType, Documents, Outcome, Place, Processed, Remote, Report, State, Work};
use kernel::TenantId;
use serde_json::Value;

use super::file::{MAX_PIECE, PIECE, piece};
use super::runs::{Line, Run, RunId};
use super::{ENTITY, Operations};
use crate::Shop;
use crate::breaker::{AROUND, Event};
use crate::calls::bulk::Row;
use crate::calls::{Store, bulk, staged_upload};
use crate::client::{To, unstored};
use crate::document::{BULK_MUTATION, BULK_PRODUCT_SET, STAGED_UPLOAD};
use crate::map::product::to_remote;
use crate::outbound::{plain, platform, product_saved, refused};
use crate::platform::{Platform, kind};
use crate::stores::Connection;
use crate::synced::Agreements;

/// A file of at most so many products and bytes: it is in memory when it is sent.
const MAX_LINES: u64 = 1_000;
const MAX_BYTES: u64 = 8 << 20;
/// Documents looked through for some that wait.
const PAGE: usize = 200;
/// A store gives an operation a day. Source: Shopify, bulk operations.
const PATIENCE: Duration = Duration::from_hours(25);
const WORKER: &str = "task-shopify-bulk";

/// The steps.
pub struct Fallback {
    pub operations: Operations,
    pub documents: Documents,
    pub agreements: Agreements,
    pub platform: Arc<dyn Platform>,
}

impl Fallback {
    /// The stores for which products wait.
    pub async fn waiting(&self, tenant: &TenantId) -> Result<BTreeSet<Shop>, Report> {
        let (mut shops, mut place) = (BTreeSet::new(), None);
        loop {
            let (found, next) = self.page(tenant, place).await?;
            shops.extend(found.into_iter().filter_map(|document| document.source.parse::<Shop>().ok()));
            match next {
                None => return Ok(shops),
                next => place = next,
            }
        }
    }

    /// Makes products that wait lines of the run, until there are enough or the time is up. How many it has.
    pub async fn gather(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        id: RunId,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<u64, Report> {
        let store = self.operations.store(tenant, shop).await?;
        let begun = self.operations.runs.begin(tenant, id, shop, self.operations.clock.now()).await;
        let run = begun.map_err(|error| unstored(&error))?;
        let known = self.lines(tenant, id).await?;
        let next = known.last().map_or(0, |line| line.number + 1);
        if run.operation.is_some() {
            return Ok(next);
        }
        let bytes = known.iter().map(size).sum();
        let gather = Gather { flow: self, store: &store, run: id, next: next.into(), bytes: AtomicU64::new(bytes) };
        let mut place = None;
        loop {
            let (found, next) = self.page(tenant, place).await?;
            let ours = found.into_iter().filter(|it| it.source == shop.as_str() && it.connection == store.id);
            for document in ours {
                let full = gather.count() >= MAX_LINES || gather.bytes.load(Ordering::Relaxed) >= MAX_BYTES;
                if full || is_over() {
                    return Ok(gather.count());
                }
                let taken = self.documents.answer(tenant, document.id, &store.id, WORKER, AROUND, &gather).await;
                taken.map_err(|error| unstored(&error))?;
            }
            match next {
                None => return Ok(gather.count()),
                next => place = next,
            }
        }
    }

    /// Sends the run's lines in a file. Done twice it changes nothing twice: each is an upsert by our own id.
    pub async fn submit(&self, tenant: &TenantId, id: RunId) -> Result<(), Report> {
        let mut run = self.operations.run(tenant, id).await?;
        if run.operation.is_some() {
            return Ok(());
        }
        let lines = self.lines(tenant, id).await?;
        let file: Vec<String> = lines.iter().map(|line| to_remote(&line.id, &line.product).to_string()).collect();
        let file = file.join("\n");
        if file.is_empty() || file.len() > staged_upload::MAX_BYTES {
            return Err(refused("NO_FILE", format!("a file of {} bytes is not sent", file.len())));
        }
        let to = To { tenant, shop: &run.shop, entity: ENTITY };
        let client = &self.operations.client;
        let target = client.call(to, STAGED_UPLOAD.points, staged_upload::request, staged_upload::read).await?;
        let upload = staged_upload::upload(&target, file.as_bytes());
        let upload = upload.map_err(|error| refused("UNSENDABLE", error.to_string()))?;
        if let Some(report) = staged_upload::read_upload(client.carry(upload).await) {
            return Err(report);
        }
        let path = target.path().ok_or_else(|| refused("NO_PLACE", "the place to upload to has no key"))?;
        let build = |at: &Store| bulk::run_mutation(at, BULK_PRODUCT_SET, path, &id.to_string());
        let operation = client.call(to, BULK_MUTATION.points, build, bulk::read_started).await?;
        run.operation = Some(operation);
        self.operations.save(tenant, &mut run).await
    }

    /// Settles products by their rows until all are or the time is up; whether all are.
    pub async fn settle(
        &self,
        tenant: &TenantId,
        id: RunId,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, Report> {
        let mut run = self.operations.run(tenant, id).await?;
        let store = self.operations.store(tenant, &run.shop).await?;
        let file = run.file.clone().ok_or_else(|| refused("NOT_ENDED", "the store has not ended the operation"))?;
        let lines = self.lines(tenant, id).await?;
        let mut wanted = PIECE;
        loop {
            let piece = piece(&self.operations.client, &file, run.place, wanted).await?;
            if piece.next == run.place && !piece.is_last {
                if wanted == MAX_PIECE {
                    return Err(refused("TOO_LONG", "a row is longer than what can be read at once"));
                }
                wanted = MAX_PIECE;
                continue;
            }
            for (_, line) in piece.lines() {
                let row = std::str::from_utf8(line).ok().and_then(|line| bulk::row(line).ok());
                let row = row.ok_or_else(|| refused("UNREADABLE_FILE", "a row cannot be read"))?;
                let line = lines.iter().find(|line| line.number == row.line);
                let line = line.ok_or_else(|| refused("OTHER_FILE", format!("there is no line {}", row.line)))?;
                let ended = self.end(tenant, &store, line, Some(&row)).await?;
                if ended == Processed::Paused {
                    return Err(Report::new(Outcome::Transient, "the connection is paused"));
                }
                // What was settled before is passed over quickly, so that every turn gets on.
                if matches!(ended, Processed::Attempted(_)) && is_over() {
                    return Ok(false);
                }
            }
            if piece.is_last {
                break;
            }
            run.place = piece.next;
            self.operations.save(tenant, &mut run).await?;
        }
        for line in &lines {
            self.end(tenant, &store, line, None).await?;
        }
        Ok(true)
    }

    /// Gives a run up: what still waits for it is tried again.
    pub async fn abandon(&self, tenant: &TenantId, id: RunId) -> Result<(), Report> {
        let Some(Run { shop, .. }) = self.operations.runs.find(tenant, id).await.map_err(|error| unstored(&error))?
        else {
            return Ok(());
        };
        let Some(store) = self.operations.stores.find(tenant, &shop).await.map_err(|error| unstored(&error))? else {
            return Ok(());
        };
        for line in self.lines(tenant, id).await? {
            self.end(tenant, &store, &line, None).await?;
        }
        Ok(())
    }

    /// Ends a product's wait for its run, by its row or without one. One that does not wait any more is left alone.
    async fn end(
        &self,
        tenant: &TenantId,
        store: &Connection,
        line: &Line,
        row: Option<&Row>,
    ) -> Result<Processed, Report> {
        let settle = Settle { flow: self, store, line, row };
        let handle = line.run.to_string();
        let ended = self.documents.answer(tenant, line.document, &store.id, WORKER, &handle, &settle).await;
        ended.map_err(|error| unstored(&error))
    }

    /// All lines of a run: what one file holds.
    async fn lines(&self, tenant: &TenantId, id: RunId) -> Result<Vec<Line>, Report> {
        let mut all: Vec<Line> = Vec::new();
        loop {
            let from = all.last().map_or(0, |line| line.number + 1);
            let more = self.operations.runs.lines(tenant, id, from, PAGE).await.map_err(|error| unstored(&error))?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    /// Products that wait, the longest first; a page may have none though there is a next one.
    async fn page(&self, tenant: &TenantId, place: Option<Place>) -> Result<(Vec<Document>, Option<Place>), Report> {
        let kind = DocumentType::literal(kind::PRODUCT);
        let page = self.documents.list(tenant, &kind, State::Processing, place, PAGE).await;
        let (found, next) = page.map_err(|error| unstored(&error))?;
        Ok((found.into_iter().filter(|document| document.awaits(AROUND)).collect(), next))
    }
}

fn size(line: &Line) -> u64 {
    let text = to_remote(&line.id, &line.product).to_string();
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Makes a product a line.
struct Gather<'a> {
    flow: &'a Fallback,
    store: &'a Connection,
    run: RunId,
    next: AtomicU64,
    bytes: AtomicU64,
}

impl Gather<'_> {
    fn count(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    async fn line(&self, work: &Work<'_>) -> Result<Report, Report> {
        let Fallback { operations, platform: port, .. } = self.flow;
        let (id, at) = (work.document.external_id.clone(), operations.clock.now());
        let product = port.product(work.tenant, self.store, &id).await.map_err(|error| platform(&error))?;
        let Some(product) = product else { return Ok(Outcome::Done(Remote::default()).into()) };
        let line = Line { run: self.run, number: self.count(), document: work.document.id, id, product, at };
        operations.runs.add(work.tenant, &line).await.map_err(|error| unstored(&error))?;
        self.next.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size(&line), Ordering::Relaxed);
        let check_at = at.checked_add(PATIENCE).ok();
        Ok(Report::new(Outcome::Pending { handle: self.run.to_string(), check_at }, "goes by the bulk API"))
    }
}

#[async_trait]
impl Attempt for Gather<'_> {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        self.line(work).await.unwrap_or_else(|report| report)
    }
}

/// Books what became of a line.
struct Settle<'a> {
    flow: &'a Fallback,
    store: &'a Connection,
    line: &'a Line,
    row: Option<&'a Row>,
}

impl Settle<'_> {
    async fn book(&self, work: &Work<'_>) -> Result<Report, Report> {
        let Fallback { operations, agreements, .. } = self.flow;
        let Some(row) = self.row else {
            return Err(Report::new(Outcome::Transient, "the bulk operation ended without its row"));
        };
        if let Some(saved) = &row.saved {
            let value: Value = plain(&self.line.product)?;
            let written = (self.line.id.as_str(), value, self.line.at);
            return product_saved(agreements, work.tenant, self.store, written, saved).await;
        }
        if Event::of(&row.report.outcome, &row.errors) == Some(Event::QuotaExhausted) {
            let to = To { tenant: work.tenant, shop: &self.store.shop, entity: kind::PRODUCT };
            operations.client.report(to, Event::QuotaExhausted).await?;
        }
        Err(row.report.clone())
    }
}

#[async_trait]
impl Attempt for Settle<'_> {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        self.book(work).await.unwrap_or_else(|report| report)
    }
}
