//! Sequences of movements replayed over HTTP, with the figures worked out by hand: what went out cost, what was left.
//!
//! Each row is one request. `Receive` is `goodsReceived` with the cost of all; `Sell` is `issued`; `Return` is `returned` with
//! `leftWith` the last sale; `Move` is a transfer from alpha to beta, received whole, and its figures are beta's.

use serde_json::json;

use super::world::{World, gbp};

#[derive(Clone, Copy)]
enum Do {
    Receive(i64, &'static str),
    Sell(i64),
    Return(i64),
    Move(i64),
    Freight(&'static str, i64, Option<u64>),
    Standard(&'static str),
}
use Do::{Freight, Move, Receive, Return, Sell, Standard};

/// What is done; value delta, variance, value of the level after it, units of the level after it.
type Row = (Do, &'static str, &'static str, &'static str, i64);

async fn replay(method: &str, negative: bool, rows: &[Row]) {
    let world = World::valued(method, negative).await;
    let mut sale = json!(null);
    for (n, (what, delta, variance, after, on_hand)) in rows.iter().enumerate() {
        let key = format!("k{n}");
        let post = async |movement| world.moved(&key, "alpha", "a", movement).await;
        let entry = match *what {
            Receive(quantity, cost) => {
                post(json!({ "kind": "goodsReceived", "quantity": quantity, "cost": gbp(cost) })).await
            }
            Sell(quantity) => {
                let entry = post(json!({ "kind": "issued", "quantity": quantity })).await;
                sale = json!({ "sequence": entry["sequence"], "effectiveAt": entry["effectiveAt"] });
                entry
            }
            Return(quantity) => post(json!({ "kind": "returned", "quantity": quantity, "leftWith": sale })).await,
            Freight(amount, units, receipt) => {
                post(json!({ "kind": "costAdded", "amount": gbp(amount), "units": units, "receipt": receipt })).await
            }
            Standard(unit) => post(json!({ "kind": "standardCostSet", "unitCost": gbp(unit) })).await,
            Move(quantity) => moved(&world, &key, quantity).await,
        };
        let value = &entry["value"];
        let found = (&value["delta"], &value["variance"], &value["after"], &entry["after"]["onHand"]);
        let expected = (&gbp(delta), &gbp(variance), &gbp(after), &json!(on_hand));
        assert_eq!(found, expected, "{method}, row {n}");
    }
    for location in ["alpha", "beta"] {
        world.proved(location, "a").await;
    }
}

/// Sends units from alpha to beta; gives beta's entry.
async fn moved(world: &World, key: &str, quantity: i64) -> serde_json::Value {
    let lines = json!([{ "sku": "a", "quantity": quantity }]);
    let transfer = json!({ "from": "alpha", "to": "beta", "lines": lines });
    let id = world.post("/transfers", key, &transfer).await.ok()["id"].as_str().unwrap().to_owned();
    let actions =
        [json!({ "kind": "approve" }), json!({ "kind": "send" }), json!({ "kind": "receive", "lines": lines })];
    for action in &actions {
        world.act(&format!("/transfers/{id}/actions"), action).await.ok();
    }
    let ledger = world.get("/levels/beta/a/ledger").await.ok();
    ledger["items"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn by_moving_average() {
    let rows = [
        (Receive(10, "100.00"), "100.00", "0.00", "100.00", 10),
        (Receive(10, "200.00"), "200.00", "0.00", "300.00", 20),
        (Sell(5), "-75.00", "0.00", "225.00", 15),
        // 225 / 15 = 15; then 275.01 / 18, rounded half away: 45.835 for 3.
        (Receive(3, "50.01"), "50.01", "0.00", "275.01", 18),
        (Sell(3), "-45.84", "0.00", "229.17", 15),
        (Return(2), "30.56", "0.00", "259.73", 17),
        (Move(7), "106.95", "0.00", "106.95", 7),
        (Freight("9.00", 18, None), "5.00", "4.00", "157.78", 10),
        // The last unit takes the rest.
        (Sell(9), "-142.00", "0.00", "15.78", 1),
        (Sell(1), "-15.78", "0.00", "0.00", 0),
    ];
    replay("MOVING_AVERAGE", false, &rows).await;
}

#[tokio::test]
async fn first_in_first_out() {
    let rows = [
        (Receive(10, "100.00"), "100.00", "0.00", "100.00", 10),
        (Receive(10, "200.00"), "200.00", "0.00", "300.00", 20),
        (Sell(12), "-140.00", "0.00", "160.00", 8),
        (Return(3), "35.00", "0.00", "195.00", 11),
        // Eight of 20.00, and one of what came back at 35.00 for three, rounded.
        (Sell(9), "-171.67", "0.00", "23.33", 2),
        // The second receipt is gone; so its freight is no value of stock.
        (Freight("5.00", 10, Some(2)), "0.00", "5.00", "23.33", 2),
        (Receive(4, "60.00"), "60.00", "0.00", "83.33", 6),
        (Move(3), "38.33", "0.00", "38.33", 3),
        (Sell(3), "-45.00", "0.00", "0.00", 0),
    ];
    replay("FIFO", false, &rows).await;
}

#[tokio::test]
async fn last_in_first_out() {
    let rows = [
        (Receive(10, "100.00"), "100.00", "0.00", "100.00", 10),
        (Receive(10, "200.00"), "200.00", "0.00", "300.00", 20),
        (Sell(12), "-220.00", "0.00", "80.00", 8),
        (Return(6), "110.00", "0.00", "190.00", 14),
        (Freight("6.00", 10, Some(1)), "4.80", "1.20", "194.80", 14),
        (Move(7), "120.60", "0.00", "120.60", 7),
        (Sell(7), "-74.20", "0.00", "0.00", 0),
    ];
    replay("LIFO", false, &rows).await;
}

#[tokio::test]
async fn at_standard_cost() {
    let rows = [
        (Standard("12.50"), "0.00", "0.00", "0.00", 0),
        (Receive(10, "130.00"), "125.00", "5.00", "125.00", 10),
        (Sell(4), "-50.00", "0.00", "75.00", 6),
        (Return(1), "12.50", "0.00", "87.50", 7),
        (Standard("13.00"), "3.50", "-3.50", "91.00", 7),
        (Freight("8.00", 10, None), "0.00", "8.00", "91.00", 7),
        (Sell(7), "-91.00", "0.00", "0.00", 0),
    ];
    replay("STANDARD", false, &rows).await;
}

#[tokio::test]
async fn below_nothing_where_the_company_allows_it() {
    let rows = [
        (Receive(2, "20.00"), "20.00", "0.00", "20.00", 2),
        (Sell(5), "-50.00", "0.00", "-30.00", -3),
        // Three of the four fill the hole: they cost 36.00 and had been booked at 30.00.
        (Receive(4, "48.00"), "42.00", "6.00", "12.00", 1),
        (Sell(1), "-12.00", "0.00", "0.00", 0),
    ];
    replay("MOVING_AVERAGE", true, &rows).await;
    replay("FIFO", true, &rows).await;
}

#[tokio::test]
async fn value_at_an_instant_by_item_location_and_company() {
    let world = World::new().await;
    let receive =
        |quantity: i64, cost: &str| json!({ "kind": "goodsReceived", "quantity": quantity, "cost": gbp(cost) });
    world.moved("a", "alpha", "a", receive(2, "10.00")).await;
    world.moved("b", "alpha", "b", receive(1, "3.00")).await;
    world.moved("c", "beta", "a", receive(4, "40.00")).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    world.moved("d", "alpha", "a", json!({ "kind": "issued", "quantity": 2 })).await;
    let then = "at=2026-03-01T10:00:30Z";
    let company = world.get(&format!("/valuation?company=acme&{then}")).await.ok();
    assert_eq!(company["total"], gbp("53.00"));
    assert_eq!(company["items"][0], json!({ "location": "alpha", "value": gbp("13.00") }));
    assert_eq!(world.get("/valuation?company=acme").await.ok()["total"], gbp("43.00"));
    let item = world.get(&format!("/valuation?company=acme&sku=a&{then}")).await.ok();
    assert_eq!((&item["total"], item["items"].as_array().unwrap().len()), (&gbp("50.00"), 2));
    let first = world.get(&format!("/valuation?location=alpha&limit=1&{then}")).await.ok();
    let row = json!({ "location": "alpha", "sku": "a", "onHand": 2, "value": gbp("10.00"), "sequence": 1 });
    assert_eq!(first["items"], json!([row]));
    let next = first["next"].as_str().unwrap();
    let second = world.get(&format!("/valuation?location=alpha&limit=1&{then}&cursor={next}")).await.ok();
    assert_eq!((&second["items"][0]["sku"], &second["at"]), (&json!("b"), &first["at"]));
}

#[tokio::test]
async fn a_company_is_valued_in_pages_with_its_total_on_the_last_one() {
    let world = World::new().await;
    for (location, cost) in [("alpha", "10.00"), ("beta", "40.00")] {
        let received = json!({ "kind": "goodsReceived", "quantity": 2, "cost": gbp(cost) });
        world.moved(location, location, "a", received).await;
    }
    let body = json!({ "from": "alpha", "to": "beta", "lines": [{ "sku": "a", "quantity": 1 }] });
    let transfer = world.post("/transfers", "k", &body).await.ok();
    let steps = format!("/transfers/{}/actions", transfer["id"].as_str().unwrap());
    for kind in ["approve", "send"] {
        world.act(&steps, &json!({ "kind": kind })).await.ok();
    }
    let first = world.get("/valuation?company=acme&limit=1").await.ok();
    assert_eq!(first["items"], json!([{ "location": "alpha", "value": gbp("5.00") }]));
    assert_eq!((&first["total"], &first["onTheWay"]), (&json!(null), &json!(null)));
    // What moves meanwhile is of no account: it is the value at one instant.
    world.clock.advance(std::time::Duration::from_secs(60));
    world.moved("s", "beta", "a", json!({ "kind": "issued", "quantity": 2 })).await;
    let next = first["next"].as_str().unwrap();
    let last = world.get(&format!("/valuation?company=acme&limit=1&cursor={next}")).await.ok();
    assert_eq!(last["items"], json!([{ "location": "beta", "value": gbp("40.00") }]));
    assert_eq!((&last["at"], &last["next"]), (&first["at"], &json!(null)));
    assert_eq!((&last["total"], &last["onTheWay"]), (&gbp("50.00"), &gbp("5.00")));
    let wrong = world.get(&format!("/valuation?location=alpha&cursor={next}")).await;
    assert_eq!(wrong.refusal(), (400, "invalid_cursor"));
}

#[tokio::test]
async fn balances_at_an_instant_are_what_the_replayed_ledger_says() {
    let world = World::new().await;
    for n in 0..12_i64 {
        let kind = if n % 3 == 2 {
            json!({ "kind": "issued", "quantity": n })
        } else {
            json!({ "kind": "goodsReceived", "quantity": 5 + n, "unitCost": gbp("1.10") })
        };
        world.moved(&format!("k{n}"), "alpha", "a", kind).await;
        world.clock.advance(std::time::Duration::from_secs(60));
    }
    let at = (&"alpha".parse().unwrap(), &"a".parse().unwrap());
    for minute in -1..13_i64 {
        let instant = kernel::Timestamp::from_second(1_772_359_200 + 60 * minute + 30).unwrap();
        let (_, rebuild) = world.inventory.rebuild(&super::world::tenant(), at, Some(instant)).await.unwrap();
        let (sequence, balances, value) = rebuild.as_of();
        let answer = world.get(&format!("/levels/alpha/a/balances?at={instant}")).await.ok();
        assert_eq!((&answer["sequence"], &answer["balances"]["onHand"]), (&json!(sequence), &json!(balances.on_hand)));
        let shown = answer["value"]["amount"].as_str().unwrap_or("0").parse::<rust_decimal::Decimal>().unwrap();
        assert_eq!(shown, value, "minute {minute}");
    }
    let second = world.get("/levels/alpha/a/balances?sequence=2&at=2026-03-01T10:01:00Z").await.ok();
    assert_eq!(second["sequence"], 2);
}
