//! Counters of rate limits: one item a limit, window and shard, written by updates only and gone with the window.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Key, Update};

use crate::limits::WINDOW;

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
    fn key(&self, tenant: &TenantId) -> Key {
        let Self { class, subject, window, shard } = self;
        Key::tenant(tenant, &["RATE", class, subject, &window.to_string(), &shard.to_string()], &["RATE"])
    }

    /// One more, whether or not there was one.
    pub(crate) fn more(&self, tenant: &TenantId) -> Update {
        let update = Update::new(self.key(tenant)).upsert::<RateItem>().add("n", 1);
        let update = update.set("c", &self.class).set("s", &self.subject).set("w", self.window).set("h", self.shard);
        match Timestamp::from_second((self.window + 2).saturating_mul(WINDOW)) {
            Ok(over) => update.ttl(over),
            Err(_) => update,
        }
    }

    /// One less.
    pub(crate) fn less(&self, tenant: &TenantId) -> Update {
        Update::new(self.key(tenant)).add("n", -1)
    }
}

impl Entity for RateItem {
    const KIND: &'static str = "rate";

    fn key(&self, tenant: &TenantId) -> Key {
        self.place.key(tenant)
    }
}
