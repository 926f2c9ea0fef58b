//! A shipment: the parcel the store instructed, and what the warehouse made of it. Pure.
//!
//! An instruction is filled whole or not at all. Its outcome is final: there is no step after the first.

use std::fmt;
use std::ops::RangeInclusive;

use inventory::{Level, Sku};
use kernel::{Clock, Event, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

kernel::typed_id!(
    /// A shipment, as the store calls it.
    ShipmentId,
    "shp"
);

kernel::typed_id!(
    /// The store's order a shipment belongs to.
    OrderId,
    "ord"
);

/// Most lines of one instruction: each is two actions of a transaction that may have 100.
pub const MAX_LINES: usize = 20;

/// Units of one line, and the largest figure a person may enter.
pub const QUANTITIES: RangeInclusive<i64> = 1..=1_000_000;

/// Event: an instruction was filled or rejected. Its data is the confirmation the store gets, as it gets it.
pub const SHIPMENT_COMPLETED: &str = "warehouse.shipment.completed.v1";

/// Why a shipment was rejected.
pub const INSUFFICIENT_STOCK: &str = "insufficient_stock";

/// What the store asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    pub id: ShipmentId,
    pub order: OrderId,
    /// 1 to [`MAX_LINES`], no item twice.
    pub lines: Vec<Line>,
    pub ship_to: Option<ShipTo>,
}

/// One item of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sku: Sku,
    /// Within [`QUANTITIES`].
    pub quantity: i64,
}

/// What is written on the parcel. Personal: it is stored and shown to staff, and goes into no event and no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = warehouse::ShipTo)]
pub struct ShipTo {
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The lines of the address, without name and country.
    #[schema(min_items = 1, max_items = 6)]
    pub address: Vec<String>,
    /// ISO 3166-1 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
}

impl fmt::Debug for ShipTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShipTo(..)")
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = warehouse::ShipmentStatus)]
pub enum ShipmentStatus {
    /// The goods left.
    Shipped,
    /// Some line was short; nothing left.
    Rejected,
}

/// An entry of the shipment log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    pub id: ShipmentId,
    pub order: OrderId,
    pub status: ShipmentStatus,
    pub lines: Vec<ShipmentLine>,
    pub ship_to: Option<ShipTo>,
    pub created_at: Timestamp,
}

/// A line, and the figure of its item: after the goods left, or as it was found to be too low for one of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipmentLine {
    pub sku: Sku,
    pub quantity: i64,
    pub on_hand: i64,
    /// Version of that figure.
    pub version: u64,
}

impl Instruction {
    /// Whether these levels, one per line, fill every line.
    pub(crate) fn is_filled_by(&self, levels: &[Level]) -> bool {
        self.lines.iter().zip(levels).all(|(line, level)| line.quantity <= level.available())
    }

    /// The log entry of this instruction; `levels` hold one figure per line.
    pub(crate) fn ended(&self, status: ShipmentStatus, levels: &[Level], now: Timestamp) -> Shipment {
        let lines = self.lines.iter().zip(levels).map(|(line, level)| ShipmentLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
            on_hand: level.on_hand,
            version: level.seq,
        });
        Shipment {
            id: self.id,
            order: self.order,
            status,
            lines: lines.collect(),
            ship_to: self.ship_to.clone(),
            created_at: now,
        }
    }
}

impl Shipment {
    /// Whether it is what came of this very instruction. The entry keeps all of it, which is its own fingerprint.
    pub(crate) fn answers(&self, instruction: &Instruction) -> bool {
        let lines = self.lines.iter().map(|line| (&line.sku, line.quantity));
        self.id == instruction.id
            && self.order == instruction.order
            && self.ship_to == instruction.ship_to
            && lines.eq(instruction.lines.iter().map(|line| (&line.sku, line.quantity)))
    }

