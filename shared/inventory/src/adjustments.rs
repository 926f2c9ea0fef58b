//! Stock adjustments: a correction with a reason code, which a second person approves when it is large.
//!
//! Up to the tenant's limits an adjustment is posted at once; above one of them, it waits until somebody other than who asked
//! approves or rejects it. The document and the movement are one transaction.
//!
//! | access pattern | key |
//! |---|---|
//! | an adjustment | pk `T#t#STOCK-ADJUSTMENT#<id>`, sk `ADJUSTMENT` |
//! | those that wait, by id | gsi1 `T#t#STOCK-ADJUSTMENTS#WAITING`, sk `<id>` |
//! | the limits | pk `T#t#STOCK-RULES`, sk `RULES` |

use crate::movement::{MAX_UNITS, Movement, Posting};
use crate::service::{Inventory, StockError};
use crate::settle::{find, under_way};
use crate::store::post_with;
use crate::{LocationId, Sku};
use kernel::{Clock, TenantId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use table::{
    Consistency, Entity, Item, Key, Page, Partition, Position, TableError, Transaction, Versioned, until_written,
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

impl AdjustmentState {
    /// What may happen to it now.
    #[must_use]
    pub fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Waiting => &["approve", "reject"],
            Self::Posted | Self::Rejected => &[],
        }
    }
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

/// Above what an adjustment needs a second person; without limits none does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRules {
    /// Most units up or down that one person may adjust.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub units: Option<i64>,
    /// Most value up or down, in the currency of the location's company.
    #[serde(rename = "va", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Decimal>,
}

impl ApprovalRules {
    pub(crate) fn exceeded_by(&self, units: i64, value: Decimal) -> bool {
        self.units.is_some_and(|most| units > most) || self.value.is_some_and(|most| value > most)
    }
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
    /// It was posted or rejected already.
    #[error("the adjustment is {0:?}")]
    AlreadyDecided(AdjustmentState),
    /// Who asked cannot approve.
    #[error("somebody other than who asked must decide")]
    SamePerson,
    #[error(transparent)]
    Stock(#[from] StockError),
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

    /// Sets above what adjustments need a second person from now on.
    pub async fn set_rules(&self, tenant: &TenantId, rules: ApprovalRules) -> Result<(), TableError> {
        self.inventory.table.put(tenant, &rules).await
    }

    /// Above what adjustments need a second person.
    pub async fn rules(&self, tenant: &TenantId) -> Result<ApprovalRules, TableError> {
        let found = self.inventory.table.get::<ApprovalRules>(rules_key(tenant), Consistency::Strong).await?;
        Ok(found.map(|found| found.value).unwrap_or_default())
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
        until_written(|| self.try_ask(tenant, actor, asked)).await
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
        let rules = found.next().flatten().map(Item::decode::<ApprovalRules>).transpose()?;
        let rules = rules.map(|rules| rules.value).unwrap_or_default();
        let (asked_by, state) = (actor.to_owned(), AdjustmentState::Posted);
        let mut adjustment = StockAdjustment { asked: asked.clone(), state, asked_by, decided_by: None, version: 1 };
        let mut transaction = self.inventory.table.transaction(tenant);
        let units = asked.delta.abs();
        let waits = rules.exceeded_by(units, Decimal::ZERO)
            || rules.exceeded_by(units, self.post(&mut transaction, &adjustment, actor).await?);
        if waits {
            adjustment.state = AdjustmentState::Waiting;
            // Nothing is posted yet.
            transaction = self.inventory.table.transaction(tenant);
        }
        transaction.create(&AdjustmentItem::from(&adjustment));
        Ok(transaction.commit_if_current().await?.then_some(adjustment))
    }

    /// Approves or rejects an adjustment that waits. Deciding it again the same way gives it as it stands.
    pub async fn decide(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: StockAdjustmentId,
        approve: bool,
    ) -> Result<StockAdjustment, StockAdjustmentError> {
        until_written(|| self.try_decide(tenant, actor, id, approve)).await
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
        Ok(transaction.commit_if_current().await?.then_some(after))
    }

    /// An adjustment.
    pub async fn adjustment(
        &self,
        tenant: &TenantId,
        id: StockAdjustmentId,
    ) -> Result<Option<StockAdjustment>, TableError> {
        find(&self.inventory.table, adjustment_key(tenant, id), decode).await
    }

    /// A page of those that wait, by id.
    pub async fn waiting(
        &self,
        tenant: &TenantId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<StockAdjustment>, TableError> {
        under_way(&self.inventory.table, worklist(tenant), (start, limit), decode).await
    }

    /// Gives the value that was added or taken away.
    async fn post(
        &self,
        transaction: &mut Transaction,
        adjustment: &StockAdjustment,
        actor: &str,
    ) -> Result<Decimal, StockAdjustmentError> {
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
        let after = post_with(transaction, &level, &layers, &movements, &posting)?;
        Ok((after.value() - level.value()).abs())
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

fn rules_key(tenant: &TenantId) -> Key {
    Key::tenant(tenant, &["STOCK-RULES"], &["RULES"])
}

impl Entity for ApprovalRules {
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
