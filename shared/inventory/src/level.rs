//! The level: how many units of one item one location holds, in which state, and what they cost.
//!
//! [`Level::apply`] is the only way to change one: it decides what each movement does to the balances ([`Balances`]) and
//! to their value ([`crate::valuation`]), and records it as one ledger entry. A location may count fewer units than are
//! promised; available is then negative, nothing more can be promised beyond the level's own backorder limit, and the
//! shortage shows when a parcel is refused. Pure: reading and writing levels is `store.rs`.

use crate::balances::Balances;
use crate::ledger::{Entry, Hash};
use crate::movement::{Condition, MAX_UNITS, Movement, Observation, Posting};
use crate::valuation::{Booked, Change, Holding, Layer, Policy, Unvaluable, book};
use crate::{LocationId, Sku};
use kernel::Timestamp;
use rust_decimal::Decimal;
use std::ops::Deref;

/// What the units of a level cost, by the rules of the location's company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The rules.
    pub policy: Policy,
    /// Of everything on hand.
    pub value: Decimal,
    /// [`Holding::unit`].
    pub unit: Decimal,
}

impl Cost {
    /// Nothing is held yet.
    #[must_use]
    pub fn starting(policy: Policy) -> Self {
        Self { policy, value: Decimal::ZERO, unit: Decimal::ZERO }
    }
}

/// Stock of one item at one location. It reads like its [`Balances`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// What.
    pub sku: Sku,
    /// Where.
    pub location: LocationId,
    /// Units, by state.
    pub balances: Balances,
    /// Units that may be promised beyond what there is; 0 unless somebody allowed it for this level.
    pub backorder: i64,
    /// What they cost; `None` where no company values them.
    pub cost: Option<Cost>,
    /// The count for which goods must not move now.
    pub frozen_by: Option<String>,
    /// Sequence of the last ledger entry, 0 before the first. Only grows.
    pub seq: u64,
    /// Effective time of the last ledger entry. Only grows.
    pub effective_at: Timestamp,
    /// Hash of the last ledger entry.
    pub hash: Hash,
    /// Version of the newest observation absorbed from the location's own system.
    pub source_version: u64,
    /// When such an observation was last absorbed.
    pub synced_at: Option<Timestamp>,
    /// Optimistic version of the stored item it was read from, 0 when there is none.
    pub version: u64,
}

impl Deref for Level {
    type Target = Balances;
    fn deref(&self) -> &Balances {
        &self.balances
    }
}

/// A movement that the level does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More was asked for than is available.
    #[error("{requested} units requested, {available} available")]
    InsufficientStock {
        /// Units asked for.
        requested: i64,
        /// Units available.
        available: i64,
    },
    /// More was released or shipped than is promised.
    #[error("{requested} units requested, {committed} committed")]
    NotCommitted {
        /// Units asked for.
        requested: i64,
        /// Units committed.
        committed: i64,
    },
    /// More was asked of a bucket than is in it.
    #[error("{requested} units requested, {held} {bucket}")]
    NotHeld {
        /// The bucket's name outside.
        bucket: &'static str,
        /// Units asked for.
        requested: i64,
        /// Units in it.
        held: i64,
    },
    /// A quantity of zero, below zero, or beyond [`MAX_UNITS`].
    #[error("quantity {0} is out of range")]
    OutOfRange(i64),
    /// The movement would change nothing, so there is nothing to record.
    #[error("the movement changes nothing")]
    NoChange,
    /// Goods must not move while this count is under way.
    #[error("the stock is being counted ({0})")]
    Frozen(String),
    /// A cost for stock that no company values.
    #[error("no company values this stock")]
    NotValued,
    /// The cost of the units cannot be booked.
    #[error(transparent)]
    Cost(#[from] Unvaluable),
}

impl Level {
    /// The level of an item that this location has never held.
    pub fn empty(sku: Sku, location: LocationId) -> Self {
        Self {
            sku,
            location,
            balances: Balances::default(),
            backorder: 0,
            cost: None,
            frozen_by: None,
            seq: 0,
            effective_at: Timestamp::UNIX_EPOCH,
            hash: Hash::GENESIS,
            source_version: 0,
            synced_at: None,
            version: 0,
        }
    }

    /// What everything on hand is worth; 0 where nobody values it.
    pub(crate) fn value(&self) -> Decimal {
        self.cost.map_or(Decimal::ZERO, |cost| cost.value)
    }

