//! Where the lines of an order come from: allocation of items and kits over locations, in units of order lines. Pure.
//!
//! Items are allocated by [`inventory::allocation`]. A kit is sold as one line and made of components; it leaves whole, so
//! each unit of it comes from one location that has all its components. What lines share (a component of two kits, a
//! component that is also ordered on its own) is counted once: a unit that one line takes is gone for the others.
//!
//! With kits the smallest number of locations is looked for up to [`FEW`], and all locations together beyond that; among
//! several locations lines are filled one after the other, kits with most components first. That never promises more than
//! there is; where kits share components across many locations it may find less than a search of every possibility.

use crate::order::Line;
use inventory::allocation::{Availability, Demand, MAX_LOCATIONS, Parcel, Shortage, allocate, allocate_available};
use inventory::{LocationId, Sku};
use std::collections::BTreeMap;

/// Most locations that are tried in every combination when there are kits.
const FEW: usize = 3;

/// Units wanted of an order line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want<'a> {
    pub(crate) line: &'a Line,
    pub(crate) quantity: i64,
}

/// Everything that these lines want.
pub(crate) fn all_of(lines: &[Line]) -> Vec<Want<'_>> {
    let wanted = lines.iter().filter(|line| line.quantity > 0);
    wanted.map(|line| Want { line, quantity: line.quantity }).collect()
}

