//! Wrong or hostile input gets the right problem and changes nothing.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use testkit::LocalBucket;

use super::world::{ADMIN, CONNECTOR, CUSTOMER, ORDERS, SKU, World, gbp, order, post, with_body};

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
    assert!(world.everything() == before, "{what} left a trace");
    answer.body
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn change(path: &str, tag: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = post(path, body);
    if let Some(tag) = tag {
        request.headers_mut().insert("if-match", tag.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn an_order_that_is_no_order_is_refused() {
    let world = World::new().await;
    let changed = |pointer: &str, value: Value| {
        let mut order = order();
        *order.pointer_mut(pointer).unwrap() = value;
        post(ORDERS, &order)
    };
    let added = |name: &str, value: Value| {
        let mut order = order();
        order["lines"][0][name] = value;
        post(ORDERS, &order)
    };
    let line = order()["lines"][0].clone();
    let euro = json!({ "amount": "1.00", "currency": "EUR" });
    let cases = [
        (with_body(ORDERS, "application/json", "{"), 400, "malformed_json"),
        (with_body(ORDERS, "text/plain", order().to_string()), 415, "unsupported_media_type"),
        (with_body(ORDERS, "application/json", format!("\"{}\"", "x".repeat(1 << 20))), 413, "body_too_large"),
        (added("coupon", json!(1)), 400, "validation_failed"),
        (added("tax", gbp("1.00")), 400, "validation_failed"),
        (changed("/channel", json!("")), 400, "validation_failed"),
        (changed("/channel", json!("storefront")), 400, "validation_failed"),
        (changed("/channel", json!("exchange")), 400, "validation_failed"),
        (changed("/externalId", json!("a b")), 400, "validation_failed"),
        (changed("/customerId", json!("x".repeat(129))), 400, "validation_failed"),
        (changed("/currency", json!("gbp")), 400, "validation_failed"),
        (changed("/lines", json!([])), 400, "validation_failed"),
        (changed("/lines", json!([line, line])), 400, "validation_failed"),
        (changed("/lines/0/quantity", json!(0)), 400, "validation_failed"),
        (changed("/lines/0/quantity", json!(-1)), 400, "validation_failed"),
        (changed("/lines/0/quantity", json!(1.5)), 400, "validation_failed"),
        (changed("/lines/0/quantity", json!(1_001)), 400, "validation_failed"),
        (changed("/lines/0/sku", json!("a#b")), 400, "validation_failed"),
        (changed("/lines/0/unitPrice", gbp("-1.00")), 400, "validation_failed"),
        (changed("/lines/0/unitPrice", euro.clone()), 400, "validation_failed"),
        (changed("/lines/0/unitPrice", gbp("1e3")), 400, "validation_failed"),
        (changed("/lines/0/taxRate", json!("11")), 400, "validation_failed"),
        (changed("/lines/0/taxRate", json!("-0.1")), 400, "validation_failed"),
        (changed("/lines/0/taxRate", json!("NaN")), 400, "validation_failed"),
        (changed("/discounts/0", json!({})), 400, "validation_failed"),
        (changed("/discounts/0", json!({ "fraction": "2" })), 400, "validation_failed"),
        (changed("/discounts/0/amount", gbp("-1.00")), 400, "validation_failed"),
        (changed("/shipping/amount", euro), 400, "validation_failed"),
        (changed("/payments/0/amount", gbp("40.79")), 422, "unbalanced_payments"),
        (changed("/payments/0/amount", gbp("0.00")), 400, "validation_failed"),
        (changed("/payments", json!([])), 422, "unbalanced_payments"),
        (changed("/address/country", json!("Britain")), 400, "validation_failed"),
        (changed("/address/lines", json!(["a\nb"])), 400, "validation_failed"),
    ];
    for (request, status, code) in cases {
        refused(&world, Some(CONNECTOR), request, status, code).await;
    }
}

#[tokio::test]
async fn another_order_under_the_same_external_id_is_refused() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let mut other = order();
    other["customerId"] = json!("usr_eve");
    let problem = refused(&world, Some(CONNECTOR), post(ORDERS, &other), 409, "order_exists").await;
    assert_eq!(problem["id"], json!(id));
}

#[tokio::test]
async fn nobody_and_customers_are_kept_out_of_every_route_and_money_is_for_those_who_run_the_store() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let one = format!("{ORDERS}/{id}");
    let gets = [
        ORDERS.to_owned(),
        one.clone(),
        format!("{one}/timeline"),
        format!("{one}/notes"),
        format!("{one}/files/fil_00000000000000000000000000"),
        "/sales/v1/sales".to_owned(),
        "/sales/v1/returns".to_owned(),
        "/sales/v1/customers/usr_ann/export".to_owned(),
    ];
    let posts = [
        ORDERS.to_owned(),
        format!("{one}/changes"),
        format!("{one}/fulfillment-orders/shp_00000000000000000000000000/actions"),
        format!("{one}/refunds"),
        format!("{one}/refunds/0/confirmation"),
        format!("{one}/verdict"),
        format!("{one}/notes"),
        format!("{one}/files"),
        format!("{one}/uploads"),
        format!("{one}/uploads/fil_00000000000000000000000000/completion"),
        format!("{one}/returns"),
        format!("{one}/returns/0/actions"),
        "/sales/v1/customers/usr_ann/erasure".to_owned(),
    ];
    let requests = || {
        let gets = gets.iter().map(|path| get(path));
        gets.chain(posts.iter().map(|path| change(path, Some("*"), &json!({}))))
    };
    for request in requests() {
        refused(&world, None, request, 401, "unauthenticated").await;
    }
    for request in requests() {
        refused(&world, Some(CUSTOMER), request, 403, "forbidden").await;
    }
    for path in [format!("{one}/refunds"), format!("{one}/verdict"), "/sales/v1/customers/x/erasure".to_owned()] {
        refused(&world, Some(CONNECTOR), change(&path, Some("*"), &json!({})), 403, "forbidden").await;
    }
}

#[tokio::test]
async fn a_change_that_is_wrong_stale_or_blind_is_refused() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let changes = format!("{ORDERS}/{id}/changes");
    let refunds = format!("{ORDERS}/{id}/refunds");
    let cancel = json!({ "kind": "cancel" });
    let units = |units: Value| json!({ "kind": "cancelUnits", "lines": [{ "sku": SKU, "units": units }] });
    let lines = |quantity: i64| json!({ "kind": "lines", "lines": [{ "sku": SKU, "quantity": quantity, "unitPrice": gbp("10.00") }] });
    let refund = |amount: Value| json!({ "amount": amount, "reason": "x" });
    let cases = [
        (&changes, None, cancel.clone(), 428, "if_match_required"),
        (&changes, Some("\"7\""), cancel.clone(), 412, "stale_version"),
        (&changes, Some("W/\"1\""), cancel, 412, "stale_version"),
        (&changes, Some("*"), json!({ "kind": "destroy" }), 400, "validation_failed"),
        (&changes, Some("*"), json!({ "kind": "cancel", "force": true }), 400, "validation_failed"),
        (&changes, Some("*"), json!({ "kind": "hold", "reason": "" }), 400, "validation_failed"),
        (&changes, Some("*"), json!({ "kind": "hold", "reason": "x".repeat(501) }), 400, "validation_failed"),
        (&changes, Some("*"), json!({ "kind": "release" }), 409, "invalid_transition"),
        (&changes, Some("*"), json!({ "kind": "allocate" }), 409, "invalid_transition"),
        (&changes, Some("*"), units(json!(0)), 422, "too_many_units"),
        (&changes, Some("*"), units(json!(-1)), 422, "too_many_units"),
        (&changes, Some("*"), units(json!(4)), 422, "too_many_units"),
        (&changes, Some("*"), units(json!(i64::MAX)), 422, "too_many_units"),
        (&changes, Some("*"), units(json!(i64::MIN)), 422, "too_many_units"),
        (&changes, Some("*"), lines(0), 422, "wrong_lines"),
        (&changes, Some("*"), lines(3), 409, "no_change"),
        (&changes, Some("*"), lines(11), 409, "no_stock"),
        (&refunds, Some("*"), refund(gbp("40.81")), 409, "refund_too_large"),
        (&refunds, Some("*"), refund(gbp("0.00")), 409, "refund_too_large"),
        (&refunds, Some("*"), refund(gbp("-1.00")), 409, "refund_too_large"),
        (&refunds, Some("*"), refund(json!({ "amount": "1.00", "currency": "EUR" })), 422, "amount_out_of_range"),
    ];
    for (path, tag, body, status, code) in cases {
        refused(&world, Some(ADMIN), change(path, tag, &body), status, code).await;
    }
    let verdict = change(&format!("{ORDERS}/{id}/verdict"), Some("*"), &json!({ "kind": "merge" }));
    refused(&world, Some(ADMIN), verdict, 409, "no_change").await;
    let back = json!({ "lines": [{ "sku": SKU, "units": 1 }], "location": "alpha", "reason": "x" });
    let early = change(&format!("{ORDERS}/{id}/returns"), Some("*"), &back);
    refused(&world, Some(ADMIN), early, 409, "invalid_transition").await;
    let none = change(&format!("{ORDERS}/{id}/returns/0/actions"), Some("*"), &json!({ "kind": "approve" }));
    refused(&world, Some(ADMIN), none, 404, "not_found").await;
    let huge = change(
        &format!("{ORDERS}/{id}/returns/99999999999999999999/actions"),
        Some("*"),
        &json!({ "kind": "approve" }),
    );
    refused(&world, Some(ADMIN), huge, 404, "not_found").await;
}