    /// Units that can still be promised, as [`Balances::available`].
    #[must_use]
    pub fn available(&self) -> i64 {
        self.balances.available()
    }

    /// Applies one movement: the level after it, and the ledger entry that records it. Movements of goods whose cost is
    /// kept in layers are refused; see [`Level::apply_with`].
    pub fn apply(&self, movement: &Movement, posting: &Posting) -> Result<(Level, Entry), Refusal> {
        self.apply_with(&mut Vec::new(), movement, posting)
    }

    /// Applies one movement, with the cost layers it needs (see [`book`]); they are changed with the level.
    pub fn apply_with(
        &self,
        layers: &mut Vec<Layer>,
        movement: &Movement,
        posting: &Posting,
    ) -> Result<(Level, Entry), Refusal> {
        if let Some(count) = self.frozen_by.as_ref().filter(|count| **count != posting.source && !movement.is_promise())
        {
            return Err(Refusal::Frozen(count.clone()));
        }
        let mut next = self.clone();
        next.move_units(movement, posting)?;
        next.is_in_range()?;
        next.seq += 1;
        let booked = next.move_value(self, layers, movement)?;
        let nothing = next.balances == self.balances && booked.unwrap_or_default() == Booked::default();
        let recount = matches!(movement, Movement::Counted { .. } | Movement::SafetyStockSet { .. });
        if nothing && recount && self.seq > 0 {
            return Err(Refusal::NoChange);
        }
        next.effective_at = micros(posting.effective_at).max(self.effective_at);
        let entry = Entry::record(self, &next, booked, movement, posting);
        next.hash = entry.hash;
        Ok((next, entry))
    }

    fn move_units(&mut self, movement: &Movement, posting: &Posting) -> Result<(), Refusal> {
        match *movement {
            Movement::StockAdjusted { delta } => self.adjust(delta),
            Movement::Counted { on_hand } => {
                self.balances.on_hand = in_range(on_hand)?;
                Ok(())
            }
            Movement::Observed(seen) if seen.version <= self.source_version => Err(Refusal::NoChange),
            Movement::Observed(seen) => self.absorb(seen, posting),
            Movement::GoodsReceived { quantity, announced, condition, .. } => {
                self.arrive(positive(quantity)?, announced, condition)
            }
            Movement::Returned { quantity, condition, .. } => self.arrive(positive(quantity)?, 0, condition),
            Movement::Announced { delta } => {
                self.balances.incoming += signed(delta)?;
                Ok(())
            }
            Movement::TransferPosted { delta, settles, .. } if signed(delta)? > 0 => {
                self.arrive(delta, settles, Condition::Sellable)
            }
            Movement::TransferPosted { delta, settles, .. } => self.send(-delta, settles),
            Movement::Issued { quantity } => self.issue(quantity, self.allows_negative()),
            Movement::WrittenOff { quantity, condition } => self.write_off(quantity, condition),
            Movement::FulfillmentCompleted { quantity, observed }
            | Movement::FulfillmentRefused { quantity, observed } => {
                self.balances.committed -= self.has_committed(quantity)?;
                if observed.version > self.source_version { self.absorb(observed, posting) } else { Ok(()) }
            }
            Movement::Shipped { quantity } => {
                self.balances.committed -= self.has_committed(quantity)?;
                self.balances.on_hand -= quantity;
                Ok(())
            }
            Movement::CostAdded { .. } | Movement::StandardCostSet { .. } => Ok(()),
            Movement::Reserved { .. }
            | Movement::ReservationReleased { .. }
            | Movement::ReservationCommitted { .. }
            | Movement::Committed { .. }
            | Movement::Released { .. }
            | Movement::Damaged { .. }
            | Movement::Repaired { .. }
            | Movement::QualityHeld { .. }
            | Movement::QualityReleased { .. }
            | Movement::SafetyStockSet { .. } => self.reassign(movement),
        }
    }

