//! Valuation: what the units on hand cost. Pure, in exact decimals, one currency; no item, no location, no clock.
//!
//! [`book`] takes what is held ([`Holding`], and [`Layer`]s where the method has them) and a [`Change`], and gives what is
//! held after it and how the change was [`Booked`]. To replay the figures of another system, start with
//! `Holding::default()` and no layers, book one change after the other, and compare `quantity`, `value` and `-value_delta` of
//! what went out. Rules:
//!
//! - **Conservation**: for whatever comes in or is added, `cost = value_delta + variance`; for whatever goes out, the cost of
//!   goods is `-value_delta`. A variance is money that is not in stock: price variance, late cost of goods already gone, the
//!   difference to a provisional cost.
//! - **Moving average**: out goes `value * units / quantity`, rounded half away from zero to the policy's decimals; the last
//!   unit takes all that is left, so that quantity 0 means value 0 and the residue is booked with it.
//! - **FIFO, LIFO**: every receipt is a layer; out goes from the oldest or the newest, within a layer as above.
//! - **Standard**: `value = quantity * standard`, rounded once; what was paid beyond it is variance. A standard that was never
//!   set is 0.
//! - **Below zero** (only where allowed): what goes out beyond what is there is booked at the last known unit cost. What comes
//!   in next fills the hole first, at the provisional cost; the difference is variance.
//! - **Units of unknown cost** (found, or received without an invoice) come in at what the others cost, or at the last
//!   known unit cost when there are none.
//! - **Late cost** stays with the share of the receipt that is still there; the rest is variance. A credit takes no value below 0.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Most decimals a company may book values with.
pub const MAX_DECIMALS: u32 = 6;
/// The first amount too large: with [`MAX_DECIMALS`] and [`crate::MAX_UNITS`] every product stays exact.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;
/// Decimals kept of a unit cost.
const UNIT_DECIMALS: u32 = 9;

/// How the cost of what goes out is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    MovingAverage,
    /// What came first goes first.
    Fifo,
    /// What came last goes first.
    Lifo,
    /// At a cost somebody set.
    Standard,
}

impl Method {
    /// Whether receipts are kept apart.
    #[must_use]
    pub fn has_layers(self) -> bool {
        matches!(self, Self::Fifo | Self::Lifo)
    }
}

/// How a company values its stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    #[serde(rename = "m")]
    pub method: Method,
    /// Whether goods may be booked out before they are booked in.
    #[serde(rename = "ng", default, skip_serializing_if = "std::ops::Not::not")]
    pub negative: bool,
    /// Decimals of every booked value, at most [`MAX_DECIMALS`]; usually those of the currency.
    #[serde(rename = "dp")]
    pub decimals: u32,
}

/// What is held, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    pub quantity: i64,
    pub value: Decimal,
    /// Standard: the standard. Otherwise the last known cost of one unit.
    pub unit: Decimal,
}

/// What is left of one receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Names the receipt; later receipts have higher numbers.
    pub receipt: u64,
    /// Units, at least 1.
    pub quantity: i64,
    pub value: Decimal,
}

/// Something that changes what stock cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Units come in.
    In {
        /// At least 1.
        quantity: i64,
        /// What all of them cost, `None` when nobody knows.
        cost: Option<Decimal>,
        /// Name of the layer they make.
        receipt: u64,
    },
    /// Units go out.
    Out {
        /// At least 1.
        quantity: i64,
    },
    /// A cost that became known after the goods came.
    LateCost {
        amount: Decimal,
        /// Units of the receipt it is for, at least 1.
        units: i64,
        /// The receipt; for methods with layers.
        receipt: Option<u64>,
    },
    /// Another standard cost.
    Standard { unit: Decimal },
}

/// How a change was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Booked {
    /// Signed change of the value of stock.
    pub value_delta: Decimal,
    /// Cost that did not become value of stock, or the other way round when negative.
    pub variance: Decimal,
}

/// Why a change cannot be booked. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unvaluable {
    /// A quantity below 1.
    #[error("a quantity must be at least 1")]
    Quantity,
    /// More goes out than there is, and the company does not allow it.
    #[error("more would go out than there is")]
    Negative,
    /// Beyond [`MAX_AMOUNT`].
    #[error("the amount is too large")]
    TooLarge,
    /// A cost of goods below zero.
    #[error("a cost cannot be below zero")]
    NegativeCost,
    /// The layers given do not hold what is held: too few were read, or none.
    #[error("the cost layers of these units are needed")]
    LayersNeeded,
    /// A late cost needs the receipt it is for.
    #[error("the receipt that the cost is for is needed")]
    ReceiptNeeded,
    /// Only a company that values at standard cost has one.
    #[error("the company does not value at standard cost")]
    NoStandard,
}

