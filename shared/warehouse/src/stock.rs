//! Use cases of stock: look at it, set it to what was counted, correct it.
//!
//! What the figures do is decided by `inventory`. A count says what is there, so sending it again changes nothing and it
//! needs no key; an adjustment says what changed, so it is a document with an id of its own, derived from the client's
//! idempotency key when there is one.

use futures::{StreamExt, TryStreamExt, stream};
use inventory::store::{level_key, post};
use inventory::{Entry, Level, Movement, Posting, Refusal, Sku, StockError};
use kernel::{Context, TenantId};
use table::{Consistency, Contended, Page, Position, TableError, until_written};

use crate::Warehouse;
use crate::store::{AdjustmentItem, adjustment_key};

kernel::typed_id!(
    /// A correction of stock.
    AdjustmentId,
    "adj"
);

/// Rows of a batch that are written at the same time.
const ROWS_AT_ONCE: usize = 8;

/// What a person counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub sku: Sku,
    pub on_hand: i64,
    pub reason: Option<String>,
}

/// What became of a count, and the level now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    Changed(Level),
    /// It was what the warehouse knew.
    Unchanged(Level),
}

impl Counted {
    /// The level now.
    #[must_use]
    pub fn into_level(self) -> Level {
        match self {
            Self::Changed(level) | Self::Unchanged(level) => level,
        }
    }
}

/// A correction by so many units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    pub id: AdjustmentId,
    pub sku: Sku,
    /// Signed, never 0.
    pub delta: i64,
    pub reason: String,
}

/// A correction that was made, and the figure after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjusted {
    pub adjustment: Adjustment,
    pub on_hand: i64,
    pub version: u64,
}

/// Why stock was not corrected.
#[derive(Debug, thiserror::Error)]
pub enum AdjustError {
    /// The idempotency key was used for another correction.
    #[error("the idempotency key was used for another adjustment")]
    KeyReused,
    /// The stock could not be moved.
    #[error(transparent)]
    Stock(#[from] StockError),
}

impl From<TableError> for AdjustError {
    fn from(error: TableError) -> Self {
        Self::Stock(error.into())
    }
}

impl From<Contended> for AdjustError {
    fn from(contended: Contended) -> Self {
        Self::Stock(contended.into())
    }
}

impl Warehouse {
    /// One level; `None` when the warehouse never held the item.
    pub async fn level(&self, tenant: &TenantId, sku: &Sku) -> Result<Option<Level>, TableError> {
        let level = self.inventory.level(tenant, &self.location, sku).await?;
        Ok(Some(level).filter(|level| level.seq > 0))
    }

    /// A page of what the warehouse holds, by item.
    pub async fn levels(
        &self,
        tenant: &TenantId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Level>, TableError> {
        self.inventory.levels(tenant, &self.location, start, limit).await
    }

    /// A page of an item's ledger, oldest first.
    pub async fn ledger(
        &self,
        tenant: &TenantId,
        sku: &Sku,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Entry>, TableError> {
        self.inventory.ledger(tenant, &self.location, sku, start, limit).await
    }

    /// Sets every item to what was counted, each on its own: one outcome a row, in order. No item twice. When it fails,
    /// some rows are set and some are not; sending all again finishes the job.
    ///
    /// All levels are read at once, so that a batch sent again costs one read and writes nothing.
    pub async fn count_many(
        &self,
        tenant: &TenantId,
        actor: &str,
        counts: Vec<Count>,
        cause: &Context,
    ) -> Result<Vec<Counted>, StockError> {
        let keys: Vec<_> = counts.iter().map(|count| level_key(tenant, &self.location, &count.sku)).collect();
        let known = self.table.get_many(&keys, Consistency::Strong).await?;
        let rows = stream::iter(counts.into_iter().zip(known)).map(async |(count, item)| {
            let level = self.level_of(&count.sku, item)?;
            if level.seq > 0 && level.on_hand == count.on_hand {
                return Ok(Counted::Unchanged(level));
            }
            Box::pin(self.count(tenant, actor, count, cause)).await
        });
        rows.buffered(ROWS_AT_ONCE).try_collect().await
    }

    /// Sets an item to what was counted.
    pub async fn count(
        &self,
        tenant: &TenantId,
        actor: &str,
        count: Count,
        cause: &Context,
    ) -> Result<Counted, StockError> {
        let posting = Posting {
            source: cause.correlation_id.clone(),
            actor: actor.to_owned(),
            reason: count.reason,
            effective_at: self.clock.now(),
        };
        let (place, movement) = ((&self.location, &count.sku), Movement::Counted { on_hand: count.on_hand });
        match self.inventory.post(tenant, place, &movement, &posting, &|_| None).await {
            Ok(level) => Ok(Counted::Changed(level)),
            // It is that already.
            Err(StockError::Refused(Refusal::NoChange)) => {
                Ok(Counted::Unchanged(self.inventory.level(tenant, &self.location, &count.sku).await?))
            }
            Err(error) => Err(error),
        }
    }

    /// The id of an adjustment that came without a key.
    #[must_use]
    pub fn new_adjustment_id(&self) -> AdjustmentId {
        AdjustmentId::new(&*self.clock)
    }

    /// Corrects an item's figure. The same adjustment made again gives the first answer.
    pub async fn adjust(
        &self,
        tenant: &TenantId,
        actor: &str,
        adjustment: &Adjustment,
    ) -> Result<Adjusted, AdjustError> {
        until_written(|| self.try_adjust(tenant, actor, adjustment)).await
    }

    /// `None` when others were first.
    async fn try_adjust(
        &self,
        tenant: &TenantId,
        actor: &str,
        adjustment: &Adjustment,
    ) -> Result<Option<Adjusted>, AdjustError> {
        let Adjustment { id, sku, delta, reason } = adjustment;
        let (known, levels) = self.read(tenant, adjustment_key(tenant, *id), std::iter::once(sku)).await?;
        if let Some(item) = known {
            let adjusted = Adjusted::from(item.decode::<AdjustmentItem>()?.value);
            return if adjusted.adjustment == *adjustment { Ok(Some(adjusted)) } else { Err(AdjustError::KeyReused) };
        }
        let level = levels.into_iter().next().unwrap_or_else(|| Level::empty(sku.clone(), self.location.clone()));
        let posting = Posting {
            source: id.to_string(),
            actor: actor.to_owned(),
            reason: Some(reason.clone()),
            effective_at: self.clock.now(),
        };
        let mut transaction = self.table.transaction(tenant);
        let after = post(&mut transaction, &level, &[Movement::StockAdjusted { delta: *delta }], &posting);
        let after = after.map_err(StockError::from)?;
        let adjusted = Adjusted { adjustment: adjustment.clone(), on_hand: after.on_hand, version: after.seq };
        transaction.create(&AdjustmentItem::from(&adjusted));
        Ok(transaction.commit_if_current().await?.then_some(adjusted))
    }
}

#[cfg(test)]
mod tests;
