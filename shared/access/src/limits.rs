//! Rate limits, exact under concurrency: one conditional write a window, no matter how many functions count.
//!
//! A window is a minute of the wall clock; a function that was frozen meanwhile is not confused by it. What is refused is not
//! counted: the write's own condition refuses it, and where one of several limits refuses, those taken before are given
//! back. Between taking and giving back others may be refused a moment early; nobody is ever admitted beyond a limit.
//!
//! What happens when the table cannot be reached is the caller's to say: it gets the error.
//!
//! Counters that are kept longer than their window are also the record of what was used: a day's are side by side.

use std::sync::Arc;

use http::HeaderName;
use kernel::{Clock, TenantId};
use table::{Condition, Item, Key, Query, Table, TableError};

use crate::opaque;
use crate::store::{RateItem, RatePlace, windows_of_day};

/// Length of a window, in seconds.
pub const WINDOW: i64 = 60;
/// A day, in seconds; days are counted from 1970 and in UTC.
pub const DAY: i64 = 24 * 3600;
/// Writes one item takes in a second: limits above are spread over several.
const SHARD_WRITES: u32 = 1000;

/// So many of something in a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit<'a> {
    /// What is counted: a class of routes and who asks (`login address`).
    pub class: &'static str,
    /// Whose they are: an address, a key, a tenant. Only a hash of it is stored.
    pub subject: &'a str,
    /// At most this many in a window.
    pub most: u32,
}

/// Whether a request may go on, and what its client is told (the `RateLimit-*` fields of HTTP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub is_admitted: bool,
    /// Of the limit that is nearest to its end.
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the window ends.
    pub reset: u32,
}

impl Quota {
    /// What a client is told, by header.
    #[must_use]
    pub fn fields(&self) -> [(HeaderName, u32); 3] {
        [
            (HeaderName::from_static("ratelimit-limit"), self.limit),
            (HeaderName::from_static("ratelimit-remaining"), self.remaining),
            (HeaderName::from_static("ratelimit-reset"), self.reset),
        ]
    }
}

/// Counts requests of a tenant.
#[derive(Debug, Clone)]
pub struct Limiter {
    table: Table,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
    /// Seconds a counter is kept.
    kept: i64,
}

/// One that was taken and may be given back.
pub(crate) struct Held(RatePlace);

/// One taken from a counter.
struct Taken {
    place: RatePlace,
    remaining: u32,
}

impl Limiter {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, tenant: TenantId) -> Self {
        Self { table, clock, tenant, kept: 2 * WINDOW }
    }

    /// Keeps counters for so many days, so that what was used can be asked for ([`Limiter::used`]).
    #[must_use]
    pub fn keeping_days(self, days: i64) -> Self {
        Self { kept: days * DAY, ..self }
    }

    /// How many requests were admitted under a limit on a day: the sum of its counters.
    pub async fn used(&self, limit: &Limit<'_>, day: i64) -> Result<u64, TableError> {
        let subject = opaque::hash(limit.subject);
        let mut used = 0;
        for shard in 0..shards(limit.most) {
            let windows = Query::partition(windows_of_day(&self.tenant, limit.class, &subject, day, shard));
            let counters = self.table.query_all::<RateItem>(windows).await?;
            used += counters.iter().map(|counter| u64::from(counter.value.count)).sum::<u64>();
        }
        Ok(used)
    }

    /// Takes one of each limit, or none of any.
    pub async fn take(&self, limits: &[Limit<'_>]) -> Result<Quota, TableError> {
        let (window, reset) = self.window();
        let mut nearest = Quota { is_admitted: true, limit: u32::MAX, remaining: u32::MAX, reset };
        let mut taken = Vec::with_capacity(limits.len());
        for limit in limits {
            let Some(Taken { place, remaining }) = self.take_one(limit, window, shards(limit.most)).await? else {
                self.give_back(taken).await?;
                return Ok(Quota { is_admitted: false, limit: limit.most, remaining: 0, reset });
            };
            taken.push(place);
            if remaining < nearest.remaining {
                nearest = Quota { limit: limit.most, remaining, ..nearest };
            }
        }
        Ok(nearest)
    }

    /// Where this window's requests are counted, under a limit that is not spread: to be read with other things.
    pub(crate) fn counter(&self, limit: &Limit<'_>) -> Key {
        let subject = opaque::hash(limit.subject);
        let (window, _) = self.window();
        RatePlace { class: limit.class.to_owned(), subject, window, shard: 0 }.key(&self.tenant)
    }

    /// How many are counted there.
    pub(crate) fn counted(item: Option<Item>) -> Result<u32, TableError> {
        Ok(item.map(|item| item.decode::<RateItem>()).transpose()?.map_or(0, |counter| counter.value.count))
    }

    /// Takes one of a limit that is not spread; `None` when there is none left.
    pub(crate) async fn hold(&self, limit: &Limit<'_>) -> Result<Option<Held>, TableError> {
        let (window, _) = self.window();
        Ok(self.take_one(limit, window, 1).await?.map(|taken| Held(taken.place)))
    }

    pub(crate) async fn release(&self, Held(place): Held) -> Result<(), TableError> {
        self.give_back(vec![place]).await
    }

    /// Seconds until the window ends.
    pub(crate) fn reset(&self) -> u32 {
        self.window().1
    }

    /// This window, and the seconds until it ends.
    fn window(&self) -> (i64, u32) {
        let second = self.clock.now().as_second();
        (second.div_euclid(WINDOW), u32::try_from(WINDOW - second.rem_euclid(WINDOW)).unwrap_or_default())
    }

    async fn give_back(&self, taken: Vec<RatePlace>) -> Result<(), TableError> {
        for place in taken {
            self.table.apply(place.less(&self.tenant)).await?;
        }
        Ok(())
    }

    /// One of a limit, from whichever of its shards has one left.
    async fn take_one(&self, limit: &Limit<'_>, window: i64, shards: u32) -> Result<Option<Taken>, TableError> {
        let first = fastrand::u32(0..shards);
        let subject = opaque::hash(limit.subject);
        for step in 0..shards {
            let shard = (first + step) % shards;
            // Shares differ by one at most, and add up to the limit.
            let share = limit.most / shards + u32::from(shard < limit.most % shards);
            if share == 0 {
                continue;
            }
            let place = RatePlace { class: limit.class.to_owned(), subject: subject.clone(), window, shard };
            let has_one_left = Condition::lacks("n").or(Condition::less("n", share));
            match self.table.apply(place.more(&self.tenant, self.kept).require(has_one_left)).await {
                Ok(item) => {
                    let counted = item.decode::<RateItem>()?.value.count;
                    return Ok(Some(Taken { place, remaining: share.saturating_sub(counted) }));
                }
                Err(TableError::ConditionFailed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// So many that none of them sees more writes than an item takes.
fn shards(most: u32) -> u32 {
    let seconds = u32::try_from(WINDOW).unwrap_or(1);
    most.div_ceil(SHARD_WRITES * seconds).max(1)
}

#[cfg(test)]
mod tests;
