//! What the routes answer when all is well.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::json;

use super::world::{ADMIN, ALICE, ALPHA, ISBN, World, post, report, with_body};

const ORDERS: &str = "/store/v1/orders";

#[tokio::test]
async fn an_order_is_shown_with_items_payment_shipments_and_history() {
    let world = World::new().await;
    let (id, shipment) = world.sent().await;
    world.advance(60);
    world.post(ALPHA, &format!("{ORDERS}/{id}/status"), &report(shipment, 2)).await;
    let shown = world.get(ALICE, &format!("{ORDERS}/{id}")).await;
    assert_eq!(shown.headers["etag"], format!("\"{}\"", shown.body["version"]));
    insta::assert_json_snapshot!(shown.body);
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_whatever_happened_since() {
    let world = World::new().await;
    let keyed = || {
        let mut request = post(ORDERS, &world.order(2));
        request.headers_mut().insert("idempotency-key", "first".parse().unwrap());
        request
    };
    let first = world.send(Some(ALICE), keyed()).await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let (id, shipment) = world.sent().await;
    world.post(ALPHA, &format!("{ORDERS}/{id}/status"), &report(shipment, 2)).await;
    let before = world.everything();
    let again = world.send(Some(ALICE), keyed()).await;
    assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert!(world.everything() == before);
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_until_the_order_has_left_or_the_time_is_up() {
    let world = World::new().await;
    let waiting = || {
        let mut request = post(ORDERS, &world.order(2));
        request.headers_mut().insert("idempotency-key", "first".parse().unwrap());
        request.headers_mut().insert("prefer", "wait=10".parse().unwrap());
        request
    };
    let began = tokio::time::Instant::now();
    let answer = world.send(Some(ALICE), waiting()).await;
    assert_eq!((answer.status, &answer.body["status"]), (StatusCode::CREATED, &json!("PENDING")));
    assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&began.elapsed()));
    assert_eq!(answer.headers["preference-applied"], "wait=10");

    let shipping = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (id, shipment) = world.sent().await;
        world.post(ALPHA, &format!("{ORDERS}/{id}/status"), &report(shipment, 2)).await
    };
    let began = tokio::time::Instant::now();
    let (answer, _) = tokio::join!(world.send(Some(ALICE), waiting()), shipping);
    assert_eq!(answer.body["status"], "SHIPPED");
    assert!((Duration::from_secs(3)..Duration::from_secs(4)).contains(&began.elapsed()));
}

#[tokio::test]
async fn a_batch_answers_for_every_row() {
    let world = World::new().await;
    let book = |isbn: &str, title: &str| {
        json!({
            "isbn": isbn, "title": title, "authors": ["Homer"], "publicationYear": 1996, "languageCode": "eng",
            "price": { "amount": "12.50", "currency": "GBP" },
        })
    };
    let rows = json!({ "books": [
        book("978-0-00-000001-9", "New"),
        book(ISBN, "The Odyssey"),
        book(ISBN, "Another title"),
        book("123", "No ISBN"),
        { "isbn": "9780000000026" },
    ] });
    let answer = world.post(ADMIN, "/store/v1/books/batch", &rows).await;
    assert_eq!(answer.status, StatusCode::OK);
    // As `xtask load-books` reads it.
    let results = answer.body["results"].as_array().unwrap();
    let seen: Vec<_> = results
        .iter()
        .map(|row| (row["index"].as_u64().unwrap(), row["status"].as_str().unwrap(), row["problem"]["code"].as_str()))
        .collect();
    let expected = [
        (0, "created", None),
        (1, "exists", None),
        (2, "refused", Some("book_exists")),
        (3, "refused", Some("validation_failed")),
        (4, "refused", Some("malformed_row")),
    ];
    assert_eq!(seen, expected, "{}", answer.body);
}

#[tokio::test]
async fn a_book_shows_what_can_be_ordered_of_it() {
    let world = World::new().await;
    world.placed().await;
    let path = format!("/store/v1/books/{}", world.book);
    assert_eq!(world.get(ALICE, &path).await.body["available"], 5);
    let alpha = "alpha".parse().unwrap();
    world.api.registry.observe(&super::world::tenant(), &[(alpha, false)]).await.unwrap();
    // The warehouses of up to ten seconds ago are good enough to show stock by.
    world.advance(10);
    assert_eq!(world.get(ALICE, &path).await.body["available"], 0);
    let found = world.get(ALICE, "/store/v1/books?q=odyss").await;
    assert_eq!(found.body["items"][0]["isbn"], ISBN);
}

