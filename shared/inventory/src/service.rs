//! Use cases of stock: read levels, post movements of one level, absorb what a location counted. Ledgers are read in
//! [`crate::history`], movements that start a valuation are posted in [`crate::value`].
//!
//! Movements that must be one with something else (an order, a shipment) are posted by that something, with
//! [`crate::store::post`] in its own transaction.

use crate::ledger::Broken;
use crate::level::{Level, Refusal};
use crate::movement::{MAX_UNITS, Movement, Observation, Posting};
use crate::store::{at_location, decode_level, level_key, post_with, put_level};
use crate::{LocationId, Sku};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use kernel::{Event, TenantId};
use table::{Attempts, Consistency, GlobalIndex, Item, Page, Position, Query, Table, TableError, until_written};

/// Rows absorbed at the same time.
const ROWS_AT_ONCE: usize = 8;

/// Stock of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Inventory {
    pub(crate) table: Table,
}

/// Why a movement was not posted.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// The level does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others moved the same level more often than we were willing to retry.
    #[error("the level is being changed by others")]
    Contended,
    /// The ledger does not prove its level.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The table did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Why a backorder limit was not set.
#[derive(Debug, thiserror::Error)]
pub enum BackorderError {
    /// The level is not at the version the caller saw.
    #[error("the level has changed; it is at version {0}")]
    Stale(u64),
    #[error(transparent)]
    Stock(#[from] StockError),
}

/// What absorbing a page of a location's rows did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absorbed {
    /// Rows read.
    pub rows: usize,
    /// Rows whose version was newer than what we knew.
    pub moved: usize,
    /// Of those, rows whose figure differed from ours: goods that moved without our knowing.
    pub drifted: usize,
}

impl std::ops::Add for Absorbed {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, moved: self.moved + other.moved, drifted: self.drifted + other.drifted }
    }
}

impl Inventory {
    /// Over this table.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// One level; an item the location never held is an empty one.
    pub async fn level(&self, tenant: &TenantId, location: &LocationId, sku: &Sku) -> Result<Level, TableError> {
        let stored = self.table.get_item(level_key(tenant, location, sku), Consistency::Strong).await?;
        stored.map_or_else(|| Ok(Level::empty(sku.clone(), location.clone())), decode_level)
    }

    /// The levels at these places, in their order, in one read.
    pub async fn levels_at(&self, tenant: &TenantId, places: &[(LocationId, Sku)]) -> Result<Vec<Level>, TableError> {
        let keys: Vec<_> = places.iter().map(|(location, sku)| level_key(tenant, location, sku)).collect();
        let found = self.table.get_many(&keys, Consistency::Strong).await?;
        let level = |((location, sku), item): (&(LocationId, Sku), Option<Item>)| {
            item.map_or_else(|| Ok(Level::empty(sku.clone(), location.clone())), decode_level)
        };
        places.iter().zip(found).map(level).collect()
    }

