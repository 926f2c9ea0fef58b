use http::StatusCode;
use serde_json::{Value, json};

use super::world::{ADMIN, CONNECTOR, World, gbp, keyed};

#[tokio::test]
async fn every_kind_of_movement_does_what_it_says_and_is_in_the_ledger() {
    let world = World::new().await;
    let moved = async |key: &str, movement: Value| world.moved(key, "alpha", "a", movement).await;
    let buckets = |entry: &Value| {
        let of = |name: &str| entry["after"][name].as_i64().unwrap();
        [of("onHand"), of("available"), of("damaged"), of("qualityControl"), of("safetyStock"), of("incoming")]
    };
    assert_eq!(buckets(&moved("1", json!({ "kind": "announced", "delta": 8 })).await), [0, 0, 0, 0, 0, 8]);
    let received = json!({ "kind": "goodsReceived", "quantity": 10, "announced": 8, "unitCost": gbp("2.50") });
    assert_eq!(buckets(&moved("2", received).await), [10, 10, 0, 0, 0, 0]);
    assert_eq!(buckets(&moved("3", json!({ "kind": "damaged", "quantity": 3 })).await), [10, 7, 3, 0, 0, 0]);
    assert_eq!(buckets(&moved("4", json!({ "kind": "repaired", "quantity": 1 })).await), [10, 8, 2, 0, 0, 0]);
    assert_eq!(buckets(&moved("5", json!({ "kind": "qualityHeld", "quantity": 4 })).await), [10, 4, 2, 4, 0, 0]);
    let failed = json!({ "kind": "qualityReleased", "quantity": 1, "damaged": true });
    assert_eq!(buckets(&moved("6", failed).await), [10, 4, 3, 3, 0, 0]);
    assert_eq!(buckets(&moved("7", json!({ "kind": "qualityReleased", "quantity": 3 })).await), [10, 7, 3, 0, 0, 0]);
    let thrown = json!({ "kind": "writtenOff", "quantity": 3, "condition": "DAMAGED" });
    assert_eq!(buckets(&moved("8", thrown).await), [7, 7, 0, 0, 0, 0]);
    assert_eq!(buckets(&moved("9", json!({ "kind": "safetyStockSet", "units": 2 })).await), [7, 5, 0, 0, 2, 0]);
    let back = json!({ "kind": "returned", "quantity": 1, "condition": "QUALITY_CONTROL", "cost": gbp("2.50") });
    assert_eq!(buckets(&moved("10", back).await), [8, 5, 0, 1, 2, 0]);
    let level = world.level("alpha", "a").await;
    assert_eq!((&level["value"], &level["unitCost"], &level["sequence"]), (&gbp("20.00"), &gbp("2.50"), &json!(10)));
    world.proved("alpha", "a").await;

    let first = world.get("/levels/alpha/a/ledger?limit=8").await.ok();
    let rest = format!("/levels/alpha/a/ledger?limit=8&cursor={}", first["next"].as_str().unwrap());
    let rest = world.get(&rest).await.ok();
    let names =
        |page: &Value| page["items"].as_array().unwrap().iter().map(|e| e["movement"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&first)[..2], ["Announced", "GoodsReceived"]);
    assert_eq!((names(&rest), rest["next"].as_str()), (vec![json!("SafetyStockSet"), json!("Returned")], None));
}

#[tokio::test]
async fn a_movement_that_is_sent_again_is_answered_again_and_not_booked_again() {
    let world = World::new().await;
    world.stocked("alpha", "a", 3).await;
    let sale = json!({
        "location": "alpha", "sku": "a", "movement": { "kind": "issued", "quantity": 3 },
        "source": "till-7", "reason": "counter sale", "effectiveAt": "2026-03-01T09:59:00Z",
    });
    let first = world.post("/movements", "k", &sale).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let entry = &first.body["entry"];
    assert_eq!((&entry["source"], &entry["actor"]), (&json!("till-7"), &json!(ADMIN.0)));
    assert_eq!(entry["occurredAt"], "2026-03-01T09:59:00Z", "it is booked after the receipt and happened before");
    let before = world.everything();
    let again = world.post("/movements", "k", &sale).await;
    assert_eq!((&again.body, &again.headers["idempotency-replayed"]), (&first.body, &"true".parse().unwrap()));
    assert!(world.everything() == before);
    let id = first.body["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/movements/{id}")).await.ok(), first.body);
    // Another caller's key is another key.
    let other = world.send(Some(CONNECTOR), keyed("/movements", "k", &sale)).await;
    assert_eq!(other.refusal(), (409, "insufficient_stock"));
}

