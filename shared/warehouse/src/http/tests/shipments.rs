use testkit::{Effect, FaultInjector, LocalDynamo, Side};

use super::*;

#[tokio::test]
async fn an_instruction_is_answered_with_its_log_entry_and_the_same_again() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let entry = site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 2)).await.ok(201);
    let expected = json!({
        "shipmentId": "shp_00000000000000000000000001",
        "orderId": "ord_00000000000000000000000001",
        "status": "SHIPPED",
        "lines": [{ "isbn": ODYSSEY, "quantity": 2, "onHand": 3, "version": 2 }],
        "createdAt": "2025-06-15T15:06:40Z",
    });
    assert_eq!(entry, expected);
    assert_eq!(site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 2)).await.ok(200), entry);
    // The same book, written otherwise.
    assert_eq!(site.post(STORE, "/v1/shipments", &new_shipment(1, "0-14-044913-2", 2)).await.ok(200), entry);
    assert_eq!(site.get(STAFF, "/v1/shipments/shp_00000000000000000000000001").await.ok(200), entry);
    assert_eq!(site.world.on_hand(ODYSSEY).await, 3);
}

#[tokio::test]
async fn too_little_stock_is_an_outcome_with_its_reason() {
    let site = Site::over(World::new().holding(ODYSSEY, 1).await);
    let entry = site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 2)).await.ok(201);
    assert_eq!((&entry["status"], &entry["reason"]), (&json!("REJECTED"), &json!("insufficient_stock")));
    assert_eq!(entry["lines"], json!([{ "isbn": ODYSSEY, "quantity": 2, "onHand": 1, "version": 1 }]));
    assert_eq!(site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 2)).await.ok(200), entry);
}

#[tokio::test]
async fn another_body_under_the_same_id_is_422() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 2)).await.ok(201);
    let mut elsewhere = new_shipment(1, ODYSSEY, 2);
    elsewhere["shipTo"] = json!({ "name": "Ada", "address": ["1 Row"], "country": "GB" });
    for other in [new_shipment(1, ODYSSEY, 1), new_shipment(1, OTHER, 2), elsewhere] {
        site.post(STORE, "/v1/shipments", &other).await.is(422, "shipment_reused");
    }
    assert_eq!(site.world.on_hand(ODYSSEY).await, 3);
}

#[tokio::test]
async fn where_it_goes_is_shown_to_staff() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let mut shipment = new_shipment(1, ODYSSEY, 2);
    let ship_to = json!({ "name": "Ada Lovelace", "address": ["1 Row", "London"], "country": "GB" });
    shipment["shipTo"] = ship_to.clone();
    site.post(STORE, "/v1/shipments", &shipment).await.ok(201);
    assert_eq!(site.get(STAFF, "/v1/shipments").await.ok(200)["items"][0]["shipTo"], ship_to);
    assert!(!site.world.events()[0].data.to_string().contains("Ada"));
}

#[tokio::test]
async fn hostile_instructions_are_400_and_change_nothing() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let with = |pointer: &str, value: Value| {
        let mut body = new_shipment(1, ODYSSEY, 1);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let line = json!({ "isbn": ODYSSEY, "quantity": 1 });
    let many: Vec<Value> = (0..21).map(|n| json!({ "isbn": isbn(n), "quantity": 1 })).collect();
    let cases = [
        (with("/lines/0/quantity", json!(0)), "/lines/0/quantity", "out_of_range"),
        (with("/lines/0/quantity", json!(-1)), "/lines/0/quantity", "out_of_range"),
        (with("/lines/0/quantity", json!(1_000_001)), "/lines/0/quantity", "out_of_range"),
        (with("/lines/0/quantity", json!(1_000_000_000)), "/lines/0/quantity", "out_of_range"),
        (with("/lines/0/quantity", json!(1.5)), "/lines/0/quantity", "invalid_type"),
        (with("/lines/0/quantity", json!("1")), "/lines/0/quantity", "invalid_type"),
        (with("/lines/0/quantity", json!(u64::MAX)), "/lines/0/quantity", "invalid_value"),
        (with("/lines/0/isbn", json!("9780140449137")), "/lines/0/isbn", "invalid_isbn"),
        (with("/lines/0/isbn", json!("")), "/lines/0/isbn", "invalid_isbn"),
        (with("/lines", json!([])), "/lines", "out_of_range"),
        (with("/lines", json!(many)), "/lines", "out_of_range"),
        (with("/lines", json!([line, line])), "/lines/1/isbn", "duplicate_isbn"),
        (with("/lines/0", json!({ "isbn": ODYSSEY, "quantity": 1, "price": 1 })), "/lines/0/price", "unknown_field"),
        (with("/shipmentId", json!("ord_00000000000000000000000001")), "/shipmentId", "invalid_value"),
        (with("/shipmentId", json!("shp_1")), "/shipmentId", "invalid_value"),
        (with("/orderId", json!(null)), "/orderId", "invalid_type"),
    ];
    for (body, pointer, code) in cases {
        assert_eq!(site.post(STORE, "/v1/shipments", &body).await.errors(), [(pointer, code)], "{body}");
    }
    let malformed = request("POST", "/v1/shipments").body("{".into()).unwrap();
    site.send(STORE, malformed).await.is(400, "malformed_json");
    let huge = request("POST", "/v1/shipments").body(vec![b' '; (1 << 20) + 1].into()).unwrap();
    site.send(STORE, huge).await.is(413, "body_too_large");
    assert_eq!(site.world.on_hand(ODYSSEY).await, 5);
    assert!(site.world.raw("shipment").is_empty() && site.world.events().is_empty());
}

