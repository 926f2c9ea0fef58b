//! Sends instructions to warehouses: one event, one parcel, one call.
//!
//! The parcel is marked as sent before the call, so that it is never given to a second warehouse while the first may
//! have it. Only when the call surely did not arrive, and it was we who marked it, is the mark taken back. A parcel for
//! a warehouse that is offline moves elsewhere, or waits for it when nobody else can fill it.

use crate::{Peers, Registry};
use async_trait::async_trait;
use inventory::{Health, Location};
use kernel::{Context, Event, TenantId};
use messaging::{EventHandler, Outcome};
use sales::{ChangeError, Order, OrderId, Refused, Sales, Shipment, ShipmentId, ShipmentState};
use serde::Deserialize;

use crate::peers::Instructed;

/// The consumer of `sales.shipment.requested.v1`.
pub struct Dispatch {
    /// Orders.
    pub sales: Sales,
    /// Who is up, and where.
    pub registry: Registry,
    /// The warehouses.
    pub peers: Peers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requested {
    order_id: OrderId,
    shipment_id: ShipmentId,
}

#[async_trait]
impl EventHandler for Dispatch {
    async fn handle(&self, event: &Event) -> Outcome {
        let Ok(requested) = Requested::deserialize(&event.data) else {
            return Outcome::reject("malformed_event", "no order and shipment in it");
        };
        self.dispatch(&event.tenant, &requested, &event.context()).await
    }
}

impl Dispatch {
    async fn dispatch(&self, tenant: &TenantId, requested: &Requested, cause: &Context) -> Outcome {
        let order = match self.sales.order(tenant, requested.order_id).await {
            Ok(Some(order)) => order,
            Ok(None) => return Outcome::reject("unknown_order", requested.order_id),
            Err(error) => return Outcome::retry(error),
        };
        let Ok(shipment) = order.shipment(requested.shipment_id) else {
            return Outcome::reject("unknown_shipment", requested.shipment_id);
        };
        // What waits for a person or a time is asked for by another event once it no longer does.
        let waits = matches!(shipment.state, ShipmentState::OnHold | ShipmentState::Scheduled);
        if !shipment.state.is_open() || waits {
            return Outcome::Done;
        }
        let location = match self.registry.all(tenant).await {
            Ok(all) => all.by_id.get(&shipment.location).cloned(),
            Err(error) => return Outcome::retry(error),
        };
        match location {
            None => Outcome::reject("unknown_location", &shipment.location),
            Some(at) if at.health == Health::Offline => self.elsewhere(tenant, &order, shipment, cause).await,
            Some(at) => self.send(tenant, &order, shipment, &at).await,
        }
    }

    /// The parcel's warehouse is offline. One that it may have stays with it; the recovery schedule asks again once it
    /// is back.
    async fn elsewhere(&self, tenant: &TenantId, order: &Order, shipment: &Shipment, cause: &Context) -> Outcome {
        if shipment.state.is_with_warehouse() {
            return Outcome::Done;
        }
        match self.sales.reroute(tenant, order.id, shipment.id(order.id), cause).await {
            Ok(Some(_)) => tracing::info!(order = %order.id, from = %shipment.location, "parcel moved elsewhere"),
            Ok(None) => tracing::warn!(order = %order.id, at = %shipment.location, "parcel waits for its warehouse"),
            Err(ChangeError::Refused { .. }) => {}
            Err(error) => return Outcome::retry(error),
        }
        Outcome::Done
    }

    async fn send(&self, tenant: &TenantId, order: &Order, shipment: &Shipment, at: &Location) -> Outcome {
        let id = shipment.id(order.id);
        let marked = match self.mark(tenant, order, shipment).await {
            Ok(marked) => marked,
            Err(outcome) => return outcome,
        };
        match self.peers.instruct(&shipment.location, &at.url, order, shipment).await {
            Instructed::Taken => Outcome::Done,
            Instructed::Unknown(reason) => Outcome::retry(reason),
            Instructed::NotSent(reason) => self.unmark(tenant, order.id, id, marked, Outcome::retry(reason)).await,
            Instructed::Refused(code) => {
                let reason = format!("{} refuses the instruction: {code}", shipment.location);
                self.unmark(tenant, order.id, id, marked, Outcome::reject("instruction_refused", reason)).await
            }
        }
    }

    /// True when this call marked it; false when it was marked by an earlier one, whose call may have arrived.
    async fn mark(&self, tenant: &TenantId, order: &Order, shipment: &Shipment) -> Result<bool, Outcome> {
        if shipment.state.is_with_warehouse() {
            return Ok(false);
        }
        match self.sales.mark_sent(tenant, order.id, shipment.id(order.id)).await {
            Ok(_) => Ok(true),
            Err(ChangeError::Refused { reason: Refused::AlreadySettled(ShipmentState::Sent), .. }) => Ok(false),
            // It was settled, moved or called off in between: there is nothing to send any more.
            Err(ChangeError::Refused { .. }) => Err(Outcome::Done),
            Err(error) => Err(Outcome::retry(error)),
        }
    }

    async fn unmark(
        &self,
        tenant: &TenantId,
        order: OrderId,
        shipment: ShipmentId,
        marked: bool,
        outcome: Outcome,
    ) -> Outcome {
        if marked {
            match self.sales.mark_unsent(tenant, order, shipment).await {
                Ok(_) | Err(ChangeError::Refused { .. }) => {}
                // Still marked: safe, only slower, because it then waits for its own warehouse.
                Err(error) => return Outcome::retry(error),
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