#[tokio::test]
async fn rows_of_a_batch_succeed_and_fail_on_their_own_and_once() {
    let world = World::new().await;
    world.stocked("alpha", "a", 5).await;
    let row = |sku: &str, quantity: Value| json!({ "location": "alpha", "sku": sku, "movement": { "kind": "issued", "quantity": quantity } });
    let rows = json!({ "rows": [
        row("a", json!(2)), row("a", json!(4)), row("b", json!(1)), row("a", json!(0)), row("a", json!("1")),
        { "sku": "a" }, row("a", json!(3)),
    ]});
    let statuses = |answer: &Value| {
        answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let first = world.post("/movements/batch", "k", &rows).await.ok();
    assert_eq!(statuses(&first), [201, 409, 409, 400, 400, 400, 201], "{first}");
    assert_eq!(first["results"][1]["problem"]["code"], "insufficient_stock");
    assert_eq!(first["results"][3]["problem"]["errors"][0]["pointer"], "/movement/quantity");
    assert_eq!(first["results"][6]["body"]["entry"]["after"]["onHand"], 0);
    let before = world.everything();
    let again = world.post("/movements/batch", "k", &rows).await.ok();
    assert_eq!(statuses(&again), [200, 409, 409, 400, 400, 400, 200]);
    assert_eq!(again["results"][0]["body"], first["results"][0]["body"]);
    assert!(world.everything() == before);
    let other = json!({ "rows": [row("a", json!(1))] });
    let reused = world.post("/movements/batch", "k", &other).await.ok();
    assert_eq!(reused["results"][0]["problem"]["code"], "idempotency_key_reused");
    let levels = json!({ "rows": [{ "location": "alpha", "sku": "a" }, { "location": "beta", "sku": "a" }] });
    let found = world.post("/levels/lookup", "unused", &levels).await.ok();
    assert_eq!(statuses(&found), [200, 404]);
    assert_eq!(world.proved("alpha", "a").await.on_hand, 0);
}

#[tokio::test]
async fn levels_are_listed_by_item_and_can_be_oversold_as_far_as_somebody_allows() {
    let world = World::new().await;
    for sku in ["a", "b", "c"] {
        world.stocked("alpha", sku, 1).await;
    }
    let first = world.get("/levels?location=alpha&limit=2").await.ok();
    let next = format!("/levels?location=alpha&limit=2&cursor={}", first["next"].as_str().unwrap());
    let rest = world.get(&next).await.ok();
    assert_eq!((&first["items"][1]["sku"], &rest["items"][0]["sku"]), (&json!("b"), &json!("c")));
    let path = "/levels/alpha/a/backorder-limit";
    let level = world.get("/levels/alpha/a").await;
    let tag = level.headers["etag"].to_str().unwrap().to_owned();
    let set = world.put(path, Some(&tag), &json!({ "units": 2 })).await;
    assert_eq!((&set.body["backorderLimit"], &set.body["available"]), (&json!(2), &json!(1)), "{set:?}");
    assert_eq!(world.put(path, Some(&tag), &json!({ "units": 3 })).await.refusal(), (412, "stale_version"));
    // An item nobody ever had can be sold before it comes.
    let new = world.put("/levels/alpha/preorder/backorder-limit", Some("\"0\""), &json!({ "units": 5 })).await.ok();
    assert_eq!(new["onHand"], 0);
    let wanted = |sku: &str, quantity: i64| json!({ "lines": [{ "location": "alpha", "sku": sku, "quantity": quantity }], "seconds": 60, "source": "cart" });
    world.post("/reservations", "r1", &wanted("a", 3)).await.ok();
    world.post("/reservations", "r2", &wanted("preorder", 5)).await.ok();
    assert_eq!(world.post("/reservations", "r3", &wanted("preorder", 1)).await.refusal(), (409, "insufficient_stock"));
    assert_eq!(world.level("alpha", "preorder").await["available"], -5);
}

#[tokio::test]
async fn a_hot_item_is_spread_and_reserved_from_its_shards() {
    let world = World::new().await;
    world.stocked("alpha", "hot", 40).await;
    assert_eq!(world.get("/levels/alpha/hot/shards").await.refusal(), (404, "not_found"));
    let spread = world.put("/levels/alpha/hot/shards", None, &json!({ "shards": 4 })).await.ok();
    assert_eq!(spread, json!({ "shards": 4, "available": 40 }));
    let now = world.clock.clone();
    let rebalance = async || {
        use kernel::Clock as _;
        world.inventory.rebalance_all(&super::world::tenant(), "rebalance", now.now()).await.unwrap()
    };
    assert_eq!(rebalance().await.given, 32);
    assert_eq!(world.get("/levels/alpha/hot/shards").await.ok(), spread);
    let wanted =
        json!({ "lines": [{ "location": "alpha", "sku": "hot", "quantity": 30 }], "seconds": 60, "source": "cart" });
    let id = world.post("/reservations", "r", &wanted).await.ok()["reservation"]["id"].as_str().unwrap().to_owned();
    world.act(&format!("/reservations/{id}/actions"), &json!({ "kind": "commit" })).await.ok();
    rebalance().await;
    assert_eq!(world.level("alpha", "hot").await["committed"], 30);
    world.put("/levels/alpha/hot/shards", None, &json!({ "shards": 0 })).await.ok();
    rebalance().await;
    let level = world.level("alpha", "hot").await;
    assert_eq!((&level["reserved"], &level["available"]), (&json!(0), &json!(10)));
}

#[tokio::test]
async fn a_kit_sells_as_many_as_its_components_allow_and_holds_them() {
    let world = World::new().await;
    world.stocked("alpha", "cup", 7).await;
    world.stocked("alpha", "plate", 2).await;
    let parts = json!({ "components": [{ "sku": "cup", "units": 2 }, { "sku": "plate", "units": 1 }] });
    world.put("/kits/set", None, &parts).await.ok();
    let kit = world.get("/kits/set?location=alpha").await.ok();
    assert_eq!((&kit["sellable"], &kit["components"]), (&json!(2), &parts["components"]));
    world.stocked("beta", "cup", 9).await;
    world.stocked("beta", "plate", 1).await;
    // Each kit is made at one place: the cups at beta are of no use for the plates at alpha.
    world.registered(&["alpha", "beta"]).await;
    assert_eq!(world.get("/kits/set").await.ok()["sellable"], 3);
    let wanted = json!({
        "lines": [
            { "location": "alpha", "sku": "set", "quantity": 1 }, { "location": "alpha", "sku": "cup", "quantity": 6 },
        ],
        "seconds": 60, "source": "cart",
    });
    let short = world.post("/reservations", "k", &wanted).await;
    assert_eq!(short.refusal(), (409, "insufficient_stock"));
    let shortage = json!({ "location": "alpha", "sku": "cup", "requested": 8, "available": 7 });
    assert_eq!(short.body["shortages"], json!([shortage]));
    let mut partial = wanted;
    partial["partial"] = json!(true);
    let held = world.post("/reservations", "k2", &partial).await.ok();
    let lines = &held["reservation"]["lines"];
    assert_eq!((&lines[0]["held"], &lines[1]["held"]), (&json!(1), &json!(5)));
    assert_eq!(world.level("alpha", "cup").await["reserved"], 7);
}

#[tokio::test]
async fn a_reservation_is_made_once_extended_committed_and_its_units_shipped() {
    let world = World::new().await;
    world.stocked("alpha", "a", 4).await;
    let wanted =
        json!({ "lines": [{ "location": "alpha", "sku": "a", "quantity": 3 }], "seconds": 60, "source": "cart" });
    let made = world.post("/reservations", "k", &wanted).await;
    assert_eq!((made.status, &made.body["outcome"]), (StatusCode::CREATED, &json!("reserved")));
    let again = world.post("/reservations", "k", &wanted).await;
    assert_eq!((again.status, &again.body["outcome"]), (StatusCode::OK, &json!("exists")));
    assert_eq!(again.body["reservation"], made.body["reservation"]);
    let changed = [
        ("lines", json!([{ "location": "alpha", "sku": "a", "quantity": 2 }])),
        ("seconds", json!(61)),
        ("partial", json!(true)),
        ("source", json!("x")),
    ];
    for (field, value) in changed {
        let mut other = wanted.clone();
        other[field] = value;
        let named = if field == "seconds" { "duration" } else { field };
        let refused = world.post("/reservations", "k", &other).await;
        assert_eq!(refused.refusal(), (409, format!("exists_with_different_{named}").as_str()));
    }
    let reservation = &made.body["reservation"];
    let id = reservation["id"].as_str().unwrap();
    let (path, actions) = (format!("/reservations/{id}"), format!("/reservations/{id}/actions"));
    let extended = world.act(&actions, &json!({ "kind": "extend", "seconds": 600 })).await.ok();
    assert_eq!(extended["expiresAt"], "2026-03-01T10:10:00Z");
    let tagged = |tag: &'static str, body: Value| {
        super::world::with_tag(super::world::request(http::Method::POST, &actions, &body), Some(tag))
    };
    let stale = world.send(Some(ADMIN), tagged("\"1\"", json!({ "kind": "commit" }))).await;
    assert_eq!(stale.refusal(), (412, "stale_version"));
    let committed = world.send(Some(ADMIN), tagged("\"2\"", json!({ "kind": "commit" }))).await.ok();
    assert_eq!((&committed["status"], &committed["allowed"]), (&json!("COMMITTED"), &json!([])));
    // Whoever did not get the answer asks again.
    let again = world.send(Some(ADMIN), tagged("\"2\"", json!({ "kind": "commit" }))).await.ok();
    assert_eq!(again, committed);
    let late = world.act(&actions, &json!({ "kind": "release" })).await;
    assert_eq!(late.refusal(), (409, "invalid_transition"));
    assert_eq!((&late.body["currentStatus"], &late.body["allowed"]), (&json!("COMMITTED"), &json!([])));
    assert_eq!(world.get(&path).await.ok(), committed);
    world.moved("s", "alpha", "a", json!({ "kind": "shipped", "quantity": 2 })).await;
    let rest = world.moved("t", "alpha", "a", json!({ "kind": "released", "quantity": 1 })).await;
    assert_eq!((&rest["after"]["committed"], &rest["after"]["available"]), (&json!(0), &json!(2)));
}

