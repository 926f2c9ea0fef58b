//! Batches in the table.
//!
//! | access pattern | key |
//! |---|---|
//! | one batch and its parts | pk `T#t#BATCH#<id>`, sk `BATCH`, `PART#<name>` |
//! | which documents are in it | pk `T#t#BATCH#<id>#IN#<2 hex digits>`, sk `<document id>` |
//!
//! A document that is there from an earlier run, unchanged, is in the batch too; so membership is an item of its own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, TenantId};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError, Transaction, TransactionError, Versioned};

use super::{Batch, BatchId, LEASE, Ledger, Part, Row};
use crate::Documents;
use crate::document::{Document, DocumentId, Hold};
use crate::intake::{GRACE, Intake};
use crate::store::{Store, document_key};

/// How often a chunk whose documents come into being meanwhile is looked at again.
const TRIES: u32 = 5;

/// Why a chunk was not stored.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else has the part.
    #[error("another worker has the part")]
    Lost,
    #[error(transparent)]
    Table(#[from] TableError),
}

#[derive(Debug, Serialize, Deserialize)]
struct Member {
    batch: BatchId,
    id: DocumentId,
}

fn partition(tenant: &TenantId, id: BatchId) -> Partition {
    Partition::tenant(tenant, &["BATCH", &id.to_string()])
}

fn part_key(tenant: &TenantId, batch: BatchId, part: &str) -> Key {
    partition(tenant, batch).key(&["PART", part])
}

fn member_key(tenant: &TenantId, batch: BatchId, id: DocumentId) -> Key {
    // Derived ids are even in every digit; a batch of millions must not be one partition.
    let shard = format!("{:02x}", id.ulid().0 & 0xff);
    Partition::tenant(tenant, &["BATCH", &batch.to_string(), "IN", &shard]).key(&[&id.to_string()])
}

impl Entity for Batch {
    const KIND: &'static str = "batch";

    fn key(&self, tenant: &TenantId) -> Key {
        partition(tenant, self.id).key(&["BATCH"])
    }
}

impl Entity for Part {
    const KIND: &'static str = "batch-part";

    fn key(&self, tenant: &TenantId) -> Key {
        part_key(tenant, self.batch, &self.name)
    }
}

impl Entity for Member {
    const KIND: &'static str = "batch-member";

    fn key(&self, tenant: &TenantId) -> Key {
        member_key(tenant, self.batch, self.id)
    }
}

/// The table's ledger of one batch.
#[derive(Clone)]
pub struct Batches {
    table: Table,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
    batch: Batch,
}

impl Batches {
    /// Begins a batch, or goes on with it: the same id is the same batch.
    pub async fn begin(
        table: Table,
        clock: Arc<dyn Clock>,
        tenant: TenantId,
        batch: Batch,
    ) -> Result<Self, TableError> {
        let documents = Documents::new(table.clone(), clock.clone());
        documents.note_connection(&tenant, &batch.connection).await?;
        let mut transaction = table.transaction(&tenant);
        transaction.create(&batch);
        for name in &batch.parts {
            transaction.create(&Part {
                batch: batch.id,
                name: name.clone(),
                cursor: None,
                counted: None,
                stored: 0,
                repeated: 0,
                done: false,
                fence: 0,
                hold: None,
                failure: None,
            });
        }
        match transaction.commit().await {
            Ok(()) | Err(TransactionError::Conditions(_)) => {}
            Err(error) => return Err(unwritten(error)),
        }
        Ok(Self { table, clock, tenant, batch })
    }

    /// A batch that was begun.
    pub async fn find(
        table: Table,
        clock: Arc<dyn Clock>,
        tenant: TenantId,
        id: BatchId,
    ) -> Result<Option<Self>, TableError> {
        let found = table.get::<Batch>(partition(&tenant, id).key(&["BATCH"]), Consistency::Strong).await?;
        Ok(found.map(|found| Self { table, clock, tenant, batch: found.value }))
    }

    /// What it is.
    #[must_use]
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The parts as they are.
    pub async fn parts(&self) -> Result<Vec<Part>, TableError> {
        let query = Query::partition(partition(&self.tenant, self.batch.id))
            .begins_with(&["PART", ""])
            .consistency(Consistency::Strong);
        Ok(self.table.query_all::<Part>(query).await?.into_iter().map(|found| found.value).collect())
    }

