use super::*;

#[tokio::test]
async fn a_row_is_set_shown_and_listed() {
    let site = Site::over(World::new());
    let path = format!("/v1/inventory/{ODYSSEY}");
    site.get(STORE, &path).await.is(404, "not_found");
    let row = site.put(STAFF, &path, &json!({ "onHand": 7, "reason": "opening stock" })).await.ok(200);
    assert_eq!(row, json!({ "isbn": ODYSSEY, "onHand": 7, "version": 1 }));
    assert_eq!(site.put(STAFF, &path, &json!({ "onHand": 7 })).await.ok(200), row);
    assert_eq!(site.put(STAFF, "/v1/inventory/0-14-044913-2", &json!({ "onHand": 7 })).await.ok(200), row);
    assert_eq!(site.get(STORE, &path).await.ok(200), row);
    assert_eq!(site.get(STORE, "/v1/inventory").await.ok(200), json!({ "items": [row] }));
    site.world.assert_whole().await;
}

#[tokio::test]
async fn all_rows_come_page_by_page_each_once() {
    let mut world = World::new();
    let isbns: Vec<String> =
        (0..7).map(|number| Isbn::from_isbn10_body(&format!("{number:09}")).unwrap().to_string()).collect();
    for isbn in &isbns {
        world = world.holding(isbn, 1).await;
    }
    let site = Site::over(world);
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = site.get(STORE, &format!("/v1/inventory{query}")).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["isbn"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=3&cursor={next}");
    }
    assert_eq!(seen, isbns);
    site.get(STORE, "/v1/inventory?limit=201").await.is(400, "validation_failed");
    site.get(STORE, "/v1/inventory?cursor=forged").await.is(400, "invalid_cursor");
}

#[tokio::test]
async fn hostile_figures_are_400_and_change_nothing() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let path = format!("/v1/inventory/{ODYSSEY}");
    let long = "x".repeat(201);
    let cases = [
        (json!({ "onHand": -1 }), "/onHand", "out_of_range"),
        (json!({ "onHand": 1_000_001 }), "/onHand", "out_of_range"),
        (json!({ "onHand": 1.5 }), "/onHand", "invalid_type"),
        (json!({}), "/onHand", "missing_field"),
        (json!({ "onHand": 1, "version": 1 }), "/version", "unknown_field"),
        (json!({ "onHand": 1, "reason": long }), "/reason", "invalid_text"),
        (json!({ "onHand": 1, "reason": "" }), "/reason", "invalid_text"),
        (json!({ "onHand": 1, "reason": "a\u{0}b" }), "/reason", "invalid_text"),
    ];
    for (body, pointer, code) in cases {
        assert_eq!(site.put(STAFF, &path, &body).await.errors(), [(pointer, code)], "{body}");
    }
    site.put(STAFF, "/v1/inventory/9780140449137", &json!({ "onHand": 1 })).await.is(404, "not_found");
    let text = request("PUT", &path).header("content-type", "text/plain");
    let text = text.body("{}".into()).unwrap();
    assert!(!site.send(STAFF, text).await.status.is_success());
    assert_eq!(site.world.on_hand(ODYSSEY).await, 5);
}

#[tokio::test]
async fn a_batch_has_an_answer_for_every_row() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let rows = json!({ "rows": [
        { "isbn": OTHER, "onHand": 3, "reason": "opening stock" },
        { "isbn": "x", "onHand": -1 },
        { "isbn": ODYSSEY, "onHand": 5 },
        { "isbn": "0-306-40615-2", "onHand": 4 },
    ]});
    let results = site.put(STAFF, "/v1/inventory", &rows).await.ok(200)["results"].take();
    let row = |isbn: &str, on_hand: i64| json!({ "isbn": isbn, "onHand": on_hand, "version": 1 });
    assert_eq!(results[0], json!({ "index": 0, "status": "changed", "row": row(OTHER, 3) }));
    assert_eq!(results[2], json!({ "index": 2, "status": "unchanged", "row": row(ODYSSEY, 5) }));
    let refused = |index: usize| -> Vec<String> {
        assert_eq!((&results[index]["status"], &results[index]["index"]), (&json!("refused"), &json!(index)));
        let errors = results[index]["problem"]["errors"].as_array().unwrap().iter();
        errors.map(|error| format!("{} {}", error["pointer"], error["code"]).replace('"', "")).collect()
    };
    assert_eq!(refused(1), ["/onHand out_of_range", "/isbn invalid_isbn"]);
    assert_eq!(refused(3), ["/isbn duplicate_isbn"]);
    assert_eq!(site.world.on_hand(OTHER).await, 3);
    site.world.assert_whole().await;
}