#[tokio::test]
async fn a_hot_book_shows_its_shards_and_a_kit_what_can_be_made_at_one_place_or_another() {
    let world = World::new().await;
    let tenant = super::world::tenant();
    let (alpha, beta) = ("alpha".parse().unwrap(), "beta".parse().unwrap());
    let isbn: inventory::Sku = ISBN.parse().unwrap();
    let hot = world.api.inventory.make_hot(&tenant, &alpha, &isbn, 3).await.unwrap();
    world.api.inventory.rebalance(&tenant, &hot, "test", kernel::Timestamp::UNIX_EPOCH).await.unwrap();
    let box_set: inventory::Sku = "9780000000019".parse().unwrap();
    let row = json!({
        "isbn": box_set, "title": "Odyssey, a box", "authors": ["Homer"],
        "price": { "amount": "30.00", "currency": "GBP" },
    });
    let created = world.post(ADMIN, "/store/v1/books", &row).await;
    let path = format!("/store/v1/books/{}", created.body["id"].as_str().unwrap());
    assert_eq!(world.get(ALICE, &path).await.body["available"], 0, "nothing is known of it yet");
    let slip: inventory::Sku = "slipcase".parse().unwrap();
    let posting = inventory::Posting {
        source: "opening".into(),
        actor: "setup".into(),
        reason: None,
        effective_at: kernel::Timestamp::UNIX_EPOCH,
    };
    for (place, sku, on_hand) in [(&alpha, &slip, 2), (&beta, &slip, 9), (&beta, &isbn, 3)] {
        let count = inventory::Movement::Counted { on_hand };
        world.api.inventory.post(&tenant, (place, sku), &count, &posting, &|_| None).await.unwrap();
    }
    let kit = inventory::kit::Kit::new(box_set, vec![(isbn, 2), (slip, 1)]).unwrap();
    world.api.table.put(&tenant, &kit).await.unwrap();
    // Seven copies at alpha, over its shards, and three at beta: two boxes there, and one here.
    assert_eq!(world.get(ALICE, &path).await.body["available"], 3);
    let single = format!("/store/v1/books/{}", world.book);
    assert_eq!(world.get(ALICE, &single).await.body["available"], 10);
    let found = world.get(ALICE, "/store/v1/books?q=odyss").await;
    let shown: Vec<_> = found.body["items"].as_array().unwrap().iter().map(|book| book["available"].clone()).collect();
    assert_eq!(shown, [json!(3), json!(10)], "{}", found.body);
}

#[tokio::test]
async fn a_book_that_is_off_offer_cannot_be_ordered() {
    let world = World::new().await;
    let path = format!("/store/v1/books/{}", world.book);
    let request = Request::delete(path.as_str()).header("if-match", "\"1\"").body(Body::empty()).unwrap();
    assert_eq!(world.send(Some(ADMIN), request).await.status, StatusCode::NO_CONTENT);
    let refused = world.post(ALICE, ORDERS, &world.order(1)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (422, &json!("unknown_book")));
    let back = with_body(Method::PATCH, &path, "application/json", r#"{"active": true}"#);
    let (mut head, body) = back.into_parts();
    head.headers.insert("if-match", "\"2\"".parse().unwrap());
    assert_eq!(world.send(Some(ADMIN), Request::from_parts(head, body)).await.status, StatusCode::OK);
    assert_eq!(world.post(ALICE, ORDERS, &world.order(1)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn administrators_list_orders_by_status_and_stock_by_warehouse() {
    let world = World::new().await;
    let (id, _) = world.sent().await;
    let listed = world.get(ADMIN, &format!("{ORDERS}?status=PROCESSING")).await;
    assert_eq!(listed.body["items"][0]["id"], id.to_string());
    assert_eq!(world.get(ADMIN, &format!("{ORDERS}?status=SHIPPED")).await.body["items"], json!([]));
    let stock = world.get(ADMIN, "/store/v1/inventory?warehouse=alpha").await;
    let row = &stock.body["items"][0];
    assert_eq!((&row["onHand"], &row["committed"], &row["available"]), (&json!(7), &json!(2), &json!(5)));
    assert_eq!(world.get(ADMIN, "/store/v1/warehouses/alpha").await.body["status"], "HEALTHY");
}

#[tokio::test]
async fn whoever_is_bound_to_locations_sees_their_warehouses_and_stock_and_no_others() {
    let world = World::new().await;
    let ask = async |reach: &str, path: &str| {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(reach.parse::<web::Reach>().unwrap());
        world.send(Some(ADMIN), request).await
    };
    let ids = |answer: &super::world::Answer, name: &str| -> Vec<String> {
        answer.body["items"].as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&ask("only alpha", "/store/v1/warehouses").await, "id"), ["alpha"]);
    assert_eq!(ids(&ask("but alpha", "/store/v1/warehouses").await, "id"), ["beta"]);
    let (hidden, missing) = ("/store/v1/warehouses/beta", "/store/v1/warehouses/nowhere");
    assert_eq!(ask("only alpha", hidden).await.body, world.get(ADMIN, missing).await.body);
    assert_eq!(ids(&ask("only alpha", "/store/v1/inventory").await, "warehouse"), ["alpha"]);
    assert_eq!(ask("only alpha", "/store/v1/inventory?warehouse=beta").await.body["items"], json!([]));
    assert_eq!(ask("only alpha", ORDERS).await.status, StatusCode::FORBIDDEN, "no list by location here");
}
