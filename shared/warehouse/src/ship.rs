//! Use cases of shipping: fill an instruction, look at the log.

use inventory::store::post;
use inventory::{Level, Movement, Posting, Refusal, StockError};
use kernel::{Context, TenantId};
use table::{Consistency, Contended, Key, Page, Position, TableError, Transaction, until_written};

use crate::Warehouse;
use crate::shipment::{Instruction, Shipment, ShipmentId, ShipmentStatus};
use crate::store::{ShipmentItem, shipment_key, shipments};

/// The log entry of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shipped {
    /// It was written now.
    New(Shipment),
    /// The instruction came before; this is what came of it then.
    Replayed(Shipment),
}

/// Why an instruction has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// There is a shipment with this id that was instructed otherwise.
    #[error("the shipment id was used for another instruction")]
    Reused,
    /// The stock could not be moved.
    #[error(transparent)]
    Stock(#[from] StockError),
}

impl From<TableError> for ShipError {
    fn from(error: TableError) -> Self {
        Self::Stock(error.into())
    }
}

impl From<Contended> for ShipError {
    fn from(contended: Contended) -> Self {
        Self::Stock(contended.into())
    }
}

impl Warehouse {
    /// Fills the instruction, or rejects it when a line is short. Of the same instruction sent several times, also at
    /// the same time, one is filled. Too little stock is an outcome, not an error.
    pub async fn ship(
        &self,
        tenant: &TenantId,
        actor: &str,
        instruction: &Instruction,
        cause: &Context,
    ) -> Result<Shipped, ShipError> {
        until_written(|| self.try_ship(tenant, actor, instruction, cause)).await
    }

    /// `None` when others were first.
    async fn try_ship(
        &self,
        tenant: &TenantId,
        actor: &str,
        instruction: &Instruction,
        cause: &Context,
    ) -> Result<Option<Shipped>, ShipError> {
        let skus = instruction.lines.iter().map(|line| &line.sku);
        let (known, levels) = self.read(tenant, shipment_key(tenant, instruction.id), skus).await?;
        if let Some(item) = known {
            let shipment = Shipment::from(item.decode::<ShipmentItem>()?.value);
            return if shipment.answers(instruction) {
                Ok(Some(Shipped::Replayed(shipment)))
            } else {
                Err(ShipError::Reused)
            };
        }
        let posting = Posting {
            source: instruction.id.to_string(),
            actor: actor.to_owned(),
            reason: None,
            effective_at: self.clock.now(),
        };
        let mut transaction = self.table.transaction(tenant);
        let (status, levels) = if instruction.is_filled_by(&levels) {
            let issued = issue(&mut transaction, instruction, &levels, &posting).map_err(StockError::from)?;
            (ShipmentStatus::Shipped, issued)
        } else {
            (ShipmentStatus::Rejected, levels)
        };
        let shipment = instruction.ended(status, &levels, posting.effective_at);
        transaction.create(&ShipmentItem::from(&shipment));
        transaction.event(&shipment.event(tenant, &*self.clock).caused_by(cause));
        Ok(transaction.commit_if_current().await?.then_some(Shipped::New(shipment)))
    }

    /// An entry of the log.
    pub async fn shipment(&self, tenant: &TenantId, id: ShipmentId) -> Result<Option<Shipment>, TableError> {
        let found = self.table.get::<ShipmentItem>(shipment_key(tenant, id), Consistency::Eventual).await?;
        Ok(found.map(|found| found.value.into()))
    }

    /// A page of the log, newest first.
    pub async fn shipments(
        &self,
        tenant: &TenantId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Shipment>, TableError> {
        let query = shipments(tenant).backward().start(start).limit(limit);
        self.table.query::<ShipmentItem>(query).await?.try_map(|found| Ok(found.value.into()))
    }

    /// Whether the table answers.
    pub async fn ping(&self, tenant: &TenantId) -> Result<(), TableError> {
        let nothing = Key::tenant(tenant, &["PING"], &["PING"]);
        self.table.get_item(nothing, Consistency::Eventual).await.map(drop)
    }
}

/// Takes every line out of stock; gives the levels after it.
fn issue(
    transaction: &mut Transaction,
    instruction: &Instruction,
    levels: &[Level],
    posting: &Posting,
) -> Result<Vec<Level>, Refusal> {
    let lines = instruction.lines.iter().zip(levels);
    lines
        .map(|(line, level)| post(transaction, level, &[Movement::Issued { quantity: line.quantity }], posting))
        .collect()
}

#[cfg(test)]
mod tests;