/// A valid ISBN, another one for every number.
fn isbn(number: u32) -> String {
    Isbn::from_isbn10_body(&format!("{number:09}")).unwrap().to_string()
}

#[tokio::test]
async fn everything_wrong_with_an_instruction_is_said_at_once() {
    let site = Site::over(World::new());
    let mut body = new_shipment(1, "x", 0);
    body["shipTo"] = json!({ "name": " ", "address": ["a\nb"], "country": "gb" });
    let answer = site.post(STORE, "/v1/shipments", &body).await;
    let expected = [
        ("/lines/0/quantity", "out_of_range"),
        ("/lines/0/isbn", "invalid_isbn"),
        ("/shipTo/name", "invalid_text"),
        ("/shipTo/address/0", "invalid_text"),
        ("/shipTo/country", "invalid_country"),
    ];
    assert_eq!(answer.errors(), expected);
}

#[tokio::test]
async fn twenty_lines_are_one_transaction() {
    let mut world = World::new();
    for number in 0..20 {
        world = world.holding(&isbn(number), 1).await;
    }
    let site = Site::over(world);
    let mut body = new_shipment(1, ODYSSEY, 1);
    body["lines"] = (0..20).map(|number| json!({ "isbn": isbn(number), "quantity": 1 })).collect();
    let entry = site.post(STORE, "/v1/shipments", &body).await.ok(201);
    assert_eq!(entry["status"], "SHIPPED");
    site.world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_is_503_and_worth_another_try() {
    let faults = FaultInjector::new();
    let site = Site::over(World::through(LocalDynamo::new(), &faults).holding(ODYSSEY, 5).await);
    faults.always("TransactWriteItems", Side::Before, Effect::Throttle);
    let answer = site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 1)).await;
    answer.is(503, "unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
    faults.heal();
    site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 1)).await.ok(201);
    site.world.assert_whole().await;
}

#[tokio::test]
async fn the_log_is_paged_by_cursor_newest_first() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    for number in 1..=3 {
        site.post(STORE, "/v1/shipments", &new_shipment(number, ODYSSEY, 1)).await.ok(201);
        site.world.clock.advance(std::time::Duration::from_secs(1));
    }
    let first = site.get(STAFF, "/v1/shipments?limit=2").await.ok(200);
    let cursor = first["next"].as_str().unwrap();
    let second = site.get(STAFF, &format!("/v1/shipments?limit=2&cursor={cursor}")).await.ok(200);
    let figures = |page: &Value| -> Vec<_> {
        page["items"].as_array().unwrap().iter().map(|entry| entry["lines"][0]["onHand"].clone()).collect()
    };
    assert_eq!((figures(&first), figures(&second)), (vec![json!(2), json!(3)], vec![json!(4)]));
    assert!(second.get("next").is_none());
    site.get(STAFF, &format!("/v1/inventory?cursor={cursor}")).await.is(400, "invalid_cursor");
    site.get(STAFF, "/v1/shipments?status=SHIPPED").await.is(400, "validation_failed");
}

#[tokio::test]
async fn an_unknown_or_unreadable_shipment_is_404() {
    let site = Site::over(World::new());
    for id in ["shp_00000000000000000000000001", "ord_00000000000000000000000001", "x"] {
        site.get(STAFF, &format!("/v1/shipments/{id}")).await.is(404, "not_found");
    }
}