    fn document(&self, row: &Row) -> Document {
        let Batch { kind, shape, connection, source, keep_days, .. } = &self.batch;
        let intake = Intake {
            kind: kind.clone(),
            shape: *shape,
            connection: connection.clone(),
            source,
            external_id: &row.external_id,
            revision: &row.revision,
            payload: &row.payload,
            keep_days: *keep_days,
            event: None,
        };
        Document::new(&self.tenant, intake.describe(), self.clock.now(), GRACE)
    }

    /// Which rows are new to the batch, with their documents, and which of those are not stored yet.
    async fn sort<'a>(&self, rows: &'a [Row]) -> Result<Vec<(Document, &'a Row, bool)>, TableError> {
        let mut seen = HashSet::new();
        let all = rows.iter().map(|row| (self.document(row), row));
        let rows: Vec<(Document, &Row)> = all.filter(|(document, _)| seen.insert(document.id)).collect();
        let keys = rows.iter().flat_map(|(document, _)| {
            [member_key(&self.tenant, self.batch.id, document.id), document_key(&self.tenant, document.id)]
        });
        let found = self.table.get_many(&keys.collect::<Vec<_>>(), Consistency::Strong).await?;
        let rows = rows.into_iter().zip(found.chunks(2)).filter_map(|((document, row), found)| match found {
            [None, stored] => Some((document, row, stored.is_none())),
            _ => None,
        });
        Ok(rows.collect())
    }

    async fn try_commit(&self, part: &Part, seen: u64, rows: &[Row]) -> Result<Result<Part, Transient>, LedgerError> {
        let fresh = self.sort(rows).await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut part = part.clone();
        part.stored += count(fresh.len());
        part.repeated += count(rows.len() - fresh.len());
        let now = self.clock.now();
        if let Some(hold) = &mut part.hold {
            hold.until = now.checked_add(LEASE).unwrap_or(hold.until);
        }
        let mut transaction: Transaction = self.table.transaction(&self.tenant);
        transaction.put_versioned(&part, seen);
        for (document, row, is_new) in &fresh {
            transaction.create(&Member { batch: self.batch.id, id: document.id });
            if *is_new {
                Store::add(&mut transaction, document, &row.payload);
            }
        }
        match transaction.commit().await {
            Ok(()) => {}
            Err(error) if error.failed(0).is_some() => return Err(LedgerError::Lost),
            // A document came into being meanwhile.
            Err(TransactionError::Conditions(_)) => return Ok(Err(Transient)),
            Err(error) => return Err(LedgerError::Table(unwritten(error))),
        }
        Ok(Ok(part))
    }
}

struct Transient;

#[async_trait]
impl Ledger for Batches {
    async fn take(&self, part: &str, by: &str, lease: Duration) -> Result<Option<(Part, u64)>, TableError> {
        let key = part_key(&self.tenant, self.batch.id, part);
        let Some(Versioned { value: mut part, version }) = self.table.get::<Part>(key, Consistency::Strong).await?
        else {
            return Ok(None);
        };
        let now = self.clock.now();
        if part.done || part.hold.as_ref().is_some_and(|hold| hold.until > now) {
            return Ok(None);
        }
        part.fence += 1;
        let until = now.checked_add(lease).unwrap_or(now);
        part.hold = Some(Hold { by: by.to_owned(), since: now, until });
        let mut transaction = self.table.transaction(&self.tenant);
        transaction.put_versioned(&part, version);
        match transaction.commit().await {
            Ok(()) => Ok(Some((part, version + 1))),
            Err(TransactionError::Conditions(_)) => Ok(None),
            Err(error) => Err(unwritten(error)),
        }
    }

    async fn commit(&self, part: &mut Part, seen: u64, rows: &[Row]) -> Result<u64, LedgerError> {
        for _ in 0..TRIES {
            if let Ok(written) = self.try_commit(part, seen, rows).await? {
                *part = written;
                return Ok(seen + 1);
            }
        }
        let busy = "its documents are being written by others".into();
        Err(LedgerError::Table(TableError::Conflict(busy)))
    }
}

fn unwritten(error: TransactionError) -> TableError {
    crate::store::table_error(error)
}
