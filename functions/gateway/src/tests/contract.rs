use access::{Actor, Consumers};
use gateway::{ROUTES, VERSIONS};
use serde_json::{Value, json};

use super::world::{World, answer, order, tenant};

fn book() -> Value {
    json!({
        "id": "book_1", "isbn": "9780140449136", "title": "T", "authors": ["A"], "active": true, "version": 1,
        "price": { "amount": "12.50", "currency": "GBP" },
    })
}

#[tokio::test]
async fn the_header_is_before_the_path_and_the_path_before_the_pin() {
    let world = World::new().await;
    let none = Value::Null;
    let used = |seen: super::world::Seen| (seen.status, seen.header("api-version").to_owned());
    assert_eq!(used(world.get("2026-03-01/books").await), (200, "2026-03-01".to_owned()));
    let header = [("api-version", "2026-07-01")];
    assert_eq!(used(world.ask("GET 2026-03-01/books", &header, &none).await), (200, "2026-07-01".to_owned()));
    assert_eq!(used(world.get("current/books").await), (200, "2026-11-01".to_owned()), "pinned now");
    let own = tenant();
    let consumers = Consumers::new(world.table.clone(), world.clock.clone());
    consumers.pin(Actor { tenant: &own, principal: "op" }, &world.key_id, "2026-03-01").await.unwrap();
    assert_eq!(used(world.get("current/books").await), (200, "2026-03-01".to_owned()));
    assert_eq!(used(world.ask("GET current/books", &header, &none).await), (200, "2026-07-01".to_owned()));
}

#[tokio::test]
async fn an_unknown_version_is_refused_with_those_there_are() {
    let world = World::new().await;
    let header = |value| [("api-version", value)];
    for seen in [
        world.get("2025-01-01/books").await,
        world.get("v1/books").await,
        world.ask("GET 2026-11-01/books", &header("2025-01-01"), &Value::Null).await,
        world.ask("GET v1/books", &header("2026-11-01"), &Value::Null).await,
        world.get("current/openapi.json").await,
    ] {
        assert_eq!((seen.status, &seen.body["code"]), (400, &json!("unknown_version")));
        assert_eq!(seen.body["versions"], json!(["2026-03-01", "2026-07-01", "2026-11-01"]));
    }
}

#[tokio::test]
async fn a_version_that_ends_says_so_on_every_answer() {
    let world = World::new().await;
    for path in ["2026-03-01/books", "2026-03-01/books?nonsense=1"] {
        let seen = world.get(path).await;
        assert_eq!(seen.header("sunset"), "Mon, 01 Nov 2027 00:00:00 GMT");
        assert!(seen.header("deprecation").starts_with('@'));
    }
    assert_eq!(world.get("2026-11-01/books").await.header("sunset"), "");
}

#[tokio::test]
async fn an_order_of_the_oldest_version_reaches_the_platform_in_its_words_and_comes_back_in_its_own() {
    let world = World::new().await;
    let order =
        json!({ "lines": [{ "book": "book_000000000000000008WMAPT24N", "copies": 2 }], "cardToken": "tok_visa" });
    world.platform.will(answer(
        201,
        &[("location", "/store/v1/orders/ord_1")],
        &json!({
            "id": "ord_1", "items": [{ "bookId": "book_000000000000000008WMAPT24N", "quantity": 2 }],
            "total": { "amount": "25.00", "currency": "GBP" },
        }),
    ));
    let seen = world.ask("POST 2026-03-01/orders", &[("idempotency-key", "k-1")], &order).await;
    assert_eq!(seen.status, 201, "{}", seen.body);
    assert_eq!(seen.header("location"), "/public/2026-03-01/orders/ord_1");
    let lines = json!([{ "book": "book_000000000000000008WMAPT24N", "copies": 2 }]);
    assert_eq!(seen.body, json!({ "id": "ord_1", "lines": lines, "total": "25.00", "currency": "GBP" }));
    let asked = world.platform.asked();
    assert_eq!(serde_json::from_slice::<Value>(asked[0].body()).unwrap(), super::world::order());
}

#[tokio::test]
async fn a_list_of_the_oldest_version_is_asked_for_and_answered_in_its_words() {
    let world = World::new().await;
    world.platform.will(answer(200, &[], &json!({ "items": [book()], "next": "c2" })));
    let seen = world.get("2026-03-01/books?q=moby+dick&pageSize=5&page=c1").await;
    let asked = world.platform.asked();
    assert_eq!(asked[0].uri(), "https://platform.internal/store/v1/books?q=moby+dick&limit=5&cursor=c1");
    assert_eq!((&seen.body["data"][0]["price"], &seen.body["nextPage"]), (&json!("12.50"), &json!("c2")));
    for newer in ["limit=5", "cursor=c1"] {
        assert_eq!(world.get(&format!("2026-03-01/books?{newer}")).await.status, 400, "{newer} is of a later version");
    }
}