#[tokio::test]
async fn lists_that_do_not_exist_are_refused() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let filters = ["status=LOST", "held=maybe", "externalId=1", "from=yesterday", "limit=0", "colour=red"];
    for filter in filters {
        refused(&world, Some(ADMIN), get(&format!("{ORDERS}?{filter}")), 400, "validation_failed").await;
    }
    refused(&world, Some(ADMIN), get("/sales/v1/returns?status=LOST"), 400, "validation_failed").await;
    refused(&world, Some(ADMIN), get(&format!("{ORDERS}?cursor=forged")), 400, "invalid_cursor").await;
    for path in [format!("{ORDERS}/ord_1"), format!("{ORDERS}/ord_00000000000000000000000000")] {
        refused(&world, Some(ADMIN), get(&path), 404, "not_found").await;
    }
    for filter in [
        "status=PROCESSING",
        "status=PROCESSING&held=false",
        "company=main",
        "customer=usr_ann",
        "channel=market",
        "location=alpha",
        "",
        "channel=market&externalId=4711&status=PROCESSING",
        "status=PROCESSING&customer=usr_ann&channel=market&company=main&location=alpha&held=false&from=2026-01-01T00:00:00Z",
    ] {
        let answer = world.get(&format!("{ORDERS}?{filter}")).await;
        assert_eq!(answer.body["items"][0]["id"], json!(id), "{filter}: {answer:?}");
    }
    for filter in ["channel=market&externalId=4711&status=SHIPPED", "customer=usr_ann&location=beta", "held=true"] {
        assert_eq!(world.get(&format!("{ORDERS}?{filter}")).await.body["items"], json!([]), "{filter}");
    }
}

