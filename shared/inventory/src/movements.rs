//! Use case of movements that people and other systems post on their own, not as part of a document: goods received or
//! sold, returned, damaged, looked at, revalued.
//!
//! A movement is a document with an id: posted again it is not booked again. It is written in one transaction with the level
//! and its ledger entry. What is found, lost or counted goes through [`crate::adjustments`] and [`crate::counts`].
//!
//! | access pattern | key |
//! |---|---|
//! | a posted movement | pk `T#t#STOCK-MOVEMENT#<id>`, sk `MOVEMENT` |

use crate::company::Belonging;
use crate::ledger::Entry;
use crate::level::Refusal;
use crate::movement::{Movement, Posting};
use crate::service::{Inventory, StockError};
use crate::settle::find;
use crate::store::{level_key, post_with};
use crate::{LocationId, Sku};
use kernel::{Clock, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use table::{Consistency, Entity, Item, Key, TableError, until_written};

kernel::typed_id!(
    /// A posted movement.
    MovementId,
    "mov"
);

/// What is to be posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMovement {
    /// Chosen by whoever asks, or derived from their idempotency key.
    pub id: MovementId,
    #[serde(rename = "l")]
    pub location: LocationId,
    #[serde(rename = "k")]
    pub sku: Sku,
    #[serde(rename = "m")]
    pub movement: Movement,
    /// The document behind it; the movement itself when there is none.
    #[serde(rename = "src", default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(rename = "why", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it happened, if that is not now.
    #[serde(rename = "at", default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Timestamp>,
}

/// A movement in the ledger of its item and location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub asked: NewMovement,
    pub entry: Entry,
    /// Whether it was posted before.
    pub replayed: bool,
}

/// Why a movement was not posted.
#[derive(Debug, thiserror::Error)]
pub enum MovementError {
    /// The id belongs to another movement.
    #[error("the movement exists with different {0}")]
    ExistsWithDifferent(&'static str),
    /// Everything after it would be booked at its time.
    #[error("a movement cannot happen in the future")]
    InTheFuture,
    #[error(transparent)]
    Stock(#[from] StockError),
}

/// Movements of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Movements {
    inventory: Inventory,
    clock: Arc<dyn Clock>,
}

impl Movements {
    /// Over this stock.
    pub fn new(inventory: Inventory, clock: Arc<dyn Clock>) -> Self {
        Self { inventory, clock }
    }

    /// Posts a movement. The same one posted again gives its entry.
    pub async fn post(&self, tenant: &TenantId, actor: &str, new: &NewMovement) -> Result<Posted, MovementError> {
        until_written(|| self.try_post(tenant, actor, new)).await
    }

    /// `None` when others were first.
    async fn try_post(
        &self,
        tenant: &TenantId,
        actor: &str,
        new: &NewMovement,
    ) -> Result<Option<Posted>, MovementError> {
        let (location, sku, now) = (&new.location, &new.sku, self.clock.now());
        let keys =
            [movement_key(tenant, new.id), level_key(tenant, location, sku), Belonging::key_of(tenant, location)];
        let mut found = self.inventory.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        if let Some(known) = found.next().flatten() {
            return self.replay(tenant, decode(known)?, new).await.map(Some);
        }
        if new.effective_at.is_some_and(|at| at > now) {
            return Err(MovementError::InTheFuture);
        }
        let (level, belonging) = (found.next().flatten(), found.next().flatten());
        let level = self.inventory.valued(tenant, (location, sku), level, belonging).await?;
        // Only the count itself may move what it has frozen, and it is not asked for here.
        if let (Some(count), Some(source)) = (&level.frozen_by, &new.source)
            && count == source
        {
            return Err(Refusal::Frozen(count.clone()).into());
        }
        let movements = std::slice::from_ref(&new.movement);
        let layers = self.inventory.layers_for(tenant, &level, movements).await?;
        let posting = Posting {
            source: new.source.clone().unwrap_or_else(|| new.id.to_string()),
            actor: actor.to_owned(),
            reason: new.reason.clone(),
            effective_at: new.effective_at.unwrap_or(now),
        };
        let (_, entry) = level.apply_with(&mut layers.clone(), &new.movement, &posting)?;
        let mut transaction = self.inventory.table.transaction(tenant);
        let item = MovementItem { asked: new.clone(), seq: entry.seq, booked_at: entry.effective_at };
        transaction.create(&item);
        post_with(&mut transaction, &level, &layers, movements, &posting)?;
        let written = transaction.commit_if_current().await?;
        Ok(written.then(|| Posted { asked: new.clone(), entry, replayed: false }))
    }

    /// A posted movement.
    pub async fn movement(&self, tenant: &TenantId, id: MovementId) -> Result<Option<Posted>, TableError> {
        match find(&self.inventory.table, movement_key(tenant, id), decode).await? {
            Some(known) => self.entry_of(tenant, known).await.map(Some),
            None => Ok(None),
        }
    }

    async fn replay(&self, tenant: &TenantId, known: MovementItem, new: &NewMovement) -> Result<Posted, MovementError> {
        let asked = &known.asked;
        let different = if (&asked.location, &asked.sku) != (&new.location, &new.sku) {
            Some("item")
        } else if asked.movement != new.movement {
            Some("movement")
        } else if (&asked.source, &asked.reason) != (&new.source, &new.reason) {
            Some("reason")
        } else if asked.effective_at != new.effective_at {
            Some("time")
        } else {
            None
        };
        match different {
            Some(field) => Err(MovementError::ExistsWithDifferent(field)),
            None => Ok(self.entry_of(tenant, known).await?),
        }
    }

    async fn entry_of(&self, tenant: &TenantId, known: MovementItem) -> Result<Posted, TableError> {
        let MovementItem { asked, seq, booked_at } = known;
        let entry = self.inventory.entry(tenant, (&asked.location, &asked.sku), (booked_at, seq)).await?;
        let missing = || TableError::Corrupt { what: format!("{} has no ledger entry", asked.id), source: None };
        let entry = entry.ok_or_else(missing)?;
        Ok(Posted { asked, entry, replayed: true })
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct MovementItem {
    #[serde(flatten)]
    asked: NewMovement,
    #[serde(rename = "n")]
    seq: u64,
    #[serde(rename = "ef")]
    booked_at: Timestamp,
}

fn movement_key(tenant: &TenantId, id: MovementId) -> Key {
    Key::tenant(tenant, &["STOCK-MOVEMENT", &id.to_string()], &["MOVEMENT"])
}

impl Entity for MovementItem {
    const KIND: &'static str = "stock-movement";
    fn key(&self, tenant: &TenantId) -> Key {
        movement_key(tenant, self.asked.id)
    }
}

fn decode(item: Item) -> Result<MovementItem, TableError> {
    Ok(item.decode::<MovementItem>()?.value)
}

#[cfg(test)]
mod tests;
