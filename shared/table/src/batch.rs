//! Writes of many items that need no condition and no transaction: imports, copies, cleaning up.
//!
//! Every item is written on its own; when the writer fails, some are and some are not.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use kernel::TenantId;
use tokio::time::Instant;

use crate::capacity::Reservation;
use crate::item::Encoded;
use crate::meter::Metered;
use crate::retry::LostAnswer;
use crate::{CapacityTracker, Entity, Key, Table, TableError};

/// The most requests one `BatchWriteItem` takes.
const BATCH: usize = 25;

/// Collects writes into batches of 25 and retries what `DynamoDB` leaves undone. End with [`BatchWriter::finish`].
#[derive(Debug)]
#[must_use = "the last batch is written by `finish`"]
pub struct BatchWriter {
    table: Table,
    tracker: Option<Arc<CapacityTracker>>,
    pending: Vec<(Key, WriteRequest)>,
    written: usize,
}

impl BatchWriter {
    /// With a tracker it keeps to the tracker's pace, together with all others who share it.
    pub fn new(table: Table, tracker: Option<Arc<CapacityTracker>>) -> Self {
        Self { table, tracker, pending: Vec::with_capacity(BATCH), written: 0 }
    }

    /// Writes an item over whatever is there, at version 1. A replaced item's blob stays in the blob store.
    pub async fn put<T: Entity>(&mut self, tenant: &TenantId, entity: &T) -> Result<(), TableError> {
        self.put_encoded(entity.key(tenant), Encoded::new(tenant, entity, 1)?).await
    }

    pub(crate) async fn put_encoded(&mut self, key: Key, mut encoded: Encoded) -> Result<(), TableError> {
        self.table.check_in(&mut encoded).await?;
        let put = PutRequest::builder().set_item(Some(encoded.attributes)).build();
        let put = put.map_err(|error| TableError::encode("item", error))?;
        self.push(key, WriteRequest::builder().put_request(put).build()).await
    }

    /// Removes an item, if there is one. Its blob stays in the blob store.
    pub async fn delete(&mut self, key: Key) -> Result<(), TableError> {
        let delete = DeleteRequest::builder().set_key(Some(key.clone().into_attributes())).build();
        let delete = delete.map_err(|error| TableError::encode("key", error))?;
        self.push(key, WriteRequest::builder().delete_request(delete).build()).await
    }

    /// Writes what is left; returns how many requests were written in all.
    pub async fn finish(mut self) -> Result<usize, TableError> {
        self.flush().await?;
        Ok(self.written)
    }

    async fn push(&mut self, key: Key, request: WriteRequest) -> Result<(), TableError> {
        // DynamoDB refuses two requests for one item in a batch, and keeps no order within one.
        if self.pending.len() == BATCH || self.pending.iter().any(|(pending, _)| *pending == key) {
            self.flush().await?;
        }
        self.pending.push((key, request));
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), TableError> {
        let mut requests: Vec<WriteRequest> = self.pending.drain(..).map(|(_, request)| request).collect();
        let mut attempt = 0;
        while !requests.is_empty() {
            let wanted = requests.len();
            requests = self.write(requests).await?;
            let done = wanted - requests.len();
            self.written += done;
            if !requests.is_empty() {
                if let Some(tracker) = &self.tracker {
                    tracker.throttled(Instant::now());
                }
                // Only attempts that bring nothing forward count.
                attempt = if done > 0 { 1 } else { attempt + 1 };
                self.table.pause(attempt, "writes left unprocessed").await?;
            }
        }
        Ok(())
    }

    /// Writes one batch; returns what `DynamoDB` left undone.
    async fn write(&self, requests: Vec<WriteRequest>) -> Result<Vec<WriteRequest>, TableError> {
        let table = &self.table.inner;
        let reservation = self.room().await;
        let tracked = self.tracker.as_ref().map(|_| ReturnConsumedCapacity::Total);
        let answer = self
            .table
            .client(LostAnswer::TryAgain)
            .batch_write_item()
            .request_items(&table.name, requests)
            .set_return_consumed_capacity(self.table.reported().or(tracked))
            .send()
            .await;
        let consumed = answer.as_ref().map(|answer| answer.consumed_capacity()).unwrap_or_default();
        self.table.record(Metered::BatchWriteItem, consumed);
        if let (Some(tracker), Some(reservation)) = (&self.tracker, reservation) {
            let units = consumed.iter().filter_map(|consumed| consumed.capacity_units()).sum();
            tracker.record(reservation, units, Instant::now());
        }
        let mut left = answer.map_err(TableError::from_sdk)?.unprocessed_items.unwrap_or_default();
        Ok(left.remove(&table.name).unwrap_or_default())
    }

    /// Waits until the tracker has room for a batch.
    async fn room(&self) -> Option<Reservation> {
        let tracker = self.tracker.as_ref()?;
        loop {
            match tracker.reserve(Instant::now()) {
                Ok(reservation) => return Some(reservation),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