#[tokio::test]
async fn a_reservation_whose_time_is_over_cannot_be_taken() {
    let world = World::new().await;
    world.stocked("alpha", "a", 1).await;
    let wanted =
        json!({ "lines": [{ "location": "alpha", "sku": "a", "quantity": 1 }], "seconds": 60, "source": "cart" });
    let id = world.post("/reservations", "k", &wanted).await.ok()["reservation"]["id"].as_str().unwrap().to_owned();
    world.clock.advance(std::time::Duration::from_secs(60));
    for kind in [json!({ "kind": "commit" }), json!({ "kind": "extend", "seconds": 60 })] {
        let over = world.act(&format!("/reservations/{id}/actions"), &kind).await;
        assert_eq!((over.refusal(), &over.body["currentStatus"]), ((409, "invalid_transition"), &json!("EXPIRED")));
    }
    world.act(&format!("/reservations/{id}/actions"), &json!({ "kind": "release" })).await.ok();
    assert_eq!(world.level("alpha", "a").await["available"], 1);
}

#[tokio::test]
async fn rows_of_reservations_are_held_one_by_one() {
    let world = World::new().await;
    world.stocked("alpha", "a", 3).await;
    let row = |quantity: i64| json!({ "lines": [{ "location": "alpha", "sku": "a", "quantity": quantity }], "seconds": 60, "source": "cart" });
    let rows = json!({ "rows": [row(2), row(2), row(1)] });
    for (expected, outcome) in [([201, 409, 201], "reserved"), ([200, 409, 200], "exists")] {
        let answer = world.post("/reservations/batch", "k", &rows).await.ok();
        let statuses: Vec<_> =
            answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
        assert_eq!((statuses, &answer["results"][2]["body"]["outcome"]), (expected.to_vec(), &json!(outcome)));
    }
    assert_eq!(world.level("alpha", "a").await["reserved"], 3);
}

