//! What the steps of an order do to the stock: lines and parcels as units of items that are held, kits taken apart. Pure.

use super::{Figure, Order, Refused};
use crate::shipment::Shipment;
use inventory::{LocationId, Movement, Observation, Sku};

/// A movement of stock that goes with a step of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockEffect {
    /// Where.
    pub location: LocationId,
    /// What.
    pub sku: Sku,
    /// How.
    pub movement: Movement,
}

impl Order {
    /// The items of a parcel as they are held in stock: kits taken apart, no item twice.
    pub fn items_of(&self, shipment: &Shipment) -> Vec<(Sku, i64)> {
        self.items(&shipment.lines)
    }

    /// Units of lines as units of items held in stock, no item twice.
    pub(crate) fn items(&self, units: &[(Sku, i64)]) -> Vec<(Sku, i64)> {
        let mut items: Vec<(Sku, i64)> = Vec::with_capacity(units.len());
        let mut add = |sku: &Sku, units: i64| match items.iter_mut().find(|(known, _)| known == sku) {
            Some((_, sum)) => *sum += units,
            None => items.push((sku.clone(), units)),
        };
        for (sku, units) in units {
            match self.lines.iter().find(|line| line.sku == *sku) {
                Some(line) => line.items().for_each(|(item, each)| add(item, each * units)),
                None => add(sku, *units),
            }
        }
        items
    }

    pub(super) fn effects(&self, shipment: &Shipment, movement: impl Fn(i64) -> Movement) -> Vec<StockEffect> {
        self.items_of(shipment).into_iter().map(|item| effect(item, shipment, &movement)).collect()
    }

    /// What a refused parcel does to the stock of its location.
    pub(crate) fn refusal(&self, shipment: &Shipment, figures: &[Figure]) -> Result<Vec<StockEffect>, Refused> {
        self.reported(shipment, figures, |quantity, observed| Movement::FulfillmentRefused { quantity, observed })
    }

    /// Joins the items of a parcel with the figures its location reported, exactly one per item.
    pub(super) fn reported(
        &self,
        shipment: &Shipment,
        figures: &[Figure],
        movement: impl Fn(i64, Observation) -> Movement,
    ) -> Result<Vec<StockEffect>, Refused> {
        let items = self.items_of(shipment);
        if figures.len() != items.len() {
            return Err(Refused::WrongLines);
        }
        let joined = items.into_iter().map(|(sku, units)| {
            let figure = figures.iter().find(|f| f.sku == sku && f.quantity == units).ok_or(Refused::WrongLines)?;
            Ok(effect((sku, units), shipment, &|quantity| movement(quantity, figure.observed)))
        });
        joined.collect()
    }
}

pub(super) fn effect((sku, quantity): (Sku, i64), at: &Shipment, movement: &impl Fn(i64) -> Movement) -> StockEffect {
    StockEffect { location: at.location.clone(), sku, movement: movement(quantity) }
}
