//! How types, connectors and routes are stored.
//!
//! | access pattern | key |
//! |---|---|
//! | a version of a type; all types | pk `T#t#DOCUMENT-TYPES`, sk `<name>#<version>` |
//! | connectors with what they subscribe to | pk `T#t#CONNECTORS`, sk `<name>` |
//! | the routes of a document | pk `T#t#DOC#<id>`, sk `ROUTE#<connector>` |
//! | dead routes, oldest first | gsi1 `T#t#ROUTES#DEAD`, sk `<ms>#<document>#<connector>` |

use kernel::{TenantId, Timestamp};
use table::{
    Condition, Consistency, Entity, GlobalIndex, Key, Page, Partition, Query, Table, TableError, TransactionError,
    Update, Versioned,
};

use super::{Connector, RegisteredType, Route, RouteState};
use crate::store::{Place, partition, sortable, table_error};
use crate::{ConnectionId, DocumentId, DocumentType};

const SEEN_AT: &str = "seen_at";

/// Dead routes, a page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    pub routes: Vec<Route>,
    pub next: Option<Place>,
}

fn type_key(tenant: &TenantId, kind: &DocumentType, shape: u16) -> Key {
    Key::tenant(tenant, &["DOCUMENT-TYPES"], &[kind.as_str(), &format!("{shape:05}")])
}

fn connector_key(tenant: &TenantId, name: &ConnectionId) -> Key {
    Key::tenant(tenant, &["CONNECTORS"], &[name.as_str()])
}

impl Entity for RegisteredType {
    const KIND: &'static str = "document-type";

    fn key(&self, tenant: &TenantId) -> Key {
        type_key(tenant, &self.kind, self.shape)
    }
}

impl Entity for Connector {
    const KIND: &'static str = "connector";

    fn key(&self, tenant: &TenantId) -> Key {
        connector_key(tenant, &self.name)
    }
}

impl Entity for Route {
    const KIND: &'static str = "document-route";

    fn key(&self, tenant: &TenantId) -> Key {
        partition(tenant, self.document).key(&["ROUTE", self.connector.as_str()])
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let sort = [sortable(self.at), self.document.to_string()];
        (self.state == RouteState::Dead)
            .then(|| Key::tenant(tenant, &["ROUTES", "DEAD"], &[&sort[0], &sort[1], self.connector.as_str()]))
    }
}

#[derive(Clone)]
pub(super) struct Store {
    table: Table,
}

impl Store {
    pub(super) fn new(table: Table) -> Self {
        Self { table }
    }

    /// The one in its place when there is one.
    pub(super) async fn create_type(
        &self,
        tenant: &TenantId,
        new: &RegisteredType,
    ) -> Result<Option<RegisteredType>, TableError> {
        let mut transaction = self.table.transaction(tenant);
        transaction.create(new);
        match transaction.commit().await {
            Ok(()) => Ok(None),
            Err(TransactionError::Conditions(mut failed)) => {
                let old = failed.first_mut().and_then(Option::take).and_then(|failed| failed.old);
                old.map(|old| Ok(old.decode()?.value)).transpose()
            }
            Err(error) => Err(table_error(error)),
        }
    }

    pub(super) async fn registered(
        &self,
        tenant: &TenantId,
        kind: &DocumentType,
        shape: u16,
    ) -> Result<Option<RegisteredType>, TableError> {
        // A version does not change, so an old answer is right; that there is none must be true now.
        let key = type_key(tenant, kind, shape);
        let found = self.table.get::<RegisteredType>(key, Consistency::Strong).await?;
        Ok(found.map(|found| found.value))
    }

    pub(super) async fn types(&self, tenant: &TenantId) -> Result<Vec<RegisteredType>, TableError> {
        let query = Query::partition(Partition::tenant(tenant, &["DOCUMENT-TYPES"]));
        Ok(self.table.query_all::<RegisteredType>(query).await?.into_iter().map(|found| found.value).collect())
    }

    pub(super) async fn connectors(&self, tenant: &TenantId) -> Result<Vec<Connector>, TableError> {
        let query = Query::partition(Partition::tenant(tenant, &["CONNECTORS"])).consistency(Consistency::Strong);
        Ok(self.table.query_all::<Connector>(query).await?.into_iter().map(|found| found.value).collect())
    }

    pub(super) async fn put_connector(&self, tenant: &TenantId, connector: &Connector) -> Result<(), TableError> {
        self.table.put(tenant, connector).await
    }

    /// Whether there is such a connector.
    pub(super) async fn touch_connector(
        &self,
        tenant: &TenantId,
        name: &ConnectionId,
        now: Timestamp,
    ) -> Result<bool, TableError> {
        let update = Update::new(connector_key(tenant, name)).set(SEEN_AT, now).require(Condition::exists());
        match self.table.apply(update).await {
            Ok(_) => Ok(true),
            Err(TableError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn delete_connector(&self, tenant: &TenantId, name: &ConnectionId) -> Result<(), TableError> {
        self.table.delete(connector_key(tenant, name)).await
    }

    pub(super) async fn routes(&self, tenant: &TenantId, id: DocumentId) -> Result<Vec<Versioned<Route>>, TableError> {
        let query =
            Query::partition(partition(tenant, id)).begins_with(&["ROUTE", ""]).consistency(Consistency::Strong);
        self.table.query_all::<Route>(query).await
    }

    /// Writes routes that are still at the versions they were read at, 0 for none; whether they were.
    pub(super) async fn write_routes(&self, tenant: &TenantId, routes: &[(Route, u64)]) -> Result<bool, TableError> {
        let mut transaction = self.table.transaction(tenant);
        for (route, seen) in routes {
            match seen {
                0 => transaction.create(route),
                seen => transaction.put_versioned(route, *seen),
            };
        }
        match transaction.commit().await {
            Ok(()) => Ok(true),
            Err(TransactionError::Conditions(_)) => Ok(false),
            Err(error) => Err(table_error(error)),
        }
    }

    pub(super) async fn dead_routes(
        &self,
        tenant: &TenantId,
        start: Option<Place>,
        limit: usize,
    ) -> Result<Dead, TableError> {
        let list = Partition::tenant(tenant, &["ROUTES", "DEAD"]);
        let query = Query::index(GlobalIndex::Gsi1, list).start(start.map(|place| place.0)).limit(limit);
        let Page { items, next } = self.table.query::<Route>(query).await?;
        Ok(Dead { routes: items.into_iter().map(|found| found.value).collect(), next: next.map(Place) })
    }
}
