//! A shipment: one parcel of an order, from one location.

use crate::OrderId;
use inventory::{LocationId, Sku};
use serde::{Deserialize, Serialize};
use std::fmt;

kernel::typed_id!(
    /// A shipment. Derived from its order and number, so that it needs no storage of its own.
    ShipmentId,
    "shp"
);

/// Where a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShipmentState {
    /// Planned. Its warehouse has not been asked, or surely did not hear it: it may still go elsewhere.
    Requested,
    /// Its warehouse was asked and may be packing. Only that warehouse can end this.
    Sent,
    /// It left.
    Shipped,
    /// It arrived.
    Delivered,
    /// Its warehouse could not fill it.
    Refused,
    /// Its lines went to other parcels before its warehouse was asked.
    Moved,
    /// Its order was called off or not paid.
    Cancelled,
}

impl ShipmentState {
    /// Still to be sent: stock is promised for it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Requested | Self::Sent => true,
            Self::Shipped | Self::Delivered | Self::Refused | Self::Moved | Self::Cancelled => false,
        }
    }

    /// The goods are gone.
    pub fn has_left(self) -> bool {
        matches!(self, Self::Shipped | Self::Delivered)
    }

    /// The text used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Sent => "SENT",
            Self::Shipped => "SHIPPED",
            Self::Delivered => "DELIVERED",
            Self::Refused => "REFUSED",
            Self::Moved => "MOVED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

impl fmt::Display for ShipmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// Position in its order, from 0.
    pub number: usize,
    /// Who sends it.
    pub location: LocationId,
    /// Units per item.
    pub lines: Vec<(Sku, i64)>,
    /// Where it stands.
    pub state: ShipmentState,
    /// Why it was refused.
    pub reason: Option<String>,
}

impl Shipment {
    /// Its id within `order`.
    pub fn id(&self, order: OrderId) -> ShipmentId {
        ShipmentId::derive(&[&order.to_string(), &self.number.to_string()])
    }
}
