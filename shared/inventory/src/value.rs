//! Use cases of value: companies, movements of stock they value, and what stock was worth at an instant.

use crate::company::{Belonging, Company, InvalidCompany};
use crate::level::{Cost, Level, Refusal};
use crate::movement::{Movement, Posting};
use crate::service::{Inventory, StockError};
use crate::store::{LayerItem, at_location, decode_level, layer_key, layers, level_key};
use crate::valuation::{Layer, Method, Unvaluable, share};
use crate::{CompanyId, LocationId, Sku};
use futures::future::try_join_all;
use kernel::{Event, TenantId, Timestamp};
use rust_decimal::Decimal;
use table::{Consistency, GlobalIndex, Item, Page, Position, Query, TableError};

/// Most layers one movement may use up: each is an action of a transaction that has at most 100.
pub const MAX_LAYERS: usize = 80;

/// Why a company was not made, or was not given a location.
#[derive(Debug, thiserror::Error)]
pub enum CompanyError {
    #[error(transparent)]
    Invalid(#[from] InvalidCompany),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// What one item at one location was worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worth {
    pub location: LocationId,
    pub sku: Sku,
    pub on_hand: i64,
    /// `None` where no company valued it yet.
    pub value: Option<Decimal>,
    /// The ledger entry it is taken from; 0 when there was none yet.
    pub seq: u64,
}

impl Inventory {
    /// Makes a company. Making the same one again changes nothing.
    pub async fn create_company(&self, tenant: &TenantId, company: &Company) -> Result<(), CompanyError> {
        company.check()?;
        match self.table.create(tenant, company).await {
            Ok(()) => Ok(()),
            Err(TableError::ConditionFailed { old: Some(old) }) => {
                let difference = company.difference(&old.decode::<Company>()?.value);
                difference.map_or(Ok(()), |field| Err(InvalidCompany::ExistsWithDifferent(field).into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A company.
    pub async fn company(&self, tenant: &TenantId, id: &CompanyId) -> Result<Option<Company>, TableError> {
        let found = self.table.get::<Company>(Company::key_of(tenant, id), Consistency::Strong).await?;
        Ok(found.map(|found| found.value))
    }

    /// Gives a location to a company, for good: its stock is valued by the company's rules from its next movement on.
    pub async fn assign(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        company: &CompanyId,
    ) -> Result<(), CompanyError> {
        if self.company(tenant, company).await?.is_none() {
            return Err(InvalidCompany::Unknown.into());
        }
        let belonging = Belonging { location: location.clone(), company: company.clone() };
        match self.table.create(tenant, &belonging).await {
            Ok(()) => Ok(()),
            Err(TableError::ConditionFailed { old: Some(old) }) => {
                let same = old.decode::<Belonging>()?.value == belonging;
                if same { Ok(()) } else { Err(InvalidCompany::Taken.into()) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The company a location belongs to.
    pub async fn company_of(&self, tenant: &TenantId, location: &LocationId) -> Result<Option<Company>, TableError> {
        let key = Belonging::key_of(tenant, location);
        match self.table.get::<Belonging>(key, Consistency::Strong).await? {
            Some(found) => self.company(tenant, &found.value.company).await,
            None => Ok(None),
        }
    }

    /// Posts movements of one level together, valued by the company of its location when it has one.
    pub async fn book(
        &self,
        tenant: &TenantId,
        (location, sku): (&LocationId, &Sku),
        movements: &[Movement],
        posting: &Posting,
        event: &(dyn Fn(&Level) -> Option<Event> + Sync),
    ) -> Result<Level, StockError> {
        let level = self.valued_level(tenant, location, sku).await?;
        self.post_on(tenant, level, movements, posting, event).await
    }

    /// A level, with the rules of its location's company, if it has one.
    pub(crate) async fn valued_level(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        sku: &Sku,
    ) -> Result<Level, TableError> {
        let keys = [level_key(tenant, location, sku), Belonging::key_of(tenant, location)];
        let mut found = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        self.valued(tenant, (location, sku), found.next().flatten(), found.next().flatten()).await
    }

    /// The same, from its item and that of its location's company, as far as they are there.
    pub(crate) async fn valued(
        &self,
        tenant: &TenantId,
        (location, sku): (&LocationId, &Sku),
        level: Option<Item>,
        belonging: Option<Item>,
    ) -> Result<Level, TableError> {
        let mut level = level.map_or_else(|| Ok(Level::empty(sku.clone(), location.clone())), decode_level)?;
        if let (None, Some(belonging)) = (level.cost, belonging) {
            let company = self.company(tenant, &belonging.decode::<Belonging>()?.value.company).await?;
            level.cost = company.map(|company| Cost::starting(company.policy));
        }
        Ok(level)
    }

    /// What posting movements of a level needs beside it: the rules of its location's company, when goods come in and
    /// nobody valued the level yet, and cost layers.
    pub async fn to_post(
        &self,
        tenant: &TenantId,
        level: Level,
        movements: &[Movement],
    ) -> Result<(Level, Vec<Layer>), StockError> {
        let mut level = level;
        let comes_in = movements.iter().any(|movement| matches!(movement, Movement::Returned { .. }));
        if level.cost.is_none() && comes_in {
            let company = self.company_of(tenant, &level.location).await?;
            level.cost = company.map(|company| Cost::starting(company.policy));
        }
        let layers = self.layers_for(tenant, &level, movements).await?;
        Ok((level, layers))
    }

    /// The cost layers that movements of a level need.
    pub(crate) async fn layers_for(
        &self,
        tenant: &TenantId,
        level: &Level,
        movements: &[Movement],
    ) -> Result<Vec<Layer>, StockError> {
        let method = level.cost.map(|cost| cost.policy.method).filter(|method| method.has_layers());
        let goods = movements.iter().filter(|movement| !movement.is_promise()).count();
        let Some(method) = method.filter(|_| goods > 0) else { return Ok(Vec::new()) };
        let at = (&level.location, &level.sku);
        if let [Movement::CostAdded { receipt: Some(receipt), .. }] = movements {
            let found = self.table.get::<LayerItem>(layer_key(tenant, at, *receipt), Consistency::Strong).await?;
            return Ok(found.into_iter().map(|found| found.value.into()).collect());
        }
        let mut query = layers(tenant, at.0, at.1).limit(MAX_LAYERS).consistency(Consistency::Strong);
        if method == Method::Lifo {
            query = query.backward();
        }
        let page = self.table.query::<LayerItem>(query).await?;
        // Goods that come in would become neighbours of layers that are not next to them.
        if page.next.is_some() && goods > 1 {
            return Err(Refusal::Cost(Unvaluable::LayersNeeded).into());
        }
        let mut found: Vec<Layer> = page.items.into_iter().map(|item| item.value.into()).collect();
        found.sort_by_key(|layer| layer.receipt);
        Ok(found)
    }

    /// What the items of a location were worth at `instant`, a page at a time, by item.
    pub async fn worth_of_location(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        instant: Timestamp,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Worth>, TableError> {
        let query = Query::index(GlobalIndex::Gsi2, at_location(tenant, location)).start(start).limit(limit);
        let page = self.table.query_items(query).await?.try_map(decode_level)?;
        let rows = page.items.iter().map(|level| self.worth(tenant, (location, &level.sku), instant));
        Ok(Page { items: try_join_all(rows).await?, next: page.next })
    }

    /// What an item was worth at `instant`, at each location of a company, by location.
    pub async fn worth_of_item(
        &self,
        tenant: &TenantId,
        company: &CompanyId,
        sku: &Sku,
        instant: Timestamp,
    ) -> Result<Vec<Worth>, TableError> {
        let locations = self.locations_of(tenant, company).await?;
        try_join_all(locations.iter().map(|location| self.worth(tenant, (location, sku), instant))).await
    }

    pub(crate) async fn worth(
        &self,
        tenant: &TenantId,
        (location, sku): (&LocationId, &Sku),
        instant: Timestamp,
    ) -> Result<Worth, TableError> {
        let entry = self.as_of(tenant, (location, sku), instant, None).await?;
        Ok(Worth {
            location: location.clone(),
            sku: sku.clone(),
            on_hand: entry.as_ref().map_or(0, |entry| entry.after.on_hand),
            value: entry.as_ref().and_then(|entry| entry.value).map(|value| value.after),
            seq: entry.map_or(0, |entry| entry.seq),
        })
    }

    /// What so many of the units had cost that left with a ledger entry, to `decimals`: for when they come back. `None` when
    /// it is no entry with which so many units of known cost left.
    pub async fn cost_left_with(
        &self,
        tenant: &TenantId,
        at: (&LocationId, &Sku),
        entry: (Timestamp, u64),
        (units, decimals): (i64, u32),
    ) -> Result<Option<Decimal>, TableError> {
        let Some(entry) = self.entry(tenant, at, entry).await? else { return Ok(None) };
        let left = -entry.delta.on_hand;
        let cost = entry.value.filter(|_| (1..=left).contains(&units)).map(|value| -value.booked.value_delta);
        Ok(cost.and_then(|cost| share(cost, units, left, decimals).ok()))
    }

    /// The locations of a company, by name.
    pub(crate) async fn locations_of(
        &self,
        tenant: &TenantId,
        company: &CompanyId,
    ) -> Result<Vec<LocationId>, TableError> {
        let found = self.table.query_all::<Belonging>(Belonging::of(tenant, company)).await?;
        Ok(found.into_iter().map(|found| found.value.location).collect())
    }
}

#[cfg(test)]
mod tests;