/// Books a change. `layers` are those that are left, oldest first; for what goes out it is enough to give the oldest
/// (FIFO) or the newest (LIFO) that hold the quantity, for a late cost the one of its receipt.
pub fn book(
    policy: Policy,
    held: &Holding,
    layers: &mut Vec<Layer>,
    change: &Change,
) -> Result<(Holding, Booked), Unvaluable> {
    let mut after = *held;
    let cost = match *change {
        Change::In { quantity, cost, receipt } => {
            let cost = arriving_cost(policy, held, positive(quantity)?, cost)?;
            after.quantity += quantity;
            arrive(policy, held, &mut after, layers, (quantity, cost, receipt))?;
            cost
        }
        Change::Out { quantity } => {
            after.quantity -= positive(quantity)?;
            if after.quantity < 0 && !policy.negative {
                return Err(Unvaluable::Negative);
            }
            after.value = leave(policy, held, layers, quantity)?;
            Decimal::ZERO
        }
        Change::LateCost { amount, units, receipt } => {
            let amount = rounded(policy, amount)?;
            after.value += late(policy, held, layers, (amount, positive(units)?, receipt))?;
            amount
        }
        Change::Standard { unit } => {
            if policy.method != Method::Standard {
                return Err(Unvaluable::NoStandard);
            }
            after.unit = unit_cost(unit)?;
            Decimal::ZERO
        }
    };
    if policy.method == Method::Standard {
        after.value = times(policy, after.unit, after.quantity)?;
    }
    in_range(after.value)?;
    let value_delta = after.value - held.value;
    // What goes out at standard takes the standard with it: the rounding of the rest is part of its cost.
    let variance = if matches!(change, Change::Out { .. }) { Decimal::ZERO } else { cost - value_delta };
    Ok((after, Booked { value_delta, variance }))
}

/// The value `units` of an amount for `of` units have, as [`book`] rounds it: for what is returned in part.
pub fn share(amount: Decimal, units: i64, of: i64, decimals: u32) -> Result<Decimal, Unvaluable> {
    let amount = amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    let scale = 10i128.pow(decimals.saturating_sub(amount.scale()).min(MAX_DECIMALS));
    let product = amount.mantissa().checked_mul(scale).and_then(|m| m.checked_mul(i128::from(units)));
    let (product, of) = (product.ok_or(Unvaluable::TooLarge)?, i128::from(positive(of)?));
    // Half away from zero.
    let half = if product < 0 { -of / 2 } else { of / 2 };
    let rounded = (product + half) / of;
    let scale = decimals.max(amount.scale());
    Decimal::try_from_i128_with_scale(rounded, scale).map(|d| d.normalize()).map_err(|_| Unvaluable::TooLarge)
}

/// What units that come in count for.
fn arriving_cost(policy: Policy, held: &Holding, quantity: i64, cost: Option<Decimal>) -> Result<Decimal, Unvaluable> {
    match cost {
        Some(cost) if cost < Decimal::ZERO => Err(Unvaluable::NegativeCost),
        Some(cost) => rounded(policy, cost),
        None if held.quantity > 0 && policy.method != Method::Standard => {
            share(held.value, quantity, held.quantity, policy.decimals)
        }
        None => times(policy, held.unit, quantity),
    }
}

fn arrive(
    policy: Policy,
    held: &Holding,
    after: &mut Holding,
    layers: &mut Vec<Layer>,
    (quantity, cost, receipt): (i64, Decimal, u64),
) -> Result<(), Unvaluable> {
    if policy.method == Method::Standard {
        return Ok(());
    }
    let hole = (-held.quantity).max(0);
    let kept = (quantity - hole).max(0);
    // Of the units that stay, the value; of a hole that is not filled yet, what is left of its provisional cost.
    let stays = share(cost, kept, quantity, policy.decimals)?;
    after.value = if hole == 0 {
        held.value + stays
    } else if kept > 0 {
        stays
    } else {
        share(held.value, hole - quantity, hole, policy.decimals)?
    };
    after.unit = if policy.method == Method::MovingAverage && after.quantity > 0 {
        unit_cost(after.value / Decimal::from(after.quantity))?
    } else {
        unit_cost(cost / Decimal::from(quantity))?
    };
    if policy.method.has_layers() && kept > 0 {
        layers.push(Layer { receipt, quantity: kept, value: stays });
    }
    Ok(())
}

