//! Steps of fulfilment orders that people take: hold, release, schedule, pick, pack, split, merge, cancel; and the holds
//! of the order as a whole. Pure. Moving to another location is [`Order::reroute`].

use super::{Hold, Order, Refused, StockEffect, holds};
use crate::machine::Machine;
use crate::shipment::{Shipment, ShipmentEvent, ShipmentId, ShipmentState};
use crate::status::{OrderStatus, Step};
use inventory::allocation::{Demand, Parcel};
use inventory::{Movement, Sku};
use kernel::Timestamp;
use std::collections::BTreeMap;

impl Order {
    /// Makes the order wait for a reason: nothing is authorised and no warehouse is asked until it is released. Parcels
    /// that a warehouse may have go on.
    pub fn hold(&mut self, hold: Hold, now: Timestamp) -> Result<(), Refused> {
        self.step(Step::Hold, now)?;
        if self.is_held_for(&hold.code) {
            return Err(Refused::NoChange);
        }
        self.holds.push(hold);
        Ok(())
    }

    /// Takes one reason to wait away, or all of them. What has no stock waits until it has, or is called off.
    pub fn release(&mut self, code: Option<&str>, now: Timestamp) -> Result<(), Refused> {
        self.step(Step::Release, now)?;
        let stays = |hold: &Hold| match code {
            Some(code) => hold.code != code,
            None => hold.code == holds::OUT_OF_STOCK,
        };
        let unfilled = self.has_unfilled();
        if code == Some(holds::OUT_OF_STOCK) && unfilled {
            return Err(Refused::Held(holds::OUT_OF_STOCK.to_owned()));
        }
        let before = self.holds.len();
        self.holds.retain(stays);
        if self.holds.len() == before { Err(Refused::NoChange) } else { Ok(()) }
    }

    /// Is to be seen in the worklist though it is still PENDING.
    pub(crate) fn list_pending(&mut self) -> Result<(), Refused> {
        if self.listed || self.status != OrderStatus::Pending {
            return Err(Refused::NoChange);
        }
        self.listed = true;
        Ok(())
    }

    /// Plans what has no stock yet into `parcels`. The order goes on once nothing is missing.
    pub fn allocate(&mut self, parcels: &[Parcel], now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        next.step(Step::Allocate, now)?;
        if parcels.is_empty() {
            return Err(Refused::NoOtherStock);
        }
        let promised = next.plan(parcels);
        if next.lines.iter().any(|line| next.unfilled(line) < 0) {
            return Err(Refused::WrongLines);
        }
        next.lift_out_of_stock();
        *self = next;
        Ok(promised)
    }

    pub(crate) fn lift_out_of_stock(&mut self) {
        if !self.has_unfilled() {
            self.holds.retain(|hold| hold.code != holds::OUT_OF_STOCK);
        }
    }

    /// Makes one parcel wait, for a reason.
    pub fn hold_shipment(&mut self, id: ShipmentId, reason: &str) -> Result<(), Refused> {
        let shipment = self.advance(id, ShipmentEvent::Hold)?;
        shipment.reason = Some(reason.to_owned());
        shipment.until = None;
        Ok(())
    }

    /// A parcel no longer waits for a person.
    pub fn release_shipment(&mut self, id: ShipmentId) -> Result<(), Refused> {
        self.advance(id, ShipmentEvent::Release)?.reason = None;
        Ok(())
    }

    /// Makes one parcel wait for a time.
    pub fn schedule_shipment(&mut self, id: ShipmentId, until: Timestamp) -> Result<(), Refused> {
        self.advance(id, ShipmentEvent::Schedule)?.until = Some(until);
        Ok(())
    }

    /// Parcels whose time has come are to be sent.
    pub fn start_due(&mut self, now: Timestamp) -> Result<(), Refused> {
        let due = |s: &Shipment| s.state == ShipmentState::Scheduled && s.until.is_none_or(|until| until <= now);
        let ids: Vec<ShipmentId> = self.shipments.iter().filter(|s| due(s)).map(|s| s.id(self.id)).collect();
        for id in &ids {
            self.advance(*id, ShipmentEvent::Start)?.until = None;
        }
        if ids.is_empty() { Err(Refused::NoChange) } else { Ok(()) }
    }

