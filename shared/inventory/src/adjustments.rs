//! Stock adjustments: a correction with a reason code, which a second person approves when it is large.
//!
//! Up to the tenant's threshold an adjustment is posted at once; above it, it waits until somebody other than who asked
//! approves or rejects it. The document and the movement are one transaction.
//!
//! | access pattern | key |
//! |---|---|
//! | an adjustment | pk `T#t#STOCK-ADJUSTMENT#<id>`, sk `ADJUSTMENT` |
//! | those that wait, oldest first | gsi1 `T#t#STOCK-ADJUSTMENTS#WAITING`, sk `<id>` |
//! | the threshold | pk `T#t#STOCK-RULES`, sk `RULES` |

use crate::movement::{MAX_UNITS, Movement, Posting};
use crate::service::{Inventory, StockError};
use crate::settle::{Attempts, committed};
use crate::store::post_with;
use crate::{LocationId, Refusal, Sku};
use kernel::{Clock, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use table::{
    Consistency, Entity, GlobalIndex, Item, Key, Page, Partition, Position, Query, TableError, Transaction, Versioned,
};

kernel::typed_id!(
    /// A stock adjustment.
    StockAdjustmentId,
    "sta"
);

/// Why stock is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    Found,
    Lost,
    Stolen,
    Expired,
    Sample,
    /// Something was booked wrong before.
    Correction,
}

