//! Connections: the stores of a tenant, and which of our locations is which of theirs.
//!
//! | access pattern | key |
//! |---|---|
//! | a store; all stores of a tenant | pk `T#t#SHOPIFY-STORES`, sk `<shop>` |

use std::collections::BTreeMap;

use documents::ConnectionId;
use documents::merge::{Rule, Rules};
use kernel::{Currency, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError, Versioned};

use crate::{Gid, Shop};

/// A store of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub shop: Shop,
    /// Whose documents, health and pause it has.
    pub id: ConnectionId,
    pub currency: Currency,
    /// Ours to theirs. Stock of other locations is not told.
    pub locations: BTreeMap<String, Gid>,
    /// By kind of thing, field by field: the first rule whose pattern covers a field counts, and what none covers is ignored.
    #[serde(default)]
    pub rules: BTreeMap<String, Vec<(String, Rule)>>,
    /// When the merchant installed the app last: what was told of an earlier installation says nothing about this one.
    pub connected_at: Timestamp,
    /// The merchant threw the app out, or somebody here let the store go.
    #[serde(default)]
    pub uninstalled: bool,
}

impl Connection {
    /// The rules for a kind of thing.
    #[must_use]
    pub fn rules_of(&self, kind: &str) -> Rules {
        let listed = self.rules.get(kind).into_iter().flatten();
        listed.fold(Rules::default(), |rules, (pattern, rule)| rules.with(pattern, *rule))
    }

    /// What they call one of our locations.
    #[must_use]
    pub fn location(&self, ours: &str) -> Option<&Gid> {
        self.locations.get(ours)
    }

    /// What we call one of their locations.
    #[must_use]
    pub fn location_of(&self, theirs: &Gid) -> Option<&str> {
        self.locations.iter().find(|(_, gid)| *gid == theirs).map(|(ours, _)| ours.as_str())
    }
}

impl Entity for Connection {
    const KIND: &'static str = "shopify-store";

    fn key(&self, tenant: &TenantId) -> Key {
        key(tenant, &self.shop)
    }
}

fn key(tenant: &TenantId, shop: &Shop) -> Key {
    Key::tenant(tenant, &["SHOPIFY-STORES"], &[shop.as_str()])
}

/// The stores in the table.
#[derive(Debug, Clone)]
pub struct Stores(Table);

impl Stores {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// A store, uninstalled or not.
    pub async fn find(&self, tenant: &TenantId, shop: &Shop) -> Result<Option<Connection>, TableError> {
        Ok(self.versioned(tenant, shop).await?.map(|found| found.value))
    }

    /// A store and the version it was read at.
    pub async fn versioned(&self, tenant: &TenantId, shop: &Shop) -> Result<Option<Versioned<Connection>>, TableError> {
        self.0.get::<Connection>(key(tenant, shop), Consistency::Strong).await
    }

    /// All stores of a tenant.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<Connection>, TableError> {
        let query = Query::partition(Partition::tenant(tenant, &["SHOPIFY-STORES"])).consistency(Consistency::Strong);
        Ok(self.0.query_all::<Connection>(query).await?.into_iter().map(|found| found.value).collect())
    }

    /// Connects a store, or replaces what was known of it at the version that was seen. Whether it was still so.
    pub async fn write(
        &self,
        tenant: &TenantId,
        connection: &Connection,
        seen: Option<u64>,
    ) -> Result<bool, TableError> {
        let written = match seen {
            Some(version) => self.0.update(tenant, connection, version).await.map(|_| ()),
            None => self.0.create(tenant, connection).await,
        };
        match written {
            Ok(()) => Ok(true),
            Err(TableError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The app is not installed any more, as somebody knew at `known_at`. May be repeated. `false` when it was installed again
    /// since, or never.
    pub async fn uninstall(&self, tenant: &TenantId, shop: &Shop, known_at: Timestamp) -> Result<bool, TableError> {
        loop {
            let found = self.versioned(tenant, shop).await?;
            let current = found.filter(|found| found.value.connected_at <= known_at);
            let Some(Versioned { value: mut connection, version }) = current else { return Ok(false) };
            connection.uninstalled = true;
            if self.write(tenant, &connection, Some(version)).await? {
                return Ok(true);
            }
        }
    }
}
