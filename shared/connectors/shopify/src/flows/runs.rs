//! Runs of flows, as they are stored: which operation of the store belongs to one, where its file is, how far it was read.
//!
//! | access pattern | key |
//! |---|---|
//! | a run | pk `T#t#SHOPIFY-RUN#<id>`, sk `RUN` |
//! | what was sent in its file, line by line | pk `T#t#SHOPIFY-RUN#<id>`, sk `LINE#<number>` |

use documents::DocumentId;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError, Versioned};

use crate::map::product::Product;
use crate::{Gid, Shop};

kernel::typed_id!(
    /// One run of a flow: derived from what drives it, so that the same execution is the same run.
    RunId,
    "run"
);

impl RunId {
    /// The run of a store that is called so, in whatever execution.
    #[must_use]
    pub fn of(tenant: &TenantId, shop: &Shop, name: &str) -> Self {
        Self::derive(&[tenant.as_str(), shop.as_str(), name])
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub id: RunId,
    pub shop: Shop,
    pub begun_at: Timestamp,
    /// What the store calls the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Gid>,
    /// What it produced, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// How far the file was settled, in bytes.
    #[serde(default)]
    pub place: u64,
    #[serde(skip)]
    version: u64,
}

/// A result, for seven days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// None when nothing was found. It needs no token, so it is told nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub bytes: u64,
    /// Lines.
    pub objects: u64,
    /// Of which nothing is above.
    pub roots: u64,
}

/// A line of a file that is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub run: RunId,
    /// From 0.
    pub number: u64,
    pub document: DocumentId,
    /// Ours.
    pub id: String,
    /// As it is sent, and agreed on once it was taken.
    pub product: Product,
    /// By our clock, when it was read.
    pub at: Timestamp,
}

impl Entity for Run {
    const KIND: &'static str = "shopify-run";

    fn key(&self, tenant: &TenantId) -> Key {
        run_key(tenant, self.id)
    }
}

impl Entity for Line {
    const KIND: &'static str = "shopify-run-line";
    const LARGE: bool = true;

    fn key(&self, tenant: &TenantId) -> Key {
        line_key(tenant, self.run, self.number)
    }
}

pub(super) fn partition(tenant: &TenantId, id: RunId) -> Partition {
    Partition::tenant(tenant, &["SHOPIFY-RUN", &id.to_string()])
}

fn run_key(tenant: &TenantId, id: RunId) -> Key {
    partition(tenant, id).key(&["RUN"])
}

fn line_key(tenant: &TenantId, id: RunId, number: u64) -> Key {
    partition(tenant, id).key(&["LINE", &format!("{number:08}")])
}

/// The runs in the table.
#[derive(Debug, Clone)]
pub struct Runs(Table);

impl Runs {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    pub(crate) async fn find(&self, tenant: &TenantId, id: RunId) -> Result<Option<Run>, TableError> {
        let found = self.0.get::<Run>(run_key(tenant, id), Consistency::Strong).await?;
        Ok(found.map(|Versioned { value, version }| Run { version, ..value }))
    }

    /// The run, made if there is none.
    pub(crate) async fn begin(
        &self,
        tenant: &TenantId,
        id: RunId,
        shop: &Shop,
        now: Timestamp,
    ) -> Result<Run, TableError> {
        let new = Run { id, shop: shop.clone(), begun_at: now, operation: None, file: None, place: 0, version: 1 };
        match self.0.create(tenant, &new).await {
            Ok(()) => Ok(new),
            Err(error @ TableError::ConditionFailed { .. }) => self.find(tenant, id).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// Writes a run over the version that was read.
    pub(crate) async fn save(&self, tenant: &TenantId, run: &mut Run) -> Result<(), TableError> {
        run.version = self.0.update(tenant, run, run.version).await?;
        Ok(())
    }

    /// Adds a line; `ConditionFailed` when there is one of this number.
    pub(crate) async fn add(&self, tenant: &TenantId, line: &Line) -> Result<(), TableError> {
        self.0.create(tenant, line).await
    }

    /// The lines from a number on.
    pub(crate) async fn lines(
        &self,
        tenant: &TenantId,
        id: RunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Line>, TableError> {
        let query = Query::partition(partition(tenant, id)).consistency(Consistency::Strong).limit(limit);
        let query = query.between(&["LINE", &format!("{from:08}")], &["LINE", "99999999"]);
        Ok(self.0.query::<Line>(query).await?.items.into_iter().map(|found| found.value).collect())
    }
}
