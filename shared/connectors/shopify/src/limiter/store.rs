//! Buckets in the table: `SHOPIFY#<shop>` `BUCKET`, one item a store, written under the version it was read at.
//!
//! An admission is one conditional write: what this process knows of the item is kept between calls, what calls gave back and
//! learned goes along with the next admission, and a write that lost brings the item as it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{Clock, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, Entity, Item, Key, Table, TableError, Versioned};

use super::{Admission, Bucket, Throttle};
use crate::Shop;
use crate::answer::Cost;

/// Writes that may be lost to others before we give up for now.
const ATTEMPTS: usize = 32;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    shop: Shop,
    bucket: Bucket,
}

impl Entity for Stored {
    const KIND: &'static str = "shopify-bucket";

    fn key(&self, tenant: &TenantId) -> Key {
        key(tenant, &self.shop)
    }
}

fn key(tenant: &TenantId, shop: &Shop) -> Key {
    Key::tenant(tenant, &["SHOPIFY", shop.as_str()], &["BUCKET"])
}

/// What this process knows of a store's bucket.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    seen: Option<(Bucket, u64)>,
    /// Not yet told to the table.
    unused: u32,
    learned: Option<(Throttle, Timestamp)>,
}

/// Admits calls, for all stores this process calls.
#[derive(Debug)]
pub struct Limiter {
    table: Table,
    clock: Arc<dyn Clock>,
    patience: Duration,
    known: Mutex<HashMap<(TenantId, Shop), Known>>,
}

impl Limiter {
    /// `patience` is how long a worker rather waits than gives its task back.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        Self { table, clock, patience, known: Mutex::default() }
    }

    /// Asks for the points of a call. Whoever got them calls [`Limiter::settle`] once the call has ended.
    ///
    /// # Errors
    /// The table's; [`TableError::ConditionFailed`] when others were faster again and again. Nothing was granted.
    pub async fn admit(&self, tenant: &TenantId, shop: &Shop, points: u32) -> Result<Admission, TableError> {
        let mut seen = self.with(tenant, shop, |known| known.seen);
        let mut fresh = seen.is_none();
        if fresh {
            seen = self.read(tenant, shop).await?;
        }
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let news = self.with(tenant, shop, |known| *known);
            let mut bucket = seen.map_or_else(|| Bucket::unknown(now), |(bucket, _)| bucket);
            bucket.give_back(news.unused);
            if let Some((throttle, said)) = news.learned {
                bucket.learn(throttle, said, now);
            }
            let admission = bucket.admit(points, now, self.patience);
            if !matches!(admission, Admission::Granted(_)) {
                // Others may have given back since we looked.
                if fresh {
                    return Ok(admission);
                }
                (seen, fresh) = (self.read(tenant, shop).await?, true);
                continue;
            }
            match self.write(tenant, shop, bucket, seen.map(|(_, version)| version)).await {
                Ok(version) => {
                    self.with(tenant, shop, |known| known.took(bucket, version, news));
                    return Ok(admission);
                }
                Err(TableError::ConditionFailed { old }) => (seen, fresh) = (decoded(old)?, true),
                Err(error) => return Err(error),
            }
        }
        Err(TableError::ConditionFailed { old: None })
    }

    /// Says how the call ended: what it was charged, and what the store said of its bucket. A call without an answer may have
    /// been charged.
    pub fn settle(&self, tenant: &TenantId, shop: &Shop, points: u32, cost: Option<Cost>) {
        let Some(cost) = cost else { return };
        let now = self.clock.now();
        self.with(tenant, shop, |known| {
            // Not let in is not charged.
            known.unused = known.unused.saturating_add(points.saturating_sub(cost.actual.unwrap_or_default()));
            if let Some(throttle) = cost.throttle {
                known.learned = Some((throttle, now));
            }
        });
    }

    fn with<T>(&self, tenant: &TenantId, shop: &Shop, use_it: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(known.entry((tenant.clone(), shop.clone())).or_default())
    }

    async fn read(&self, tenant: &TenantId, shop: &Shop) -> Result<Option<(Bucket, u64)>, TableError> {
        let found = self.table.get::<Stored>(key(tenant, shop), Consistency::Strong).await?;
        Ok(found.map(|found| (found.value.bucket, found.version)))
    }

    /// Returns the new version.
    async fn write(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        bucket: Bucket,
        seen: Option<u64>,
    ) -> Result<u64, TableError> {
        let stored = Stored { shop: shop.clone(), bucket };
        match seen {
            Some(version) => self.table.update(tenant, &stored, version).await,
            None => self.table.create(tenant, &stored).await.map(|()| 1),
        }
    }
}

impl Known {
    /// The table has this bucket now, and with it what we had to tell.
    fn took(&mut self, bucket: Bucket, version: u64, told: Self) {
        if self.seen.is_none_or(|(_, seen)| seen < version) {
            self.seen = Some((bucket, version));
        }
        self.unused = self.unused.saturating_sub(told.unused);
        if self.learned == told.learned {
            self.learned = None;
        }
    }
}

fn decoded(old: Option<Item>) -> Result<Option<(Bucket, u64)>, TableError> {
    let Some(item) = old else { return Ok(None) };
    let Versioned { value, version } = item.decode::<Stored>()?;
    Ok(Some((value.bucket, version)))
}

#[cfg(test)]
mod tests;
