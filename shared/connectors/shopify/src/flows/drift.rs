//! Levels that are not the same on both sides, as reconciliation found them.
//!
//! | access pattern | key |
//! |---|---|
//! | the levels of a store that differ | pk `T#t#SHOPIFY#<shop>`, sk `DRIFT#<SKU>@<our location>` |

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Key, Page, Partition, Position, Query, Table, TableError};

use crate::Shop;

/// A level that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    pub shop: Shop,
    /// `<SKU>@<our location>`.
    pub place: String,
    pub ours: i64,
    pub theirs: i64,
    /// When it was seen last.
    pub at: Timestamp,
}

impl Entity for Drift {
    const KIND: &'static str = "shopify-drift";

    fn key(&self, tenant: &TenantId) -> Key {
        drift_key(tenant, &self.shop, &self.place)
    }
}

fn partition(tenant: &TenantId, shop: &Shop) -> Partition {
    Partition::tenant(tenant, &["SHOPIFY", shop.as_str()])
}

fn drift_key(tenant: &TenantId, shop: &Shop, place: &str) -> Key {
    partition(tenant, shop).key(&["DRIFT", place])
}

/// The differences in the table.
#[derive(Debug, Clone)]
pub struct Drifts(Table);

impl Drifts {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// Those of a store, by SKU and location.
    pub async fn list(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Drift>, TableError> {
        let query = Query::partition(partition(tenant, shop)).begins_with(&["DRIFT", ""]).start(start).limit(limit);
        let found = self.0.query::<Drift>(query).await?;
        Ok(Page { items: found.items.into_iter().map(|found| found.value).collect(), next: found.next })
    }

    /// All of a store.
    pub async fn all(&self, tenant: &TenantId, shop: &Shop) -> Result<Vec<Drift>, TableError> {
        let query = Query::partition(partition(tenant, shop)).begins_with(&["DRIFT", ""]);
        Ok(self.0.query_all::<Drift>(query).await?.into_iter().map(|found| found.value).collect())
    }

    pub(super) async fn remember(&self, tenant: &TenantId, drift: &Drift) -> Result<(), TableError> {
        self.0.put(tenant, drift).await
    }

    pub(super) async fn forget(&self, tenant: &TenantId, shop: &Shop, place: &str) -> Result<(), TableError> {
        self.0.delete(drift_key(tenant, shop, place)).await
    }
}