/// The value that is left.
fn leave(policy: Policy, held: &Holding, layers: &mut Vec<Layer>, quantity: i64) -> Result<Decimal, Unvaluable> {
    let there = held.quantity.max(0);
    if quantity > there {
        if policy.method.has_layers() {
            if layers.iter().map(|layer| layer.quantity).sum::<i64>() != there {
                return Err(Unvaluable::LayersNeeded);
            }
            layers.clear();
        }
        let beyond = times(policy, held.unit, quantity - there)?;
        return Ok(if there > 0 { -beyond } else { held.value - beyond });
    }
    let gone = if policy.method.has_layers() {
        consume(policy, layers, quantity)?
    } else if quantity == there {
        held.value
    } else {
        share(held.value, quantity, there, policy.decimals)?
    };
    Ok(held.value - gone)
}

/// Takes units from the layers whose turn it is; gives their value.
fn consume(policy: Policy, layers: &mut Vec<Layer>, quantity: i64) -> Result<Decimal, Unvaluable> {
    let (mut wanted, mut gone) = (quantity, Decimal::ZERO);
    let mut left = layers.clone();
    while wanted > 0 {
        let at = if policy.method == Method::Fifo { 0 } else { left.len().saturating_sub(1) };
        let layer = left.get_mut(at).ok_or(Unvaluable::LayersNeeded)?;
        if layer.quantity <= wanted {
            wanted -= layer.quantity;
            gone += layer.value;
            left.remove(at);
        } else {
            let part = share(layer.value, wanted, layer.quantity, policy.decimals)?;
            layer.quantity -= wanted;
            layer.value -= part;
            gone += part;
            wanted = 0;
        }
    }
    *layers = left;
    Ok(gone)
}

/// The part of a late cost that becomes value of stock.
fn late(
    policy: Policy,
    held: &Holding,
    layers: &mut [Layer],
    (amount, units, receipt): (Decimal, i64, Option<u64>),
) -> Result<Decimal, Unvaluable> {
    match policy.method {
        Method::Standard => Ok(Decimal::ZERO),
        Method::MovingAverage => {
            let kept = held.quantity.clamp(0, units);
            Ok(share(amount, kept, units, policy.decimals)?.max(-held.value.max(Decimal::ZERO)))
        }
        Method::Fifo | Method::Lifo => {
            let receipt = receipt.ok_or(Unvaluable::ReceiptNeeded)?;
            let Some(layer) = layers.iter_mut().find(|layer| layer.receipt == receipt) else {
                return Ok(Decimal::ZERO);
            };
            let added = share(amount, layer.quantity.min(units), units, policy.decimals)?.max(-layer.value);
            layer.value += added;
            Ok(added)
        }
    }
}

fn positive(quantity: i64) -> Result<i64, Unvaluable> {
    if quantity >= 1 { Ok(quantity) } else { Err(Unvaluable::Quantity) }
}

fn in_range(amount: Decimal) -> Result<Decimal, Unvaluable> {
    if amount.abs() < Decimal::from(MAX_AMOUNT) { Ok(amount) } else { Err(Unvaluable::TooLarge) }
}

fn rounded(policy: Policy, amount: Decimal) -> Result<Decimal, Unvaluable> {
    in_range(amount.round_dp_with_strategy(policy.decimals, RoundingStrategy::MidpointAwayFromZero).normalize())
}

fn unit_cost(unit: Decimal) -> Result<Decimal, Unvaluable> {
    if unit < Decimal::ZERO {
        return Err(Unvaluable::NegativeCost);
    }
    in_range(unit.round_dp_with_strategy(UNIT_DECIMALS, RoundingStrategy::MidpointAwayFromZero).normalize())
}

fn times(policy: Policy, unit: Decimal, quantity: i64) -> Result<Decimal, Unvaluable> {
    rounded(policy, unit.checked_mul(Decimal::from(quantity)).ok_or(Unvaluable::TooLarge)?)
}

#[cfg(test)]
mod tests;
