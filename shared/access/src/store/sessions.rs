//! Sessions: one by id, and those of a user.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, Item, Key, Partition, TableError, Versioned};

use crate::directory::ExportedSession;
use crate::session::{Family, Session};
use crate::user::UserId;

/// A session as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionItem {
    id: String,
    #[serde(rename = "t")]
    tenant: TenantId,
    #[serde(rename = "u")]
    user: UserId,
    #[serde(rename = "cl")]
    client: String,
    #[serde(rename = "ep")]
    epoch: u64,
    #[serde(rename = "sc")]
    scope: String,
    #[serde(rename = "cr")]
    created: Timestamp,
    #[serde(rename = "ac")]
    active: i64,
    #[serde(rename = "rv", default)]
    revoked: bool,
    #[serde(rename = "f")]
    family: Family,
}

impl Entity for SessionItem {
    const KIND: &'static str = "session";

    fn key(&self, tenant: &TenantId) -> Key {
        session_key(tenant, &self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        (!self.revoked).then(|| sessions_of(tenant, self.user).key(&[&self.id]))
    }

    fn ttl(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.created.as_second() + crate::session::LONGEST).ok()
    }
}

impl From<&Session> for SessionItem {
    fn from(session: &Session) -> Self {
        let Session { id, tenant, user, client, epoch, scope, created, active, revoked, family } = session.clone();
        Self { id, tenant, user, client, epoch, scope, created, active, revoked, family }
    }
}

impl SessionItem {
    /// What of it an export shows.
    pub(crate) fn exported(self) -> ExportedSession {
        ExportedSession { application: self.client, started: self.created.to_string(), scope: self.scope }
    }
}

pub(crate) fn session_key(tenant: &TenantId, id: &str) -> Key {
    Key::tenant(tenant, &["SESSION", id], &["SESSION"])
}

/// Those of a user that were not ended.
pub(crate) fn sessions_of(tenant: &TenantId, user: UserId) -> Partition {
    Partition::tenant(tenant, &["PRINCIPAL", &user.to_string(), "SESSIONS"])
}

pub(crate) fn decode_session(item: Item) -> Result<Versioned<Session>, TableError> {
    let Versioned { value, version } = item.decode()?;
    let SessionItem { id, tenant, user, client, epoch, scope, created, active, revoked, family } = value;
    let value = Session { id, tenant, user, client, epoch, scope, created, active, revoked, family };
    Ok(Versioned { value, version })
}