impl ReasonCode {
    /// Its name outside.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::Lost => "LOST",
            Self::Stolen => "STOLEN",
            Self::Expired => "EXPIRED",
            Self::Sample => "SAMPLE",
            Self::Correction => "CORRECTION",
        }
    }

    /// Whether it can explain a change of this sign.
    fn explains(self, delta: i64) -> bool {
        match self {
            Self::Found => delta > 0,
            Self::Lost | Self::Stolen | Self::Expired | Self::Sample => delta < 0,
            Self::Correction => delta != 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdjustmentState {
    /// For a second person.
    Waiting,
    Posted,
    Rejected,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAdjustment {
    pub id: StockAdjustmentId,
    pub location: LocationId,
    pub sku: Sku,
    /// Signed, never 0.
    pub delta: i64,
    pub code: ReasonCode,
    /// What a person adds to the code.
    pub note: Option<String>,
}

/// An adjustment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockAdjustment {
    pub asked: NewAdjustment,
    pub state: AdjustmentState,
    /// Who asked.
    pub asked_by: String,
    /// Who approved or rejected it, where that was needed.
    pub decided_by: Option<String>,
    /// Optimistic version.
    pub version: u64,
}

/// Why stock was not corrected.
#[derive(Debug, thiserror::Error)]
pub enum StockAdjustmentError {
    #[error("there is no such adjustment")]
    NotFound,
    /// `exists_with_different_<field>`: the id belongs to another adjustment.
    #[error("the adjustment exists with different {0}")]
    ExistsWithDifferent(&'static str),
    /// Lost goods cannot be more, found ones not fewer, and nothing is no adjustment.
    #[error("the reason code does not explain the change")]
    ReasonDoesNotFit,
    /// A part of a place, or none.
    #[error("people adjust stock at places only")]
    Place,
    /// It was posted or rejected already.
    #[error("the adjustment is {0:?}")]
    AlreadyDecided(AdjustmentState),
    /// Who asked cannot approve.
    #[error("somebody other than who asked must decide")]
    SamePerson,
    #[error(transparent)]
    Stock(#[from] StockError),
}

impl From<TableError> for StockAdjustmentError {
    fn from(error: TableError) -> Self {
        Self::Stock(error.into())
    }
}

impl From<Refusal> for StockAdjustmentError {
    fn from(refusal: Refusal) -> Self {
        Self::Stock(refusal.into())
    }
}

/// Adjustments of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Adjustments {
    inventory: Inventory,
    clock: Arc<dyn Clock>,
}

impl Adjustments {
    /// Over this stock.
    pub fn new(inventory: Inventory, clock: Arc<dyn Clock>) -> Self {
        Self { inventory, clock }
    }

    /// Adjustments of more units than this need a second person from now on; without a threshold none does.
    pub async fn set_threshold(&self, tenant: &TenantId, units: Option<i64>) -> Result<(), TableError> {
        self.inventory.table.put(tenant, &Rules { approve_above: units }).await
    }

    /// Posts an adjustment, or lets it wait for approval. The same one asked for again is given as it stands.
    pub async fn ask(
        &self,
        tenant: &TenantId,
        actor: &str,
        asked: &NewAdjustment,
    ) -> Result<StockAdjustment, StockAdjustmentError> {
        if !(-MAX_UNITS..=MAX_UNITS).contains(&asked.delta) || !asked.code.explains(asked.delta) {
            return Err(StockAdjustmentError::ReasonDoesNotFit);
        }
        if asked.location.is_virtual() {
            return Err(StockAdjustmentError::Place);
        }
        let mut attempts = Attempts::default();
        loop {
            if let Some(adjustment) = self.try_ask(tenant, actor, asked).await? {
                return Ok(adjustment);
            }
            attempts.lost().await?;
        }
    }

    /// `None` when others were first.
    async fn try_ask(
        &self,
        tenant: &TenantId,
        actor: &str,
        asked: &NewAdjustment,
    ) -> Result<Option<StockAdjustment>, StockAdjustmentError> {
        let keys = [adjustment_key(tenant, asked.id), rules_key(tenant)];
        let mut found = self.inventory.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        if let Some(item) = found.next().flatten() {
            return same(decode(item)?, asked).map(Some);
        }
        let rules = found.next().flatten().map(Item::decode::<Rules>).transpose()?;
        let threshold = rules.and_then(|rules| rules.value.approve_above);
        let waits = threshold.is_some_and(|units| asked.delta.abs() > units);
        let state = if waits { AdjustmentState::Waiting } else { AdjustmentState::Posted };
        let adjustment =
            StockAdjustment { asked: asked.clone(), state, asked_by: actor.to_owned(), decided_by: None, version: 1 };
        let mut transaction = self.inventory.table.transaction(tenant);
        transaction.create(&AdjustmentItem::from(&adjustment));
        if !waits {
            self.post(&mut transaction, &adjustment, actor).await?;
        }
        Ok(committed(transaction).await?.then_some(adjustment))
    }

    /// Approves or rejects an adjustment that waits. Deciding it again the same way gives it as it stands.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: StockAdjustmentId,
        approve: bool,
    ) -> Result<StockAdjustment, StockAdjustmentError> {
        let mut attempts = Attempts::default();
        loop {
            if let Some(adjustment) = self.try_decide(tenant, actor, id, approve).await? {
                return Ok(adjustment);
            }
            attempts.lost().await?;
        }
    }

    /// `None` when others were first.
    async fn try_decide(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: StockAdjustmentId,
        approve: bool,
    ) -> Result<Option<StockAdjustment>, StockAdjustmentError> {
        let before = self.adjustment(tenant, id).await?.ok_or(StockAdjustmentError::NotFound)?;
        let decided = if approve { AdjustmentState::Posted } else { AdjustmentState::Rejected };
        if before.state != AdjustmentState::Waiting {
            let again = before.state == decided && before.decided_by.as_deref() == Some(actor);
            return if again { Ok(Some(before)) } else { Err(StockAdjustmentError::AlreadyDecided(before.state)) };
        }
        if before.asked_by == actor {
            return Err(StockAdjustmentError::SamePerson);
        }
        let mut after = StockAdjustment { state: decided, decided_by: Some(actor.to_owned()), ..before.clone() };
        let mut transaction = self.inventory.table.transaction(tenant);
        transaction.put_versioned(&AdjustmentItem::from(&after), before.version);
        after.version = before.version + 1;
        if approve {
            self.post(&mut transaction, &after, actor).await?;
        }
        Ok(committed(transaction).await?.then_some(after))
    }

    /// An adjustment.
    pub async fn adjustment(
        &self,
        tenant: &TenantId,
        id: StockAdjustmentId,
    ) -> Result<Option<StockAdjustment>, TableError> {
        let found = self.inventory.table.get_item(adjustment_key(tenant, id), Consistency::Strong).await?;
        found.map(decode).transpose()
    }

    /// A page of those that wait, oldest first.
    pub async fn waiting(
        &self,
        tenant: &TenantId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<StockAdjustment>, TableError> {
        let query = Query::index(GlobalIndex::Gsi1, worklist(tenant)).start(start).limit(limit);
        self.inventory.table.query_items(query).await?.try_map(decode)
    }

    async fn post(
        &self,
        transaction: &mut Transaction,
        adjustment: &StockAdjustment,
        actor: &str,
    ) -> Result<(), StockAdjustmentError> {
        let NewAdjustment { id, location, sku, delta, code, note } = &adjustment.asked;
        let level = self.inventory.valued_level(transaction.tenant(), location, sku).await?;
        let movements = [Movement::StockAdjusted { delta: *delta }];
        let layers = self.inventory.layers_for(transaction.tenant(), &level, &movements).await?;
        let reason =
            note.as_ref().map_or_else(|| code.as_str().to_owned(), |note| format!("{}: {note}", code.as_str()));
        let posting = Posting {
            source: id.to_string(),
            actor: actor.to_owned(),
            reason: Some(reason),
            effective_at: self.clock.now(),
        };
        post_with(transaction, &level, &layers, &movements, &posting)?;
        Ok(())
    }
}

fn same(known: StockAdjustment, asked: &NewAdjustment) -> Result<StockAdjustment, StockAdjustmentError> {
    let different = if (&known.asked.location, &known.asked.sku) != (&asked.location, &asked.sku) {
        Some("item")
    } else if known.asked.delta != asked.delta {
        Some("delta")
    } else if known.asked != *asked {
        Some("reason")
    } else {
        None
    };
    different.map_or(Ok(known), |field| Err(StockAdjustmentError::ExistsWithDifferent(field)))
}

/// What a tenant demands of adjustments.
#[derive(Debug, Serialize, Deserialize)]
struct Rules {
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    approve_above: Option<i64>,
}

fn rules_key(tenant: &TenantId) -> Key {
    Key::tenant(tenant, &["STOCK-RULES"], &["RULES"])
}

impl Entity for Rules {
    const KIND: &'static str = "stock-rules";
    fn key(&self, tenant: &TenantId) -> Key {
        rules_key(tenant)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct AdjustmentItem {
    id: StockAdjustmentId,
    #[serde(rename = "l")]
    location: LocationId,
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "d")]
    delta: i64,
    #[serde(rename = "c")]
    code: ReasonCode,
    #[serde(rename = "why", default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(rename = "st")]
    state: AdjustmentState,
    #[serde(rename = "by")]
    asked_by: String,
    #[serde(rename = "db", default, skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
}

fn adjustment_key(tenant: &TenantId, id: StockAdjustmentId) -> Key {
    Key::tenant(tenant, &["STOCK-ADJUSTMENT", &id.to_string()], &["ADJUSTMENT"])
}

fn worklist(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["STOCK-ADJUSTMENTS", "WAITING"])
}

impl Entity for AdjustmentItem {
    const KIND: &'static str = "stock-adjustment";
    fn key(&self, tenant: &TenantId) -> Key {
        adjustment_key(tenant, self.id)
    }
    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        (self.state == AdjustmentState::Waiting).then(|| worklist(tenant).key(&[&self.id.to_string()]))
    }
}

impl From<&StockAdjustment> for AdjustmentItem {
    fn from(of: &StockAdjustment) -> Self {
        let NewAdjustment { id, location, sku, delta, code, note } = of.asked.clone();
        let (asked_by, decided_by) = (of.asked_by.clone(), of.decided_by.clone());
        Self { id, location, sku, delta, code, note, state: of.state, asked_by, decided_by }
    }
}

fn decode(item: Item) -> Result<StockAdjustment, TableError> {
    let Versioned { value: item, version } = item.decode::<AdjustmentItem>()?;
    let AdjustmentItem { id, location, sku, delta, code, note, state, asked_by, decided_by } = item;
    let asked = NewAdjustment { id, location, sku, delta, code, note };
    Ok(StockAdjustment { asked, state, asked_by, decided_by, version })
}

#[cfg(test)]
mod tests;