#[tokio::test]
async fn what_is_not_as_described_is_refused_by_pointer_before_anybody_is_asked() {
    let world = World::new().await;
    let key = [("idempotency-key", "k-1")];
    let mut bad = order();
    bad["items"][0]["quantity"] = 0.into();
    bad["items"][0]["extra"] = 1.into();
    bad["payment"].as_object_mut().unwrap().remove("token");
    let seen = world.ask("POST 2026-11-01/orders", &key, &bad).await;
    assert_eq!((seen.status, &seen.body["code"]), (400, &json!("validation_failed")));
    let mut found: Vec<(&str, &str)> = seen.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    let wanted = [
        ("/items/0/extra", "unknown_field"),
        ("/items/0/quantity", "out_of_range"),
        ("/payment/token", "missing_field"),
    ];
    assert_eq!(found, wanted);
    for (line, parameter, code) in [
        ("GET 2026-11-01/books?limit=0", "limit", "out_of_range"),
        ("GET 2026-11-01/books?limit=x", "limit", "invalid_type"),
        ("GET 2026-11-01/books?limit=1&limit=2", "limit", "duplicate_field"),
        ("GET 2026-11-01/books?sort=title", "sort", "unknown_field"),
        ("GET 2026-11-01/sales-orders?held=maybe", "held", "invalid_type"),
        ("POST 2026-11-01/orders", "Idempotency-Key", "missing_field"),
    ] {
        let seen = world.ask(line, &[], &order()).await;
        assert_eq!(seen.body["errors"][0]["parameter"], parameter, "{line} {}", seen.body);
        assert_eq!(seen.body["errors"][0]["code"], code, "{line}");
    }
    let long = "k".repeat(129);
    assert_eq!(world.ask("POST 2026-11-01/orders", &[("idempotency-key", &long)], &order()).await.status, 400);
    assert_eq!(world.ask("POST 2026-11-01/orders", &key, &Value::Null).await.status, 415);
    let huge = json!({ "items": "x".repeat(2 << 20) });
    assert_eq!(world.ask("POST 2026-11-01/orders", &key, &huge).await.status, 413);
    assert!(world.platform.asked().is_empty());
}

/// The places a refusal of the platform points at are the consumer's own.
#[tokio::test]
async fn faults_found_by_the_platform_are_pointed_at_in_the_words_of_the_version() {
    let world = World::new().await;
    let order =
        json!({ "lines": [{ "book": "book_000000000000000008WMAPT24N", "copies": 2 }], "cardToken": "tok_visa" });
    world.platform.will(answer(422, &[], &json!({
        "type": "about:blank", "status": 422, "title": "x", "code": "unknown_book", "requestId": "internal", "bookId": "b",
        "errors": [{ "pointer": "/items/0/bookId", "code": "unknown_book", "detail": "is not on offer" }],
    })));
    let seen = world.ask("POST 2026-07-01/orders", &[("idempotency-key", "k-1")], &order).await;
    assert_eq!((seen.status, &seen.body["code"]), (422, &json!("unknown_book")));
    assert_eq!(seen.body["errors"][0]["pointer"], "/lines/0/book");
    assert_eq!((&seen.body["bookId"], &seen.body["requestId"]), (&json!("b"), &json!("none")));
}

#[tokio::test]
async fn every_version_has_its_document_for_anybody() {
    let world = World::new().await;
    for version in &VERSIONS {
        let path = format!("GET {}/openapi.json", version.date);
        let seen = world.ask(&path, &[("authorization", "none")], &Value::Null).await;
        assert_eq!((seen.status, seen.header("cache-control")), (200, "public, max-age=3600"));
        assert_eq!(seen.body["info"]["version"], version.date);
        assert_eq!(seen.body["servers"][0]["url"], format!("/public/{}", version.date));
    }
}

/// Every route in every version is checked by its document, so that no document is one that cannot be used.
#[tokio::test]
async fn every_operation_of_every_document_can_be_checked() {
    let world = World::new().await;
    for version in &VERSIONS {
        for route in &ROUTES {
            let line = format!("{} {}{}?nonsense=1", route.method, version.date, route.path.replace("{id}", "x"));
            let seen = world.ask(&line, &[("idempotency-key", "k")], &json!({})).await;
            assert_eq!((seen.status, &seen.body["code"]), (400, &json!("validation_failed")), "{line}");
        }
    }
}
