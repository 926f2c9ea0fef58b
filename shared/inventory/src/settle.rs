//! What the documents of stock (reservations, transfers, counts, adjustments, movements) have in common: each is found by
//! its key, those under way are a list, and each is written in one transaction with the stock it moves
//! ([`table::until_written`]), so that what goes wrong with stock goes wrong with them.

use crate::adjustments::StockAdjustmentError;
use crate::counts::CountError;
use crate::level::Refusal;
use crate::movements::MovementError;
use crate::reservations::ReservationError;
use crate::service::{BackorderError, StockError};
use crate::transfers::TransferError;
use table::{Consistency, Contended, GlobalIndex, Item, Key, Page, Partition, Position, Query, Table, TableError};

/// Reads a document from its item.
type Decode<T> = fn(Item) -> Result<T, TableError>;

/// A document.
pub(crate) async fn find<T>(table: &Table, key: Key, decode: Decode<T>) -> Result<Option<T>, TableError> {
    table.get_item(key, Consistency::Strong).await?.map(decode).transpose()
}

/// A page of the documents of a worklist, oldest first.
pub(crate) async fn under_way<T>(
    table: &Table,
    worklist: Partition,
    (start, limit): (Option<Position>, usize),
    decode: Decode<T>,
) -> Result<Page<T>, TableError> {
    let query = Query::index(GlobalIndex::Gsi1, worklist).start(start).limit(limit);
    table.query_items(query).await?.try_map(decode)
}

impl From<Contended> for StockError {
    fn from(_: Contended) -> Self {
        Self::Contended
    }
}

macro_rules! fails_as_stock_does {
    ($($error:ty),+) => {$(
        impl From<TableError> for $error {
            fn from(error: TableError) -> Self {
                Self::Stock(error.into())
            }
        }
        impl From<Refusal> for $error {
            fn from(refusal: Refusal) -> Self {
                Self::Stock(refusal.into())
            }
        }
        impl From<Contended> for $error {
            fn from(contended: Contended) -> Self {
                Self::Stock(contended.into())
            }
        }
    )+};
}

fails_as_stock_does!(ReservationError, TransferError, CountError, StockAdjustmentError, MovementError, BackorderError);