    /// A page of a location's levels, by item.
    pub async fn levels(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Level>, TableError> {
        let query = Query::index(GlobalIndex::Gsi2, at_location(tenant, location)).start(start).limit(limit);
        self.table.query_items(query).await?.try_map(decode_level)
    }

    /// Posts one movement, with `event` made from the level after it, if any is to be told.
    pub async fn post(
        &self,
        tenant: &TenantId,
        (location, sku): (&LocationId, &Sku),
        movement: &Movement,
        posting: &Posting,
        event: &(dyn Fn(&Level) -> Option<Event> + Sync),
    ) -> Result<Level, StockError> {
        let level = self.level(tenant, location, sku).await?;
        self.post_on(tenant, level, std::slice::from_ref(movement), posting, event).await
    }

    /// Posts movements on a level as it was read, together. When others were first they are applied to what it is then.
    pub(crate) async fn post_on(
        &self,
        tenant: &TenantId,
        mut level: Level,
        movements: &[Movement],
        posting: &Posting,
        event: &(dyn Fn(&Level) -> Option<Event> + Sync),
    ) -> Result<Level, StockError> {
        let mut attempts = Attempts::default();
        loop {
            let layers = self.layers_for(tenant, &level, movements).await?;
            let mut transaction = self.table.transaction(tenant);
            let next = post_with(&mut transaction, &level, &layers, movements, posting)?;
            if let Some(event) = event(&next) {
                transaction.event(&event);
            }
            if transaction.commit_if_current().await? {
                return Ok(next);
            }
            // Someone else moved it first: the movements are applied to what it is now.
            attempts.lost().await?;
            let starting = level.cost;
            level = self.level(tenant, &level.location, &level.sku).await?;
            level.cost = level.cost.or(starting);
        }
    }

    /// Lets so many units be promised beyond what there is, 0 for none; of the level as the caller saw it, if they say so. What is
    /// promised already stays promised. No goods move, so the ledger does not tell of it.
    pub async fn set_backorder(
        &self,
        tenant: &TenantId,
        at: (&LocationId, &Sku),
        units: i64,
        seen: Option<u64>,
    ) -> Result<Level, BackorderError> {
        if !(0..=MAX_UNITS).contains(&units) {
            return Err(Refusal::OutOfRange(units).into());
        }
        until_written(|| self.try_set_backorder(tenant, at, units, seen)).await
    }

    /// `None` when others were first.
    async fn try_set_backorder(
        &self,
        tenant: &TenantId,
        (location, sku): (&LocationId, &Sku),
        units: i64,
        seen: Option<u64>,
    ) -> Result<Option<Level>, BackorderError> {
        let mut level = self.level(tenant, location, sku).await?;
        if seen.is_some_and(|seen| seen != level.version) {
            return Err(BackorderError::Stale(level.version));
        }
        level.backorder = units;
        let mut transaction = self.table.transaction(tenant);
        put_level(&mut transaction, &level);
        level.version += 1;
        Ok(transaction.commit_if_current().await?.then_some(level))
    }

    /// Absorbs a page of what a location counted, each row with its own version. Rows move forward only, and what is
    /// promised stays promised.
    pub async fn absorb(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        rows: &[(Sku, Observation)],
        posting: &Posting,
    ) -> Result<Absorbed, StockError> {
        let keys: Vec<_> = rows.iter().map(|(sku, _)| level_key(tenant, location, sku)).collect();
        let known = self.table.get_many(&keys, Consistency::Strong).await?;
        // Boxed, because a stream of borrowing async blocks is not `Send` enough for the handlers above.
        let work: Vec<BoxFuture<'_, Result<Absorbed, StockError>>> = rows
            .iter()
            .zip(known)
            .map(|(row, item)| self.absorb_row(tenant, location, row, item, posting).boxed())
            .collect();
        let mut work = stream::iter(work).buffer_unordered(ROWS_AT_ONCE);
        let mut sum = Absorbed::default();
        while let Some(done) = work.next().await {
            sum = sum + done?;
        }
        Ok(sum)
    }

    async fn absorb_row(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        (sku, seen): &(Sku, Observation),
        item: Option<Item>,
        posting: &Posting,
    ) -> Result<Absorbed, StockError> {
        let level = match item {
            Some(item) => decode_level(item)?,
            None => Level::empty(sku.clone(), location.clone()),
        };
        let drifted = level.on_hand != seen.on_hand;
        match self.post_on(tenant, level, &[Movement::Observed(*seen)], posting, &|_| None).await {
            Ok(_) => Ok(Absorbed { rows: 1, moved: 1, drifted: usize::from(drifted) }),
            // It is known already; or it is being counted, and the next reading brings it.
            Err(StockError::Refused(Refusal::NoChange | Refusal::Frozen(_))) => {
                Ok(Absorbed { rows: 1, moved: 0, drifted: 0 })
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
