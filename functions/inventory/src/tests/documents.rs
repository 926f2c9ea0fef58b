//! Transfers, adjustments and counts through their states.

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{ADMIN, CONNECTOR, OTHER, World, gbp, keyed, request, with_tag};

async fn drafted(world: &World, quantity: i64) -> String {
    let body = json!({ "from": "alpha", "to": "beta", "lines": [{ "sku": "a", "quantity": quantity }] });
    let draft = world.post("/transfers", "k", &body).await;
    assert_eq!(draft.status, StatusCode::CREATED, "{draft:?}");
    assert_eq!(world.post("/transfers", "k", &body).await.ok(), draft.body, "the same draft");
    draft.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_transfer_arrives_in_parts_with_shortage_and_overage_and_its_value() {
    let world = World::new().await;
    world.moved("r", "alpha", "a", json!({ "kind": "goodsReceived", "quantity": 10, "cost": gbp("50.00") })).await;
    let id = drafted(&world, 6).await;
    let act = async |body: Value| world.act(&format!("/transfers/{id}/actions"), &body).await;
    let early = act(json!({ "kind": "send" })).await;
    assert_eq!(early.refusal(), (409, "invalid_transition"));
    assert_eq!((&early.body["currentStatus"], &early.body["allowed"]), (&json!("DRAFT"), &json!(["approve", "end"])));
    assert_eq!(act(json!({ "kind": "approve" })).await.ok()["allowed"], json!(["send", "end"]));
    assert_eq!(world.level("alpha", "a").await["committed"], 6);
    act(json!({ "kind": "send" })).await.ok();
    assert_eq!(world.level("beta", "a").await["incoming"], 6);
    for scope in ["company=acme", "company=acme&sku=a"] {
        let worth = world.get(&format!("/valuation?{scope}")).await.ok();
        assert_eq!((&worth["onTheWay"], &worth["total"]), (&gbp("30.00"), &gbp("50.00")), "{worth}");
    }
    world.clock.advance(std::time::Duration::from_secs(60));
    act(json!({ "kind": "receive", "lines": [{ "sku": "a", "quantity": 4 }] })).await.ok();
    assert_eq!(world.get("/transfers").await.ok()["items"][0]["lines"][0]["open"], 2);
    assert_eq!(act(json!({ "kind": "end" })).await.refusal(), (409, "leftover_needed"));
    let ended = act(json!({ "kind": "end", "leftover": "WRITTEN_OFF" })).await.ok();
    let line = &ended["lines"][0];
    assert_eq!((&ended["status"], &line["received"], &line["shortage"]), (&json!("CLOSED"), &json!(4), &json!(2)));
    assert_eq!(world.get("/transfers").await.ok()["items"], json!([]));
    assert_eq!(world.get(&format!("/transfers/{id}")).await.ok(), ended);
    let beta = world.level("beta", "a").await;
    assert_eq!((&beta["onHand"], &beta["incoming"], &beta["value"]), (&json!(4), &json!(0), &gbp("20.00")));
    let worth = world.get("/valuation?company=acme").await.ok();
    assert_eq!((&worth["onTheWay"], &worth["total"]), (&gbp("0.00"), &gbp("40.00")));
    let then = world.get("/valuation?company=acme&at=2026-03-01T10:00:30Z").await.ok();
    assert_eq!(
        (&then["onTheWay"], &then["total"]),
        (&gbp("30.00"), &gbp("50.00")),
        "as it was while they were on the way"
    );
    let stale = with_tag(
        request(http::Method::POST, &format!("/transfers/{id}/actions"), &json!({ "kind": "send" })),
        Some("\"1\""),
    );
    assert_eq!(world.send(Some(ADMIN), stale).await.refusal(), (412, "stale_version"));
    for location in ["alpha", "beta"] {
        world.proved(location, "a").await;
    }
}

#[tokio::test]
async fn a_large_adjustment_waits_for_another_person() {
    let world = World::new().await;
    world.moved("r", "alpha", "a", json!({ "kind": "goodsReceived", "quantity": 10, "cost": gbp("500.00") })).await;
    let rules = json!({ "units": 5, "value": "120" });
    assert_eq!(world.get("/adjustment-rules").await.ok(), json!({}));
    assert_eq!(world.put("/adjustment-rules", None, &rules).await.ok(), rules);
    assert_eq!(world.get("/adjustment-rules").await.ok(), rules);
    let body = |delta: i64| json!({ "location": "alpha", "sku": "a", "delta": delta, "reasonCode": "LOST", "note": "shelf 4" });
    let small = world.post("/adjustments", "small", &body(-2)).await;
    assert_eq!((small.status, &small.body["status"]), (StatusCode::CREATED, &json!("POSTED")));
    let dear = world.post("/adjustments", "dear", &body(-3)).await.ok();
    assert_eq!((&dear["status"], &dear["allowed"]), (&json!("WAITING"), &json!(["approve", "reject"])));
    assert_eq!(world.post("/adjustments", "dear", &body(-3)).await.ok(), dear);
    let many = world.post("/adjustments", "many", &body(-6)).await.ok();
    assert_eq!(world.get("/adjustments").await.ok()["items"].as_array().unwrap().len(), 2);
    let decide = async |who, adjustment: &Value, approve: bool| {
        let path = format!("/adjustments/{}/decision", adjustment["id"].as_str().unwrap());
        let body = json!({ "approve": approve });
        world.send(Some(who), with_tag(request(http::Method::POST, &path, &body), Some("\"1\""))).await
    };
    assert_eq!(decide(ADMIN, &dear, true).await.refusal(), (409, "same_person"));
    assert_eq!(decide(CONNECTOR, &dear, true).await.refusal(), (403, "forbidden"));
    let decided = decide(OTHER, &dear, true).await.ok();
    assert_eq!((&decided["status"], &decided["decidedBy"]), (&json!("POSTED"), &json!(OTHER.0)));
    assert_eq!(decide(OTHER, &dear, true).await.ok(), decided, "the same decision, sent again");
    let late = decide(OTHER, &dear, false).await;
    assert_eq!((late.refusal(), &late.body["currentStatus"]), ((409, "invalid_transition"), &json!("POSTED")));
    assert_eq!(decide(OTHER, &many, false).await.ok()["status"], "REJECTED");
    assert_eq!(world.get("/adjustments").await.ok()["items"], json!([]));
    let path = format!("/adjustments/{}", dear["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.ok(), decided);
    assert_eq!(world.proved("alpha", "a").await.on_hand, 5);
}

#[tokio::test]
async fn rows_of_adjustments_are_booked_one_by_one() {
    let world = World::new().await;
    let row = |code: &str, delta: i64| json!({ "location": "alpha", "sku": "a", "delta": delta, "reasonCode": code });
    let rows = json!({ "rows": [row("FOUND", 5), row("LOST", 5), row("LOST", -9), row("STOLEN", -1)] });
    for _ in 0..2 {
        let answer = world.post("/adjustments/batch", "k", &rows).await.ok();
        let statuses: Vec<_> =
            answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [201, 400, 409, 201], "{answer}");
    }
    assert_eq!(world.proved("alpha", "a").await.on_hand, 4);
}

#[tokio::test]
async fn a_blind_count_freezes_is_recounted_and_posts_the_difference() {
    let world = World::new().await;
    world.stocked("alpha", "a", 10).await;
    world.stocked("alpha", "b", 5).await;
    let body = json!({ "location": "alpha", "items": ["a", "b"], "blind": true, "tolerance": 1 });
    let begun = world.post("/counts", "k", &body).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
    assert_eq!(begun.body["sheet"], json!([{ "sku": "a" }, { "sku": "b" }]));
    assert_eq!(world.post("/counts", "k", &body).await.ok(), begun.body);
    assert_eq!(world.get("/counts").await.ok()["items"], json!([begun.body]));
    let id = begun.body["id"].as_str().unwrap();
    let sale =
        json!({ "location": "alpha", "sku": "a", "movement": { "kind": "issued", "quantity": 1 }, "source": id });
    let frozen = world.post("/movements", "s", &sale).await;
    assert_eq!((frozen.refusal(), &frozen.body["countId"]), ((409, "stock_frozen"), &json!(id)));
    let second = json!({ "location": "alpha", "items": ["b"] });
    assert_eq!(world.post("/counts", "k2", &second).await.refusal(), (409, "stock_frozen"));
    let act = async |body: Value| world.act(&format!("/counts/{id}/actions"), &body).await;
    let figures = |a: i64, b: i64| json!({ "kind": "enter", "figures": [{ "sku": "a", "units": a }, { "sku": "b", "units": b }] });
    assert_eq!(act(json!({ "kind": "submit" })).await.refusal(), (409, "not_counted"));
    act(figures(7, 4)).await.ok();
    let recount = act(json!({ "kind": "submit" })).await.ok();
    assert_eq!((&recount["status"], &recount["sheet"]), (&json!("RECOUNT"), &json!([{ "sku": "a" }])));
    assert!(!recount.to_string().contains("10"), "whoever counts blind learns nothing: {recount}");
    assert_eq!(act(figures(8, 4)).await.refusal(), (409, "counted_twice"));
    act(json!({ "kind": "enter", "figures": [{ "sku": "a", "units": 8 }] })).await.ok();
    let posted = act(json!({ "kind": "submit" })).await.ok();
    let lines = json!([
        { "sku": "a", "expected": 10, "first": 7, "second": 8 }, { "sku": "b", "expected": 5, "first": 4 },
    ]);
    assert_eq!((&posted["status"], &posted["results"]), (&json!("POSTED"), &lines));
    let over = act(json!({ "kind": "cancel" })).await;
    assert_eq!((over.refusal(), &over.body["allowed"]), ((409, "invalid_transition"), &json!([])));
    let ledger = world.get("/levels/alpha/a/ledger").await.ok();
    assert_eq!(
        (&ledger["items"][1]["movement"], &ledger["items"][1]["delta"]["onHand"]),
        (&json!("Counted"), &json!(-2))
    );
    assert_eq!(world.get(&format!("/counts/{id}")).await.ok(), posted);
    let sale = keyed("/movements", "s2", &sale);
    assert_eq!(world.send(Some(ADMIN), sale).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_count_that_is_far_off_waits_for_somebody_who_did_not_count() {
    let world = World::new().await;
    let received = json!({ "kind": "goodsReceived", "quantity": 10, "cost": gbp("50.00") });
    world.moved("r", "alpha", "a", received).await;
    let rules = json!({ "units": 5, "value": "9.99" });
    assert_eq!(world.put("/count-rules", None, &rules).await.ok(), rules);
    assert_eq!(world.get("/count-rules").await.ok(), rules);
    assert_eq!(world.get("/adjustment-rules").await.ok(), json!({}), "counts have limits of their own");
    let body = json!({ "location": "alpha", "items": ["a"], "tolerance": 9 });
    let begun = world.post("/counts", "k", &body).await.ok();
    let path = format!("/counts/{}", begun["id"].as_str().unwrap());
    let count = async |units: i64| {
        let figures = json!({ "kind": "enter", "figures": [{ "sku": "a", "units": units }] });
        world.act(&format!("{path}/actions"), &figures).await.ok();
        world.act(&format!("{path}/actions"), &json!({ "kind": "submit" })).await.ok()
    };
    let decide = async |caller, approve: bool| {
        let body = json!({ "approve": approve });
        let request = request(http::Method::POST, &format!("{path}/decision"), &body);
        world.send(Some(caller), with_tag(request, Some("*"))).await
    };
    // Two of them are worth 10.00.
    let waiting = count(8).await;
    assert_eq!(waiting["status"], "WAITING");
    assert_eq!(waiting["allowed"], json!(["approve", "reject", "cancel"]));
    assert_eq!((&waiting["countedBy"], &waiting["results"]), (&json!([ADMIN.0]), &json!(null)), "{waiting}");
    assert_eq!(decide(ADMIN, true).await.refusal(), (409, "same_person"));
    assert_eq!(decide(CONNECTOR, true).await.refusal(), (403, "forbidden"));
    let seen = world.send(Some(OTHER), super::world::get(&path)).await.ok();
    assert_eq!(seen["results"], json!([{ "sku": "a", "expected": 10, "first": 8 }]));
    assert_eq!(decide(OTHER, false).await.ok()["status"], "OPEN");
    assert_eq!(count(8).await["status"], "WAITING");
    let posted = decide(OTHER, true).await.ok();
    assert_eq!((&posted["status"], &posted["approvedBy"]), (&json!("POSTED"), &json!(OTHER.0)));
    assert_eq!(decide(OTHER, true).await.refusal(), (409, "invalid_transition"));
    let level = world.level("alpha", "a").await;
    assert_eq!((&level["onHand"], &level["value"]), (&json!(8), &gbp("40.00")));
    world.proved("alpha", "a").await;
}

#[tokio::test]
async fn a_cancelled_count_lets_goods_move_and_posts_nothing() {
    let world = World::new().await;
    world.stocked("alpha", "a", 10).await;
    let body = json!({ "location": "alpha", "items": ["a"] });
    let begun = world.post("/counts", "k", &body).await.ok();
    assert_eq!(begun["sheet"], json!([{ "sku": "a", "expected": 10 }]));
    let path = format!("/counts/{}/actions", begun["id"].as_str().unwrap());
    assert_eq!(world.act(&path, &json!({ "kind": "cancel" })).await.ok()["status"], "CANCELLED");
    world.moved("s", "alpha", "a", json!({ "kind": "issued", "quantity": 10 })).await;
}
