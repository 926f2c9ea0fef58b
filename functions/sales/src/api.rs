//! What the handlers work with, who may call them, and how lists become pages.

pub(crate) mod files;
pub(crate) mod input;
pub(crate) mod notes;
pub(crate) mod orders;
pub(crate) mod people;
pub(crate) mod problems;
pub(crate) mod returns;
pub(crate) mod views;

use std::sync::Arc;

use access::Role;
use kernel::TenantId;
use sales::edits::Editor;
use sales::{Order, OrderId, Sales};
use web::secret::Secret;
use web::{Caller, ETag, IfMatch, Json, List, Listing, Page, Problem, Roles};

use views::SalesOrderView;

/// The use cases behind the routes.
pub struct Api {
    pub(crate) sales: Sales,
    /// What cursors are signed with; read by lists only, and not before the first.
    cursor_secret: Arc<dyn Secret>,
}

/// Longest reason somebody gives, in bytes.
pub(crate) const MAX_REASON: usize = 500;

impl Api {
    /// Over these orders.
    #[must_use]
    pub fn new(sales: Sales, cursor_secret: Arc<dyn Secret>) -> Self {
        Self { sales, cursor_secret }
    }

    /// A list as it was asked for, ready to be read.
    pub(crate) async fn listing<F>(&self, list: List<F>, tenant: &TenantId) -> Result<Listing<F>, Problem> {
        list.open(&*self.cursor_secret, tenant).await
    }

    pub(crate) async fn order(&self, tenant: &TenantId, id: OrderId) -> Result<Order, Problem> {
        let order = self.sales.order(tenant, id).await.map_err(|error| problems::table(&error))?;
        order.ok_or_else(Problem::not_found)
    }

    /// The version a change is made on: the one that is stored, if it is one the caller has seen.
    pub(crate) async fn seen(&self, caller: &Caller, id: OrderId, known: &IfMatch) -> Result<Option<u64>, Problem> {
        let order = self.order(&caller.tenant, id).await?;
        known.check(ETag(order.version))?;
        Ok(match known {
            IfMatch::Any => None,
            IfMatch::OneOf(_) => Some(order.version),
        })
    }
}

/// An order as it is answered.
pub(crate) fn shown(order: &Order) -> Result<(ETag, Json<SalesOrderView>), Problem> {
    let view = SalesOrderView::try_from(order).map_err(|error| Problem::internal(&error))?;
    Ok((ETag(order.version), Json(view)))
}

/// Who makes a change.
pub(crate) fn editor<'a>(
    caller: &'a Caller,
    reason: Option<&'a str>,
    seen: Option<u64>,
    cause: &'a kernel::Context,
) -> Editor<'a> {
    Editor { actor: &caller.principal, reason, seen, cause }
}

/// A page of the table as it is shown.
pub(crate) fn shown_page<F, T, U>(
    listing: &Listing<F>,
    page: table::Page<T>,
    show: impl Fn(T) -> Result<U, Problem>,
) -> Result<Json<Page<U>>, Problem> {
    let next = page.next.map(|next| next.to_bytes());
    let items = page.items.into_iter().map(show).collect::<Result<_, _>>()?;
    Ok(Json(listing.page(items, next.as_deref())))
}

/// Who runs the store.
pub(crate) struct Admins;
impl Roles for Admins {
    const ALLOWED: &'static [&'static str] = &[Role::StoreAdmin.as_str()];
}

/// Who runs the store, and other parts of the system: connectors, tills, warehouses.
pub(crate) struct Staff;
impl Roles for Staff {
    const ALLOWED: &'static [&'static str] = &[Role::StoreAdmin.as_str(), Role::Service.as_str()];
}