/// Parcels that hold everything, or what is short.
pub(crate) fn fill(wanted: &[Want<'_>], stock: &Availability) -> Result<Vec<Parcel>, Vec<Shortage>> {
    if !wanted.iter().any(|want| want.line.is_kit()) {
        return allocate(&demand(wanted), stock);
    }
    let locations: Vec<&LocationId> = stock.keys().take(MAX_LOCATIONS).collect();
    let (parcels, short) = take(wanted, stock, &locations);
    if !short.is_empty() {
        return Err(short);
    }
    for size in 1..=FEW.min(locations.len()) {
        for chosen in combinations(&locations, size) {
            let (parcels, short) = take(wanted, stock, &chosen);
            if short.is_empty() {
                return Ok(parcels);
            }
        }
    }
    Ok(parcels)
}

/// Parcels that hold as much as there is, and what is short.
pub(crate) fn fill_available(wanted: &[Want<'_>], stock: &Availability) -> (Vec<Parcel>, Vec<Shortage>) {
    if wanted.iter().any(|want| want.line.is_kit()) {
        fill(wanted, stock).map_or_else(
            |_| take(wanted, stock, &stock.keys().take(MAX_LOCATIONS).collect::<Vec<_>>()),
            |parcels| (parcels, Vec::new()),
        )
    } else {
        allocate_available(&demand(wanted), stock)
    }
}

fn demand(wanted: &[Want<'_>]) -> Vec<Demand> {
    wanted.iter().map(|want| Demand { sku: want.line.sku.clone(), quantity: want.quantity }).collect()
}

/// Fills line by line from these locations: from the first one that has the whole line, or from each in turn.
fn take(wanted: &[Want<'_>], stock: &Availability, from: &[&LocationId]) -> (Vec<Parcel>, Vec<Shortage>) {
    let at = |location: &LocationId| stock.get(location).cloned().unwrap_or_default();
    let mut left: Vec<BTreeMap<Sku, i64>> = from.iter().map(|location| at(location)).collect();
    let mut parcels: Vec<Parcel> =
        from.iter().map(|location| Parcel { location: (*location).clone(), lines: Vec::new() }).collect();
    let mut short = Vec::new();
    let mut order: Vec<&Want<'_>> = wanted.iter().collect();
    order.sort_by_key(|want| std::cmp::Reverse(want.line.components.len()));
    for Want { line, quantity } in order {
        let mut missing = *quantity;
        let whole = left.iter().position(|stock| most(line, stock) >= missing);
        let sources = whole.map_or(0..from.len(), |at| at..at + 1);
        for at in sources {
            let units = most(line, &left[at]).min(missing);
            if units < 1 {
                continue;
            }
            missing -= units;
            for (sku, each) in line.items() {
                left[at].entry(sku.clone()).and_modify(|there| *there -= each * units);
            }
            parcels[at].lines.push(Demand { sku: line.sku.clone(), quantity: units });
        }
        if missing > 0 {
            short.push(Shortage { sku: line.sku.clone(), requested: *quantity, available: quantity - missing });
        }
    }
    parcels.retain(|parcel| !parcel.lines.is_empty());
    (parcels, short)
}

/// Units of a line that can be made of this stock.
fn most(line: &Line, stock: &BTreeMap<Sku, i64>) -> i64 {
    line.items().map(|(sku, each)| stock.get(sku).copied().unwrap_or(0).max(0) / each.max(1)).min().unwrap_or(0)
}

fn combinations<'a>(of: &[&'a LocationId], size: usize) -> Vec<Vec<&'a LocationId>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let with = |at: usize| combinations(&of[at + 1..], size - 1).into_iter().map(move |rest| (at, rest));
    let all = (0..of.len()).flat_map(with);
    all.map(|(at, rest)| std::iter::once(of[at]).chain(rest).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn kit(name: &str, components: &[(&str, i64)]) -> Line {
        let components = components.iter().map(|(item, units)| (sku(item), *units)).collect();
        Line { components, ..Line::plain(sku(name), 1, 100) }
    }

    fn stock(rows: &[(&str, &[(&str, i64)])]) -> Availability {
        let items = |row: &[(&str, i64)]| row.iter().map(|(item, units)| (sku(item), *units)).collect();
        rows.iter().map(|(location, row)| (location.parse().unwrap(), items(row))).collect()
    }

    fn wants<'a>(rows: &[(&'a Line, i64)]) -> Vec<Want<'a>> {
        rows.iter().map(|(line, quantity)| Want { line, quantity: *quantity }).collect()
    }

    #[test]
    fn a_component_of_two_kits_is_counted_once() {
        let (tea, gift) = (kit("tea", &[("cup", 2), ("pot", 1)]), kit("gift", &[("cup", 1), ("box", 1)]));
        let there = stock(&[("alpha", &[("cup", 5), ("pot", 9), ("box", 9)])]);
        assert!(fill(&wants(&[(&tea, 2), (&gift, 1)]), &there).is_ok());
        let short = fill(&wants(&[(&tea, 2), (&gift, 2)]), &there).unwrap_err();
        assert_eq!(short, [Shortage { sku: sku("gift"), requested: 2, available: 1 }]);
        let cup = Line::plain(sku("cup"), 1, 100);
        assert!(fill(&wants(&[(&tea, 2), (&cup, 2)]), &there).is_err(), "and so is one that is ordered on its own");
    }

    #[test]
    fn a_kit_leaves_whole_and_from_as_few_places_as_possible() {
        let tea = kit("tea", &[("cup", 2), ("pot", 1)]);
        let apart = stock(&[("alpha", &[("cup", 9)]), ("beta", &[("pot", 9)])]);
        assert!(fill(&wants(&[(&tea, 1)]), &apart).is_err());
        let three = stock(&[
            ("alpha", &[("cup", 2), ("pot", 1)]),
            ("beta", &[("cup", 2), ("pot", 1)]),
            ("gamma", &[("cup", 9), ("pot", 2)]),
        ]);
        let places = |quantity| {
            let parcels = fill(&wants(&[(&tea, quantity)]), &three).unwrap();
            parcels.iter().map(|parcel| (parcel.location.to_string(), parcel.lines[0].quantity)).collect::<Vec<_>>()
        };
        assert_eq!(places(2), [("gamma".to_owned(), 2)]);
        assert_eq!(places(3).len(), 2);
        assert_eq!(places(4).len(), 3);
    }

    proptest! {
        #[test]
        fn what_is_planned_is_there_and_is_what_was_wanted(
            kits in prop::collection::vec((prop::collection::btree_map(0usize..4, 1i64..4, 0..4), 1i64..6), 1..4),
            there in prop::collection::vec(prop::collection::vec(0i64..12, 4), 1..4),
        ) {
            let lines: Vec<(Line, i64)> = kits.iter().enumerate().map(|(n, (components, quantity))| {
                let components = components.iter().map(|(c, units)| (sku(&format!("c{c}")), *units)).collect();
                // A line without components is an item of its own.
                (Line { components, ..Line::plain(sku(&format!("c{n}")), 1, 1) }, *quantity)
            }).collect();
            let rows: Availability = there.iter().enumerate().map(|(n, row)| {
                (format!("l{n}").parse().unwrap(), row.iter().enumerate().map(|(c, units)| (sku(&format!("c{c}")), *units)).collect())
            }).collect();
            let wanted: Vec<Want<'_>> = lines.iter().map(|(line, quantity)| Want { line, quantity: *quantity }).collect();
            let (parcels, short) = fill_available(&wanted, &rows);
            prop_assert_eq!(fill(&wanted, &rows).is_ok(), short.is_empty());
            for parcel in &parcels {
                let mut used: BTreeMap<Sku, i64> = BTreeMap::new();
                for demand in &parcel.lines {
                    let (line, _) = lines.iter().find(|(line, _)| line.sku == demand.sku).unwrap();
                    for (item, each) in line.items() {
                        *used.entry(item.clone()).or_default() += each * demand.quantity;
                    }
                }
                for (item, units) in used {
                    prop_assert!(units <= rows[&parcel.location][&item]);
                }
            }
            for (line, quantity) in &lines {
                let planned: i64 = parcels.iter().flat_map(|p| &p.lines).filter(|d| d.sku == line.sku).map(|d| d.quantity).sum();
                let missing = short.iter().find(|s| s.sku == line.sku).map_or(0, |s| s.requested - s.available.max(0));
                prop_assert_eq!(planned + missing, *quantity);
            }
        }
    }
}
