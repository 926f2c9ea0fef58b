//! What goods cost when they left, and so what they cost when they come back. Pure.
//!
//! The cost of what leaves is what its ledger entry took off the value of the stock; it is kept with the sale. Units of
//! an item come back in the order in which they left, each with an equal share of what its parcel cost, so that all of a
//! parcel brings back exactly what it took. The rules of valuation are those of [`inventory::valuation`].

use inventory::valuation::share;
use inventory::{Level, LocationId, Movement, Sku};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Units of an item that left stock together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departed {
    /// What, as it is held in stock: of a kit, a component.
    #[serde(rename = "k")]
    pub sku: Sku,
    /// From where.
    #[serde(rename = "l")]
    pub location: LocationId,
    /// How many.
    #[serde(rename = "q")]
    pub units: i64,
    /// What they cost, in the currency of the location's company, and the decimals it books with; `None` where nobody
    /// values stock.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<(Decimal, u32)>,
}

impl Departed {
    /// What movements that turned one level into another took to a customer; `None` when none did.
    ///
    /// The location's own figure may come with the goods that left. When it had told of them before, their value is gone
    /// already, and they count for what the others cost when they were confirmed.
    pub(crate) fn between(before: &Level, after: &Level, movements: &[Movement]) -> Option<Self> {
        let units: i64 = movements.iter().map(units_sold).sum();
        if units == 0 {
            return None;
        }
        let cost = before.cost.zip(after.cost).and_then(|(was, is)| {
            let decimals = was.policy.decimals;
            let gone = before.on_hand - after.on_hand;
            let cost = if gone > 0 {
                share(was.value - is.value, units, gone, decimals)
            } else if before.on_hand > 0 {
                share(was.value, units, before.on_hand, decimals)
            } else {
                share(was.unit * Decimal::from(units), 1, 1, decimals)
            };
            // An amount too large to be shared was never booked.
            cost.ok().map(|cost| (cost, decimals))
        });
        Some(Self { sku: before.sku.clone(), location: before.location.clone(), units, cost })
    }
}

/// Units that a movement takes to a customer.
fn units_sold(movement: &Movement) -> i64 {
    if let Movement::FulfillmentCompleted { quantity, .. } | Movement::Issued { quantity } = movement {
        *quantity
    } else {
        0
    }
}

/// What units of an item cost when they left: those from `units.start` (0 is the first that left) to before `units.end`.
/// `None` when that is not known of all of them. `departed` is in the order in which it left.
pub fn cost_of(departed: &[Departed], sku: &Sku, units: &Range<i64>) -> Option<Decimal> {
    let (mut first, mut sum, mut known) = (0i64, Decimal::ZERO, 0i64);
    for batch in departed.iter().filter(|batch| batch.sku == *sku) {
        let within = |at: i64| (at - first).clamp(0, batch.units);
        let (from, to) = (within(units.start), within(units.end));
        first += batch.units;
        if from < to {
            let (cost, decimals) = batch.cost?;
            let upto = |units| share(cost, units, batch.units, decimals).ok();
            sum += upto(to)? - upto(from)?;
            known += to - from;
        }
    }
    (known > 0 && known == units.end - units.start).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(units: i64, cents: i64) -> Departed {
        let (sku, location) = ("a".parse().unwrap(), "alpha".parse().unwrap());
        Departed { sku, location, units, cost: Some((Decimal::new(cents, 2), 2)) }
    }

    fn cost(batches: &[Departed], units: Range<i64>) -> Option<String> {
        cost_of(batches, &"a".parse().unwrap(), &units).map(|cost| cost.normalize().to_string())
    }

    #[test]
    fn units_come_back_with_their_share_of_what_their_parcel_cost() {
        let left = [batch(3, 1000), batch(2, 900)];
        assert_eq!(cost(&left, 0..1).as_deref(), Some("3.33"));
        assert_eq!(cost(&left, 1..2).as_deref(), Some("3.34"));
        assert_eq!(cost(&left, 2..4).as_deref(), Some("7.83"));
        assert_eq!(cost(&left, 0..5).as_deref(), Some("19"));
        assert_eq!(cost(&left, 4..6), None, "nobody knows of a sixth");
        assert_eq!(cost(&[], 0..1), None);
        let unvalued = [Departed { cost: None, ..batch(2, 0) }, batch(2, 900)];
        assert_eq!((cost(&unvalued, 1..3), cost(&unvalued, 2..3).as_deref()), (None, Some("4.5")));
    }

    proptest! {
        #[test]
        fn however_units_come_back_all_of_them_bring_back_what_they_took(
            batches in prop::collection::vec((1i64..9, 0i64..100_000), 1..5), cuts in prop::collection::vec(0i64..40, 0..5),
        ) {
            let left: Vec<Departed> = batches.iter().map(|(units, cents)| batch(*units, *cents)).collect();
            let all: i64 = batches.iter().map(|(units, _)| units).sum();
            let mut at: Vec<i64> = cuts.into_iter().map(|cut| cut % all).chain([0, all]).collect();
            at.sort_unstable();
            at.dedup();
            let sum: Decimal = at.windows(2).map(|pair| cost_of(&left, &"a".parse().unwrap(), &(pair[0]..pair[1])).unwrap()).sum();
            prop_assert_eq!(sum, left.iter().map(|batch| batch.cost.unwrap().0).sum::<Decimal>());
        }
    }
}
