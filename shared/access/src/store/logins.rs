//! What a login leaves while it is under way: the login itself, under the hash of its state, and the code it ends with,
//! under the hash of the code. Both are for minutes; neither can be found without the secret.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Condition, Entity, Key, Update};

use crate::application::AppId;

/// A browser that was sent to the identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginItem {
    /// Hash of the state the provider sends back.
    pub(crate) id: String,
    #[serde(rename = "b")]
    pub(crate) browser: String,
    #[serde(rename = "p")]
    pub(crate) provider: String,
    #[serde(rename = "nn")]
    pub(crate) provider_nonce: String,
    #[serde(rename = "pv")]
    pub(crate) provider_verifier: String,
    #[serde(rename = "cl")]
    pub(crate) client: AppId,
    #[serde(rename = "ru")]
    pub(crate) redirect_uri: String,
    #[serde(rename = "ch")]
    pub(crate) challenge: String,
    #[serde(rename = "sc")]
    pub(crate) scope: String,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// Epoch seconds.
    #[serde(rename = "x")]
    pub(crate) expires: i64,
}

impl Entity for LoginItem {
    const KIND: &'static str = "login";

    fn key(&self, tenant: &TenantId) -> Key {
        login_key(tenant, &self.id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.expires).ok()
    }
}

pub(crate) fn login_key(tenant: &TenantId, id: &str) -> Key {
    Key::tenant(tenant, &["LOGIN", id], &["LOGIN"])
}

/// An authorization code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeItem {
    /// Hash of the code.
    pub(crate) id: String,
    #[serde(rename = "cl")]
    pub(crate) client: AppId,
    #[serde(rename = "ru")]
    pub(crate) redirect_uri: String,
    #[serde(rename = "ch")]
    pub(crate) challenge: String,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    #[serde(rename = "se")]
    pub(crate) session: String,
    /// Epoch seconds.
    #[serde(rename = "x")]
    pub(crate) expires: i64,
    #[serde(rename = "us", default)]
    pub(crate) used: bool,
}

impl Entity for CodeItem {
    const KIND: &'static str = "code";

    fn key(&self, tenant: &TenantId) -> Key {
        code_key(tenant, &self.id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.expires).ok()
    }
}

pub(crate) fn code_key(tenant: &TenantId, id: &str) -> Key {
    Key::tenant(tenant, &["CODE", id], &["CODE"])
}

/// Uses a code, if nobody has.
pub(crate) fn mark_code_used(tenant: &TenantId, id: &str) -> Update {
    Update::new(code_key(tenant, id)).set("us", true).require(Condition::equals("us", false))
}
