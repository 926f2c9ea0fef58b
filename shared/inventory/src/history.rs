//! Use cases of the ledger: pages of it, the balances as of an instant, and the proof from its first entry.

use crate::ledger::{Broken, Entry, Rebuild};
use crate::level::Level;
use crate::service::{Inventory, StockError};
use crate::store::{EntryItem, LayerItem, layers, ledger, ledger_as_of};
use crate::{LocationId, Sku};
use kernel::{TenantId, Timestamp};
use rust_decimal::Decimal;
use table::{Consistency, Page, Position, TableError};

/// Entries read at a time when a ledger is replayed.
const REPLAY_PAGE: usize = 500;

impl Inventory {
    /// A page of a level's ledger, oldest first.
    pub async fn ledger(
        &self,
        tenant: &TenantId,
        location: &LocationId,
        sku: &Sku,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Entry>, TableError> {
        let query = ledger(tenant, location, sku).start(start).limit(limit);
        let page = self.table.query::<EntryItem>(query.consistency(Consistency::Strong)).await?;
        page.try_map(|entry| entry.value.try_into())
    }

    /// The last entry that counts at `time`, with the balances and the value after it; of several at that very
    /// microsecond the last up to `seq`. `None` before the first. One read, whatever the length of the ledger.
    pub async fn as_of(
        &self,
        tenant: &TenantId,
        at: (&LocationId, &Sku),
        time: Timestamp,
        seq: Option<u64>,
    ) -> Result<Option<Entry>, TableError> {
        let query = ledger_as_of(tenant, at, time, seq).consistency(Consistency::Strong);
        let page = self.table.query::<EntryItem>(query).await?;
        page.items.into_iter().next().map(|entry| entry.value.try_into()).transpose()
    }

    /// The entry with this time and sequence.
    pub async fn entry(
        &self,
        tenant: &TenantId,
        at: (&LocationId, &Sku),
        (time, seq): (Timestamp, u64),
    ) -> Result<Option<Entry>, TableError> {
        let found = self.as_of(tenant, at, time, Some(seq)).await?;
        Ok(found.filter(|entry| entry.seq == seq))
    }

    /// Proves a level from the first entry of its ledger, and its cost layers. Repairs nothing.
    pub async fn prove(&self, tenant: &TenantId, location: &LocationId, sku: &Sku) -> Result<Level, StockError> {
        Ok(self.rebuild(tenant, (location, sku), None).await?.0)
    }

    /// As [`Inventory::prove`]; the replay also says what it found as of `instant`.
    pub async fn rebuild(
        &self,
        tenant: &TenantId,
        (location, sku): (&LocationId, &Sku),
        instant: Option<Timestamp>,
    ) -> Result<(Level, Rebuild), StockError> {
        let level = self.level(tenant, location, sku).await?;
        let mut rebuild = Rebuild::new(instant);
        let mut start = None;
        loop {
            let page = self.ledger(tenant, location, sku, start, REPLAY_PAGE).await?;
            // Entries posted after the level was read are not its proof.
            for entry in page.items.iter().filter(|entry| entry.seq <= level.seq) {
                rebuild.follow(entry)?;
            }
            start = page.next;
            if start.is_none() {
                break;
            }
        }
        rebuild.proof.matches(&level)?;
        self.prove_layers(tenant, &level).await?;
        Ok((level, rebuild))
    }

    /// Layers hold what is on hand, units and value; of a level that others are moving right now nothing is proved.
    async fn prove_layers(&self, tenant: &TenantId, level: &Level) -> Result<(), StockError> {
        let Some(cost) = level.cost.filter(|cost| cost.policy.method.has_layers()) else { return Ok(()) };
        let query = layers(tenant, &level.location, &level.sku).consistency(Consistency::Strong).limit(REPLAY_PAGE);
        let found = self.table.query_all::<LayerItem>(query).await?;
        let (mut quantity, mut value) = (0, Decimal::ZERO);
        for layer in found.into_iter().map(|item| crate::valuation::Layer::from(item.value)) {
            quantity += layer.quantity;
            value += layer.value;
        }
        let expected = if level.on_hand > 0 { (level.on_hand, cost.value) } else { (0, Decimal::ZERO) };
        if (quantity, value) == expected
            || self.level(tenant, &level.location, &level.sku).await?.version != level.version
        {
            return Ok(());
        }
        Err(Broken::Layers { quantity, value }.into())
    }
}

#[cfg(test)]
mod tests;
