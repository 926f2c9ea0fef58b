//! Acceptance: wrong or hostile input gets the right problem and changes nothing. Every case compares the whole table
//! before and after.

use axum::body::Body;
use catalog::BookId;
use http::{Method, Request};
use serde_json::{Value, json};

use super::world::{ADMIN, ALICE, ALPHA, BETA, BOB, ISBN, World, post, report, with_body};

const ORDERS: &str = "/store/v1/orders";

/// Sends it and expects this refusal, and the table as it was.
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
    assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (status, Some(code)), "{what}: {answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    assert_eq!(answer.body["status"], status, "{what}");
    assert!(world.everything() == before, "{what} left a trace");
    answer.body
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn if_match(mut request: Request<Body>, tag: &str) -> Request<Body> {
    request.headers_mut().insert("if-match", tag.parse().unwrap());
    request
}

#[tokio::test]
async fn an_order_that_is_no_order_is_refused() {
    let world = World::new().await;
    let good = world.order(1);
    let raw = |text: &str| with_body(Method::POST, ORDERS, "application/json", text.to_owned());
    let quantity = |quantity: Value| {
        let mut order = good.clone();
        order["items"][0]["quantity"] = quantity;
        post(ORDERS, &order)
    };
    let changed = |pointer: &str, value: Value| {
        let mut order = good.clone();
        *order.pointer_mut(pointer).unwrap() = value;
        post(ORDERS, &order)
    };
    let mut surplus = good.clone();
    surplus["coupon"] = json!("FREE");
    let mut twice = good.clone();
    twice["items"] = json!([good["items"][0], good["items"][0]]);
    let unknown = BookId::of("9780000000019".parse().unwrap());
    let huge = format!(r#"{{"items": "{}"}}"#, "x".repeat(1 << 20));
    let cases = [
        (raw("{"), 400, "malformed_json"),
        (raw(""), 400, "malformed_json"),
        (raw("null"), 400, "validation_failed"),
        (post(ORDERS, &surplus), 400, "validation_failed"),
        (with_body(Method::POST, ORDERS, "text/plain", good.to_string()), 415, "unsupported_media_type"),
        (raw(&huge), 413, "body_too_large"),
        (quantity(json!(0)), 400, "validation_failed"),
        (quantity(json!(-1)), 400, "validation_failed"),
        (quantity(json!(1_000_000_000)), 400, "validation_failed"),
        (quantity(json!(1.5)), 400, "validation_failed"),
        (quantity(json!("1")), 400, "validation_failed"),
        (quantity(json!(null)), 400, "validation_failed"),
        (quantity(json!(u64::MAX)), 400, "validation_failed"),
        (changed("/items", json!([])), 400, "validation_failed"),
        (changed("/items", json!(vec![good["items"][0].clone(); 21])), 400, "validation_failed"),
        (post(ORDERS, &twice), 400, "validation_failed"),
        (changed("/items/0/bookId", json!("book_1")), 400, "validation_failed"),
        (changed("/items/0/bookId", json!(unknown)), 422, "unknown_book"),
        (changed("/payment/method", json!("barter")), 400, "validation_failed"),
        (changed("/payment/token", json!("4242 4242 4242 4242")), 400, "validation_failed"),
        (changed("/payment/token", json!("")), 400, "validation_failed"),
        (quantity(json!(8)), 409, "out_of_stock"),
    ];
    for (request, status, code) in cases {
        refused(&world, Some(ALICE), request, status, code).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_order_is_said_by_pointer() {
    let world = World::new().await;
    let mut order = world.order(0);
    let problem = refused(&world, Some(ALICE), post(ORDERS, &order), 400, "validation_failed").await;
    insta::assert_json_snapshot!(problem);
    order["items"][0]["quantity"] = json!(8);
    let problem = refused(&world, Some(ALICE), post(ORDERS, &order), 409, "out_of_stock").await;
    assert_eq!(problem["shortages"], json!([{ "isbn": ISBN, "requested": 8, "available": 7 }]));
}

#[tokio::test]
async fn nobody_and_the_wrong_role_are_kept_out_of_every_route() {
    let world = World::new().await;
    let id = world.placed().await;
    let (order, book) = (format!("{ORDERS}/{id}"), format!("/store/v1/books/{}", world.book));
    let nothing = json!({});
    let routes = [
        (post(ORDERS, &world.order(1)), post(ORDERS, &world.order(1)), ADMIN),
        (get(ORDERS), get(ORDERS), ALPHA),
        (get(&order), get(&order), ALPHA),
        (post(&format!("{order}/cancel"), &nothing), post(&format!("{order}/cancel"), &nothing), ALPHA),
        (post(&format!("{order}/status"), &nothing), post(&format!("{order}/status"), &nothing), ALICE),
        (post("/store/v1/books", &nothing), post("/store/v1/books", &nothing), ALICE),
        (post("/store/v1/books/batch", &nothing), post("/store/v1/books/batch", &nothing), ALICE),
        (get(&book), get(&book), ALPHA),
        (
            with_body(Method::PATCH, &book, "application/json", "{}"),
            with_body(Method::PATCH, &book, "application/json", "{}"),
            ALICE,
        ),
        (
            with_body(Method::DELETE, &book, "application/json", ""),
            with_body(Method::DELETE, &book, "application/json", ""),
            ALICE,
        ),
        (post("/store/v1/warehouses/register", &nothing), post("/store/v1/warehouses/register", &nothing), ADMIN),
        (get("/store/v1/warehouses"), get("/store/v1/warehouses"), ALICE),
        (get("/store/v1/warehouses/alpha"), get("/store/v1/warehouses/alpha"), ALICE),
        (get("/store/v1/inventory"), get("/store/v1/inventory"), ALICE),
    ];
    for (by_nobody, by_the_wrong_one, wrong) in routes {
        refused(&world, None, by_nobody, 401, "unauthenticated").await;
        refused(&world, Some(wrong), by_the_wrong_one, 403, "forbidden").await;
    }
}

#[tokio::test]
async fn another_customers_order_is_not_there() {
    let world = World::new().await;
    let id = world.placed().await;
    for path in [format!("{ORDERS}/{id}"), format!("{ORDERS}/ord_00000000000000000000000000"), format!("{ORDERS}/x")] {
        refused(&world, Some(BOB), get(&path), 404, "not_found").await;
        refused(&world, Some(BOB), post(&format!("{path}/cancel"), &json!({})), 404, "not_found").await;
    }
    assert_eq!(world.get(BOB, ORDERS).await.body["items"], json!([]));
    assert_eq!(world.get(ADMIN, &format!("{ORDERS}/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_false_report_is_refused() {
    let world = World::new().await;
    let (id, shipment) = world.sent().await;
    let path = format!("{ORDERS}/{id}/status");
    let good = report(shipment, 2);
    let changed = |pointer: &str, value: Value| {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        post(&path, &report)
    };
    let mut foreign = good.clone();
    foreign["orderId"] = json!("ord_00000000000000000000000000");
    let cases = [
        (BETA, post(&path, &good), 403, "not_your_shipment"),
        (("service:store", "SERVICE"), post(&path, &good), 403, "forbidden"),
        (ALPHA, post(&path, &foreign), 400, "validation_failed"),
        (ALPHA, changed("/lines", json!([])), 422, "wrong_lines"),
        (ALPHA, changed("/lines/0/quantity", json!(1)), 422, "wrong_lines"),
        (ALPHA, changed("/lines/0/isbn", json!("9780000000019")), 422, "wrong_lines"),
        (ALPHA, changed("/lines/0/isbn", json!("a/b")), 400, "validation_failed"),
        (ALPHA, changed("/lines/0/onHand", json!(-1)), 400, "validation_failed"),
        (ALPHA, changed("/lines/0/version", json!(-1)), 400, "validation_failed"),
        (ALPHA, changed("/status", json!("LOST")), 400, "validation_failed"),
        (ALPHA, changed("/status", json!("DELIVERED")), 409, "shipment_already_settled"),
        (ALPHA, changed("/shipmentId", json!("shp_00000000000000000000000000")), 404, "not_found"),
        (ALPHA, post(&format!("{ORDERS}/ord_00000000000000000000000000/status"), &good), 404, "not_found"),
    ];
    for (caller, request, status, code) in cases {
        refused(&world, Some(caller), request, status, code).await;
    }
}

#[tokio::test]
async fn a_confirmation_counts_once() {
    let world = World::new().await;
    let (id, shipment) = world.sent().await;
    let path = format!("{ORDERS}/{id}/status");
    let taken = world.post(ALPHA, &path, &report(shipment, 2)).await;
    assert_eq!((taken.status.as_u16(), &taken.body["status"]), (200, &json!("SHIPPED")), "{taken:?}");
    let mut rejected = report(shipment, 2);
    rejected["status"] = json!("REJECTED");
    for replayed in [report(shipment, 2), rejected] {
        let problem = refused(&world, Some(ALPHA), post(&path, &replayed), 409, "shipment_already_settled").await;
        assert_eq!(problem["currentStatus"], "SHIPPED");
    }
    refused(&world, Some(ALICE), post(&format!("{ORDERS}/{id}/cancel"), &json!({})), 409, "invalid_transition").await;
}

#[tokio::test]
async fn a_parcel_of_an_order_that_is_not_paid_for_cannot_be_reported() {
    let world = World::new().await;
    let id = world.placed().await;
    let order = world.api.sales.order(&super::world::tenant(), id).await.unwrap().unwrap();
    let report = report(order.shipments[0].id(id), 2);
    refused(&world, Some(ALPHA), post(&format!("{ORDERS}/{id}/status"), &report), 409, "invalid_transition").await;
}

#[tokio::test]
async fn an_order_that_is_with_its_warehouse_cannot_be_called_off() {
    let world = World::new().await;
    let (id, _) = world.sent().await;
    refused(&world, Some(ALICE), post(&format!("{ORDERS}/{id}/cancel"), &json!({})), 409, "already_dispatched").await;
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let world = World::new().await;
    world.placed().await;
    let keyed = |key: &str, order: Value| {
        let mut request = post(ORDERS, &order);
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        request
    };
    refused(&world, Some(ALICE), keyed("first", world.order(3)), 422, "idempotency_key_reused").await;
    refused(&world, Some(ALICE), keyed("", world.order(3)), 400, "validation_failed").await;
    refused(&world, Some(ALICE), keyed(&"k".repeat(300), world.order(3)), 400, "validation_failed").await;
}

#[tokio::test]
async fn lists_take_their_own_cursors_only() {
    let world = World::new().await;
    world.placed().await;
    world.advance(1);
    world.post(ALICE, ORDERS, &world.order(1)).await;
    let page = world.get(ALICE, &format!("{ORDERS}?limit=1")).await;
    let cursor = page.body["next"].as_str().unwrap().to_owned();
    assert_eq!(world.get(ALICE, &format!("{ORDERS}?limit=1&cursor={cursor}")).await.status, 200);
    let cases = [
        (ALICE, format!("{ORDERS}?cursor=x"), "invalid_cursor"),
        (ALICE, format!("{ORDERS}?cursor={}", &cursor[1..]), "invalid_cursor"),
        (ADMIN, format!("{ORDERS}?status=SHIPPED&cursor={cursor}"), "invalid_cursor"),
        (ADMIN, format!("/store/v1/inventory?warehouse=alpha&cursor={cursor}"), "invalid_cursor"),
        (ALICE, format!("{ORDERS}?limit=0"), "validation_failed"),
        (ALICE, format!("{ORDERS}?limit=1000000"), "validation_failed"),
        (ALICE, format!("{ORDERS}?page=2"), "validation_failed"),
        (ALICE, format!("{ORDERS}?status=SHIPPED"), "validation_failed"),
        (ADMIN, format!("{ORDERS}?status=LOST"), "validation_failed"),
    ];
    for (caller, path, code) in cases {
        refused(&world, Some(caller), get(&path), 400, code).await;
    }
}

#[tokio::test]
async fn a_book_is_changed_only_by_who_has_seen_it() {
    let world = World::new().await;
    let path = format!("/store/v1/books/{}", world.book);
    let patch = |body: Value| with_body(Method::PATCH, &path, "application/json", body.to_string());
    let delete = || Request::delete(path.as_str()).body(Body::empty()).unwrap();
    let title = || patch(json!({ "title": "Ulysses" }));
    let isbn = || {
        post(
            "/store/v1/books",
            &json!({ "isbn": "978-0-14-044913-7", "title": "x", "authors": [], "price": {"amount": "1.00", "currency": "GBP"} }),
        )
    };
    let cases = [
        (title(), 428, "if_match_required"),
        (delete(), 428, "if_match_required"),
        (if_match(title(), "\"9\""), 412, "stale_version"),
        (if_match(delete(), "\"9\""), 412, "stale_version"),
        (if_match(patch(json!({ "isbn": "x" })), "\"1\""), 400, "validation_failed"),
        (
            if_match(patch(json!({ "price": { "amount": "1.001", "currency": "GBP" } })), "\"1\""),
            400,
            "validation_failed",
        ),
        (isbn(), 400, "validation_failed"),
    ];
    for (request, status, code) in cases {
        refused(&world, Some(ADMIN), request, status, code).await;
    }
}

#[tokio::test]
async fn a_warehouse_registers_itself_and_nobody_else() {
    let world = World::new().await;
    let register =
        |id: &str, url: &str| post("/store/v1/warehouses/register", &json!({ "id": id, "name": "Beta", "url": url }));
    let cases = [
        (ALPHA, register("beta", "http://beta"), 403, "forbidden"),
        (("service:store", "SERVICE"), register("store", "http://store"), 403, "forbidden"),
        (BETA, register("beta", "http://beta/"), 400, "validation_failed"),
        (BETA, register("beta", "http://user@beta"), 400, "validation_failed"),
        (BETA, register("beta", "file:///etc/passwd"), 400, "validation_failed"),
        (BETA, register("Beta", "http://beta"), 400, "validation_failed"),
        (BETA, register("beta~1", "http://beta"), 400, "validation_failed"),
        (("service:warehouse:beta~1", "SERVICE"), register("beta~1", "http://beta"), 403, "forbidden"),
    ];
    for (caller, request, status, code) in cases {
        refused(&world, Some(caller), request, status, code).await;
    }
}