#[tokio::test]
async fn a_company_is_made_once_and_keeps_its_rules() {
    let world = World::new().await;
    let company = world.get("/companies/acme").await.ok();
    let same = world.post("/companies", "k", &company).await;
    assert_eq!(same.status, StatusCode::CREATED);
    for (field, value) in [("currency", json!("EUR")), ("method", json!("FIFO")), ("decimals", json!(3))] {
        let mut other = company.clone();
        other[field] = value;
        let refused = world.post("/companies", "k", &other).await;
        assert_eq!(refused.refusal(), (409, format!("exists_with_different_{field}").as_str()));
    }
    assert_eq!(world.get("/locations/alpha/company").await.ok(), company);
    let other = json!({ "id": "other", "currency": "GBP", "method": "FIFO", "decimals": 2 });
    world.post("/companies", "k", &other).await.ok();
    let taken = world.put("/locations/alpha/company", None, &json!({ "company": "other" })).await;
    assert_eq!(taken.refusal(), (409, "other_company"));
}

#[tokio::test]
async fn what_would_be_sent_from_where_is_tried_out_by_every_strategy() {
    let world = World::new().await;
    world.registered(&["alpha", "beta"]).await;
    for (location, sku, units) in [("alpha", "a", 3), ("alpha", "b", 1), ("beta", "a", 5), ("beta", "b", 9)] {
        world.stocked(location, sku, units).await;
    }
    let tried = async |rest: &str| {
        let answer = world.get(&format!("/allocations?lines={rest}")).await.ok();
        let parcels = answer["parcels"].as_array().unwrap().iter().map(|parcel| {
            let lines = parcel["lines"].as_array().unwrap().iter();
            let lines = lines.map(|line| format!("{}{}", line["quantity"], line["sku"].as_str().unwrap()));
            format!("{} {}", parcel["location"].as_str().unwrap(), lines.collect::<Vec<_>>().join(" "))
        });
        parcels.collect::<Vec<_>>()
    };
    let before = world.everything();
    assert_eq!(tried("a:3,b:1").await, ["beta 3a 1b"]);
    assert_eq!(tried("a:3,b:1&strategy=SINGLE_LOCATION_FIRST").await, ["beta 3a 1b"]);
    assert_eq!(tried("a:3,b:1&strategy=PRIORITY&priority=alpha,beta").await, ["alpha 3a 1b"]);
    assert_eq!(tried("a:4,b:1&strategy=PRIORITY&priority=alpha").await, ["alpha 3a 1b", "beta 1a"]);
    assert_eq!(tried("a:6&strategy=HIGHEST_STOCK").await, ["beta 5a", "alpha 1a"]);
    let near = "strategy=NEAREST&to=51.5:-0.12&places=alpha:53.48:-2.24,beta:51.45:-0.97";
    assert_eq!(tried(&format!("a:1&{near}")).await, ["beta 1a"]);
    let short = world.get("/allocations?lines=a:9,b:1").await.ok();
    assert_eq!(short["shortages"], json!([{ "sku": "a", "requested": 9, "available": 8 }]));
    assert_eq!((&short["parcels"], &short["strategy"]), (&json!([]), &json!("FEWEST_PARCELS")));
    assert!(world.everything() == before, "nothing is promised");
    let parts = json!({ "components": [{ "sku": "a", "units": 2 }, { "sku": "b", "units": 1 }] });
    world.put("/kits/set", None, &parts).await.ok();
    assert_eq!(tried("set:3").await, ["beta 2set", "alpha 1set"]);
    assert_eq!(world.get("/allocations?lines=set:1,a:1").await.refusal(), (422, "shared_components"));
    world.put("/levels/alpha/a/shards", None, &json!({ "shards": 2 })).await.ok();
    world.inventory.rebalance_all(&super::world::tenant(), "test", kernel::Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(tried("a:8").await.len(), 2, "what shards have is counted");
}