#[tokio::test]
async fn notes_and_files_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let (notes, files) = (format!("{ORDERS}/{id}/notes"), format!("{ORDERS}/{id}/files"));
    let keyed = |body: Value| {
        let mut request = post(&notes, &body);
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        request
    };
    let file = |name: &str, content: &str| {
        post(&files, &json!({ "name": name, "mediaType": "text/plain", "content": content }))
    };
    let digest = LocalBucket::measure_of(b"hi").sha256;
    let upload = |bytes: u64, sha256: &str| {
        let announced = json!({ "name": "a", "mediaType": "text/plain", "bytes": bytes, "sha256": sha256 });
        post(&format!("{ORDERS}/{id}/uploads"), &announced)
    };
    let unknown = json!({ "text": "x", "files": ["fil_00000000000000000000000000"] });
    let cases = [
        (post(&notes, &json!({ "text": "x" })), 400, "validation_failed"),
        (keyed(json!({ "text": "" })), 422, "out_of_range"),
        (keyed(json!({ "text": "x".repeat(4_001) })), 422, "out_of_range"),
        (keyed(json!({ "text": "x", "audience": "WORLD" })), 400, "validation_failed"),
        (keyed(unknown), 404, "not_found"),
        (file("a", "no base64"), 400, "validation_failed"),
        (file("a\nb", "aGk="), 400, "validation_failed"),
        (file("a", ""), 422, "out_of_range"),
        (file("a", &"A".repeat(400_000)), 422, "out_of_range"),
        (upload(0, &digest), 422, "out_of_range"),
        (upload(25_000_001, &digest), 422, "out_of_range"),
        (upload(2, &digest[1..]), 400, "validation_failed"),
        (upload(2, &digest.replace('=', "%")), 400, "validation_failed"),
        (
            post(&format!("{ORDERS}/{id}/uploads/fil_00000000000000000000000000/completion"), &Value::Null),
            404,
            "not_found",
        ),
    ];
    for (request, status, code) in cases {
        refused(&world, Some(ADMIN), request, status, code).await;
    }
}
