//! The registry of warehouses: the tenant's locations, written under an optimistic version.

use inventory::locations::TooManyLocations;
use inventory::sellable::Places;
use inventory::{Location, LocationId, Locations};
use kernel::{Clock, TenantId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::{Consistency, Contended, Table, TableError, until_written};

/// How old what [`Registry::recent`] knows may be: a small part of the minute between two health checks.
const RECENT: Duration = Duration::from_secs(10);
/// Tenants it is known of at a time.
const TENANTS: usize = 16;

/// What was read of each tenant, and when.
type Recent = BTreeMap<TenantId, (Timestamp, Arc<Places>)>;

/// The warehouses of every tenant.
#[derive(Debug, Clone)]
pub struct Registry {
    table: Table,
    clock: Arc<dyn Clock>,
    recent: Arc<Mutex<Recent>>,
}

/// Why the registry was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No room for another one.
    #[error(transparent)]
    Full(#[from] TooManyLocations),
    /// Changed by others more often than we were willing to retry.
    #[error("the registry is being changed by others")]
    Contended,
    /// The table did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<Contended> for RegistryError {
    fn from(_: Contended) -> Self {
        Self::Contended
    }
}

impl Registry {
    /// Over this table and clock.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock, recent: Arc::default() }
    }

    /// All warehouses and hot items as they were up to ten seconds ago: for showing stock, not for giving it away.
    pub async fn recent(&self, tenant: &TenantId) -> Result<Arc<Places>, TableError> {
        let now = self.clock.now();
        // A clock that was set back must not keep them for longer.
        let is_fresh = |read_at| Duration::try_from(now.duration_since(read_at)).is_ok_and(|age| age < RECENT);
        if let Some((read_at, places)) = self.remembered().get(tenant)
            && is_fresh(*read_at)
        {
            return Ok(Arc::clone(places));
        }
        let places = Arc::new(Places::read(&self.table, tenant).await?);
        let mut remembered = self.remembered();
        if remembered.len() >= TENANTS {
            remembered.clear();
        }
        remembered.insert(tenant.clone(), (now, Arc::clone(&places)));
        Ok(places)
    }

    fn remembered(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All warehouses.
    pub async fn all(&self, tenant: &TenantId) -> Result<Locations, TableError> {
        Ok(self.load(tenant).await?.0)
    }

    /// Adds a warehouse or updates where it is reached. A new one counts as up.
    pub async fn register(
        &self,
        tenant: &TenantId,
        id: &LocationId,
        name: &str,
        url: &str,
    ) -> Result<Location, RegistryError> {
        let now = self.clock.now();
        let all = self
            .change(tenant, &|all| all.register(id.clone(), name.to_owned(), url.to_owned(), now).map(|()| true))
            .await?;
        all.by_id.get(id).cloned().ok_or(RegistryError::Contended)
    }

    /// Records who answered; returns those whose health changed.
    pub async fn observe(
        &self,
        tenant: &TenantId,
        answers: &[(LocationId, bool)],
    ) -> Result<Vec<LocationId>, RegistryError> {
        let before = self.all(tenant).await?;
        let now = self.clock.now();
        let after = self
            .change(tenant, &|all| {
                for (id, healthy) in answers {
                    all.observe(id, *healthy, now);
                }
                Ok(!answers.is_empty())
            })
            .await?;
        let health = |all: &Locations, id: &LocationId| all.by_id.get(id).map(|l| l.health);
        Ok(answers.iter().map(|(id, _)| id).filter(|id| health(&before, id) != health(&after, id)).cloned().collect())
    }

    async fn load(&self, tenant: &TenantId) -> Result<(Locations, u64), TableError> {
        let stored = self.table.get::<Locations>(Locations::key_of(tenant), Consistency::Strong).await?;
        Ok(stored.map_or_else(Default::default, |s| (s.value, s.version)))
    }

    /// Writes what `edit` makes of the registry, unless it says that nothing changed.
    async fn change(
        &self,
        tenant: &TenantId,
        edit: &(dyn Fn(&mut Locations) -> Result<bool, TooManyLocations> + Sync),
    ) -> Result<Locations, RegistryError> {
        until_written(|| self.try_change(tenant, edit)).await
    }

    /// `None` when others were first.
    async fn try_change(
        &self,
        tenant: &TenantId,
        edit: &(dyn Fn(&mut Locations) -> Result<bool, TooManyLocations> + Sync),
    ) -> Result<Option<Locations>, RegistryError> {
        let (mut all, version) = self.load(tenant).await?;
        if !edit(&mut all)? {
            return Ok(Some(all));
        }
        let written = match version {
            0 => self.table.create(tenant, &all).await,
            seen => self.table.update(tenant, &all, seen).await.map(|_| ()),
        };
        match written {
            Ok(()) => Ok(Some(all)),
            Err(TableError::ConditionFailed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, at, tenant};
    use futures::future::join_all;
    use inventory::Health;

    #[tokio::test(start_paused = true)]
    async fn registrations_and_health_checks_at_once_lose_nothing() {
        let world = World::new().await;
        let registrations = ["gamma", "delta", "epsilon"].map(|name| {
            let registry = &world.registry;
            async move { registry.register(&tenant(), &at(name), name, &format!("http://{name}")).await.map(drop) }
        });
        let seen = [(at("alpha"), false)];
        let observed = async { world.registry.observe(&tenant(), &seen).await.map(drop) };
        let (registered, observed) = futures::join!(join_all(registrations), observed);
        registered.into_iter().chain([observed]).for_each(|done| done.unwrap());
        let all = world.registry.all(&tenant()).await.unwrap().by_id;
        assert_eq!(all.len(), 5);
        assert_eq!(all[&at("alpha")].health, Health::Offline);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_registers_again_is_up_and_reached_where_it_says() {
        let world = World::new().await;
        world.offline("alpha").await;
        let location = world.registry.register(&tenant(), &at("alpha"), "Alpha", "http://elsewhere").await.unwrap();
        assert_eq!((location.health, location.url.as_str()), (Health::Healthy, "http://elsewhere"));
    }
}
