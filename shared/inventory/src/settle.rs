//! The one way in which a document (a reservation, a transfer, a shipment) and the stock it moves are written together.
//!
//! Read the document and the levels, decide, write all in one transaction under the versions that were read; when others
//! were first, wait a moment and begin again. The document that is there already is the answer.

use crate::service::StockError;
use kernel::Backoff;
use std::time::Duration;
use table::{TableError, Transaction, TransactionError};

/// Documents that move the same item are serialised by its version. The loser begins again, this often. The waits grow
/// until even a crowd is spread so thin that most find nobody else between their read and their write; all together
/// they end well before the function's time does.
const CONTENTION: Backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_secs(2), 10);

/// Counts how often others were first.
#[derive(Debug, Default)]
pub struct Attempts(u32);

impl Attempts {
    /// Waits before the next attempt, or says that there was contention enough.
    pub async fn lost(&mut self) -> Result<(), StockError> {
        self.0 += 1;
        let wait = CONTENTION.delay(self.0, &mut fastrand::Rng::new()).ok_or(StockError::Contended)?;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Whether it was written; not, when what was read is not how things are any more.
pub async fn committed(transaction: Transaction) -> Result<bool, TableError> {
    match transaction.commit().await {
        Ok(()) => Ok(true),
        Err(
            TransactionError::Conditions(_)
            | TransactionError::TokenReused
            | TransactionError::Table(TableError::Conflict(_)),
        ) => Ok(false),
        Err(TransactionError::Table(error)) => Err(error),
    }
}
