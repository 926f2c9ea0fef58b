//! Use cases of cycle counts: freeze, enter, submit, decide, cancel.
//!
//! Starting a count freezes its levels, posting or cancelling it lets them go; each is one transaction with the count. A
//! level is in one count at a time. Above the tenant's limits what was counted waits for somebody who did not count.
//!
//! | access pattern | key |
//! |---|---|
//! | a count | pk `T#t#COUNT#<id>`, sk `COUNT` |
//! | counts that are under way, by id | gsi1 `T#t#COUNTS#OPEN`, sk `<id>` |
//! | the limits | pk `T#t#STOCK-RULES`, sk `COUNTS` |

use crate::adjustments::ApprovalRules;
use crate::count::{Count, CountId, CountLine, CountRefused, CountState, MAX_ITEMS};
use crate::level::Refusal;
use crate::movement::{Movement, Posting};
use crate::service::{Inventory, StockError};
use crate::settle::{find, under_way};
use crate::store::{post_with, put_level};
use crate::{LocationId, Sku};
use kernel::{Clock, TenantId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use table::{
    Consistency, Entity, Item, Key, Page, Partition, Position, TableError, Transaction, Versioned, until_written,
};

/// What is to be counted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCount {
    pub id: CountId,
    pub location: LocationId,
    /// 1 to [`MAX_ITEMS`], no item twice.
    pub items: Vec<Sku>,
    pub blind: bool,
    /// Units a first figure may be off without being counted again.
    pub tolerance: i64,
}

