//! What we and a store agreed on last, thing by thing, and the store's names of what we sell.
//!
//! | access pattern | key |
//! |---|---|
//! | what was agreed on last of a thing, by the store's name of it | pk `T#t#SHOPIFY#<shop>`, sk `SYNCED#<kind>#<remote id>` |
//! | the item of a SKU | pk `T#t#SHOPIFY#<shop>`, sk `ITEM#<sku>` |
//! | what was decided about changes of a thing | pk `T#t#SHOPIFY#<shop>`, sk `DECIDED#<kind>#<remote id>#<revision>` |

use documents::merge::Decision;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError, TransactionError, Versioned};

use crate::echo::Written;
use crate::{Gid, Shop};

/// The state of a thing both sides agreed on last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    pub shop: Shop,
    #[serde(rename = "of")]
    pub kind: String,
    /// What the store calls it.
    pub remote: String,
    /// What we call it; empty for what only the store has.
    pub id: String,
    /// In our words; null before the first agreement.
    pub base: Value,
    /// The store's time of the newest state seen or written.
    pub updated_at: Timestamp,
    /// What we wrote last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// The store's names of what a SKU is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub shop: Shop,
    pub sku: String,
    pub variant: Gid,
    pub item: Gid,
}

/// What was decided about one change: kept for whoever asks why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    pub shop: Shop,
    #[serde(rename = "of")]
    pub kind: String,
    pub remote: String,
    pub revision: String,
    pub at: Timestamp,
    pub decisions: Vec<Decision>,
}

impl Synced {
    /// What we call it; `None` for what only the store has.
    pub(crate) fn name(&self) -> Option<&str> {
        Some(&*self.id).filter(|id| !id.is_empty())
    }
}

impl Entity for Synced {
    const KIND: &'static str = "shopify-synced";

    fn key(&self, tenant: &TenantId) -> Key {
        synced_key(tenant, &self.shop, &self.kind, &self.remote)
    }
}

impl Entity for Item {
    const KIND: &'static str = "shopify-item";

    fn key(&self, tenant: &TenantId) -> Key {
        item_key(tenant, &self.shop, &self.sku)
    }
}

impl Entity for Decided {
    const KIND: &'static str = "shopify-decided";

    fn key(&self, tenant: &TenantId) -> Key {
        let sort = ["DECIDED", &self.kind, &self.remote, &self.revision];
        Key::tenant(tenant, &["SHOPIFY", self.shop.as_str()], &sort)
    }
}

fn synced_key(tenant: &TenantId, shop: &Shop, kind: &str, remote: &str) -> Key {
    Key::tenant(tenant, &["SHOPIFY", shop.as_str()], &["SYNCED", kind, remote])
}

fn item_key(tenant: &TenantId, shop: &Shop, sku: &str) -> Key {
    Key::tenant(tenant, &["SHOPIFY", shop.as_str()], &["ITEM", sku])
}

/// Items removed between two looks at the list.
const PAGE: usize = 100;

/// The agreements in the table.
#[derive(Debug, Clone)]
pub struct Agreements(Table);

impl Agreements {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// What was agreed on last, and its version.
    pub async fn find(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        kind: &str,
        remote: &str,
    ) -> Result<Option<Versioned<Synced>>, TableError> {
        self.0.get::<Synced>(synced_key(tenant, shop, kind, remote), Consistency::Strong).await
    }

    /// The store's names of a SKU; `None` before its product was sent.
    pub async fn item(&self, tenant: &TenantId, shop: &Shop, sku: &str) -> Result<Option<Item>, TableError> {
        Ok(self.0.get::<Item>(item_key(tenant, shop, sku), Consistency::Strong).await?.map(|found| found.value))
    }

    /// The store's names of what is sold there, by SKU, after one of them.
    pub async fn items(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Item>, TableError> {
        self.page(tenant, shop, &["ITEM"], after, limit).await
    }

    /// What was agreed on of things of a kind, by the store's names of them, after one of them.
    pub async fn list(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Synced>, TableError> {
        self.page(tenant, shop, &["SYNCED", kind], after, limit).await
    }

    async fn page<T: Entity>(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        list: &[&str],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<T>, TableError> {
        // The next text after a text is the text and a zero.
        let from = after.map(|name| format!("{name}\u{0}")).unwrap_or_default();
        let query = Query::partition(Partition::tenant(tenant, &["SHOPIFY", shop.as_str()])).limit(limit);
        let query = query.between(&[list, &[&from]].concat(), &[list, &["\u{10ffff}"]].concat());
        Ok(self.0.query::<T>(query).await?.items.into_iter().map(|found| found.value).collect())
    }

    /// Remembers the store's names; what is so already is written again.
    pub async fn name(&self, tenant: &TenantId, item: &Item) -> Result<(), TableError> {
        self.0.put(tenant, item).await
    }

    /// Forgets a thing: what was agreed on, and what was decided about it.
    pub async fn forget(&self, tenant: &TenantId, shop: &Shop, kind: &str, remote: &str) -> Result<(), TableError> {
        let partition = || Partition::tenant(tenant, &["SHOPIFY", shop.as_str()]);
        let query = Query::partition(partition()).begins_with(&["DECIDED", kind, remote, ""]);
        for decided in self.0.query_all::<Decided>(query.consistency(Consistency::Strong)).await? {
            self.0.delete(decided.value.key(tenant)).await?;
        }
        self.0.delete(synced_key(tenant, shop, kind, remote)).await
    }

    /// Forgets everything that was agreed on with a store, and decided.
    pub async fn forget_all(&self, tenant: &TenantId, shop: &Shop) -> Result<(), TableError> {
        let everything = || Query::partition(Partition::tenant(tenant, &["SHOPIFY", shop.as_str()]));
        for list in ["SYNCED", "DECIDED", "ITEM"] {
            let mut start = None;
            loop {
                let query = everything().begins_with(&[list, ""]).start(start).limit(PAGE);
                let page = self.0.query_items(query.consistency(Consistency::Strong)).await?;
                for key in page.items.iter().filter_map(table::Item::key) {
                    self.0.delete(key).await?;
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes an agreement over the version that was seen, and what was decided on the way. Whether it was still that version.
    pub async fn agree(
        &self,
        tenant: &TenantId,
        synced: &Synced,
        seen: Option<u64>,
        decided: Option<&Decided>,
    ) -> Result<bool, TableError> {
        let mut transaction = self.0.transaction(tenant);
        match seen {
            Some(version) => transaction.put_versioned(synced, version),
            None => transaction.create(synced),
        };
        if let Some(decided) = decided {
            transaction.put(decided);
        }
        match transaction.commit().await {
            Ok(()) => Ok(true),
            Err(TransactionError::Conditions(_)) => Ok(false),
            Err(TransactionError::Table(error)) => Err(error),
            Err(error @ TransactionError::TokenReused) => {
                Err(TableError::Rejected { code: "transaction".to_owned(), source: error.into() })
            }
        }
    }
}
