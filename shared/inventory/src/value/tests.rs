use super::*;
use crate::appraisal::Appraisal;
use crate::movement::Condition;
use crate::valuation::Policy;
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

fn alpha() -> LocationId {
    "alpha".parse().unwrap()
}

fn sku() -> Sku {
    "9780140449136".parse().unwrap()
}

fn acme() -> CompanyId {
    "acme".parse().unwrap()
}

fn posting(second: i64) -> Posting {
    let effective_at = Timestamp::from_second(second).unwrap();
    Posting { source: "doc".into(), actor: "ada".into(), reason: None, effective_at }
}

fn company(method: Method) -> Company {
    let policy = Policy { method, negative: false, decimals: 2 };
    Company { id: acme(), currency: "GBP".parse().unwrap(), policy }
}

async fn world(faults: &FaultInjector, method: Method) -> Inventory {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let plain = Inventory::new(Table::new(dynamo.client(), "crossdock"));
    plain.create_company(&tenant(), &company(method)).await.unwrap();
    plain.assign(&tenant(), &alpha(), &acme()).await.unwrap();
    Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"))
}

fn receipt(quantity: i64, cost: i64) -> Movement {
    let cost = Some(Decimal::from(cost));
    Movement::GoodsReceived { quantity, announced: 0, condition: Condition::Sellable, cost }
}

async fn booked(inventory: &Inventory, movement: Movement, second: i64) -> Result<Level, StockError> {
    inventory.book(&tenant(), (&alpha(), &sku()), &[movement], &posting(second), &|_| None).await
}

#[tokio::test]
async fn a_location_has_one_company_and_a_company_one_set_of_rules() {
    let inventory = world(&FaultInjector::new(), Method::Fifo).await;
    inventory.create_company(&tenant(), &company(Method::Fifo)).await.unwrap();
    let other = inventory.create_company(&tenant(), &company(Method::Lifo)).await;
    assert!(matches!(other, Err(CompanyError::Invalid(InvalidCompany::ExistsWithDifferent("method")))));
    let beta = Company { id: "beta".parse().unwrap(), ..company(Method::Fifo) };
    let unknown = inventory.assign(&tenant(), &"west".parse().unwrap(), &beta.id).await;
    assert!(matches!(unknown, Err(CompanyError::Invalid(InvalidCompany::Unknown))));
    inventory.create_company(&tenant(), &beta).await.unwrap();
    inventory.assign(&tenant(), &alpha(), &acme()).await.unwrap();
    let taken = inventory.assign(&tenant(), &alpha(), &beta.id).await;
    assert!(matches!(taken, Err(CompanyError::Invalid(InvalidCompany::Taken))));
    assert_eq!(inventory.company_of(&tenant(), &alpha()).await.unwrap(), Some(company(Method::Fifo)));
}

#[tokio::test]
async fn fifo_layers_are_stored_consumed_and_proved_and_promises_do_not_touch_them() {
    let faults = FaultInjector::new();
    let inventory = world(&faults, Method::Fifo).await;
    for (second, cost) in [(10, 10), (20, 20), (30, 30)] {
        booked(&inventory, receipt(10, cost), second).await.unwrap();
    }
    faults.forget();
    let level = booked(&inventory, Movement::Committed { quantity: 12 }, 40).await.unwrap();
    assert_eq!((level.committed, faults.capacity().write), (12, 4.0));
    faults.forget();
    let level = booked(&inventory, Movement::Shipped { quantity: 12 }, 50).await.unwrap();
    assert_eq!(level.cost.unwrap().value, Decimal::from(46));
    assert_eq!(faults.capacity().write, 8.0, "level, entry, a layer gone and a layer changed");
    let late = Movement::CostAdded { amount: Decimal::from(10), units: 10, receipt: Some(2) };
    let level = booked(&inventory, late, 60).await.unwrap();
    assert_eq!(level.cost.unwrap().value, Decimal::from(54));
    let proved = inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap();
    assert_eq!(proved, level);
    let all = booked(&inventory, Movement::Issued { quantity: 18 }, 70).await.unwrap();
    assert_eq!((all.on_hand, all.cost.unwrap().value), (0, Decimal::ZERO));
    inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap();
}

#[tokio::test]
async fn a_movement_over_more_layers_than_a_transaction_holds_is_refused_and_goes_in_parts() {
    let inventory = world(&FaultInjector::new(), Method::Lifo).await;
    for n in 0..85 {
        booked(&inventory, receipt(1, n), n).await.unwrap();
    }
    let refused = booked(&inventory, Movement::Issued { quantity: 81 }, 100).await;
    assert!(matches!(refused, Err(StockError::Refused(Refusal::Cost(Unvaluable::LayersNeeded)))), "{refused:?}");
    booked(&inventory, Movement::Issued { quantity: 80 }, 100).await.unwrap();
    let level = booked(&inventory, Movement::Issued { quantity: 1 }, 100).await.unwrap();
    assert_eq!(level.cost.unwrap().value, Decimal::from(6), "the oldest are left");
    inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap();
}