    /// Why it was rejected.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        match self.status {
            ShipmentStatus::Shipped => None,
            ShipmentStatus::Rejected => Some(INSUFFICIENT_STOCK),
        }
    }

    /// The event that tells the store.
    pub(crate) fn event(&self, tenant: &TenantId, clock: &dyn Clock) -> Event {
        Event::new(SHIPMENT_COMPLETED, tenant, self.id, 1, self.confirmation(), clock)
    }

    fn confirmation(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({ "isbn": line.sku, "quantity": line.quantity, "onHand": line.on_hand, "version": line.version })
        });
        let mut confirmation = json!({
            "shipmentId": self.id,
            "orderId": self.order,
            "status": self.status,
            "lines": lines.collect::<Vec<_>>(),
        });
        if let Some(reason) = self.reason() {
            confirmation["reason"] = reason.into();
        }
        confirmation
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{clock, instruction, level, tenant};

    use super::*;

    fn ended(status: ShipmentStatus) -> Shipment {
        let instruction = instruction(1, &[("9780140449136", 2), ("9780306406157", 1)]);
        let levels = [level("9780140449136", 3), level("9780306406157", 0)];
        instruction.ended(status, &levels, clock().now())
    }

    #[test]
    fn an_instruction_is_filled_whole_or_not_at_all() {
        let both = instruction(1, &[("9780140449136", 2), ("9780306406157", 1)]);
        assert!(both.is_filled_by(&[level("9780140449136", 2), level("9780306406157", 1)]));
        assert!(!both.is_filled_by(&[level("9780140449136", 2), level("9780306406157", 0)]));
        assert!(!both.is_filled_by(&[level("9780140449136", 1), level("9780306406157", 9)]));
    }

    #[test]
    fn the_confirmation_says_what_left_and_what_is_left() {
        let event = ended(ShipmentStatus::Shipped).event(&tenant(), &clock());
        assert_eq!(event.kind, "warehouse.shipment.completed.v1");
        assert_eq!((event.aggregate_id.as_str(), event.aggregate_version), ("shp_00000000000000000000000001", 1));
        let expected = json!({
            "shipmentId": "shp_00000000000000000000000001",
            "orderId": "ord_00000000000000000000000001",
            "status": "SHIPPED",
            "lines": [
                {"isbn": "9780140449136", "quantity": 2, "onHand": 3, "version": 1},
                {"isbn": "9780306406157", "quantity": 1, "onHand": 0, "version": 1},
            ],
        });
        assert_eq!(event.data, expected);
    }

    #[test]
    fn a_rejection_says_why() {
        let event = ended(ShipmentStatus::Rejected).event(&tenant(), &clock());
        assert_eq!((&event.data["status"], &event.data["reason"]), (&json!("REJECTED"), &json!("insufficient_stock")));
    }

    #[test]
    fn no_other_instruction_is_taken_for_the_one_that_was_answered() {
        let first = instruction(1, &[("9780140449136", 2), ("9780306406157", 1)]);
        let entry = ended(ShipmentStatus::Shipped);
        assert!(entry.answers(&first));
        let more = instruction(1, &[("9780140449136", 3), ("9780306406157", 1)]);
        let fewer_lines = instruction(1, &[("9780140449136", 2)]);
        let other_order = Instruction { order: OrderId::derive(&["x"]), ..first.clone() };
        let ship_to = ShipTo { name: "Ada".into(), address: vec!["1 Row".into()], country: "GB".into() };
        let elsewhere = Instruction { ship_to: Some(ship_to), ..first };
        for other in [more, fewer_lines, other_order, elsewhere] {
            assert!(!entry.answers(&other), "{other:?}");
        }
    }

    #[test]
    fn where_a_parcel_goes_is_in_no_event_and_no_log() {
        let ship_to = ShipTo { name: "Ada Lovelace".into(), address: vec!["1 Row".into()], country: "GB".into() };
        let entry = Shipment { ship_to: Some(ship_to), ..ended(ShipmentStatus::Shipped) };
        assert!(!format!("{entry:?} {}", entry.event(&tenant(), &clock()).data).contains("Ada"));
    }
}
