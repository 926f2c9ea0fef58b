//! What goods cost when they leave is what they cost when they come back.

use super::*;
use inventory::valuation::{Method, Policy};
use inventory::{Company, Movement};
use rust_decimal::Decimal;

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Alpha and beta are of one company; alpha received ten at 10.00 each and then ten at 20.00.
async fn valued(method: Method) -> World {
    let world = World::new().await;
    let company = Company {
        id: "acme".parse().unwrap(),
        currency: Currency::GBP,
        policy: Policy { method, negative: false, decimals: 2 },
    };
    world.inventory.create_company(&tenant(), &company).await.unwrap();
    for location in ["alpha", "beta"] {
        world.inventory.assign(&tenant(), &at(location), &company.id).await.unwrap();
    }
    for cost in ["100", "200"] {
        receive(&world, cost).await;
    }
    world
}

async fn receive(world: &World, cost: &str) {
    let cost = Some(money(cost));
    let came =
        [Movement::GoodsReceived { quantity: 10, announced: 0, condition: inventory::Condition::Sellable, cost }];
    let posting = world.posting();
    world.inventory.book(&tenant(), (&at("alpha"), &sku(1)), &came, &posting, &|_| None).await.unwrap();
}

/// Value at alpha and beta, proved by their ledgers.
async fn value(world: &World) -> (Decimal, Decimal) {
    let (alpha, beta) = world.levels(1).await;
    (alpha.cost.unwrap().value, beta.cost.map_or(Decimal::ZERO, |cost| cost.value))
}

async fn sell(world: &World, units: i64) -> OrderId {
    let id = take_in(world, &intake(&format!("x{units}"), &[(1, units)], vec![paid(1001 * units)])).await.id;
    ship_all(&world.sales, world, id).await.unwrap();
    id
}

/// Units come back to a location, some of them damaged.
async fn take_back(world: &World, id: OrderId, to: &str, restocked: i64, damaged: i64) {
    let cause = cause();
    let editor = editor(&cause);
    let order =
        world.sales.request_return(&tenant(), id, &[(sku(1), restocked + damaged)], &at(to), editor).await.unwrap();
    let number = order.returns.len() - 1;
    for event in [ReturnEvent::Approve, ReturnEvent::Receive] {
        world.sales.advance_return(&tenant(), (id, number), event, editor).await.unwrap();
    }
    let found = [Finding { sku: sku(1), restocked, damaged, refused: 0 }];
    world.sales.inspect_return(&tenant(), (id, number), &found, editor).await.unwrap();
    world.sales.settle_return(&tenant(), (id, number), None, editor).await.unwrap();
}

#[tokio::test]
async fn at_moving_average_units_come_back_at_the_average_they_left_at() {
    let world = valued(Method::MovingAverage).await;
    let id = sell(&world, 4).await;
    assert_eq!(value(&world).await.0, money("240"), "four at 15.00 left");
    receive(&world, "500").await;
    take_back(&world, id, "alpha", 1, 1).await;
    assert_eq!(value(&world).await.0, money("770"), "240 + 500 + 2 at 15.00, not at 28.46");
    take_back(&world, id, "beta", 2, 0).await;
    assert_eq!(value(&world).await, (money("770"), money("30")));
    assert_whole(&world, 1).await;
}

#[tokio::test]
async fn in_layers_units_come_back_with_what_their_layers_cost() {
    for (method, left, back) in [(Method::Fifo, "160", "35"), (Method::Lifo, "80", "55")] {
        // FIFO: ten at 10.00 and two at 20.00 leave; LIFO: ten at 20.00 and two at 10.00.
        let world = valued(method).await;
        let id = sell(&world, 12).await;
        assert_eq!(value(&world).await.0, money(left));
        take_back(&world, id, "alpha", 3, 0).await;
        assert_eq!(value(&world).await.0, money(left) + money(back), "a quarter of 140.00, or of 220.00");
        take_back(&world, id, "alpha", 4, 5).await;
        assert_eq!(value(&world).await.0, money("300"), "all that left is back");
        assert_whole(&world, 1).await;
    }
}

#[tokio::test]
async fn shares_of_odd_amounts_come_back_to_the_penny() {
    let world = valued(Method::MovingAverage).await;
    receive(&world, "0.10").await;
    // 30 units are worth 300.10: seven take 70.02.
    let id = sell(&world, 7).await;
    assert_eq!(value(&world).await.0, money("230.08"));
    for (units, back) in [(1, "240.08"), (2, "260.09"), (4, "300.10")] {
        take_back(&world, id, "alpha", units, 0).await;
        assert_eq!(value(&world).await.0, money(back));
    }
}

#[tokio::test]
async fn at_another_company_units_come_in_at_what_it_knows() {
    let world = valued(Method::MovingAverage).await;
    let other = Company {
        id: "other".parse().unwrap(),
        currency: "EUR".parse().unwrap(),
        policy: Policy { method: Method::Fifo, negative: false, decimals: 2 },
    };
    world.inventory.create_company(&tenant(), &other).await.unwrap();
    world.inventory.assign(&tenant(), &at("gamma"), &other.id).await.unwrap();
    let id = sell(&world, 4).await;
    take_back(&world, id, "gamma", 4, 0).await;
    let level = world.inventory.prove(&tenant(), &at("gamma"), &sku(1)).await.unwrap();
    assert_eq!((level.on_hand, level.cost.unwrap().value), (4, Decimal::ZERO));
}

#[tokio::test]
async fn a_counter_sale_and_its_return_carry_cost_too() {
    let world = valued(Method::Fifo).await;
    let sold = Intake { counter: Some(at("alpha")), ..intake("till", &[(1, 12)], vec![paid(12 * 1001)]) };
    let id = take_in(&world, &sold).await.id;
    assert_eq!(value(&world).await.0, money("160"));
    take_back(&world, id, "alpha", 12, 0).await;
    assert_eq!(value(&world).await.0, money("300"));
}
