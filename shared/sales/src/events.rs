//! What sales tells others, derived from an order before and after a step: a step cannot forget to tell. Pure.
//!
//! Events about a parcel that is to be sent are grouped by shipment, all others by order.

use crate::order::Order;
use crate::shipment::{Shipment, ShipmentState};
use crate::status::OrderStatus;
use kernel::{Clock, Event, TenantId};
use serde_json::{Value, json};

/// A warehouse is to send a parcel.
pub const SHIPMENT_REQUESTED: &str = "sales.shipment.requested.v1";
/// A parcel left.
pub const SHIPMENT_SHIPPED: &str = "sales.shipment.shipped.v1";
/// A warehouse could not fill a parcel.
pub const SHIPMENT_REFUSED: &str = "sales.shipment.refused.v1";
/// An order was called off.
pub const ORDER_CANCELLED: &str = "sales.order.cancelled.v1";
/// An order could not be paid or filled.
pub const ORDER_REJECTED: &str = "sales.order.rejected.v1";

/// Everything to be told after `before` became `after`.
pub(crate) fn between(tenant: &TenantId, before: &Order, after: &Order, clock: &dyn Clock) -> Vec<Event> {
    let mut events = Vec::new();
    for shipment in &after.shipments {
        let earlier = before.shipments.get(shipment.number).map(|s| s.state);
        if is_newly_requested(before, after, shipment) {
            events.push(requested(tenant, after, shipment, clock));
        }
        if earlier == Some(shipment.state) {
            continue;
        }
        match shipment.state {
            ShipmentState::Shipped => events.push(about(tenant, after, shipment, SHIPMENT_SHIPPED, clock)),
            ShipmentState::Refused => events.push(about(tenant, after, shipment, SHIPMENT_REFUSED, clock)),
            ShipmentState::Requested
            | ShipmentState::Sent
            | ShipmentState::Delivered
            | ShipmentState::Moved
            | ShipmentState::Cancelled => {}
        }
    }
    if before.status != after.status {
        let kind = match after.status {
            OrderStatus::Cancelled => Some(ORDER_CANCELLED),
            OrderStatus::Rejected => Some(ORDER_REJECTED),
            OrderStatus::Pending
            | OrderStatus::Processing
            | OrderStatus::PartiallyShipped
            | OrderStatus::Shipped
            | OrderStatus::Delivered => None,
        };
        events.extend(kind.map(|kind| Event::new(kind, tenant, after.id, after.version, summary(after), clock)));
    }
    events
}

/// The event that asks for a parcel, also used to ask again.
pub(crate) fn requested(tenant: &TenantId, order: &Order, shipment: &Shipment, clock: &dyn Clock) -> Event {
    let id = shipment.id(order.id);
    let data = json!({
        "orderId": order.id,
        "shipmentId": id,
        "location": shipment.location,
        "lines": shipment.lines,
    });
    Event::new(SHIPMENT_REQUESTED, tenant, id, order.version, data, clock)
}

fn is_newly_requested(before: &Order, after: &Order, shipment: &Shipment) -> bool {
    let accepted = before.status == OrderStatus::Pending && after.status == OrderStatus::Processing;
    let new = shipment.number >= before.shipments.len() && after.status != OrderStatus::Pending;
    shipment.state == ShipmentState::Requested && (accepted || new)
}

fn about(tenant: &TenantId, order: &Order, shipment: &Shipment, kind: &str, clock: &dyn Clock) -> Event {
    let mut data = summary(order);
    data["shipmentId"] = json!(shipment.id(order.id));
    data["location"] = json!(shipment.location);
    data["lines"] = json!(shipment.lines);
    Event::new(kind, tenant, order.id, order.version, data, clock)
}

fn summary(order: &Order) -> Value {
    json!({ "orderId": order.id, "customer": order.customer, "status": order.status, "complete": order.is_complete() })
}
