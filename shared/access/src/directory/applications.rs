//! Applications: registered, changed, suspended; their secrets are shown once.

use kernel::TenantId;
use table::{Consistency, GlobalIndex, Page, Position, Query, Versioned};

use super::{Actor, Directory, DirectoryError, Seen, stale};
use crate::application::{AppId, Application, Kind, Registration};
use crate::audit::AuditKind;
use crate::opaque;
use crate::store::{AppItem, AuditItem, app_key, apps, decode_app};

/// An application and, this once, its secret.
#[derive(Debug)]
pub struct Registered {
    pub application: Versioned<Application>,
    /// None for a public one. Cannot be read again.
    pub secret: Option<secrecy::SecretString>,
}

impl Directory {
    /// Registers an application.
    pub async fn register_application(
        &self,
        actor: Actor<'_>,
        registration: Registration,
    ) -> Result<Registered, DirectoryError> {
        registration.check().map_err(DirectoryError::Invalid)?;
        let secret = match registration.kind {
            Kind::Confidential => Some(opaque::secret()?),
            Kind::Public => None,
        };
        let kept = secret.as_deref().map(opaque::hash);
        let id = AppId::new(&*self.clock);
        let application = Application { id, registration, suspended: false, epoch: 0, secret: kept };
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.create(&AppItem::from(&application)).create(&AuditItem(self.entry(
            actor,
            AuditKind::ApplicationRegistered,
            id,
        )));
        transaction.commit().await.map_err(stale)?;
        let application = Versioned { value: application, version: 1 };
        Ok(Registered { application, secret: secret.map(Into::into) })
    }

    /// An application and its version.
    pub async fn application(&self, tenant: &TenantId, id: AppId) -> Result<Versioned<Application>, DirectoryError> {
        let item = self.table.get_item(app_key(tenant, id), Consistency::Strong).await?;
        Ok(decode_app(item.ok_or(DirectoryError::NotFound)?)?)
    }

    /// All applications of a tenant.
    pub async fn applications(
        &self,
        tenant: &TenantId,
        limit: usize,
        start: Option<Position>,
    ) -> Result<Page<Versioned<Application>>, DirectoryError> {
        let query = Query::index(GlobalIndex::Gsi2, apps(tenant)).limit(limit).start(start);
        Ok(self.table.query_items(query).await?.try_map(decode_app)?)
    }

    /// Says anew what an application is. Whether it keeps a secret cannot change.
    pub async fn change_application(
        &self,
        actor: Actor<'_>,
        id: AppId,
        seen: Seen<'_>,
        registration: Registration,
    ) -> Result<Versioned<Application>, DirectoryError> {
        registration.check().map_err(DirectoryError::Invalid)?;
        let change = |app: Application| match registration.kind == app.registration.kind {
            true => Ok(Application { registration, ..app }),
            false => Err(DirectoryError::NoSecret),
        };
        self.replace(actor, id, seen, AuditKind::ApplicationChanged, change).await
    }

    /// Lets an application, and everybody signed in to it, in no more; or again.
    pub async fn suspend_application(
        &self,
        actor: Actor<'_>,
        id: AppId,
        seen: Seen<'_>,
        suspended: bool,
    ) -> Result<Versioned<Application>, DirectoryError> {
        let change = |app: Application| Ok(Application { suspended, epoch: app.epoch + 1, ..app });
        self.replace(actor, id, seen, AuditKind::ApplicationSuspended, change).await
    }

    /// Gives an application another secret; the one before is no longer good.
    pub async fn change_secret(
        &self,
        actor: Actor<'_>,
        id: AppId,
        seen: Seen<'_>,
    ) -> Result<Registered, DirectoryError> {
        let secret = opaque::secret()?;
        let kept = opaque::hash(&secret);
        let change = |app: Application| match app.registration.kind {
            Kind::Confidential => Ok(Application { secret: Some(kept), epoch: app.epoch + 1, ..app }),
            Kind::Public => Err(DirectoryError::NoSecret),
        };
        let application = self.replace(actor, id, seen, AuditKind::ApplicationSecretChanged, change).await?;
        Ok(Registered { application, secret: Some(secret.into()) })
    }

    async fn replace(
        &self,
        actor: Actor<'_>,
        id: AppId,
        seen: Seen<'_>,
        event: AuditKind,
        change: impl FnOnce(Application) -> Result<Application, DirectoryError>,
    ) -> Result<Versioned<Application>, DirectoryError> {
        let there = self.application(actor.tenant, id).await?;
        if !seen(there.version) {
            return Err(DirectoryError::Stale);
        }
        let value = change(there.value)?;
        let mut transaction = self.table.transaction(actor.tenant);
        transaction
            .put_versioned(&AppItem::from(&value), there.version)
            .create(&AuditItem(self.entry(actor, event, id)));
        transaction.commit().await.map_err(stale)?;
        Ok(Versioned { value, version: there.version + 1 })
    }
}
