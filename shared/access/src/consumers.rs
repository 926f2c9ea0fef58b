//! Consumers of the public API: applications and API keys, by id, each with the version of the contract it is pinned to.
//!
//! Which versions there are is not known here, nor what they mean.

use std::sync::Arc;

use kernel::{Clock, TenantId};
use table::{Consistency, Table, TableError, TransactionError};

use crate::audit::{AuditEntry, AuditKind};
use crate::directory::{Actor, DirectoryError, stale};
use crate::register::unexpected;
use crate::store::{AuditItem, ConsumerItem, consumer_key, decode_pin};

/// Reads and moves pins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Consumers {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Consumers {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }

    /// The version a consumer is pinned to, if it ever was.
    pub async fn pinned(&self, tenant: &TenantId, id: &str) -> Result<Option<String>, TableError> {
        let item = self.table.get_item(consumer_key(tenant, id), Consistency::Strong).await?;
        item.map(decode_pin).transpose()
    }

    /// The version a consumer is pinned to: `first` from its first request on. One read, and once a write.
    pub async fn pinned_from(&self, tenant: &TenantId, id: &str, first: &str) -> Result<String, TableError> {
        if let Some(pinned) = self.pinned(tenant, id).await? {
            return Ok(pinned);
        }
        let mut transaction = self.table.transaction(tenant);
        transaction.create(&ConsumerItem { id: id.to_owned(), version: first.to_owned() });
        match transaction.commit().await {
            Ok(()) => Ok(first.to_owned()),
            // Two first requests: the one that was faster has pinned it.
            Err(TransactionError::Conditions(_)) => {
                Ok(self.pinned(tenant, id).await?.unwrap_or_else(|| first.to_owned()))
            }
            Err(error @ (TransactionError::TokenReused | TransactionError::Table(_))) => Err(unexpected(error)),
        }
    }

    /// Moves a consumer to a version, from its next request on.
    pub async fn pin(&self, actor: Actor<'_>, id: &str, version: &str) -> Result<(), DirectoryError> {
        let entry = AuditEntry::new(&*self.clock, AuditKind::ConsumerPinned, actor.principal, id).about(version);
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.put(&ConsumerItem { id: id.to_owned(), version: version.to_owned() }).create(&AuditItem(entry));
        transaction.commit().await.map_err(stale)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use kernel::SystemClock;
    use testkit::{FaultInjector, LocalDynamo};

    use super::*;

    fn consumers(faults: &FaultInjector) -> Consumers {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        Consumers::new(Table::new(dynamo.client_through(faults), "crossdock"), Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn a_consumer_stays_on_its_first_version_until_it_is_moved() {
        let consumers = consumers(&FaultInjector::new());
        let [acme, other]: [TenantId; 2] = ["acme.test", "other.test"].map(|name| name.parse().unwrap());
        assert_eq!(consumers.pinned(&acme, "key_1").await.unwrap(), None);
        assert_eq!(consumers.pinned_from(&acme, "key_1", "2026-03-01").await.unwrap(), "2026-03-01");
        assert_eq!(consumers.pinned_from(&acme, "key_1", "2026-07-01").await.unwrap(), "2026-03-01");
        assert_eq!(consumers.pinned_from(&other, "key_1", "2026-07-01").await.unwrap(), "2026-07-01");
        let actor = Actor { tenant: &acme, principal: "usr_1" };
        consumers.pin(actor, "key_1", "2026-07-01").await.unwrap();
        assert_eq!(consumers.pinned(&acme, "key_1").await.unwrap().as_deref(), Some("2026-07-01"));
    }

    #[tokio::test]
    async fn of_many_first_requests_one_pins_and_all_agree() {
        let faults = FaultInjector::new();
        faults.interleave(3);
        let consumers = consumers(&faults);
        let tenant: TenantId = "acme.test".parse().unwrap();
        let versions: Vec<String> = (0..8).map(|number| format!("2026-0{number}-01")).collect();
        let all = join_all(versions.iter().map(|version| consumers.pinned_from(&tenant, "key_1", version))).await;
        let kept = consumers.pinned(&tenant, "key_1").await.unwrap().unwrap();
        assert!(all.into_iter().all(|pinned| pinned.unwrap() == kept));
    }
}
