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

/// An order waits for a person.
pub const ORDER_HELD: &str = "sales.order.held.v1";
/// An order no longer waits.
pub const ORDER_RELEASED: &str = "sales.order.released.v1";
/// Lines or units of an order changed.
pub const ORDER_CHANGED: &str = "sales.order.changed.v1";
/// Money is to be given back.
pub const REFUND_REQUESTED: &str = "sales.refund.requested.v1";
/// A return moved on.
pub const RETURN_CHANGED: &str = "sales.return.changed.v1";

/// Everything to be told after `before` became `after`. An order that is written for the first time tells of its
/// placement elsewhere ([`crate::place::ORDER_PLACED`]).
pub(crate) fn between(tenant: &TenantId, before: Option<&Order>, after: &Order, clock: &dyn Clock) -> Vec<Event> {
    let mut events = Vec::new();
    for shipment in &after.shipments {
        if is_due(after, shipment) && !before.is_some_and(|before| was_due(before, shipment)) {
            events.push(requested(tenant, after, shipment, clock));
        }
        let earlier = before.and_then(|before| before.shipments.get(shipment.number)).map(|s| s.state);
        if earlier == Some(shipment.state) {
            continue;
        }
        match shipment.state {
            ShipmentState::Shipped => events.push(about(tenant, after, shipment, SHIPMENT_SHIPPED, clock)),
            ShipmentState::Refused => events.push(about(tenant, after, shipment, SHIPMENT_REFUSED, clock)),
            ShipmentState::Requested
            | ShipmentState::Scheduled
            | ShipmentState::OnHold
            | ShipmentState::Sent
            | ShipmentState::Picked
            | ShipmentState::Packed
            | ShipmentState::Delivered
            | ShipmentState::Moved
            | ShipmentState::Cancelled => {}
        }
    }
    let Some(before) = before else { return events };
    let kinds = kinds(before, after);
    events.extend(kinds.map(|kind| Event::new(kind, tenant, after.id, after.version, summary(after), clock)));
    for (number, held) in after.returns.iter().enumerate() {
        if before.returns.get(number).map(|r| r.state) != Some(held.state) {
            let mut data = summary(after);
            data["return"] = json!({ "number": number, "state": held.state });
            events.push(Event::new(RETURN_CHANGED, tenant, after.id, after.version, data, clock));
        }
    }
    events
}

fn kinds(before: &Order, after: &Order) -> impl Iterator<Item = &'static str> {
    let ended = match after.status {
        OrderStatus::Cancelled => Some(ORDER_CANCELLED),
        OrderStatus::Rejected => Some(ORDER_REJECTED),
        OrderStatus::Pending
        | OrderStatus::Processing
        | OrderStatus::PartiallyShipped
        | OrderStatus::Shipped
        | OrderStatus::Delivered => None,
    };
    let ended = ended.filter(|_| before.status != after.status);
    let changed = before.lines != after.lines || before.address != after.address;
    let when = |happened: bool, kind| happened.then_some(kind);
    let all = [
        ended,
        when(changed && !after.is_lost(), ORDER_CHANGED),
        when(before.holds.is_empty() && !after.holds.is_empty(), ORDER_HELD),
        when(!before.holds.is_empty() && after.holds.is_empty(), ORDER_RELEASED),
        when(after.refunds.len() > before.refunds.len(), REFUND_REQUESTED),
    ];
    all.into_iter().flatten()
}

/// The event that asks for a parcel, also used to ask again.
pub(crate) fn requested(tenant: &TenantId, order: &Order, shipment: &Shipment, clock: &dyn Clock) -> Event {
    let id = shipment.id(order.id);
    let data = json!({
        "orderId": order.id,
        "shipmentId": id,
        "location": shipment.location,
        "lines": order.items_of(shipment),
    });
    Event::new(SHIPMENT_REQUESTED, tenant, id, order.version, data, clock)
}

/// Its warehouse is to be asked for it now.
pub(crate) fn is_due(order: &Order, shipment: &Shipment) -> bool {
    order.status != OrderStatus::Pending && order.holds.is_empty() && shipment.state == ShipmentState::Requested
}

/// Its warehouse had been asked for it, or was about to be.
fn was_due(before: &Order, shipment: &Shipment) -> bool {
    let earlier = before.shipments.get(shipment.number);
    earlier.is_some_and(|earlier| is_due(before, earlier) || earlier.state.is_with_warehouse())
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
