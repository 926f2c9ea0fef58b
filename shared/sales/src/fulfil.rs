//! What happens to an order after it was placed: accepted or declined, called off, sent, shipped, refused, rerouted.
//!
//! Each use case is one step of [`crate::order`], written with its stock and events by [`crate::change`]. Repeating one is
//! refused by the order itself and changes nothing.

use crate::change::{By, ChangeError, Scope};
use crate::order::{Figure, MAX_SHIPMENTS, Order, OrderId, Refused};
use crate::plan::{self, Want};
use crate::shipment::{Shipment, ShipmentId, ShipmentState};
use crate::stock::Stock;
use crate::{Sales, events};
use inventory::allocation::Parcel;
use inventory::{LocationId, Sku};
use kernel::{Context, TenantId};
use table::TransactionError;

/// What a warehouse reports of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It left; the stock figures are those after it.
    Shipped(Vec<Figure>),
    /// It cannot be filled, with the reason and the stock figures as they are.
    Refused(String, Vec<Figure>),
    /// It arrived.
    Delivered,
}

impl Sales {
    /// Calls an order off.
    pub async fn cancel(
        &self,
        tenant: &TenantId,
        id: OrderId,
        actor: &str,
        cause: &Context,
    ) -> Result<Order, ChangeError> {
        let now = self.now();
        self.change(tenant, id, By::new(actor, cause, "cancelled"), Scope::Own, &|order, _| order.cancel(now)).await
    }

    /// Takes a warehouse's report on one of its parcels.
    pub async fn report(
        &self,
        tenant: &TenantId,
        (id, shipment): (OrderId, ShipmentId),
        by: &LocationId,
        report: &Report,
        cause: &Context,
    ) -> Result<Order, ChangeError> {
        let now = self.now();
        let who = |what| By::new(by.as_str(), cause, what);
        match report {
            Report::Shipped(figures) => {
                let step = |order: &mut Order, _: &Stock| order.ship(shipment, by, figures, now);
                self.change(tenant, id, who("shipped"), Scope::Own, &step).await
            }
            Report::Delivered => {
                let step = |order: &mut Order, _: &Stock| order.deliver(shipment, by, now).map(|()| Vec::new());
                self.change(tenant, id, who("delivered"), Scope::Nothing, &step).await
            }
            Report::Refused(reason, figures) => {
                let step = |order: &mut Order, stock: &Stock| {
                    let parcels = plan_refused(order, shipment, figures, stock)?;
                    order.refuse(shipment, by, reason.clone(), figures, &parcels, now)
                };
                let by = By { reason: Some(reason), ..who("refused") };
                self.change(tenant, id, by, Scope::Everywhere(&[]), &step).await
            }
        }
    }

    /// Records that a parcel is about to be offered to its warehouse; refused unless it is still to be sent.
    pub async fn mark_sent(&self, tenant: &TenantId, id: OrderId, shipment: ShipmentId) -> Result<Order, ChangeError> {
        self.mark(tenant, id, shipment, ShipmentState::Sent).await
    }

    /// Records that the warehouse surely did not hear of a parcel that was marked as sent.
    pub async fn mark_unsent(
        &self,
        tenant: &TenantId,
        id: OrderId,
        shipment: ShipmentId,
    ) -> Result<Order, ChangeError> {
        self.mark(tenant, id, shipment, ShipmentState::Requested).await
    }

    async fn mark(
        &self,
        tenant: &TenantId,
        id: OrderId,
        shipment: ShipmentId,
        state: ShipmentState,
    ) -> Result<Order, ChangeError> {
        let cause = Context::root(shipment.to_string(), None);
        let step = |order: &mut Order, _: &Stock| order.mark(shipment, state).map(|()| Vec::new());
        let what = if state == ShipmentState::Sent { "sent" } else { "not_sent" };
        self.change(tenant, id, By::new("dispatch", &cause, what), Scope::Nothing, &step).await
    }

    /// Moves a parcel that its warehouse has not seen to locations that are up. `None` when those cannot fill it: it
    /// then waits where it is.
    pub async fn reroute(
        &self,
        tenant: &TenantId,
        id: OrderId,
        shipment: ShipmentId,
        cause: &Context,
    ) -> Result<Option<Order>, ChangeError> {
        let now = self.now();
        let step = |order: &mut Order, stock: &Stock| {
            let parcel = order.shipment(shipment)?;
            let availability = stock.availability(&[], Some(&parcel.location));
            let parcels = plan::fill(&wants(order, parcel), &availability).map_err(|_| Refused::NoOtherStock)?;
            room(order, &parcels)?;
            order.reroute(shipment, &parcels, now)
        };
        match self.change(tenant, id, By::new("dispatch", cause, "moved"), Scope::Everywhere(&[]), &step).await {
            Ok(order) => Ok(Some(order)),
            Err(ChangeError::Refused { reason: Refused::NoOtherStock, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Parcels of an order that were scheduled and whose time has come go to their warehouses.
    pub async fn start_due(&self, tenant: &TenantId, id: OrderId, cause: &Context) -> Result<(), ChangeError> {
        let now = self.now();
        let step = |order: &mut Order, _: &Stock| order.start_due(now).map(|()| Vec::new());
        match self.change(tenant, id, By::new("dispatch", cause, "started"), Scope::Nothing, &step).await {
            Ok(_) | Err(ChangeError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks again for every open parcel of an order: a new event each, for a warehouse that is back or a message that
    /// got lost. Safe at any time, because instructions are idempotent by shipment.
    pub async fn ask_again(&self, tenant: &TenantId, order: &Order, cause: &Context) -> Result<(), ChangeError> {
        let mut transaction = self.table.transaction(tenant);
        let asked = |s: &&Shipment| s.state.is_with_warehouse() || events::is_due(order, s);
        for shipment in order.shipments.iter().filter(asked) {
            transaction.event(&events::requested(tenant, order, shipment, &*self.clock).caused_by(cause));
        }
        match transaction.commit().await {
            Ok(()) => Ok(()),
            // New events have new ids: there is nothing in their way.
            Err(TransactionError::Conditions(_) | TransactionError::TokenReused) => Err(ChangeError::Contended),
            Err(TransactionError::Table(error)) => Err(error.into()),
        }
    }
}

/// Where the lines of a refused parcel can go, its own location included with the figures it reported.
fn plan_refused(order: &Order, id: ShipmentId, figures: &[Figure], stock: &Stock) -> Result<Vec<Parcel>, Refused> {
    let shipment = order.shipment(id)?;
    if !shipment.state.is_open() {
        return Err(Refused::AlreadySettled(shipment.state));
    }
    let refusal = order.refusal(shipment, figures)?;
    let (parcels, _short) = plan::fill_available(&wants(order, shipment), &stock.availability(&refusal, None));
    Ok(if room(order, &parcels).is_ok() { parcels } else { Vec::new() })
}

/// An order that was refused very often takes no more parcels.
pub(crate) fn room(order: &Order, parcels: &[Parcel]) -> Result<(), Refused> {
    if order.shipments.len() + parcels.len() <= MAX_SHIPMENTS { Ok(()) } else { Err(Refused::TooManyShipments) }
}

fn wants<'a>(order: &'a Order, shipment: &Shipment) -> Vec<Want<'a>> {
    let line = |sku: &Sku| order.lines.iter().find(|line| line.sku == *sku);
    shipment.lines.iter().filter_map(|(sku, quantity)| Some(Want { line: line(sku)?, quantity: *quantity })).collect()
}
