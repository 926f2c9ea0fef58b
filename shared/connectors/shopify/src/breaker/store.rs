//! Circuits in the table: `SHOPIFY#<shop>` `CIRCUIT#<entity>`. A closed circuit without failures has no item.

use std::sync::Arc;

use kernel::{Clock, TenantId};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Key, Table, TableError};

use super::{Circuit, Event, Route};
use crate::Shop;

/// Writes that may be lost to others before we give up.
const ATTEMPTS: usize = 16;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    shop: Shop,
    entity: String,
    circuit: Circuit,
}

impl Entity for Stored {
    const KIND: &'static str = "shopify-circuit";

    fn key(&self, tenant: &TenantId) -> Key {
        key(tenant, &self.shop, &self.entity)
    }
}

fn key(tenant: &TenantId, shop: &Shop, entity: &str) -> Key {
    Key::tenant(tenant, &["SHOPIFY", shop.as_str()], &["CIRCUIT", entity])
}

/// The circuits of all stores.
#[derive(Debug, Clone)]
pub struct Circuits {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Circuits {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }

    /// Which way a document of this entity (`product`) goes now.
    ///
    /// # Errors
    /// The table's.
    pub async fn route(&self, tenant: &TenantId, shop: &Shop, entity: &str) -> Result<Route, TableError> {
        self.change(tenant, shop, entity, |circuit| circuit.route(self.clock.now())).await
    }

    /// Reports how a call of its own ended. The circuit afterwards.
    ///
    /// # Errors
    /// The table's.
    pub async fn record(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        entity: &str,
        event: Event,
    ) -> Result<Circuit, TableError> {
        self.change(tenant, shop, entity, |circuit| {
            let after = circuit.after(event, self.clock.now());
            (after, after)
        })
        .await
    }

    async fn change<T>(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        entity: &str,
        step: impl Fn(Circuit) -> (T, Circuit),
    ) -> Result<T, TableError> {
        for _ in 0..ATTEMPTS {
            let found = self.table.get::<Stored>(key(tenant, shop, entity), Consistency::Strong).await?;
            let seen = found.as_ref().map(|found| found.version);
            let before = found.map_or(Circuit::CLOSED, |found| found.value.circuit);
            let (answer, circuit) = step(before);
            if circuit == before {
                return Ok(answer);
            }
            let stored = Stored { shop: shop.clone(), entity: entity.to_owned(), circuit };
            let written = match seen {
                Some(version) => self.table.update(tenant, &stored, version).await.map(drop),
                None => self.table.create(tenant, &stored).await,
            };
            match written {
                Ok(()) => return Ok(answer),
                Err(TableError::ConditionFailed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(TableError::ConditionFailed { old: None })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{clock, shop, table, tenant};

    #[tokio::test]
    async fn of_many_workers_one_probes() {
        let (table, clock) = (table(), clock());
        let circuits = Circuits::new(table, clock.clone());
        let (tenant, shop) = (tenant(), shop());
        assert_eq!(circuits.route(&tenant, &shop, "product").await.unwrap(), Route::Direct);
        circuits.record(&tenant, &shop, "product", Event::QuotaExhausted).await.unwrap();
        assert_eq!(circuits.route(&tenant, &shop, "product").await.unwrap(), Route::Around);
        assert_eq!(circuits.route(&tenant, &shop, "customer").await.unwrap(), Route::Direct);

        clock.advance(Duration::from_hours(1));
        let routes = futures::future::join_all((0..20).map(|_| circuits.route(&tenant, &shop, "product"))).await;
        let probes = routes.iter().filter(|route| matches!(route, Ok(Route::Probe))).count();
        let around = routes.iter().filter(|route| matches!(route, Ok(Route::Around))).count();
        assert_eq!((probes, around), (1, 19));

        circuits.record(&tenant, &shop, "product", Event::Answered).await.unwrap();
        assert_eq!(circuits.route(&tenant, &shop, "product").await.unwrap(), Route::Direct);
    }

    #[tokio::test]
    async fn failures_of_all_workers_add_up() {
        let circuits = Circuits::new(table(), clock());
        let (tenant, shop) = (tenant(), shop());
        for _ in 0..5 {
            circuits.record(&tenant, &shop, "product", Event::Failed).await.unwrap();
        }
        assert_eq!(circuits.route(&tenant, &shop, "product").await.unwrap(), Route::Around);
        let other = "other.test".parse().unwrap();
        assert_eq!(circuits.route(&other, &shop, "product").await.unwrap(), Route::Direct);
    }
}
