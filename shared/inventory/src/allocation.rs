//! Allocation: which location ships what, decided from available stock. Pure.
//!
//! By [`Strategy`]; unless another is asked for, fewest parcels first, then the locations that hold most of what was
//! ordered, then their names, so that the same stock always gives the same answer. A line may be split over locations when
//! no single one holds all of it.
//! Nothing is promised here: the caller posts the movements, under the versions of the levels that were read.

use crate::{LocationId, Sku};
use std::collections::{BTreeMap, BTreeSet};

/// Most locations considered. With so few, every combination can be tried: at most 2^12.
pub const MAX_LOCATIONS: usize = 12;

/// How much of one item is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The item.
    pub sku: Sku,
    /// Units, at least 1.
    pub quantity: i64,
}

/// What is available where. Items and locations that are not named have none.
pub type Availability = BTreeMap<LocationId, BTreeMap<Sku, i64>>;

/// What one location ships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The location.
    pub location: LocationId,
    /// Units per item, each at least 1.
    pub lines: Vec<Demand>,
}

/// An item of which all locations together hold too little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The item.
    pub sku: Sku,
    /// Units wanted.
    pub requested: i64,
    /// Units available over all locations.
    pub available: i64,
}

/// Splits `demand` (one row per item) over locations, or says which items are short.
pub fn allocate(demand: &[Demand], availability: &Availability) -> Result<Vec<Parcel>, Vec<Shortage>> {
    // More locations than can be combined: keep those that hold most.
    let mut locations = ranked(availability.keys(), |location| -i128::from(stock(demand, availability, &[location])));
    locations.truncate(MAX_LOCATIONS);

    let shortages = shortages(demand, availability, &locations);
    if !shortages.is_empty() {
        return Err(shortages);
    }
    for parcels in 1..=locations.len() {
        let best = combinations(&locations, parcels)
            .into_iter()
            .filter(|chosen| self::shortages(demand, availability, chosen).is_empty())
            .max_by_key(|chosen| {
                let names: Vec<&LocationId> = chosen.clone();
                (stock(demand, availability, chosen), std::cmp::Reverse(names))
            });
        if let Some(chosen) = best {
            return Ok(split(demand, availability, &chosen));
        }
    }
    Ok(Vec::new()) // Only an empty demand gets here: anything else has a shortage or a combination.
}

/// As much of `demand` as can be filled, and what cannot.
pub fn allocate_available(demand: &[Demand], availability: &Availability) -> (Vec<Parcel>, Vec<Shortage>) {
    match allocate(demand, availability) {
        Ok(parcels) => (parcels, Vec::new()),
        Err(shortages) => {
            let short: BTreeMap<&Sku, i64> = shortages.iter().map(|s| (&s.sku, s.available.max(0))).collect();
            let rest: Vec<Demand> = demand
                .iter()
                .map(|d| Demand { sku: d.sku.clone(), quantity: short.get(&d.sku).copied().unwrap_or(d.quantity) })
                .filter(|d| d.quantity > 0)
                .collect();
            (allocate(&rest, availability).unwrap_or_default(), shortages)
        }
    }
}

fn at(availability: &Availability, location: &LocationId, sku: &Sku) -> i64 {
    availability.get(location).and_then(|items| items.get(sku)).copied().unwrap_or(0).max(0)
}

/// Units of the demanded items that the locations hold, counting no more of an item than is wanted.
fn useful(demand: &[Demand], availability: &Availability, location: &LocationId) -> i64 {
    demand.iter().map(|d| at(availability, location, &d.sku).min(d.quantity)).sum()
}

fn stock(demand: &[Demand], availability: &Availability, locations: &[&LocationId]) -> i64 {
    demand.iter().flat_map(|d| locations.iter().map(|l| at(availability, l, &d.sku))).sum()
}

fn shortages(demand: &[Demand], availability: &Availability, locations: &[&LocationId]) -> Vec<Shortage> {
    demand
        .iter()
        .filter_map(|d| {
            let available = locations.iter().map(|l| at(availability, l, &d.sku)).sum();
            (available < d.quantity).then(|| Shortage { sku: d.sku.clone(), requested: d.quantity, available })
        })
        .collect()
}

/// The lowest rank first, then by name. Ranks are asked for once each, and all callers share the code of one sort.
fn ranked<'a>(
    locations: impl Iterator<Item = &'a LocationId>,
    rank: impl Fn(&LocationId) -> i128,
) -> Vec<&'a LocationId> {
    let mut ranked: Vec<(i128, &LocationId)> = locations.map(|location| (rank(location), location)).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, location)| location).collect()
}

fn combinations<'a>(locations: &[&'a LocationId], size: usize) -> Vec<Vec<&'a LocationId>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let Some((first, rest)) = locations.split_first() else {
        return Vec::new();
    };
    let mut all: Vec<Vec<&LocationId>> = combinations(rest, size - 1)
        .into_iter()
        .map(|mut tail| {
            tail.insert(0, first);
            tail
        })
        .collect();
    all.extend(combinations(rest, size));
    all
}

