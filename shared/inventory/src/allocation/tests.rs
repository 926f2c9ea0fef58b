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