    /// The goods of a parcel were taken from their shelves.
    pub fn pick(&mut self, id: ShipmentId) -> Result<(), Refused> {
        self.advance(id, ShipmentEvent::Pick).map(|_| ())
    }

    /// The goods of a parcel are packed.
    pub fn pack(&mut self, id: ShipmentId) -> Result<(), Refused> {
        self.advance(id, ShipmentEvent::Pack).map(|_| ())
    }

    /// Puts some units of a parcel into a parcel of their own at the same location.
    pub fn split(&mut self, id: ShipmentId, units: &[(Sku, i64)], now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let shipment = self.shipment(id)?;
        let mut rest: BTreeMap<Sku, i64> = shipment.lines.iter().cloned().collect();
        for (sku, count) in units {
            let left = rest.get_mut(sku).ok_or(Refused::WrongLines)?;
            if *count < 1 || count > left {
                return Err(Refused::TooMany { sku: sku.clone(), requested: *count, available: *left });
            }
            *left -= count;
        }
        let location = shipment.location.clone();
        let parcel = |lines: Vec<Demand>| Parcel { location: location.clone(), lines };
        let kept: Vec<Demand> = demands(rest.into_iter().filter(|(_, count)| *count > 0));
        if kept.is_empty() || units.is_empty() {
            return Err(Refused::NoChange);
        }
        self.room_for(2)?;
        self.reroute(id, &[parcel(kept), parcel(demands(units.iter().cloned()))], now)
    }

    /// Makes one parcel of several at the same location.
    pub fn merge(&mut self, ids: &[ShipmentId]) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        let (first, others) = ids.split_first().ok_or(Refused::NoChange)?;
        if others.is_empty() || others.contains(first) {
            return Err(Refused::NoChange);
        }
        let mut all: BTreeMap<Sku, i64> = BTreeMap::new();
        let location = self.shipment(*first)?.location.clone();
        let mut moved = Vec::new();
        for id in ids {
            let shipment = next.advance(*id, ShipmentEvent::Move)?;
            if shipment.location != location {
                return Err(Refused::PlacesDiffer);
            }
            for (sku, count) in &shipment.lines {
                *all.entry(sku.clone()).or_default() += count;
            }
            moved.extend(self.effects(self.shipment(*id)?, |quantity| Movement::Released { quantity }));
        }
        next.in_fulfilment()?;
        next.room_for(1)?;
        moved.extend(next.plan(&[Parcel { location, lines: demands(all.into_iter()) }]));
        *self = next;
        Ok(moved)
    }

    /// Calls a parcel off, with its units: they are no longer part of the order.
    pub fn cancel_shipment(&mut self, id: ShipmentId, now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
        let mut next = self.clone();
        let shipment = next.advance(id, ShipmentEvent::Cancel)?.clone();
        let released = self.effects(&shipment, |quantity| Movement::Released { quantity });
        let released = next.called_off(&shipment.lines, released, now)?;
        *self = next;
        Ok(released)
    }

    pub(crate) fn room_for(&self, parcels: usize) -> Result<(), Refused> {
        let room = self.shipments.len() + parcels <= super::MAX_SHIPMENTS;
        if room { Ok(()) } else { Err(Refused::TooManyShipments) }
    }

    /// What may happen to a parcel now.
    pub fn allowed_of(&self, shipment: &Shipment) -> Vec<ShipmentEvent> {
        shipment.state.events(&|_| true)
    }

    fn advance(&mut self, id: ShipmentId, event: ShipmentEvent) -> Result<&mut Shipment, Refused> {
        let at = self.index(id)?;
        // Nobody may touch the parcels of an order that has ended; those that were open ended with it.
        if self.status == OrderStatus::Delivered {
            return Err(Refused::AlreadySettled(self.shipments[at].state));
        }
        self.shipments[at].state = self.shipment_after(at, event)?;
        Ok(&mut self.shipments[at])
    }
}

fn demands(lines: impl Iterator<Item = (Sku, i64)>) -> Vec<Demand> {
    lines.map(|(sku, quantity)| Demand { sku, quantity }).collect()
}
