//! A warehouse: its own stock, the parcels it sends on instruction, and what it tells the store.
//!
//! Stock is `inventory` at one location, the warehouse itself; there is no other model of it here. An instruction and its
//! consequences (stock, log entry, event) are one transaction, and the log entry's key is derived from the instruction,
//! so that the entry is the marker that makes instructions idempotent. What the store must hear is an event in the
//! warehouse's own outbox; [`ConfirmShipment`] delivers it over HTTP.
//!
//! It shares no table with the store, knows no price and no customer, and does not decide who ships what.
//!
//! | I want to | use |
//! |---|---|
//! | count, adjust, list stock; ship | [`Warehouse`] |
//! | serve that over HTTP | [`Api`] with [`inventory_api`], [`shipments_api`], [`health_api`] |
//! | confirm shipments to the store | [`ConfirmShipment`] |
//! | make the warehouse known to the store | [`Registration`] |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test"))]

mod confirm;
mod http;
mod peer;
mod problem;
mod register;
mod settle;
mod ship;
mod shipment;
mod stock;
mod store;
#[cfg(test)]
mod testing;

use std::fmt;
use std::sync::Arc;

use inventory::{Inventory, LocationId};
use kernel::Clock;
use table::Table;

pub use confirm::ConfirmShipment;
pub use http::{Api, health_api, inventory_api, openapi, shipments_api};
pub use peer::StoreClient;
pub use register::{Registration, RegistrationError};
pub use ship::{ShipError, Shipped};
pub use shipment::{
    INSUFFICIENT_STOCK, Instruction, Line, MAX_LINES, OrderId, QUANTITIES, SHIPMENT_COMPLETED, ShipTo, Shipment,
    ShipmentId, ShipmentLine, ShipmentStatus,
};
pub use stock::{AdjustError, Adjusted, Adjustment, AdjustmentId, Count, Counted};

/// The use cases of one warehouse. Cheap to clone.
#[derive(Clone)]
pub struct Warehouse {
    table: Table,
    inventory: Inventory,
    location: LocationId,
    clock: Arc<dyn Clock>,
}

impl Warehouse {
    /// The warehouse called `location`, over its own table.
    #[must_use]
    pub fn new(table: Table, location: LocationId, clock: Arc<dyn Clock>) -> Self {
        Self { inventory: Inventory::new(table.clone()), table, location, clock }
    }

    /// Its name.
    #[must_use]
    pub fn location(&self) -> &LocationId {
        &self.location
    }
}

impl fmt::Debug for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Warehouse({})", self.location)
    }
}
