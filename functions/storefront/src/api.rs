//! What the handlers work with, who may call them, and how lists become pages.

use std::sync::Arc;

use access::Role;
use catalog::Catalog;
use inventory::Inventory;
use kernel::{Clock, TenantId};
use sales::Sales;
use storefront::Registry;
use table::Table;
use web::secret::Secret;
use web::{List, Listing, Problem, Roles};

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
        list.open(&*self.cursor_secret, tenant).await
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
