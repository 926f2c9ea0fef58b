//! Sales: orders from placement to return, their payments, and the promises of stock that go with them.
//!
//! Pure: [`totals`] (what a basket comes to), [`machine`] (state machines as data), [`order`] (the aggregate and its
//! steps), `plan` (where its lines come from), [`status`], [`shipment`], [`payment`] (what is due, and the port to a
//! provider), [`returns`], [`cost`] (of goods that come back), [`events`]. Use
//! cases: [`place`] (from our own shop), [`intake`] (from anywhere else), [`fulfil`], [`edits`], [`pay`], [`take_back`],
//! [`duplicates`], [`notes`], [`uploads`], [`people`] (export and erasure), [`lists`]. For the edge: [`problems`]. Stored: `store` (orders), [`documents`]
//! (timeline, sales, list entries). [`stripe`] is the one provider there is.
//!
//! It does not know warehouses as services: who is asked to send a parcel, and how, belongs to the storefront. Every
//! write is one transaction of order, stock, events and what the step leaves behind.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod change;
pub mod cost;
pub mod documents;
pub mod duplicates;
pub mod edits;
pub mod events;
pub mod fulfil;
pub mod intake;
pub mod lists;
pub mod machine;
pub mod notes;
pub mod order;
pub mod pay;
pub mod payment;
pub mod people;
pub mod place;
mod plan;
pub mod problems;
pub mod returns;
#[cfg(test)]
mod scenarios;
pub mod shipment;
pub mod status;
mod stock;
mod store;
pub mod stripe;
pub mod take_back;
#[cfg(test)]
mod testing;
pub mod totals;
pub mod uploads;

pub use change::ChangeError;
pub use fulfil::Report;
pub use intake::{Intake, IntakeError};
pub use machine::{InvalidTransition, Machine};
pub use order::{Figure, Line, MAX_LINES, MAX_QUANTITY, Order, OrderId, Refused, StockEffect};
pub use pay::PayError;
pub use payment::{Authorization, Intent, Payment, PaymentDue, PaymentProvider, PaymentState, ProviderUnavailable};
pub use place::{PlaceError, PlaceOrder, Placed};
pub use shipment::{Shipment, ShipmentId, ShipmentState};
pub use status::{OrderStatus, Step};

use inventory::LocationId;
use inventory::hot::HotList;
use kernel::{Clock, TenantId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use table::Table;
use web::bucket::Bucket;

/// Orders of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Sales {
    table: Table,
    clock: Arc<dyn Clock>,
    /// Where large files are; only functions that show or erase them have it.
    files: Option<Arc<dyn Bucket>>,
    /// Names of the locations met so far and their hot items, so that one read can fetch their levels.
    known: Arc<Mutex<BTreeMap<TenantId, Known>>>,
}

/// What one process remembers of a tenant between calls: names only, never health or stock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    locations: BTreeSet<LocationId>,
    hot: HotList,
}

impl Sales {
    /// Over this table and clock.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock, files: None, known: Arc::default() }
    }

    /// With files in this bucket.
    #[must_use]
    pub fn with_files(self, files: Arc<dyn Bucket>) -> Self {
        Self { files: Some(files), ..self }
    }

    /// Now, as precisely as orders keep time: milliseconds.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn known(&self, tenant: &TenantId) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).cloned().unwrap_or_default()
    }

    fn remember_hot(&self, tenant: &TenantId, hot: &HotList) {
        let known = self.known(tenant);
        if known.hot != *hot {
            self.remember(tenant, Known { hot: hot.clone(), ..known });
        }
    }

    fn remember(&self, tenant: &TenantId, known: Known) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), known);
    }
}
