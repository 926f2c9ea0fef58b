//! Whoever is bound to some locations gets nothing of the others, and does nothing there.

use axum::body::Body;
use http::{Method, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, get, keyed, request, with_tag};

/// Both leave out beta.
const REACHES: [&str; 2] = ["only alpha", "but beta gamma"];

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

fn step(path: &str, body: &Value) -> Request<Body> {
    with_tag(request(Method::POST, path, body), Some("*"))
}

fn found(location: &str, sku: &str) -> Value {
    json!({ "location": location, "sku": sku, "delta": 1, "reasonCode": "FOUND" })
}

fn held(places: &[(&str, &str)]) -> Value {
    let line = |(location, sku): &(&str, &str)| json!({ "location": location, "sku": sku, "quantity": 1 });
    json!({ "lines": places.iter().map(line).collect::<Vec<_>>(), "seconds": 60, "source": "x" })
}

fn sent(from: &str, to: &str, sku: &str) -> Value {
    json!({ "from": from, "to": to, "lines": [{ "sku": sku, "quantity": 1 }] })
}

/// Ids of one of everything, at a location.
struct Documents {
    movement: String,
    reservation: String,
    transfer: String,
    adjustment: String,
    count: String,
}

/// Stocks the item at the location and makes one document of each kind about it; the transfer leaves for gamma.
async fn documents(world: &World, location: &str, sku: &str) -> Documents {
    let sale = json!({ "location": location, "sku": sku, "movement": { "kind": "issued", "quantity": 1 } });
    let post = async |path: &str, body: Value| world.post(path, location, &body).await.ok();
    world.stocked(location, sku, 9).await;
    let documents = Documents {
        movement: id(&post("/movements", sale).await),
        reservation: id(&post("/reservations", held(&[(location, sku)])).await["reservation"]),
        transfer: id(&post("/transfers", sent(location, "gamma", sku)).await),
        adjustment: id(&post("/adjustments", found(location, sku)).await),
        count: id(&post("/counts", json!({ "location": location, "items": [sku] })).await),
    };
    world.put(&format!("/levels/{location}/{sku}/shards"), None, &json!({ "shards": 2 })).await.ok();
    documents
}

/// Alpha has `shown`, beta has `hidden`, gamma nothing.
async fn world() -> (World, Documents, Documents) {
    let world = World::new().await;
    world.put("/locations/gamma/company", None, &json!({ "company": "acme" })).await.ok();
    world.put("/adjustment-rules", None, &json!({ "units": 0 })).await.ok();
    world.put("/kits/set", None, &json!({ "components": [{ "sku": "both", "units": 1 }] })).await.ok();
    for location in ["alpha", "beta"] {
        world.stocked(location, "both", 5).await;
    }
    let (shown, hidden) = (documents(&world, "alpha", "shown").await, documents(&world, "beta", "hidden").await);
    (world, shown, hidden)
}

fn reads(location: &str, sku: &str, of: &Documents) -> Vec<String> {
    vec![
        format!("/levels/{location}/{sku}"),
        format!("/levels/{location}/{sku}/ledger"),
        format!("/levels/{location}/{sku}/balances"),
        format!("/levels/{location}/{sku}/shards"),
        format!("/locations/{location}/company"),
        format!("/movements/{}", of.movement),
        format!("/reservations/{}", of.reservation),
        format!("/transfers/{}", of.transfer),
        format!("/adjustments/{}", of.adjustment),
        format!("/counts/{}", of.count),
    ]
}

