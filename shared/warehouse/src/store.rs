//! What the warehouse keeps beside its stock.
//!
//! | access pattern | key |
//! |---|---|
//! | one shipment; also the marker of its instruction | pk `T#t#SHIPMENT#<id>`, sk `SHIPMENT` |
//! | all shipments, newest first | gsi2 `T#t#SHIPMENTS`, sk `<created ms>#<id>`, backwards |
//! | one adjustment; the marker of its idempotency key | pk `T#t#ADJUSTMENT#<id>`, sk `ADJUSTMENT` |
//!
//! Levels and ledgers are `inventory`'s. All items here are written once.

use inventory::Sku;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Entity, GlobalIndex, Key, Partition, Query};

use crate::shipment::{OrderId, ShipTo, Shipment, ShipmentId, ShipmentLine, ShipmentStatus};
use crate::stock::{Adjusted, Adjustment, AdjustmentId};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShipmentItem {
    id: ShipmentId,
    #[serde(rename = "o")]
    order: OrderId,
    #[serde(rename = "s")]
    status: ShipmentStatus,
    /// Item, units, figure, version of the figure.
    #[serde(rename = "l")]
    lines: Vec<(Sku, i64, i64, u64)>,
    #[serde(rename = "to", default, skip_serializing_if = "Option::is_none")]
    ship_to: Option<ShipTo>,
    #[serde(rename = "at")]
    created_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AdjustmentItem {
    id: AdjustmentId,
    #[serde(rename = "k")]
    sku: Sku,
    #[serde(rename = "d")]
    delta: i64,
    #[serde(rename = "why")]
    reason: String,
    #[serde(rename = "oh")]
    on_hand: i64,
    #[serde(rename = "n")]
    version: u64,
}

pub(crate) fn shipment_key(tenant: &TenantId, id: ShipmentId) -> Key {
    Key::tenant(tenant, &["SHIPMENT", &id.to_string()], &["SHIPMENT"])
}

pub(crate) fn adjustment_key(tenant: &TenantId, id: AdjustmentId) -> Key {
    Key::tenant(tenant, &["ADJUSTMENT", &id.to_string()], &["ADJUSTMENT"])
}

fn log(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["SHIPMENTS"])
}

/// All shipments.
pub(crate) fn shipments(tenant: &TenantId) -> Query {
    Query::index(GlobalIndex::Gsi2, log(tenant))
}

impl Entity for ShipmentItem {
    const KIND: &'static str = "shipment";

    fn key(&self, tenant: &TenantId) -> Key {
        shipment_key(tenant, self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        // Milliseconds as text that sorts like the number.
        let created = format!("{:015}", self.created_at.as_millisecond());
        Some(log(tenant).key(&[&created, &self.id.to_string()]))
    }
}

impl Entity for AdjustmentItem {
    const KIND: &'static str = "adjustment";

    fn key(&self, tenant: &TenantId) -> Key {
        adjustment_key(tenant, self.id)
    }
}

impl From<&Shipment> for ShipmentItem {
    fn from(shipment: &Shipment) -> Self {
        let line = |line: &ShipmentLine| (line.sku.clone(), line.quantity, line.on_hand, line.version);
        Self {
            id: shipment.id,
            order: shipment.order,
            status: shipment.status,
            lines: shipment.lines.iter().map(line).collect(),
            ship_to: shipment.ship_to.clone(),
            created_at: shipment.created_at,
        }
    }
}

impl From<ShipmentItem> for Shipment {
    fn from(item: ShipmentItem) -> Self {
        let line = |(sku, quantity, on_hand, version)| ShipmentLine { sku, quantity, on_hand, version };
        Self {
            id: item.id,
            order: item.order,
            status: item.status,
            lines: item.lines.into_iter().map(line).collect(),
            ship_to: item.ship_to,
            created_at: item.created_at,
        }
    }
}

impl From<&Adjusted> for AdjustmentItem {
    fn from(Adjusted { adjustment, on_hand, version }: &Adjusted) -> Self {
        let Adjustment { id, sku, delta, reason } = adjustment.clone();
        Self { id, sku, delta, reason, on_hand: *on_hand, version: *version }
    }
}

impl From<AdjustmentItem> for Adjusted {
    fn from(AdjustmentItem { id, sku, delta, reason, on_hand, version }: AdjustmentItem) -> Self {
        Self { adjustment: Adjustment { id, sku, delta, reason }, on_hand, version }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, instruction, tenant};

    /// What is stored, pinned: items written by one deployment are read by the next.
    #[tokio::test]
    async fn the_shipment_item_is_small_and_its_layout_is_pinned() {
        let world = World::new().holding("9780140449136", 3).await;
        world.ship(&instruction(7, &[("9780140449136", 2)])).await.unwrap();
        let mut items = world.raw("shipment");
        let item = items.pop().unwrap();
        let id = "shp_00000000000000000000000007";
        let expected = serde_json::json!({
            "pk": {"S": format!("T#{}#SHIPMENT#{id}", tenant())},
            "sk": {"S": "SHIPMENT"},
            "gsi2pk": {"S": format!("T#{}#SHIPMENTS", tenant())},
            "gsi2sk": {"S": format!("001750000000000#{id}")},
            "kind": {"S": "shipment"},
            "v": {"N": "1"},
            "id": {"S": id},
            "o": {"S": "ord_00000000000000000000000007"},
            "s": {"S": "SHIPPED"},
            "l": {"L": [{"L": [{"S": "9780140449136"}, {"N": "2"}, {"N": "1"}, {"N": "2"}]}]},
            "at": {"S": "2025-06-15T15:06:40Z"},
        });
        assert_eq!(item, expected);
        assert!(items.is_empty());
    }
}
