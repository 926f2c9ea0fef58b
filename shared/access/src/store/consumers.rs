//! Consumers of the public API: the pin of one by id.

use kernel::TenantId;
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, TableError};

/// A pin as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct ConsumerItem {
    pub(crate) id: String,
    #[serde(rename = "cv")]
    pub(crate) version: String,
}

impl Entity for ConsumerItem {
    const KIND: &'static str = "consumer";

    fn key(&self, tenant: &TenantId) -> Key {
        consumer_key(tenant, &self.id)
    }
}

pub(crate) fn consumer_key(tenant: &TenantId, id: &str) -> Key {
    Key::tenant(tenant, &["CONSUMER", id], &["CONSUMER"])
}

pub(crate) fn decode_pin(item: Item) -> Result<String, TableError> {
    Ok(item.decode::<ConsumerItem>()?.value.version)
}
