//! API keys: one by id, and the list of all.

use std::collections::BTreeSet;

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, Partition, TableError, Update, Versioned};

use crate::api_key::{ApiKey, ApiKeyId};
use crate::user::Role;

/// A key as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct ApiKeyItem {
    id: ApiKeyId,
    #[serde(rename = "n")]
    name: String,
    #[serde(rename = "sc")]
    scopes: BTreeSet<String>,
    #[serde(rename = "r")]
    role: Role,
    #[serde(rename = "cr")]
    created: Timestamp,
    #[serde(rename = "x")]
    expires: i64,
    #[serde(rename = "rv", default)]
    revoked: bool,
    #[serde(rename = "lu", default, skip_serializing_if = "Option::is_none")]
    last_used: Option<i64>,
    #[serde(rename = "h")]
    hash: String,
}

impl Entity for ApiKeyItem {
    const KIND: &'static str = "api-key";

    fn key(&self, tenant: &TenantId) -> Key {
        api_key_key(tenant, self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(api_keys(tenant).key(&[&self.id.to_string()]))
    }
}

impl From<&ApiKey> for ApiKeyItem {
    fn from(key: &ApiKey) -> Self {
        let ApiKey { id, name, scopes, role, created, expires, revoked, last_used, hash } = key.clone();
        Self { id, name, scopes, role, created, expires, revoked, last_used, hash }
    }
}

pub(crate) fn api_key_key(tenant: &TenantId, id: ApiKeyId) -> Key {
    Key::tenant(tenant, &["APIKEY", &id.to_string()], &["APIKEY"])
}

/// All of a tenant.
pub(crate) fn api_keys(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["APIKEYS"])
}

/// Remembers the day of a use.
pub(crate) fn mark_key_used(tenant: &TenantId, id: ApiKeyId, day: i64) -> Update {
    Update::new(api_key_key(tenant, id)).set("lu", day)
}

pub(crate) fn decode_api_key(item: Item) -> Result<Versioned<ApiKey>, TableError> {
    let Versioned { value, version } = item.decode()?;
    let ApiKeyItem { id, name, scopes, role, created, expires, revoked, last_used, hash } = value;
    Ok(Versioned { value: ApiKey { id, name, scopes, role, created, expires, revoked, last_used, hash }, version })
}
