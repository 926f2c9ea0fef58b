use super::Strategy;
use super::*;
use proptest::prelude::*;

fn demand(rows: &[(&str, i64)]) -> Vec<Demand> {
    rows.iter().map(|(sku, quantity)| Demand { sku: sku.parse().unwrap(), quantity: *quantity }).collect()
}

fn stock_of(rows: &[(&str, &[(&str, i64)])]) -> Availability {
    rows.iter()
        .map(|(location, items)| {
            (location.parse().unwrap(), items.iter().map(|(sku, n)| (sku.parse().unwrap(), *n)).collect())
        })
        .collect()
}

fn shape(parcels: &[Parcel]) -> Vec<(String, Vec<(String, i64)>)> {
    parcels
        .iter()
        .map(|p| (p.location.to_string(), p.lines.iter().map(|l| (l.sku.to_string(), l.quantity)).collect()))
        .collect()
}

fn parcel(location: &str, lines: &[(&str, i64)]) -> (String, Vec<(String, i64)>) {
    (location.to_owned(), lines.iter().map(|(s, q)| ((*s).to_owned(), *q)).collect())
}

#[test]
fn one_location_that_holds_all_is_preferred_to_two() {
    let stock = stock_of(&[("alpha", &[("a", 9)]), ("beta", &[("a", 1), ("b", 1)])]);
    let parcels = allocate(&demand(&[("a", 1), ("b", 1)]), &stock).unwrap();
    assert_eq!(shape(&parcels), [parcel("beta", &[("a", 1), ("b", 1)])]);
}

#[test]
fn among_equals_the_location_with_most_stock_ships_then_the_first_by_name() {
    let stock = stock_of(&[("alpha", &[("a", 3)]), ("beta", &[("a", 8)])]);
    assert_eq!(shape(&allocate(&demand(&[("a", 2)]), &stock).unwrap()), [parcel("beta", &[("a", 2)])]);
    let equal = stock_of(&[("beta", &[("a", 3)]), ("alpha", &[("a", 3)])]);
    assert_eq!(shape(&allocate(&demand(&[("a", 2)]), &equal).unwrap()), [parcel("alpha", &[("a", 2)])]);
}

#[test]
fn a_line_is_split_only_when_no_location_holds_all_of_it() {
    let stock = stock_of(&[("alpha", &[("a", 2)]), ("beta", &[("a", 3)])]);
    let parcels = allocate(&demand(&[("a", 5)]), &stock).unwrap();
    assert_eq!(shape(&parcels), [parcel("beta", &[("a", 3)]), parcel("alpha", &[("a", 2)])]);
}

#[test]
fn a_shortage_names_the_item_and_what_there_is() {
    let stock = stock_of(&[("alpha", &[("a", 2)]), ("beta", &[("a", -1), ("b", 5)])]);
    let short = allocate(&demand(&[("a", 3), ("b", 1)]), &stock).unwrap_err();
    assert_eq!(short, [Shortage { sku: "a".parse().unwrap(), requested: 3, available: 2 }]);
    let (parcels, shortages) = allocate_available(&demand(&[("a", 3), ("b", 1)]), &stock);
    assert_eq!(shape(&parcels), [parcel("alpha", &[("a", 2)]), parcel("beta", &[("b", 1)])]);
    assert_eq!(shortages, short);
}

proptest! {
    #[test]
    fn parcels_sum_to_the_demand_within_what_is_there_with_the_fewest_locations(
        wanted in prop::collection::vec(1i64..6, 1..4),
        held in prop::collection::vec(prop::collection::vec(-1i64..6, 3), 1..5),
    ) {
        let demand: Vec<Demand> = wanted.iter().enumerate()
            .map(|(i, q)| Demand { sku: format!("s{i}").parse().unwrap(), quantity: *q }).collect();
        let stock: Availability = held.iter().enumerate()
            .map(|(l, row)| (format!("l{l}").parse().unwrap(),
                row.iter().enumerate().map(|(i, n)| (format!("s{i}").parse().unwrap(), *n)).collect()))
            .collect();
        let enough = |mask: usize| wanted.iter().enumerate().all(|(i, q)| {
            held.iter().enumerate().filter(|(l, _)| mask & (1 << l) != 0).map(|(_, row)| row[i].max(0)).sum::<i64>() >= *q
        });
        let fewest = (1usize..1 << held.len()).filter(|m| enough(*m)).map(usize::count_ones).min();
        match allocate(&demand, &stock) {
            Ok(parcels) => {
                prop_assert_eq!(Some(u32::try_from(parcels.len()).unwrap()), fewest);
                for line in &demand {
                    let sum: i64 = parcels.iter().flat_map(|p| &p.lines).filter(|d| d.sku == line.sku).map(|d| d.quantity).sum();
                    prop_assert_eq!(sum, line.quantity);
                }
                for p in &parcels {
                    for line in &p.lines {
                        prop_assert!(line.quantity >= 1 && line.quantity <= at(&stock, &p.location, &line.sku));
                    }
                }
            }
            Err(short) => {
                prop_assert!(fewest.is_none() && !short.is_empty());
            }
        }
    }
}

