//! Applications: one by id, and the list of all.

use kernel::TenantId;
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, Partition, TableError, Versioned};

use crate::application::{AppId, Application, Registration};

/// An application as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct AppItem {
    id: AppId,
    #[serde(rename = "d")]
    registration: Registration,
    #[serde(rename = "su", default)]
    suspended: bool,
    #[serde(rename = "ep", default)]
    epoch: u64,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Entity for AppItem {
    const KIND: &'static str = "application";

    fn key(&self, tenant: &TenantId) -> Key {
        app_key(tenant, self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(apps(tenant).key(&[&self.id.to_string()]))
    }
}

impl From<&Application> for AppItem {
    fn from(app: &Application) -> Self {
        let Application { id, registration, suspended, epoch, secret } = app.clone();
        Self { id, registration, suspended, epoch, secret }
    }
}

pub(crate) fn app_key(tenant: &TenantId, id: AppId) -> Key {
    Key::tenant(tenant, &["APP", &id.to_string()], &["APP"])
}

/// All of a tenant.
pub(crate) fn apps(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["APPS"])
}

pub(crate) fn decode_app(item: Item) -> Result<Versioned<Application>, TableError> {
    let Versioned { value, version } = item.decode()?;
    let AppItem { id, registration, suspended, epoch, secret } = value;
    Ok(Versioned { value: Application { id, registration, suspended, epoch, secret }, version })
}
