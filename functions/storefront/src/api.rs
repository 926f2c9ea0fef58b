//! What the handlers work with, who may call them, and how lists become pages.

use std::sync::Arc;

use access::Role;
use catalog::Catalog;
use inventory::Inventory;
use kernel::{Clock, CursorKey, TenantId};
use sales::Sales;
use secrecy::ExposeSecret;
use storefront::Registry;
use table::Table;
use web::secret::Secret;
use web::{List, Page, Problem, Roles};

/// The use cases behind the routes.
pub struct Api {
    pub(crate) table: Table,
    pub(crate) sales: Sales,
    pub(crate) catalog: Catalog,
    pub(crate) inventory: Inventory,
    pub(crate) registry: Registry,
    /// What cursors are signed with; read by lists only, and not before the first.
    cursor_secret: Arc<dyn Secret>,
}

impl Api {
    /// Over this table and clock.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, cursor_secret: Arc<dyn Secret>) -> Self {
        Self {
            sales: Sales::new(table.clone(), clock.clone()),
            catalog: Catalog::new(table.clone(), clock.clone()),
            inventory: Inventory::new(table.clone()),
            registry: Registry::new(table.clone(), clock),
            table,
            cursor_secret,
        }
    }

    /// A list as it was asked for, ready to be read.
    pub(crate) async fn listing<F>(&self, list: List<F>, tenant: &TenantId) -> Result<Listing<F>, Problem> {
        let secret = self.cursor_secret.read().await.map_err(|error| Problem::unavailable(&*error))?;
        let cursors = CursorKey::new(secret.expose_secret().as_bytes()).map_err(|error| Problem::internal(&error))?;
        Ok(Listing { list, cursors, tenant: tenant.clone() })
    }
}

/// A list whose cursor can be opened and sealed.
pub(crate) struct Listing<F> {
    pub(crate) list: List<F>,
    cursors: CursorKey,
    tenant: TenantId,
}

impl<F> Listing<F> {
    /// Where the page starts, as the use case gave it.
    pub(crate) fn start(&self) -> Result<Option<Vec<u8>>, Problem> {
        self.list.start(&self.cursors, &self.tenant)
    }

    /// Items on it.
    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.list.limit).unwrap_or(usize::MAX)
    }

    /// The page as it is shown.
    pub(crate) fn page<T>(&self, items: Vec<T>, next: Option<&[u8]>) -> Page<T> {
        self.list.page(&self.cursors, &self.tenant, items, next)
    }
}

/// Who runs the store.
pub(crate) struct Admins;
impl Roles for Admins {
    const ALLOWED: &'static [&'static str] = &[Role::StoreAdmin.as_str()];
}

/// Who buys.
pub(crate) struct Customers;
impl Roles for Customers {
    const ALLOWED: &'static [&'static str] = &[Role::Customer.as_str()];
}

/// People, of either kind.
pub(crate) struct People;
impl Roles for People {
    const ALLOWED: &'static [&'static str] = &[Role::Customer.as_str(), Role::StoreAdmin.as_str()];
}

/// Other parts of the system.
pub(crate) struct Services;
impl Roles for Services {
    const ALLOWED: &'static [&'static str] = &[Role::Service.as_str()];
}