fn by(strategy: &Strategy<'_>, wanted: &[(&str, i64)], stock: &Availability) -> Vec<(String, Vec<(String, i64)>)> {
    shape(&allocate_by(strategy, &demand(wanted), stock).unwrap())
}

#[test]
fn a_single_location_is_preferred_and_else_each_line_comes_from_where_there_is_most() {
    let stock = stock_of(&[("alpha", &[("a", 9)]), ("beta", &[("a", 2), ("b", 2)]), ("gamma", &[("b", 5)])]);
    let single = |wanted| by(&Strategy::SingleLocationFirst, wanted, &stock);
    assert_eq!(single(&[("a", 1), ("b", 1)]), [parcel("beta", &[("a", 1), ("b", 1)])]);
    assert_eq!(single(&[("a", 3), ("b", 1)]), [parcel("alpha", &[("a", 3)]), parcel("gamma", &[("b", 1)])]);
    let highest = by(&Strategy::HighestStock, &[("a", 1), ("b", 1)], &stock);
    assert_eq!(highest, [parcel("alpha", &[("a", 1)]), parcel("gamma", &[("b", 1)])]);
}

#[test]
fn a_priority_list_is_kept_and_those_not_on_it_come_last() {
    let stock = stock_of(&[("alpha", &[("a", 9)]), ("beta", &[("a", 2)]), ("gamma", &[("a", 2)])]);
    let list = ["gamma".parse().unwrap(), "beta".parse().unwrap()];
    let parcels = by(&Strategy::Priority(&list), &[("a", 5)], &stock);
    assert_eq!(parcels, [parcel("gamma", &[("a", 2)]), parcel("beta", &[("a", 2)]), parcel("alpha", &[("a", 1)])]);
}

#[test]
fn the_nearest_ships_first_also_over_the_date_line_and_unknown_places_last() {
    let place = |latitude, longitude| Coordinates { latitude, longitude };
    let stock =
        stock_of(&[("berlin", &[("a", 1)]), ("fiji", &[("a", 1)]), ("madrid", &[("a", 1)]), ("x", &[("a", 1)])]);
    let places = BTreeMap::from([
        ("berlin".parse().unwrap(), place(52_520_000, 13_405_000)),
        ("madrid".parse().unwrap(), place(40_417_000, -3_704_000)),
        ("fiji".parse().unwrap(), place(-17_713_000, 178_065_000)),
    ]);
    let order = |to| {
        let parcels = by(&Strategy::Nearest { to, places: &places }, &[("a", 4)], &stock);
        parcels.into_iter().map(|(location, _)| location).collect::<Vec<_>>()
    };
    let paris = place(48_857_000, 2_352_000);
    assert_eq!(order(paris), ["berlin", "madrid", "fiji", "x"]);
    let samoa = place(-13_833_000, -171_750_000);
    assert_eq!(order(samoa)[0], "fiji");
}

proptest! {
    #[test]
    fn every_strategy_fills_the_demand_from_what_is_there_or_names_what_is_short(
        wanted in prop::collection::vec(1i64..6, 1..4),
        held in prop::collection::vec(prop::collection::vec(-1i64..6, 3), 1..5), which in 0u8..5,
    ) {
        let demand: Vec<Demand> = wanted.iter().enumerate()
            .map(|(i, q)| Demand { sku: format!("s{i}").parse().unwrap(), quantity: *q }).collect();
        let stock: Availability = held.iter().enumerate()
            .map(|(l, row)| (format!("l{l}").parse().unwrap(),
                row.iter().enumerate().map(|(i, n)| (format!("s{i}").parse().unwrap(), *n)).collect()))
            .collect();
        let (list, places) = (["l1".parse().unwrap()], BTreeMap::new());
        let strategy = match which {
            0 => Strategy::FewestParcels,
            1 => Strategy::SingleLocationFirst,
            2 => Strategy::HighestStock,
            3 => Strategy::Priority(&list),
            _ => Strategy::Nearest { to: Coordinates { latitude: 0, longitude: 0 }, places: &places },
        };
        match allocate_by(&strategy, &demand, &stock) {
            Ok(parcels) => for line in &demand {
                let lines = parcels.iter().flat_map(|p| p.lines.iter().map(move |l| (&p.location, l)));
                let taken: Vec<_> = lines.filter(|(_, l)| l.sku == line.sku).collect();
                prop_assert_eq!(taken.iter().map(|(_, l)| l.quantity).sum::<i64>(), line.quantity);
                prop_assert!(taken.iter().all(|(at_, l)| l.quantity >= 1 && l.quantity <= at(&stock, at_, &l.sku)));
            },
            Err(short) => prop_assert!(!short.is_empty() && short.iter().all(|s| s.available < s.requested)),
        }
    }
}