#[tokio::test]
async fn a_layer_changed_in_the_table_is_found_by_the_proof() {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let inventory = Inventory::new(Table::new(dynamo.client(), "crossdock"));
    inventory.create_company(&tenant(), &company(Method::Fifo)).await.unwrap();
    inventory.assign(&tenant(), &alpha(), &acme()).await.unwrap();
    booked(&inventory, receipt(3, 9), 1).await.unwrap();
    let update = serde_json::json!({
        "TableName": "crossdock",
        "Key": { "pk": { "S": "T#acme.test#STOCK#alpha#9780140449136" }, "sk": { "S": "Y#000000000001" } },
        "UpdateExpression": "SET q = :x", "ExpressionAttributeValues": { ":x": { "N": "2" } },
    });
    dynamo.execute("UpdateItem", update);
    let found = inventory.prove(&tenant(), &alpha(), &sku()).await;
    assert!(matches!(found, Err(StockError::Broken(crate::ledger::Broken::Layers { quantity: 2, .. }))), "{found:?}");
}

#[tokio::test]
async fn value_is_known_as_of_an_instant_per_item_location_and_company() {
    let inventory = world(&FaultInjector::new(), Method::MovingAverage).await;
    inventory.assign(&tenant(), &"beta".parse().unwrap(), &acme()).await.unwrap();
    booked(&inventory, receipt(10, 100), 10).await.unwrap();
    booked(&inventory, Movement::Issued { quantity: 5 }, 20).await.unwrap();
    let other: Sku = "other".parse().unwrap();
    let at = ("beta".parse().unwrap(), other);
    let received = [receipt(1, 7)];
    inventory.book(&tenant(), (&at.0, &at.1), &received, &posting(15), &|_| None).await.unwrap();
    let value = async |second: i64| {
        let instant = Timestamp::from_second(second).unwrap();
        let values = pieces(&inventory, instant, (9, 9)).await;
        values.into_iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(value(9).await, ["0", "0"]);
    assert_eq!(value(15).await, ["100", "7"]);
    assert_eq!(value(20).await, ["50", "7"]);
    let instant = Timestamp::from_second(20).unwrap();
    let rows = inventory.worth_of_location(&tenant(), &alpha(), instant, None, 10).await.unwrap().items;
    assert_eq!((rows[0].on_hand, rows[0].value, rows[0].seq), (5, Some(Decimal::from(50)), 2));
}

/// The value of each location of the company, piece by piece.
async fn pieces(inventory: &Inventory, instant: Timestamp, piece: (usize, usize)) -> Vec<(LocationId, Decimal)> {
    let (mut so_far, mut rows) = (Appraisal::default(), Vec::new());
    while !so_far.located {
        let before = so_far.clone();
        let next = inventory.appraise(&tenant(), &acme(), instant, &mut so_far, piece).await.unwrap();
        assert!(next.len() <= piece.0 && so_far != before, "every piece goes on: {so_far:?}");
        so_far = serde_json::from_value(serde_json::to_value(so_far).unwrap()).unwrap();
        rows.extend(next);
    }
    assert_eq!(so_far.total, rows.iter().map(|(_, value)| value).sum());
    rows
}

#[tokio::test]
async fn a_company_is_worth_the_same_in_whatever_pieces_it_is_valued() {
    let inventory = world(&FaultInjector::new(), Method::MovingAverage).await;
    let places: Vec<LocationId> = ["alpha", "beta", "delta", "gamma"].map(|name| name.parse().unwrap()).into();
    for place in &places[1..] {
        inventory.assign(&tenant(), place, &acme()).await.unwrap();
    }
    // Nothing is at delta.
    for (place, items) in [(&places[0], 7), (&places[1], 1), (&places[3], 3)] {
        for n in 0..items {
            let at = (place, &format!("i{n}").parse().unwrap());
            inventory.book(&tenant(), at, &[receipt(2, 10 + n)], &posting(15), &|_| None).await.unwrap();
        }
    }
    let instant = Timestamp::from_second(20).unwrap();
    let whole = pieces(&inventory, instant, (9, 99)).await;
    let values: Vec<String> = whole.iter().map(|(_, value)| value.to_string()).collect();
    assert_eq!(values, ["91", "10", "0", "33"]);
    for piece in [(1, 1), (1, 99), (9, 1), (2, 2), (2, 3), (9, 4), (3, 7), (9, 8)] {
        assert_eq!(pieces(&inventory, instant, piece).await, whole, "{piece:?}");
    }
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_level_ledger_and_layers_in_step() {
    let points = crash_points(|faults| async move {
        let inventory = world(&faults, Method::Fifo).await;
        let flow = async {
            booked(&inventory, receipt(4, 8), 1).await?;
            booked(&inventory, receipt(4, 12), 2).await?;
            booked(&inventory, Movement::Issued { quantity: 5 }, 3).await
        };
        let _ = faults.run(flow).await;
        faults.restart();
        inventory.prove(&tenant(), &alpha(), &sku()).await.unwrap();
    })
    .await;
    assert!(points >= 6, "{points}");
}
