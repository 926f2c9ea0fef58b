//! Wrong or hostile input gets the right problem and changes nothing.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::world::{ADMIN, BASE, CONNECTOR, CUSTOMER, World, gbp, get, keyed, request, with_tag};

async fn refused(
    world: &World,
    caller: Option<(&str, &str)>,
    request: Request<Body>,
    status: u16,
    code: &str,
) -> Value {
    let before = world.everything();
    let what = format!("{} {} as {caller:?}", request.method(), request.uri());
    let answer = world.send(caller, request).await;
    assert_eq!(answer.refusal(), (status, code), "{what}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    assert!(world.everything() == before, "{what} left a trace");
    answer.body
}

/// Ids that exist nowhere.
fn none(prefix: &str) -> String {
    format!("{prefix}_00000000000000000000000000")
}

fn gets() -> Vec<String> {
    vec![
        "/levels?location=alpha".to_owned(),
        "/levels/alpha/a".to_owned(),
        "/levels/alpha/a/ledger".to_owned(),
        "/levels/alpha/a/balances".to_owned(),
        "/levels/alpha/a/shards".to_owned(),
        format!("/movements/{}", none("mov")),
        "/valuation?company=acme".to_owned(),
        "/companies/acme".to_owned(),
        "/locations/alpha/company".to_owned(),
        format!("/reservations/{}", none("rsv")),
        "/kits/set".to_owned(),
        "/transfers".to_owned(),
        format!("/transfers/{}", none("trf")),
        "/adjustments".to_owned(),
        format!("/adjustments/{}", none("sta")),
        "/adjustment-rules".to_owned(),
        "/counts".to_owned(),
        format!("/counts/{}", none("cnt")),
        "/count-rules".to_owned(),
        "/allocations?lines=a:1".to_owned(),
    ]
}

fn changes() -> Vec<(Method, String)> {
    let post = |path: &str| (Method::POST, path.to_owned());
    let put = |path: &str| (Method::PUT, path.to_owned());
    vec![
        post("/levels/lookup"),
        put("/levels/alpha/a/backorder-limit"),
        put("/levels/alpha/a/shards"),
        post("/movements"),
        post("/movements/batch"),
        post("/companies"),
        put("/locations/alpha/company"),
        post("/reservations"),
        post("/reservations/batch"),
        post(&format!("/reservations/{}/actions", none("rsv"))),
        put("/kits/set"),
        post("/transfers"),
        post(&format!("/transfers/{}/actions", none("trf"))),
        post("/adjustments"),
        post("/adjustments/batch"),
        post(&format!("/adjustments/{}/decision", none("sta"))),
        put("/adjustment-rules"),
        post("/counts"),
        post(&format!("/counts/{}/actions", none("cnt"))),
        post(&format!("/counts/{}/decision", none("cnt"))),
        put("/count-rules"),
    ]
}

fn change(method: &Method, path: &str, body: &Value) -> Request<Body> {
    let mut request = with_tag(request(method.clone(), path, body), Some("*"));
    request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    request
}

#[tokio::test]
async fn nobody_and_customers_are_kept_out_of_every_route_and_rules_are_for_those_who_run_the_store() {
    let world = World::new().await;
    for (caller, status, code) in [(None, 401, "unauthenticated"), (Some(CUSTOMER), 403, "forbidden")] {
        for path in gets() {
            refused(&world, caller, get(&path), status, code).await;
        }
        for (method, path) in changes() {
            refused(&world, caller, change(&method, &path, &json!({})), status, code).await;
        }
    }
    let own = [
        (Method::POST, "/companies".to_owned()),
        (Method::PUT, "/locations/alpha/company".to_owned()),
        (Method::PUT, "/adjustment-rules".to_owned()),
        (Method::POST, format!("/adjustments/{}/decision", none("sta"))),
    ];
    for (method, path) in own {
        refused(&world, Some(CONNECTOR), change(&method, &path, &json!({})), 403, "forbidden").await;
    }
}

#[tokio::test]
async fn bodies_that_are_none_are_refused_by_every_route() {
    let world = World::new().await;
    for (method, path) in changes() {
        let broken = |kind: &str, body: String| {
            let builder = Request::builder().method(method.clone()).uri(format!("{BASE}{path}"));
            let builder = builder.header("content-type", kind).header("if-match", "*").header("idempotency-key", "k");
            builder.body(Body::from(body)).unwrap()
        };
        refused(&world, Some(ADMIN), broken("application/json", "{".to_owned()), 400, "malformed_json").await;
        refused(&world, Some(ADMIN), broken("text/plain", "{}".to_owned()), 415, "unsupported_media_type").await;
        let huge = format!("\"{}\"", "x".repeat(1 << 20));
        refused(&world, Some(ADMIN), broken("application/json", huge), 413, "body_too_large").await;
        let unknown = change(&method, &path, &json!({ "colour": "red" }));
        refused(&world, Some(ADMIN), unknown, 400, "validation_failed").await;
    }
}

#[tokio::test]
async fn keys_and_tags_that_are_needed_are_missed() {
    let world = World::new().await;
    world.stocked("alpha", "a", 1).await;
    for path in [
        "/movements",
        "/movements/batch",
        "/reservations",
        "/reservations/batch",
        "/transfers",
        "/adjustments",
        "/counts",
    ] {
        refused(&world, Some(ADMIN), request(Method::POST, path, &json!({})), 400, "validation_failed").await;
    }
    let tagged = [
        (Method::PUT, "/levels/alpha/a/backorder-limit".to_owned()),
        (Method::POST, format!("/reservations/{}/actions", none("rsv"))),
        (Method::POST, format!("/transfers/{}/actions", none("trf"))),
        (Method::POST, format!("/adjustments/{}/decision", none("sta"))),
        (Method::POST, format!("/counts/{}/actions", none("cnt"))),
        (Method::POST, format!("/counts/{}/decision", none("cnt"))),
    ];
    for (method, path) in tagged {
        refused(&world, Some(ADMIN), request(method, &path, &json!({})), 428, "if_match_required").await;
    }
}

#[tokio::test]
async fn movements_that_cannot_be_are_refused() {
    let world = World::new().await;
    world.moved("r", "alpha", "a", json!({ "kind": "goodsReceived", "quantity": 2, "cost": gbp("10.00") })).await;
    world.stocked("gamma", "a", 2).await;
    let at = |location: &str, movement: Value| json!({ "location": location, "sku": "a", "movement": movement });
    let alpha = |movement: Value| at("alpha", movement);
    let units = |kind: &str, quantity: Value| alpha(json!({ "kind": kind, "quantity": quantity }));
    let received = |name: &str, value: Value| {
        let mut movement = json!({ "kind": "goodsReceived", "quantity": 1 });
        movement[name] = value;
        alpha(movement)
    };
    let with = |name: &str, value: Value| {
        let mut body = units("issued", json!(1));
        body[name] = value;
        body
    };
    let euro = json!({ "amount": "1.00", "currency": "EUR" });
    let late = |receipt: Value| json!({ "kind": "costAdded", "amount": gbp("1.00"), "units": 1, "receipt": receipt });
    let left = |sequence: u64, quantity: i64| {
        let entry = json!({ "sequence": sequence, "effectiveAt": "2026-03-01T10:00:00Z" });
        alpha(json!({ "kind": "returned", "quantity": quantity, "leftWith": entry }))
    };
    let invalid = [
        units("issued", json!(0)),
        units("issued", json!(-1)),
        units("issued", json!(1_000_000_001)),
        units("issued", json!(1.5)),
        units("issued", json!(1e9)),
        units("issued", json!("1")),
        units("stockAdjusted", json!(1)),
        units("counted", json!(1)),
        alpha(json!({ "kind": "announced", "delta": 0 })),
        alpha(json!({ "kind": "announced", "delta": i64::MIN })),
        alpha(json!({ "kind": "safetyStockSet", "units": -1 })),
        alpha(json!({ "kind": "writtenOff", "quantity": 1, "condition": "SELLABLE" })),
        alpha(json!({ "kind": "issued", "quantity": 1, "force": true })),
        received("announced", json!(2)),
        received("announced", json!(-1)),
        received("condition", json!("NEW")),
        received("cost", json!("1.00")),
        received("cost", json!(1.0)),
        received("cost", gbp("1e3")),
        received("cost", gbp("1.001")),
        received("unitCost", gbp("1.0000000001")),
        alpha(json!({ "kind": "goodsReceived", "quantity": 1, "cost": gbp("1.00"), "unitCost": gbp("1.00") })),
        at("alpha~1", json!({ "kind": "issued", "quantity": 1 })),
        at("~00000000000000000000000000", json!({ "kind": "issued", "quantity": 1 })),
        at("Alpha", json!({ "kind": "issued", "quantity": 1 })),
        with("sku", json!("a#b")),
        with("tenant", json!("other.test")),
        with("source", json!("")),
        with("reason", json!("x".repeat(201))),
        with("reason", json!("a\nb")),
        with("effectiveAt", json!("yesterday")),
        with("effectiveAt", json!("2026-03-01T10:00:01Z")),
    ];
    for body in invalid {
        refused(&world, Some(ADMIN), keyed("/movements", "k", &body), 400, "validation_failed").await;
    }
    let cases = [
        (units("issued", json!(3)), 409, "insufficient_stock"),
        (units("shipped", json!(1)), 409, "not_committed"),
        (units("released", json!(1)), 409, "not_committed"),
        (units("repaired", json!(1)), 409, "not_held"),
        (units("qualityReleased", json!(1)), 409, "not_held"),
        (alpha(json!({ "kind": "writtenOff", "quantity": 1, "condition": "DAMAGED" })), 409, "not_held"),
        (alpha(json!({ "kind": "safetyStockSet", "units": 0 })), 409, "no_change"),
        (units("goodsReceived", json!(999_999_999)), 422, "stock_out_of_range"),
        (received("announced", json!(1)), 409, "not_held"),
        (received("cost", euro), 422, "wrong_currency"),
        (received("cost", gbp("-1.00")), 422, "negative_cost"),
        (received("cost", gbp("999999999999999999")), 422, "amount_too_large"),
        (alpha(json!({ "kind": "standardCostSet", "unitCost": gbp("1.00") })), 409, "no_standard_cost"),
        (at("gamma", late(json!(null))), 409, "not_valued"),
        (at("gamma", json!({ "kind": "goodsReceived", "quantity": 1, "cost": gbp("1.00") })), 409, "not_valued"),
        (left(1, 1), 422, "not_left_with"),
        (left(9, 1), 422, "not_left_with"),
    ];
    for (body, status, code) in cases {
        refused(&world, Some(ADMIN), keyed("/movements", "k", &body), status, code).await;
    }
    for key in ["", "a b", &"k".repeat(129)] {
        refused(&world, Some(ADMIN), keyed("/movements", key, &units("issued", json!(1))), 400, "validation_failed")
            .await;
    }
}

#[tokio::test]
async fn a_key_used_again_for_another_body_is_refused() {
    let world = World::new().await;
    world.stocked("alpha", "a", 9).await;
    let sale = |quantity: i64| json!({ "location": "alpha", "sku": "a", "movement": { "kind": "issued", "quantity": quantity } });
    let transfer =
        |quantity: i64| json!({ "from": "alpha", "to": "beta", "lines": [{ "sku": "a", "quantity": quantity }] });
    let adjustment =
        |delta: i64| json!({ "location": "alpha", "sku": "a", "delta": delta, "reasonCode": "CORRECTION" });
    let count = |tolerance: i64| json!({ "location": "alpha", "items": ["a"], "tolerance": tolerance });
    let pairs = [
        ("/movements", sale(1), sale(2)),
        ("/transfers", transfer(1), transfer(2)),
        ("/adjustments", adjustment(1), adjustment(2)),
        ("/counts", count(1), count(2)),
    ];
    for (path, first, other) in pairs {
        world.post(path, "k", &first).await.ok();
        refused(&world, Some(ADMIN), keyed(path, "k", &other), 422, "idempotency_key_reused").await;
    }
}

#[tokio::test]
async fn documents_that_cannot_be_are_refused() {
    let world = World::new().await;
    world.stocked("alpha", "a", 3).await;
    let transfer = |from: &str, to: &str, lines: Value| json!({ "from": from, "to": to, "lines": lines });
    let line = |quantity: i64| json!({ "sku": "a", "quantity": quantity });
    let reservation = |lines: Value, seconds: i64| json!({ "lines": lines, "seconds": seconds, "source": "x" });
    let held = |location: &str, quantity: i64| json!([{ "location": location, "sku": "a", "quantity": quantity }]);
    let adjustment = |location: &str, delta: i64, code: &str| json!({ "location": location, "sku": "a", "delta": delta, "reasonCode": code });
    let count = |location: &str, items: Value, tolerance: i64| json!({ "location": location, "items": items, "tolerance": tolerance });
    let forty_one: Vec<Value> = (0..41).map(|n| json!(format!("s{n}"))).collect();
    let cases = [
        ("/transfers", transfer("alpha", "alpha", json!([line(1)]))),
        ("/transfers", transfer("alpha", "alpha~1", json!([line(1)]))),
        ("/transfers", transfer("alpha", "beta", json!([]))),
        ("/transfers", transfer("alpha", "beta", json!([line(0)]))),
        ("/transfers", transfer("alpha", "beta", json!([line(-1)]))),
        ("/transfers", transfer("alpha", "beta", json!([line(1), line(1)]))),
        ("/transfers", transfer("alpha", "beta", json!(vec![line(1); 17]))),
        ("/reservations", reservation(json!([]), 60)),
        ("/reservations", reservation(held("alpha", 0), 60)),
        ("/reservations", reservation(held("alpha", -1), 60)),
        ("/reservations", reservation(held("alpha", 1_000_000_001), 60)),
        ("/reservations", reservation(held("alpha~0", 1), 60)),
        ("/reservations", reservation(held("alpha", 1), 0)),
        ("/reservations", reservation(held("alpha", 1), -1)),
        ("/reservations", reservation(held("alpha", 1), 2_592_001)),
        ("/reservations", json!({ "lines": held("alpha", 1), "seconds": 60 })),
        ("/adjustments", adjustment("alpha", 0, "CORRECTION")),
        ("/adjustments", adjustment("alpha", 1, "LOST")),
        ("/adjustments", adjustment("alpha", -1, "FOUND")),
        ("/adjustments", adjustment("alpha", 1, "MAGIC")),
        ("/adjustments", adjustment("alpha~1", 1, "FOUND")),
        ("/adjustments", adjustment("alpha", 1_000_000_001, "FOUND")),
        ("/counts", count("alpha", json!([]), 0)),
        ("/counts", count("alpha", json!(["a", "a"]), 0)),
        ("/counts", count("alpha", json!(forty_one), 0)),
        ("/counts", count("alpha", json!(["a"]), -1)),
        ("/counts", count("alpha~1", json!(["a"]), 0)),
        ("/movements/batch", json!({ "rows": [] })),
        ("/movements/batch", json!({ "rows": vec![json!({}); 101] })),
        ("/levels/lookup", json!({ "rows": vec![json!({}); 101] })),
        ("/companies", json!({ "id": "A", "currency": "GBP", "method": "FIFO", "decimals": 2 })),
        ("/companies", json!({ "id": "b", "currency": "GBP", "method": "HIFO", "decimals": 2 })),
        ("/companies", json!({ "id": "b", "currency": "GBP", "method": "FIFO", "decimals": 7 })),
        ("/companies", json!({ "id": "b", "currency": "pounds", "method": "FIFO", "decimals": 2 })),
    ];
    for (path, body) in cases {
        refused(&world, Some(ADMIN), keyed(path, "k", &body), 400, "validation_failed").await;
    }
    let outside = transfer("alpha", "gamma", json!([line(1)]));
    refused(&world, Some(ADMIN), keyed("/transfers", "k", &outside), 422, "different_companies").await;
    let short = adjustment("alpha", -4, "LOST");
    refused(&world, Some(ADMIN), keyed("/adjustments", "k", &short), 409, "insufficient_stock").await;
    let puts = [
        ("/levels/alpha/a/backorder-limit", json!({ "units": -1 }), 400, "validation_failed"),
        ("/levels/alpha/a/backorder-limit", json!({ "units": 1_000_000_001 }), 400, "validation_failed"),
        ("/levels/alpha~1/a/backorder-limit", json!({ "units": 1 }), 404, "not_found"),
        ("/levels/alpha/a/shards", json!({ "shards": 33 }), 400, "validation_failed"),
        ("/levels/alpha/a/shards", json!({ "shards": -1 }), 400, "validation_failed"),
        ("/levels/alpha~1/a/shards", json!({ "shards": 1 }), 404, "not_found"),
        ("/kits/set", json!({ "components": [] }), 400, "validation_failed"),
        ("/kits/set", json!({ "components": [{ "sku": "a", "units": 0 }] }), 400, "validation_failed"),
        ("/kits/set", json!({ "components": [{ "sku": "set", "units": 1 }] }), 422, "nested_kit"),
        ("/locations/alpha~1/company", json!({ "company": "acme" }), 404, "not_found"),
        ("/locations/alpha/company", json!({ "company": "nobody" }), 422, "unknown_company"),
        ("/adjustment-rules", json!({ "units": -1 }), 400, "validation_failed"),
        ("/adjustment-rules", json!({ "value": "-1" }), 400, "validation_failed"),
        ("/adjustment-rules", json!({ "value": 1.5 }), 400, "validation_failed"),
    ];
    for (path, body, status, code) in puts {
        refused(&world, Some(ADMIN), change(&Method::PUT, path, &body), status, code).await;
    }
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let world = World::new().await;
    world.stocked("alpha", "a", 3).await;
    let cases = [
        ("/levels", 400, "validation_failed"),
        ("/levels?location=alpha~1", 400, "validation_failed"),
        ("/levels?location=alpha&colour=red", 400, "validation_failed"),
        ("/levels?location=alpha&limit=0", 400, "validation_failed"),
        ("/levels?location=alpha&cursor=forged", 400, "invalid_cursor"),
        ("/levels/alpha~0/a", 404, "not_found"),
        ("/levels/alpha/b", 404, "not_found"),
        ("/levels/alpha/b/ledger", 404, "not_found"),
        ("/levels/alpha/b/balances", 404, "not_found"),
        ("/levels/alpha/a/balances?at=soon", 400, "validation_failed"),
        ("/levels/alpha/a/balances?sequence=-1", 400, "validation_failed"),
        ("/valuation", 400, "validation_failed"),
        ("/valuation?sku=a", 400, "validation_failed"),
        ("/valuation?location=alpha&company=acme", 400, "validation_failed"),
        ("/valuation?location=alpha&sku=a", 400, "validation_failed"),
        ("/valuation?company=nobody", 404, "not_found"),
        ("/companies/nobody", 404, "not_found"),
        ("/locations/gamma/company", 404, "not_found"),
        ("/kits/none", 404, "not_found"),
        ("/transfers?limit=201", 400, "validation_failed"),
        ("/transfers/trf_1", 404, "not_found"),
        ("/counts/trf_00000000000000000000000000", 404, "not_found"),
        ("/allocations", 400, "validation_failed"),
        ("/allocations?lines=", 400, "validation_failed"),
        ("/allocations?lines=a", 400, "validation_failed"),
        ("/allocations?lines=a:0", 400, "validation_failed"),
        ("/allocations?lines=a:1,a:1", 400, "validation_failed"),
        ("/allocations?lines=a:1&strategy=LUCK", 400, "validation_failed"),
        ("/allocations?lines=a:1&strategy=PRIORITY", 400, "validation_failed"),
        ("/allocations?lines=a:1&strategy=NEAREST", 400, "validation_failed"),
        ("/allocations?lines=a:1&strategy=NEAREST&to=91:0", 400, "validation_failed"),
        ("/allocations?lines=a:1&to=1e9:0", 400, "validation_failed"),
        ("/allocations?lines=a:1&places=alpha:1", 400, "validation_failed"),
    ];
    for (path, status, code) in cases {
        refused(&world, Some(ADMIN), get(path), status, code).await;
    }
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_as_unknown_as_what_does_not_exist() {
    let world = World::new().await;
    world.stocked("alpha", "a", 9).await;
    let lines = json!([{ "location": "alpha", "sku": "a", "quantity": 1 }]);
    let id = |answer: &Value| answer["id"].as_str().unwrap().to_owned();
    let sale = json!({ "location": "alpha", "sku": "a", "movement": { "kind": "issued", "quantity": 1 } });
    let movement = id(&world.post("/movements", "k", &sale).await.ok());
    let reserve = json!({ "lines": lines, "seconds": 60, "source": "x" });
    let reservation = id(&world.post("/reservations", "k", &reserve).await.ok()["reservation"]);
    let transfer = json!({ "from": "alpha", "to": "beta", "lines": [{ "sku": "a", "quantity": 1 }] });
    let transfer = id(&world.post("/transfers", "k", &transfer).await.ok());
    world.put("/adjustment-rules", None, &json!({ "units": 0 })).await.ok();
    let adjustment = json!({ "location": "alpha", "sku": "a", "delta": 1, "reasonCode": "FOUND" });
    let adjustment = id(&world.post("/adjustments", "k", &adjustment).await.ok());
    let count = id(&world.post("/counts", "k", &json!({ "location": "alpha", "items": ["a"] })).await.ok());
    world.put("/kits/set", None, &json!({ "components": [{ "sku": "a", "units": 1 }] })).await.ok();
    world.put("/levels/alpha/a/shards", None, &json!({ "shards": 2 })).await.ok();
    let mut requests: Vec<Request<Body>> = [
        "/levels/alpha/a".to_owned(),
        "/levels/alpha/a/ledger".to_owned(),
        "/levels/alpha/a/balances".to_owned(),
        "/levels/alpha/a/shards".to_owned(),
        "/valuation?company=acme".to_owned(),
        "/companies/acme".to_owned(),
        "/locations/alpha/company".to_owned(),
        "/kits/set?location=alpha".to_owned(),
        format!("/movements/{movement}"),
        format!("/reservations/{reservation}"),
        format!("/transfers/{transfer}"),
        format!("/adjustments/{adjustment}"),
        format!("/counts/{count}"),
    ]
    .iter()
    .map(|path| get(path))
    .collect();
    let steps = [
        (format!("/reservations/{reservation}/actions"), json!({ "kind": "release" })),
        (format!("/transfers/{transfer}/actions"), json!({ "kind": "approve" })),
        (format!("/adjustments/{adjustment}/decision"), json!({ "approve": true })),
        (format!("/counts/{count}/actions"), json!({ "kind": "cancel" })),
        (format!("/counts/{count}/decision"), json!({ "approve": true })),
    ];
    requests.extend(steps.iter().map(|(path, body)| change(&Method::POST, path, body)));
    let before = world.everything();
    for request in requests {
        let what = request.uri().to_string();
        let answer = world.send_as("other.test".parse().unwrap(), Some(ADMIN), request).await;
        assert_eq!(answer.refusal(), (404, "not_found"), "{what}: {answer:?}");
    }
    for list in ["/levels?location=alpha", "/transfers", "/adjustments", "/counts", "/valuation?location=alpha"] {
        let answer = world.send_as("other.test".parse().unwrap(), Some(ADMIN), get(list)).await.ok();
        assert_eq!(answer["items"], json!([]), "{list}");
    }
    assert!(world.everything() == before);
}