/// What happens to a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountStep {
    /// These figures were counted.
    Enter(Vec<(Sku, i64)>),
    /// Everything was counted: post it, let it wait, or count some again.
    Submit,
    /// What waits is approved, or counted again from the beginning.
    Decide {
        approve: bool,
    },
    Cancel,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    #[error("there is no such count")]
    NotFound,
    /// `exists_with_different_<field>`: the id belongs to another count.
    #[error("the count exists with different {0}")]
    ExistsWithDifferent(&'static str),
    /// It is not at the version the caller saw.
    #[error("the count has changed; it is at version {0}")]
    Stale(u64),
    #[error(transparent)]
    Refused(#[from] CountRefused),
    #[error(transparent)]
    Stock(#[from] StockError),
}

/// Counts of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Counts {
    inventory: Inventory,
    clock: Arc<dyn Clock>,
}

impl Counts {
    /// Over this stock.
    pub fn new(inventory: Inventory, clock: Arc<dyn Clock>) -> Self {
        Self { inventory, clock }
    }

    /// Sets above what counts need somebody who did not count, from now on. Both limits are of a whole count: what its items
    /// are off, up and down.
    pub async fn set_rules(&self, tenant: &TenantId, rules: ApprovalRules) -> Result<(), TableError> {
        self.inventory.table.put(tenant, &CountRules(rules)).await
    }

    /// Above what counts need somebody who did not count.
    pub async fn rules(&self, tenant: &TenantId) -> Result<ApprovalRules, TableError> {
        let found = self.inventory.table.get::<CountRules>(rules_key(tenant), Consistency::Strong).await?;
        Ok(found.map(|found| found.value.0).unwrap_or_default())
    }

    /// Freezes the items and starts to count them. Starting the same count again gives it as it stands.
    pub async fn start(&self, tenant: &TenantId, new: &NewCount) -> Result<Count, CountError> {
        let repeated = |n: usize| new.items.iter().take(n).any(|sku| new.items.get(n) == Some(sku));
        if !(1..=MAX_ITEMS).contains(&new.items.len()) || (0..new.items.len()).any(repeated) {
            return Err(CountRefused::Items.into());
        }
        if !(0..=crate::MAX_UNITS).contains(&new.tolerance) {
            return Err(CountRefused::Figure.into());
        }
        until_written(|| self.try_start(tenant, new)).await
    }

    /// `None` when others were first.
    async fn try_start(&self, tenant: &TenantId, new: &NewCount) -> Result<Option<Count>, CountError> {
        if let Some(known) = self.count(tenant, new.id).await? {
            return same(known, new).map(Some);
        }
        let mut transaction = self.inventory.table.transaction(tenant);
        let mut lines = Vec::with_capacity(new.items.len());
        for sku in &new.items {
            let mut level = self.inventory.level(tenant, &new.location, sku).await?;
            if let Some(other) = level.frozen_by {
                return Err(Refusal::Frozen(other).into());
            }
            level.frozen_by = Some(new.id.to_string());
            put_level(&mut transaction, &level);
            lines.push(CountLine { sku: sku.clone(), expected: level.on_hand, first: None, second: None });
        }
        let count = Count {
            id: new.id,
            location: new.location.clone(),
            blind: new.blind,
            tolerance: new.tolerance,
            lines,
            state: CountState::Open,
            counted_by: BTreeSet::new(),
            approved_by: None,
            version: 1,
        };
        transaction.create(&CountItem::from(&count));
        Ok(transaction.commit_if_current().await?.then_some(count))
    }

    /// A count.
    pub async fn count(&self, tenant: &TenantId, id: CountId) -> Result<Option<Count>, TableError> {
        find(&self.inventory.table, count_key(tenant, id), decode).await
    }

    /// A page of the counts that are under way, by id.
    pub async fn open(
        &self,
        tenant: &TenantId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Count>, TableError> {
        under_way(&self.inventory.table, worklist(tenant), (start, limit), decode).await
    }

    /// Takes a step of the count as the caller saw it.
    pub async fn step(
        &self,
        tenant: &TenantId,
        actor: &str,
        (id, seen): (CountId, u64),
        step: &CountStep,
    ) -> Result<Count, CountError> {
        until_written(|| self.try_step(tenant, actor, (id, seen), step)).await
    }

    /// `None` when others made promises of the same stock first.
    async fn try_step(
        &self,
        tenant: &TenantId,
        actor: &str,
        (id, seen): (CountId, u64),
        step: &CountStep,
    ) -> Result<Option<Count>, CountError> {
        let mut count = self.count(tenant, id).await?.ok_or(CountError::NotFound)?;
        if count.version != seen {
            return Err(CountError::Stale(count.version));
        }
        match step {
            CountStep::Enter(figures) => count.enter(figures)?,
            CountStep::Submit => drop(count.submit()?),
            CountStep::Decide { approve } => count.decide(actor, *approve)?,
            CountStep::Cancel => count.cancel()?,
        }
        if matches!(step, CountStep::Enter(_) | CountStep::Submit) {
            count.counted_by.insert(actor.to_owned());
        }
        let mut transaction = self.inventory.table.transaction(tenant);
        if count.is_over() {
            let value = self.let_go(&mut transaction, &count, actor).await?;
            if *step == CountStep::Submit && self.rules(tenant).await?.exceeded_by(count.off(), value) {
                count.wait();
                // Nothing is posted yet.
                transaction = self.inventory.table.transaction(tenant);
            }
        }
        transaction.put_versioned(&CountItem::from(&count), seen);
        count.version = seen + 1;
        Ok(transaction.commit_if_current().await?.then_some(count))
    }

    /// Lets the levels go, set to what was counted when the count is posted. Gives the value that was added and taken away.
    async fn let_go(&self, transaction: &mut Transaction, count: &Count, actor: &str) -> Result<Decimal, CountError> {
        let (tenant, source) = (transaction.tenant().clone(), count.id.to_string());
        let posting = Posting { source, actor: actor.to_owned(), reason: None, effective_at: self.clock.now() };
        let mut moved = Decimal::ZERO;
        for line in &count.lines {
            let mut level = self.inventory.valued_level(&tenant, &count.location, &line.sku).await?;
            level.frozen_by = None;
            let counted = line.counted().filter(|_| count.state == CountState::Posted);
            let Some(on_hand) = counted.filter(|counted| *counted != level.on_hand || level.seq == 0) else {
                put_level(transaction, &level);
                continue;
            };
            let movements = [Movement::Counted { on_hand }];
            let layers = self.inventory.layers_for(&tenant, &level, &movements).await?;
            let after = post_with(transaction, &level, &layers, &movements, &posting)?;
            moved += (after.value() - level.value()).abs();
        }
        Ok(moved)
    }
}

fn same(known: Count, new: &NewCount) -> Result<Count, CountError> {
    if known.location != new.location {
        Err(CountError::ExistsWithDifferent("location"))
    } else if !known.lines.iter().map(|line| &line.sku).eq(&new.items) {
        Err(CountError::ExistsWithDifferent("items"))
    } else if (known.blind, known.tolerance) != (new.blind, new.tolerance) {
        Err(CountError::ExistsWithDifferent("rules"))
    } else {
        Ok(known)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct CountItem {
    id: CountId,
    #[serde(rename = "l")]
    location: LocationId,
    #[serde(rename = "bl", default, skip_serializing_if = "std::ops::Not::not")]
    blind: bool,
    #[serde(rename = "to")]
    tolerance: i64,
    #[serde(rename = "ln")]
    lines: Vec<CountLine>,
    #[serde(rename = "st")]
    state: CountState,
    #[serde(rename = "by", default, skip_serializing_if = "BTreeSet::is_empty")]
    counted_by: BTreeSet<String>,
    #[serde(rename = "ap", default, skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
}

/// Limits of counts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct CountRules(ApprovalRules);

impl Entity for CountRules {
    const KIND: &'static str = "count-rules";
    fn key(&self, tenant: &TenantId) -> Key {
        rules_key(tenant)
    }
}

fn rules_key(tenant: &TenantId) -> Key {
    Key::tenant(tenant, &["STOCK-RULES"], &["COUNTS"])
}

fn count_key(tenant: &TenantId, id: CountId) -> Key {
    Key::tenant(tenant, &["COUNT", &id.to_string()], &["COUNT"])
}

fn worklist(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["COUNTS", "OPEN"])
}

impl Entity for CountItem {
    const KIND: &'static str = "stock-count";

    fn key(&self, tenant: &TenantId) -> Key {
        count_key(tenant, self.id)
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let over = matches!(self.state, CountState::Posted | CountState::Cancelled);
        (!over).then(|| worklist(tenant).key(&[&self.id.to_string()]))
    }
}

impl From<&Count> for CountItem {
    fn from(of: &Count) -> Self {
        let Count { id, location, blind, tolerance, lines, state, counted_by, approved_by, .. } = of.clone();
        Self { id, location, blind, tolerance, lines, state, counted_by, approved_by }
    }
}

fn decode(item: Item) -> Result<Count, TableError> {
    let Versioned { value: item, version } = item.decode::<CountItem>()?;
    let CountItem { id, location, blind, tolerance, lines, state, counted_by, approved_by } = item;
    Ok(Count { id, location, blind, tolerance, lines, state, counted_by, approved_by, version })
}

#[cfg(test)]
mod tests;