#[tokio::test]
async fn a_batch_has_one_to_a_hundred_rows_of_the_right_shape() {
    let site = Site::over(World::new());
    let row = json!({ "isbn": ODYSSEY, "onHand": 1 });
    for rows in [vec![], vec![row; 101]] {
        let answer = site.put(STAFF, "/v1/inventory", &json!({ "rows": rows })).await;
        assert_eq!(answer.errors(), [("/rows", "out_of_range")]);
    }
    let odd = json!({ "rows": [{ "isbn": ODYSSEY, "onHand": "1" }] });
    assert_eq!(site.put(STAFF, "/v1/inventory", &odd).await.errors(), [("/rows/0/onHand", "invalid_type")]);
    assert!(site.world.raw("level").is_empty());
}

#[tokio::test]
async fn an_adjustment_with_a_key_happens_once() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let adjust = async |key: Option<&str>, body: &Value| {
        let mut request = request("POST", "/v1/inventory/adjustments");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        site.send(STAFF, request.body(body.to_string().into()).unwrap()).await
    };
    let body = json!({ "isbn": ODYSSEY, "delta": -4, "reason": "water damage" });
    let first = adjust(Some("k-1"), &body).await.ok(201);
    let expected = json!({
        "adjustmentId": first["adjustmentId"], "isbn": ODYSSEY, "delta": -4, "reason": "water damage",
        "onHand": 1, "version": 2,
    });
    assert_eq!(first, expected);
    assert_eq!(adjust(Some("k-1"), &body).await.ok(201), first);
    let other = json!({ "isbn": ODYSSEY, "delta": -1, "reason": "water damage" });
    adjust(Some("k-1"), &other).await.is(422, "idempotency_key_reused");
    let short = adjust(Some("k-2"), &body).await;
    short.is(409, "insufficient_stock");
    assert_eq!(short.body["available"], 1);
    for on_hand in [2, 3] {
        let found = json!({ "isbn": ODYSSEY, "delta": 1, "reason": "found" });
        assert_eq!(adjust(None, &found).await.ok(201)["onHand"], on_hand);
    }
    site.world.assert_whole().await;
}

#[tokio::test]
async fn hostile_adjustments_are_400() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let cases = [
        (json!({ "isbn": ODYSSEY, "delta": 0, "reason": "x" }), "/delta"),
        (json!({ "isbn": ODYSSEY, "delta": 1_000_001, "reason": "x" }), "/delta"),
        (json!({ "isbn": ODYSSEY, "delta": i64::MIN, "reason": "x" }), "/delta"),
        (json!({ "isbn": "x", "delta": 1, "reason": "x" }), "/isbn"),
        (json!({ "isbn": ODYSSEY, "delta": 1, "reason": "" }), "/reason"),
        (json!({ "isbn": ODYSSEY, "delta": 1 }), "/reason"),
    ];
    for (body, pointer) in cases {
        let answer = site.post(STAFF, "/v1/inventory/adjustments", &body).await;
        assert_eq!(answer.errors().into_iter().map(|(at, _)| at).collect::<Vec<_>>(), [pointer], "{body}");
    }
    assert_eq!(site.world.on_hand(ODYSSEY).await, 5);
}

#[tokio::test]
async fn the_ledger_shows_every_change_in_order() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    site.post(STORE, "/v1/shipments", &new_shipment(1, ODYSSEY, 2)).await.ok(201);
    let adjustment = json!({ "isbn": ODYSSEY, "delta": 1, "reason": "found" });
    let adjusted = site.post(STAFF, "/v1/inventory/adjustments", &adjustment).await.ok(201);
    let path = format!("/v1/inventory/{ODYSSEY}/ledger");
    let mut page = site.get(STAFF, &format!("{path}?limit=2")).await.ok(200);
    let next = page["next"].as_str().unwrap().to_owned();
    let mut entries = page["items"].as_array_mut().unwrap().clone();
    page = site.get(STAFF, &format!("{path}?limit=2&cursor={next}")).await.ok(200);
    entries.extend(page["items"].as_array().unwrap().iter().cloned());
    let shown: Vec<_> = entries.iter().map(|entry| (&entry["movement"], &entry["delta"], &entry["onHand"])).collect();
    let expected = [("Counted", 5, 5), ("Issued", -2, 3), ("StockAdjusted", 1, 4)];
    let expected = expected.map(|(movement, delta, on_hand)| (json!(movement), json!(delta), json!(on_hand)));
    assert!(shown.into_iter().eq(expected.iter().map(|(a, b, c)| (a, b, c))));
    assert_eq!(entries[1]["source"], "shp_00000000000000000000000001");
    assert_eq!(entries[1]["actor"], "service:store");
    assert_eq!(entries[2]["source"], adjusted["adjustmentId"]);
    assert_eq!(entries[2]["hash"].as_str().unwrap().len(), 64);
}
