//! Use cases of transfers: draft, approve, send, receive in parts, end.
//!
//! A step writes the transfer and everything it moves in one transaction. Units on the way are stock of a location of the
//! transfer's own, with their value, so that quantity and value are somewhere at every moment; what arrives carries the share
//! of the value that left, and the last unit the rest of it.
//!
//! | access pattern | key |
//! |---|---|
//! | a transfer | pk `T#t#TRANSFER#<id>`, sk `TRANSFER` |
//! | transfers that are under way, by id | gsi1 `T#t#TRANSFERS#OPEN`, sk `<id>` |
//! | what is on the way | levels of the location `~<id>` |
//! | what was on the way of a company at an instant | gsi2 `T#t#COMPANY#<company>#TRANSFERS`, sk `<end, microseconds, 18 digits>#<id>`, from the instant on |

use crate::company::Belonging;
use crate::level::{Cost, Level};
use crate::movement::{Condition, Movement, Posting};
use crate::service::{Inventory, StockError};
use crate::settle::{find, under_way};
use crate::store::post_with;
use crate::transfer::{
    Transfer, TransferEffect, TransferId, TransferLine, TransferRefused, TransferState, TransferStep,
};
use crate::valuation::{Method, Policy};
use crate::value::Worth;
use crate::{CompanyId, LocationId, Sku};
use futures::future::try_join_all;
use kernel::{Clock, TenantId, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use table::{
    Consistency, Entity, GlobalIndex, Item, Key, Page, Partition, Position, Query, TableError, Transaction, Versioned,
    until_written,
};

/// Transfers whose goods are valued at the same time: each has up to sixteen items.
const TRANSFERS: usize = 10;

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error("there is no such transfer")]
    NotFound,
    /// `exists_with_different_<field>`: the id belongs to another transfer.
    #[error("the transfer exists with different {0}")]
    ExistsWithDifferent(&'static str),
    /// It is not at the version the caller saw.
    #[error("the transfer has changed; it is at version {0}")]
    Stale(u64),
    #[error(transparent)]
    Refused(#[from] TransferRefused),
    #[error(transparent)]
    Stock(#[from] StockError),
}

/// Transfers of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Transfers {
    inventory: Inventory,
    clock: Arc<dyn Clock>,
}

impl Transfers {
    /// Over this stock.
    pub fn new(inventory: Inventory, clock: Arc<dyn Clock>) -> Self {
        Self { inventory, clock }
    }

    /// Drafts a transfer; it moves nothing yet. Drafting the same one again gives it as it stands.
    pub async fn draft(&self, tenant: &TenantId, mut draft: Transfer) -> Result<Transfer, TransferError> {
        self.company_of_both(tenant, &draft).await?;
        match self.inventory.table.create(tenant, &TransferItem::from(&draft)).await {
            Ok(()) => {
                draft.version = 1;
                Ok(draft)
            }
            Err(TableError::ConditionFailed { old: Some(old) }) => {
                let known = decode(old)?;
                let lines = |transfer: &Transfer| {
                    transfer.lines.iter().map(|line| (line.sku.clone(), line.quantity)).collect::<Vec<_>>()
                };
                if (&known.from, &known.to) != (&draft.from, &draft.to) {
                    Err(TransferError::ExistsWithDifferent("locations"))
                } else if lines(&known) != lines(&draft) {
                    Err(TransferError::ExistsWithDifferent("lines"))
                } else {
                    Ok(known)
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The company both places belong to, if they do to one: value cannot leave a company without a sale.
    async fn company_of_both(
        &self,
        tenant: &TenantId,
        transfer: &Transfer,
    ) -> Result<Option<CompanyId>, TransferError> {
        let keys = [&transfer.from, &transfer.to].map(|location| Belonging::key_of(tenant, location));
        let mut companies = Vec::new();
        for item in self.inventory.table.get_many(&keys, Consistency::Strong).await? {
            companies
                .push(item.map(|item| Ok::<_, TableError>(item.decode::<Belonging>()?.value.company)).transpose()?);
        }
        if companies.first() != companies.last() {
            return Err(TransferRefused::Companies.into());
        }
        Ok(companies.pop().flatten())
    }

    /// What was on the way between places of a company at `instant`, or of one item of it: that of some transfers.
    pub async fn on_the_way(
        &self,
        tenant: &TenantId,
        (company, sku): (&CompanyId, Option<&Sku>),
        instant: Timestamp,
        start: Option<Position>,
    ) -> Result<Page<Worth>, TableError> {
        let not_ended = Query::index(GlobalIndex::Gsi2, of_company(tenant, company)).at_least(&[&end(Some(instant))]);
        let page = self.inventory.table.query::<TransferItem>(not_ended.start(start).limit(TRANSFERS)).await?;
        let mut places: Vec<(LocationId, Sku)> = Vec::new();
        for transfer in page.items.into_iter().map(Transfer::from) {
            let lines = transfer.lines.iter().map(|line| &line.sku).filter(|of| sku.is_none_or(|sku| sku == *of));
            places.extend(lines.map(|sku| (transfer.way(), sku.clone())));
        }
        let worth = places.iter().map(|(way, sku)| self.inventory.worth(tenant, (way, sku), instant));
        Ok(Page { items: try_join_all(worth).await?, next: page.next })
    }

    /// A transfer.
    pub async fn transfer(&self, tenant: &TenantId, id: TransferId) -> Result<Option<Transfer>, TableError> {
        find(&self.inventory.table, transfer_key(tenant, id), decode).await
    }

    /// A page of the transfers that are under way, by id.
    pub async fn open(
        &self,
        tenant: &TenantId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Transfer>, TableError> {
        under_way(&self.inventory.table, worklist(tenant), (start, limit), decode).await
    }

    /// Takes a step of the transfer as the caller saw it, so that the same step sent again is stale and not taken twice.
    pub async fn step(
        &self,
        tenant: &TenantId,
        actor: &str,
        (id, seen): (TransferId, u64),
        step: &TransferStep,
    ) -> Result<Transfer, TransferError> {
        until_written(|| self.try_step(tenant, actor, (id, seen), step)).await
    }

    /// `None` when others moved the same stock first.
    async fn try_step(
        &self,
        tenant: &TenantId,
        actor: &str,
        (id, seen): (TransferId, u64),
        step: &TransferStep,
    ) -> Result<Option<Transfer>, TransferError> {
        let mut transfer = self.transfer(tenant, id).await?.ok_or(TransferError::NotFound)?;
        if transfer.version != seen {
            return Err(TransferError::Stale(transfer.version));
        }
        let effects = transfer.apply(step)?;
        let now = self.clock.now();
        if transfer.state == TransferState::InTransit && transfer.company.is_none() {
            transfer.company = self.company_of_both(tenant, &transfer).await?;
        }
        transfer.ended_at = transfer.state.is_over().then_some(now);
        let posting = Posting { source: id.to_string(), actor: actor.to_owned(), reason: None, effective_at: now };
        let mut transaction = self.inventory.table.transaction(tenant);
        transaction.put_versioned(&TransferItem::from(&transfer), seen);
        for effect in effects {
            let mut moving = Moving { inventory: &self.inventory, transaction: &mut transaction, posting: &posting };
            moving.carry_out(&transfer, effect).await?;
        }
        transfer.version = seen + 1;
        Ok(transaction.commit_if_current().await?.then_some(transfer))
    }
}

/// Puts what one effect moves into the transaction of its step.
struct Moving<'a> {
    inventory: &'a Inventory,
    transaction: &'a mut Transaction,
    posting: &'a Posting,
}

impl Moving<'_> {
    async fn carry_out(&mut self, transfer: &Transfer, effect: TransferEffect) -> Result<(), TransferError> {
        let (from, to, way) = (&transfer.from, &transfer.to, transfer.way());
        match effect {
            TransferEffect::Commit(sku, quantity) => self.one(from, &sku, Movement::Committed { quantity }).await,
            TransferEffect::Release(sku, quantity) => self.one(from, &sku, Movement::Released { quantity }).await,
            TransferEffect::Send(sku, quantity) => {
                let source = self.level(from, &sku).await?;
                let leaving = Movement::TransferPosted { delta: -quantity, settles: quantity, value: None };
                let gone = self.post(&source, &[leaving]).await?;
                let on_the_way = on_the_way(&source, &way);
                let arriving =
                    Movement::TransferPosted { delta: quantity, settles: 0, value: value_between(&source, &gone) };
                self.post(&on_the_way, &[arriving]).await?;
                self.one(to, &sku, Movement::Announced { delta: quantity }).await
            }
            TransferEffect::Receive(sku, expected, overage) => {
                let mut arriving = Vec::new();
                if expected > 0 {
                    let value = self.leave_the_way(&way, &sku, expected).await?;
                    arriving.push(Movement::TransferPosted { delta: expected, settles: expected, value });
                }
                if overage > 0 {
                    arriving.push(Movement::StockAdjusted { delta: overage });
                }
                let level = self.level(to, &sku).await?;
                self.post(&level, &arriving).await.map(drop)
            }
            TransferEffect::Return(sku, quantity) => {
                let value = self.leave_the_way(&way, &sku, quantity).await?;
                self.one(from, &sku, Movement::TransferPosted { delta: quantity, settles: 0, value }).await?;
                self.one(to, &sku, Movement::Announced { delta: -quantity }).await
            }
            TransferEffect::WriteOff(sku, quantity) => {
                let lost = Movement::WrittenOff { quantity, condition: Condition::Sellable };
                self.one(&way, &sku, lost).await?;
                self.one(to, &sku, Movement::Announced { delta: -quantity }).await
            }
        }
    }

    /// Takes units off the way; gives their value.
    async fn leave_the_way(
        &mut self,
        way: &LocationId,
        sku: &Sku,
        quantity: i64,
    ) -> Result<Option<Decimal>, TransferError> {
        let before = self.level(way, sku).await?;
        let leaving = Movement::TransferPosted { delta: -quantity, settles: 0, value: None };
        let after = self.post(&before, &[leaving]).await?;
        Ok(value_between(&before, &after))
    }

    async fn one(&mut self, location: &LocationId, sku: &Sku, movement: Movement) -> Result<(), TransferError> {
        let level = self.level(location, sku).await?;
        self.post(&level, &[movement]).await.map(drop)
    }

    async fn level(&self, location: &LocationId, sku: &Sku) -> Result<Level, TransferError> {
        Ok(self.inventory.valued_level(self.transaction.tenant(), location, sku).await?)
    }

    async fn post(&mut self, level: &Level, movements: &[Movement]) -> Result<Level, TransferError> {
        let layers = self.inventory.layers_for(self.transaction.tenant(), level, movements).await?;
        Ok(post_with(self.transaction, level, &layers, movements, self.posting)?)
    }
}

/// The level of goods on the way, which nobody but their transfer moves: they keep what they cost at the source.
fn on_the_way(source: &Level, way: &LocationId) -> Level {
    let policy = |cost: Cost| Policy { method: Method::MovingAverage, negative: false, ..cost.policy };
    let cost = source.cost.map(|cost| Cost::starting(policy(cost)));
    Level { cost, ..Level::empty(source.sku.clone(), way.clone()) }
}

/// The value that left a level.
fn value_between(before: &Level, after: &Level) -> Option<Decimal> {
    after.cost.map(|after| before.value() - after.value)
}

#[derive(Debug, Serialize, Deserialize)]
struct TransferItem {
    id: TransferId,
    #[serde(rename = "f")]
    from: LocationId,
    #[serde(rename = "t")]
    to: LocationId,
    #[serde(rename = "ln")]
    lines: Vec<TransferLine>,
    #[serde(rename = "st")]
    state: TransferState,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    company: Option<CompanyId>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

fn transfer_key(tenant: &TenantId, id: TransferId) -> Key {
    Key::tenant(tenant, &["TRANSFER", &id.to_string()], &["TRANSFER"])
}

fn worklist(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["TRANSFERS", "OPEN"])
}

/// Transfers of a company that were sent, by their end.
fn of_company(tenant: &TenantId, company: &CompanyId) -> Partition {
    Partition::tenant(tenant, &["COMPANY", company.as_str(), "TRANSFERS"])
}

/// In microseconds; after all others when it is not known yet.
fn end(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "9".repeat(18), |at| format!("{:018}", at.as_microsecond().max(0)))
}

impl Entity for TransferItem {
    const KIND: &'static str = "transfer";

    fn key(&self, tenant: &TenantId) -> Key {
        transfer_key(tenant, self.id)
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        (!self.state.is_over()).then(|| worklist(tenant).key(&[&self.id.to_string()]))
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        let company = self.company.as_ref()?;
        Some(of_company(tenant, company).key(&[&end(self.ended_at), &self.id.to_string()]))
    }
}

impl From<&Transfer> for TransferItem {
    fn from(of: &Transfer) -> Self {
        let Transfer { id, from, to, lines, state, company, ended_at, .. } = of.clone();
        Self { id, from, to, lines, state, company, ended_at }
    }
}

fn decode(item: Item) -> Result<Transfer, TableError> {
    item.decode().map(Transfer::from)
}

impl From<Versioned<TransferItem>> for Transfer {
    fn from(stored: Versioned<TransferItem>) -> Self {
        let TransferItem { id, from, to, lines, state, company, ended_at } = stored.value;
        Self { id, from, to, lines, state, company, ended_at, version: stored.version }
    }
}

#[cfg(test)]
mod tests;