/// Fills each line from the chosen locations: whole from one where possible, so that lines are split rarely.
fn split(demand: &[Demand], availability: &Availability, chosen: &[&LocationId]) -> Vec<Parcel> {
    let most = |location: &LocationId| -i128::from(useful(demand, availability, location));
    let mut order = ranked(chosen.iter().copied(), most);
    let mut parcels: BTreeMap<&LocationId, Vec<Demand>> = BTreeMap::new();
    for line in demand {
        let mut wanted = line.quantity;
        let whole = order.iter().find(|l| at(availability, l, &line.sku) >= wanted);
        let sources: Vec<&LocationId> = whole.map_or_else(|| order.clone(), |l| vec![*l]);
        for location in sources {
            let taken = at(availability, location, &line.sku).min(wanted);
            if taken > 0 {
                wanted -= taken;
                parcels.entry(location).or_default().push(Demand { sku: line.sku.clone(), quantity: taken });
            }
        }
    }
    let used: BTreeSet<&LocationId> = parcels.keys().copied().collect();
    order.retain(|l| used.contains(l));
    order
        .into_iter()
        .map(|location| Parcel { location: location.clone(), lines: parcels.remove(location).unwrap_or_default() })
        .collect()
}

/// How locations are chosen.
#[derive(Debug, Clone, Copy)]
pub enum Strategy<'a> {
    /// [`allocate`]: as few parcels as possible.
    FewestParcels,
    /// One location that has everything, the one with most; if there is none, the most stock for each line.
    SingleLocationFirst,
    /// Each line from where there is most of it.
    HighestStock,
    /// In this order; those that are not on the list come after it, by name.
    Priority(&'a [LocationId]),
    /// The closest first; those whose place is not known come last, by name.
    Nearest {
        /// Where the goods go.
        to: Coordinates,
        /// Where the locations are.
        places: &'a BTreeMap<LocationId, Coordinates>,
    },
}

/// A place on earth, in millionths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinates {
    /// North is positive; -90,000,000 to 90,000,000.
    pub latitude: i32,
    /// East is positive; -180,000,000 to 180,000,000.
    pub longitude: i32,
}

impl Coordinates {
    /// A figure that grows with the distance, good enough to rank places (within half a percent on a continent):
    /// the square of the distance on a plane, with the cosine after Bhaskara. Whole numbers, so that every machine ranks
    /// alike.
    fn rank(self, other: Self) -> i128 {
        const DEGREE: i128 = 1_000_000;
        let (north, east) = (i128::from(self.latitude), i128::from(self.longitude));
        let (other_north, other_east) = (i128::from(other.latitude), i128::from(other.longitude));
        let across = (east - other_east).abs();
        // The short way round.
        let across = across.min(360 * DEGREE - across);
        let squared = ((north + other_north) / 2).pow(2);
        let cosine =
            |scale: i128| scale * (32_400 * DEGREE * DEGREE - 4 * squared) / (32_400 * DEGREE * DEGREE + squared);
        (north - other_north).pow(2) + (across * cosine(DEGREE) / DEGREE).pow(2)
    }
}

/// Splits `demand` (one row per item) over locations by a strategy, or says which items are short.
pub fn allocate_by(
    strategy: &Strategy<'_>,
    demand: &[Demand],
    availability: &Availability,
) -> Result<Vec<Parcel>, Vec<Shortage>> {
    let all: Vec<&LocationId> = availability.keys().collect();
    if matches!(strategy, Strategy::FewestParcels) {
        return allocate(demand, availability);
    }
    let short = shortages(demand, availability, &all);
    if !short.is_empty() {
        return Err(short);
    }
    if matches!(strategy, Strategy::SingleLocationFirst) {
        let whole = all.iter().filter(|one| shortages(demand, availability, &[one]).is_empty());
        if let Some(one) = whole.max_by_key(|one| (stock(demand, availability, &[one]), std::cmp::Reverse(**one))) {
            return Ok(split(demand, availability, &[one]));
        }
    }
    Ok(in_order(demand, availability, |line| {
        ranked(all.iter().copied(), |location| strategy.rank(location, line, availability))
    }))
}

impl Strategy<'_> {
    /// The lower, the sooner.
    fn rank(&self, location: &LocationId, line: &Demand, availability: &Availability) -> i128 {
        match self {
            Self::FewestParcels | Self::SingleLocationFirst | Self::HighestStock => {
                -i128::from(at(availability, location, &line.sku))
            }
            Self::Priority(list) => {
                let place = list.iter().position(|listed| listed == location);
                place.and_then(|place| i128::try_from(place).ok()).unwrap_or(i128::MAX)
            }
            Self::Nearest { to, places } => places.get(location).map_or(i128::MAX, |place| place.rank(*to)),
        }
    }
}

/// Takes each line from the locations in its order, as much as each has.
fn in_order<'a>(
    demand: &[Demand],
    availability: &Availability,
    order: impl Fn(&Demand) -> Vec<&'a LocationId>,
) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    for line in demand {
        let mut wanted = line.quantity;
        for location in order(line) {
            let taken = at(availability, location, &line.sku).min(wanted);
            if taken == 0 {
                continue;
            }
            wanted -= taken;
            let taken = Demand { sku: line.sku.clone(), quantity: taken };
            match parcels.iter_mut().find(|parcel| parcel.location == *location) {
                Some(parcel) => parcel.lines.push(taken),
                None => parcels.push(Parcel { location: location.clone(), lines: vec![taken] }),
            }
        }
    }
    parcels
}

#[cfg(test)]
mod tests;