#[tokio::test]
async fn what_is_elsewhere_is_as_if_it_were_not_there() {
    let (world, shown, hidden) = world().await;
    for reach in REACHES {
        for path in reads("alpha", "shown", &shown) {
            let (all, within) = (world.get(&path).await.ok(), world.send_within(reach, get(&path)).await.ok());
            assert_eq!(within, all, "{path}");
        }
        for path in reads("beta", "hidden", &hidden) {
            let answer = world.send_within(reach, get(&path)).await;
            assert_eq!(answer.refusal(), (404, "not_found"), "{path} as {reach}: {answer:?}");
        }
        for (path, rows) in [
            ("/levels?location=alpha", 2),
            ("/levels?location=beta", 0),
            ("/levels?location=nowhere", 0),
            ("/valuation?location=alpha", 2),
            ("/valuation?location=beta", 0),
            ("/transfers", 1),
            ("/adjustments", 1),
            ("/counts", 1),
        ] {
            let page = world.send_within(reach, get(path)).await.ok();
            assert_eq!(page["items"].as_array().unwrap().len(), rows, "{path} as {reach}: {page}");
            assert!(!page.to_string().contains("hidden"), "{path} as {reach}: {page}");
        }
        for scope in ["company=acme", "company=acme&sku=hidden"] {
            let answer = world.send_within(reach, get(&format!("/valuation?{scope}"))).await;
            assert_eq!(answer.refusal(), (403, "forbidden"), "{answer:?}");
        }
        let rows = json!({ "rows": [
            { "location": "alpha", "sku": "shown" }, { "location": "beta", "sku": "hidden" }, { "location": "beta", "sku": "none" },
        ] });
        let found = world.send_within(reach, request(Method::POST, "/levels/lookup", &rows)).await.ok();
        let status = |row: usize| found["results"][row]["status"].as_u64().unwrap();
        assert_eq!([status(0), status(1), status(2)], [200, 404, 404], "{found}");
        let (mut hidden, mut unknown) = (found["results"][1].clone(), found["results"][2].clone());
        (hidden["index"], unknown["index"]) = (json!(0), json!(0));
        assert_eq!(hidden, unknown);
        for (place, sellable) in [("alpha", 5), ("beta", 0), ("nowhere", 0)] {
            let kit = world.send_within(reach, get(&format!("/kits/set?location={place}"))).await.ok();
            assert_eq!(kit["sellable"], sellable, "{place} as {reach}");
        }
        assert_eq!(world.send_within(reach, get("/adjustment-rules")).await.ok(), json!({ "units": 0 }));
    }
}

#[tokio::test]
async fn nothing_is_done_elsewhere() {
    let (world, _, hidden) = world().await;
    let sale = |at: &str| json!({ "location": at, "sku": "both", "movement": { "kind": "issued", "quantity": 1 } });
    let count = json!({ "location": "beta", "items": ["both"] });
    let put = |path: &str, body: Value| with_tag(request(Method::PUT, path, &body), Some("*"));
    let not_allowed = || {
        vec![
            keyed("/movements", "n", &sale("beta")),
            keyed("/movements", "n", &sale("gamma")),
            keyed("/reservations", "n", &held(&[("alpha", "both"), ("beta", "both")])),
            keyed("/transfers", "n", &sent("beta", "gamma", "both")),
            keyed("/adjustments", "n", &found("beta", "both")),
            keyed("/counts", "n", &count),
            put("/levels/beta/both/backorder-limit", json!({ "units": 1 })),
            put("/levels/beta/both/shards", json!({ "shards": 1 })),
            put("/locations/beta/company", json!({ "company": "acme" })),
            put("/kits/set", json!({ "components": [{ "sku": "shown", "units": 1 }] })),
            put("/adjustment-rules", json!({ "units": 9 })),
            keyed("/companies", "n", &json!({ "id": "own", "currency": "GBP", "method": "FIFO", "decimals": 2 })),
        ]
    };
    let not_there = || {
        [
            (format!("/reservations/{}/actions", hidden.reservation), json!({ "kind": "release" })),
            (format!("/transfers/{}/actions", hidden.transfer), json!({ "kind": "approve" })),
            (format!("/adjustments/{}/decision", hidden.adjustment), json!({ "approve": true })),
            (format!("/counts/{}/actions", hidden.count), json!({ "kind": "cancel" })),
        ]
    };
    let before = world.everything();
    for reach in REACHES {
        for request in not_allowed() {
            let what = format!("{} {}", request.method(), request.uri());
            let answer = world.send_within(reach, request).await;
            assert_eq!(answer.refusal(), (403, "forbidden"), "{what} as {reach}: {answer:?}");
        }
        for (path, body) in not_there() {
            let answer = world.send_within(reach, step(&path, &body)).await;
            assert_eq!(answer.refusal(), (404, "not_found"), "{path} as {reach}: {answer:?}");
        }
        for (path, row) in [("/movements/batch", sale("beta")), ("/adjustments/batch", found("beta", "both"))] {
            let answer = world.send_within(reach, keyed(path, "n", &json!({ "rows": [row] }))).await.ok();
            assert_eq!(answer["results"][0]["status"], 403, "{answer}");
        }
        let rows = json!({ "rows": [held(&[("beta", "both")])] });
        let answer = world.send_within(reach, keyed("/reservations/batch", "n", &rows)).await.ok();
        assert_eq!(answer["results"][0]["status"], 403, "{answer}");
    }
    assert!(world.everything() == before, "something refused left a trace");
}