    /// Movements that change what units are for, and leave on hand as it is.
    fn reassign(&mut self, movement: &Movement) -> Result<(), Refusal> {
        match *movement {
            Movement::Reserved { quantity } => self.balances.reserved += self.is_promisable(quantity)?,
            Movement::ReservationReleased { quantity } => self.balances.reserved -= self.has_reserved(quantity)?,
            Movement::ReservationCommitted { quantity } => {
                self.balances.reserved -= self.has_reserved(quantity)?;
                self.balances.committed += quantity;
            }
            Movement::Committed { quantity } => self.balances.committed += self.is_promisable(quantity)?,
            Movement::Released { quantity } => self.balances.committed -= self.has_committed(quantity)?,
            Movement::Damaged { quantity } => self.balances.damaged += self.has_available(quantity)?,
            Movement::Repaired { quantity } => self.balances.damaged -= self.has_damaged(quantity)?,
            Movement::QualityHeld { quantity } => self.balances.quality_control += self.has_available(quantity)?,
            Movement::QualityReleased { quantity, damaged } => {
                self.balances.quality_control -= self.has_held(quantity)?;
                self.balances.damaged += if damaged { quantity } else { 0 };
            }
            Movement::SafetyStockSet { units } => {
                let more = in_range(units)? - self.safety_stock;
                if more > 0 {
                    self.has_available(more)?;
                }
                self.balances.safety_stock = units;
            }
            Movement::StockAdjusted { .. }
            | Movement::Counted { .. }
            | Movement::Observed(_)
            | Movement::GoodsReceived { .. }
            | Movement::Announced { .. }
            | Movement::TransferPosted { .. }
            | Movement::FulfillmentCompleted { .. }
            | Movement::FulfillmentRefused { .. }
            | Movement::Shipped { .. }
            | Movement::Issued { .. }
            | Movement::WrittenOff { .. }
            | Movement::Returned { .. }
            | Movement::CostAdded { .. }
            | Movement::StandardCostSet { .. } => {}
        }
        Ok(())
    }

    /// A correction may eat into what is promised, but a location cannot hold less than nothing.
    fn adjust(&mut self, delta: i64) -> Result<(), Refusal> {
        if self.on_hand + signed(delta)? < 0 && delta < 0 {
            return Err(Refusal::InsufficientStock { requested: -delta, available: self.on_hand });
        }
        self.balances.on_hand += delta;
        Ok(())
    }

    fn arrive(&mut self, quantity: i64, announced: i64, condition: Condition) -> Result<(), Refusal> {
        if !(0..=quantity).contains(&announced) {
            return Err(Refusal::OutOfRange(announced));
        }
        held("incoming", announced, self.incoming)?;
        self.balances.incoming -= announced;
        self.balances.on_hand += quantity;
        match condition {
            Condition::Sellable => {}
            Condition::Damaged => self.balances.damaged += quantity,
            Condition::QualityControl => self.balances.quality_control += quantity,
        }
        Ok(())
    }

    fn issue(&mut self, quantity: i64, beyond: bool) -> Result<(), Refusal> {
        self.balances.on_hand -= if beyond { positive(quantity)? } else { self.has_available(quantity)? };
        Ok(())
    }

    /// Units that were committed to it leave first.
    fn send(&mut self, quantity: i64, committed: i64) -> Result<(), Refusal> {
        if !(0..=quantity).contains(&committed) {
            return Err(Refusal::OutOfRange(committed));
        }
        if quantity > committed {
            self.has_available(quantity - committed)?;
        }
        if committed > 0 {
            self.balances.committed -= self.has_committed(committed)?;
        }
        self.balances.on_hand -= quantity;
        Ok(())
    }

    fn write_off(&mut self, quantity: i64, condition: Condition) -> Result<(), Refusal> {
        match condition {
            Condition::Sellable => return self.issue(quantity, false),
            Condition::Damaged => self.balances.damaged -= self.has_damaged(quantity)?,
            Condition::QualityControl => self.balances.quality_control -= self.has_held(quantity)?,
        }
        self.balances.on_hand -= quantity;
        Ok(())
    }

    fn absorb(&mut self, seen: Observation, posting: &Posting) -> Result<(), Refusal> {
        self.balances.on_hand = in_range(seen.on_hand)?;
        self.source_version = seen.version;
        self.synced_at = Some(posting.effective_at);
        Ok(())
    }

    /// Books what the movement did to on hand. Promises touch no value, and no layer.
    fn move_value(
        &mut self,
        before: &Level,
        layers: &mut Vec<Layer>,
        movement: &Movement,
    ) -> Result<Option<Booked>, Refusal> {
        let change = self.change_of_value(before.on_hand, movement);
        let Some(cost) = &mut self.cost else {
            let values = matches!(movement, Movement::CostAdded { .. } | Movement::StandardCostSet { .. });
            return if values { Err(Refusal::NotValued) } else { Ok(None) };
        };
        let Some(change) = change else { return Ok(Some(Booked::default())) };
        let held = Holding { quantity: before.balances.on_hand, value: cost.value, unit: cost.unit };
        let (after, booked) = book(cost.policy, &held, layers, &change)?;
        (cost.value, cost.unit) = (after.value, after.unit);
        Ok(Some(booked))
    }

