//! Counters of rate limits: one item a limit, window and shard, written by updates only; those of a day in one partition.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Key, Partition, Update};

use crate::limits::{DAY, WINDOW};

/// A counter as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct RateItem {
    #[serde(rename = "n")]
    pub(crate) count: u32,
    #[serde(flatten)]
    place: RatePlace,
}

/// Which counter it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RatePlace {
    #[serde(rename = "c")]
    pub(crate) class: String,
    /// A hash.
    #[serde(rename = "s")]
    pub(crate) subject: String,
    /// Minutes since 1970.
    #[serde(rename = "w")]
    pub(crate) window: i64,
    #[serde(rename = "h")]
    pub(crate) shard: u32,
}

impl RatePlace {
    pub(crate) fn key(&self, tenant: &TenantId) -> Key {
        let Self { class, subject, window, shard } = self;
        let day = window.div_euclid(DAY / WINDOW);
        windows_of_day(tenant, class, subject, day, *shard).key(&[&window.to_string()])
    }

    /// One more, whether or not there was one; kept for so many seconds.
    pub(crate) fn more(&self, tenant: &TenantId, kept: i64) -> Update {
        let update = Update::new(self.key(tenant)).upsert::<RateItem>().add("n", 1);
        let update = update.set("c", &self.class).set("s", &self.subject).set("w", self.window).set("h", self.shard);
        match Timestamp::from_second(self.window.saturating_mul(WINDOW).saturating_add(kept)) {
            Ok(over) => update.ttl(over),
            Err(_) => update,
        }
    }

    /// One less.
    pub(crate) fn less(&self, tenant: &TenantId) -> Update {
        Update::new(self.key(tenant)).add("n", -1)
    }
}

/// The counters of a day: of one limit, subject and shard.
pub(crate) fn windows_of_day(tenant: &TenantId, class: &str, subject: &str, day: i64, shard: u32) -> Partition {
    Partition::tenant(tenant, &["RATE", class, subject, &day.to_string(), &shard.to_string()])
}

impl Entity for RateItem {
    const KIND: &'static str = "rate";

    fn key(&self, tenant: &TenantId) -> Key {
        self.place.key(tenant)
    }
}