#[tokio::test]
async fn at_the_own_location_everything_can_be_done() {
    let (world, shown, _) = world().await;
    let within = async |request: Request<Body>| world.send_within("only alpha", request).await;
    for (path, body) in [
        (format!("/counts/{}/actions", shown.count), json!({ "kind": "cancel" })),
        (format!("/reservations/{}/actions", shown.reservation), json!({ "kind": "release" })),
        (format!("/transfers/{}/actions", shown.transfer), json!({ "kind": "approve" })),
    ] {
        within(step(&path, &body)).await.ok();
    }
    let sale = json!({ "location": "alpha", "sku": "both", "movement": { "kind": "issued", "quantity": 1 } });
    within(keyed("/movements", "o", &sale)).await.ok();
    within(keyed("/reservations", "o", &held(&[("alpha", "both")]))).await.ok();
    within(keyed("/adjustments", "o", &found("alpha", "both"))).await.ok();
    within(keyed("/counts", "o", &json!({ "location": "alpha", "items": ["both"] }))).await.ok();
    let limit = request(Method::PUT, "/levels/alpha/shown/backorder-limit", &json!({ "units": 1 }));
    within(with_tag(limit, Some("*"))).await.ok();
}

#[tokio::test]
async fn each_end_of_a_transfer_takes_the_steps_that_move_its_own_stock() {
    let world = World::new().await;
    world.stocked("alpha", "a", 9).await;
    let drafted = id(&world.send_within("only beta", keyed("/transfers", "k", &sent("alpha", "beta", "a"))).await.ok());
    let path = format!("/transfers/{drafted}/actions");
    let arrived = json!({ "kind": "receive", "lines": [{ "sku": "a", "quantity": 1 }] });
    let lost = json!({ "kind": "end", "leftover": "WRITTEN_OFF" });
    let steps = [
        (json!({ "kind": "end" }), "only beta", None),
        (json!({ "kind": "approve" }), "only beta", Some("only alpha")),
        (json!({ "kind": "send" }), "only beta", Some("only alpha")),
        (lost.clone(), "only alpha", None),
        (lost, "only beta", None),
        (arrived, "only alpha", Some("only beta")),
    ];
    for (body, other, own) in steps {
        let refused = world.send_within(other, step(&path, &body)).await;
        assert_eq!(refused.refusal(), (403, "forbidden"), "{body} as {other}: {refused:?}");
        if let Some(own) = own {
            world.send_within(own, step(&path, &body)).await.ok();
        }
    }
    let unseen = world.send_within("only gamma", get(&format!("/transfers/{drafted}"))).await;
    assert_eq!(unseen.refusal(), (404, "not_found"));
    assert_eq!(world.level("beta", "a").await["onHand"], 1);
}

/// Walks through a list, which is by id, and gives the ids on it.
async fn walked(world: &World, reach: &str, list: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.send_within(reach, get(&format!("{list}?limit={limit}{cursor}"))).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        ids.extend(items.iter().map(id));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_page_has_rows_of_the_own_locations_only_and_no_row_is_skipped(
        places in prop::collection::vec(prop::sample::select(vec!["alpha", "beta", "gamma"]), 0..9),
        reach in prop::sample::select(vec!["but", "only alpha", "only alpha gamma", "but alpha", "only"]),
        limit in 1_usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            world.put("/adjustment-rules", None, &json!({ "units": 0 })).await.ok();
            let is_own: web::Reach = reach.parse().unwrap();
            let (mut adjustments, mut counts) = (Vec::new(), Vec::new());
            for (n, place) in places.iter().enumerate() {
                let (key, sku) = (format!("k{n}"), format!("s{n}"));
                world.clock.advance(std::time::Duration::from_secs(1));
                let adjustment = id(&world.post("/adjustments", &key, &found(place, &sku)).await.ok());
                let count = id(&world.post("/counts", &key, &json!({ "location": place, "items": [sku] })).await.ok());
                if is_own.contains(place) {
                    adjustments.push(adjustment);
                    counts.push(count);
                }
            }
            adjustments.sort();
            counts.sort();
            assert_eq!(walked(&world, reach, "/adjustments", limit).await, adjustments);
            assert_eq!(walked(&world, reach, "/counts", limit).await, counts);
        });
    }
}