    fn change_of_value(&self, before: i64, movement: &Movement) -> Option<Change> {
        let cost = match *movement {
            Movement::CostAdded { amount, units, receipt } => return Some(Change::LateCost { amount, units, receipt }),
            Movement::StandardCostSet { unit } => return Some(Change::Standard { unit }),
            Movement::GoodsReceived { cost, .. } | Movement::Returned { cost, .. } => cost,
            Movement::TransferPosted { value, .. } => value,
            Movement::StockAdjusted { .. }
            | Movement::Counted { .. }
            | Movement::Observed(_)
            | Movement::Announced { .. }
            | Movement::Reserved { .. }
            | Movement::ReservationReleased { .. }
            | Movement::ReservationCommitted { .. }
            | Movement::Committed { .. }
            | Movement::Released { .. }
            | Movement::FulfillmentCompleted { .. }
            | Movement::FulfillmentRefused { .. }
            | Movement::Shipped { .. }
            | Movement::Issued { .. }
            | Movement::Damaged { .. }
            | Movement::Repaired { .. }
            | Movement::QualityHeld { .. }
            | Movement::QualityReleased { .. }
            | Movement::WrittenOff { .. }
            | Movement::SafetyStockSet { .. } => None,
        };
        match self.on_hand - before {
            0 => None,
            more if more > 0 => Some(Change::In { quantity: more, cost, receipt: self.seq }),
            less => Some(Change::Out { quantity: -less }),
        }
    }

    /// Whether the company books goods out before they are booked in.
    fn allows_negative(&self) -> bool {
        self.cost.is_some_and(|cost| cost.policy.negative)
    }

    /// No bucket below nothing, none beyond the limit.
    fn is_in_range(&self) -> Result<(), Refusal> {
        let lowest = if self.allows_negative() { -MAX_UNITS } else { 0 };
        for (bucket, units) in self.balances.named() {
            let lowest = if bucket == "onHand" { lowest } else { 0 };
            if !(lowest..=MAX_UNITS).contains(&units) {
                return Err(Refusal::OutOfRange(units));
            }
        }
        Ok(())
    }

    /// A promise may go as far beyond what there is as the level allows.
    fn is_promisable(&self, quantity: i64) -> Result<i64, Refusal> {
        if positive(quantity)? > self.available() + self.backorder {
            return Err(Refusal::InsufficientStock { requested: quantity, available: self.available() });
        }
        Ok(quantity)
    }

    fn has_available(&self, quantity: i64) -> Result<i64, Refusal> {
        if positive(quantity)? > self.available() {
            return Err(Refusal::InsufficientStock { requested: quantity, available: self.available() });
        }
        Ok(quantity)
    }

    fn has_committed(&self, quantity: i64) -> Result<i64, Refusal> {
        if positive(quantity)? > self.committed {
            return Err(Refusal::NotCommitted { requested: quantity, committed: self.committed });
        }
        Ok(quantity)
    }

    fn has_reserved(&self, quantity: i64) -> Result<i64, Refusal> {
        held("reserved", positive(quantity)?, self.reserved)
    }

    fn has_damaged(&self, quantity: i64) -> Result<i64, Refusal> {
        held("damaged", positive(quantity)?, self.damaged)
    }

    fn has_held(&self, quantity: i64) -> Result<i64, Refusal> {
        held("qualityControl", positive(quantity)?, self.quality_control)
    }
}

fn held(bucket: &'static str, requested: i64, held: i64) -> Result<i64, Refusal> {
    if requested > held { Err(Refusal::NotHeld { bucket, requested, held }) } else { Ok(requested) }
}

fn positive(quantity: i64) -> Result<i64, Refusal> {
    if (1..=MAX_UNITS).contains(&quantity) { Ok(quantity) } else { Err(Refusal::OutOfRange(quantity)) }
}

fn signed(delta: i64) -> Result<i64, Refusal> {
    if delta != 0 && (-MAX_UNITS..=MAX_UNITS).contains(&delta) { Ok(delta) } else { Err(Refusal::OutOfRange(delta)) }
}

fn in_range(units: i64) -> Result<i64, Refusal> {
    if (0..=MAX_UNITS).contains(&units) { Ok(units) } else { Err(Refusal::OutOfRange(units)) }
}

/// The ledger keeps microseconds.
pub(crate) fn micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
