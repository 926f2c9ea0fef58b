use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;
use testkit::LocalBucket;

use super::world::{ADMIN, CONNECTOR, ORDERS, SKU, World, gbp, order, post, ship};

#[tokio::test]
async fn an_order_is_taken_in_once_with_its_amounts_worked_out() {
    let world = World::new().await;
    let first = world.send(Some(CONNECTOR), post(ORDERS, &order())).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    assert_eq!(first.body["total"], gbp("40.80"));
    assert_eq!(first.body["tax"], gbp("6.80"));
    assert_eq!((&first.body["status"], &first.body["channel"]), (&json!("PROCESSING"), &json!("market")));
    assert_eq!(first.body["fulfillmentOrders"][0]["status"], "OPEN");
    let again = world.send(Some(CONNECTOR), post(ORDERS, &order())).await;
    assert_eq!(again.body, first.body);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let found = world.get("/sales/v1/orders?channel=market&externalId=4711").await;
    assert_eq!(found.body["items"][0]["id"], first.body["id"]);
}

#[tokio::test]
async fn an_order_is_changed_and_every_change_is_in_its_timeline() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let change = async |body| world.act(&format!("{ORDERS}/{id}/changes"), &body).await;
    let moved = json!({ "kind": "address", "address": { "name": "Ann", "lines": ["2 Low Street"], "city": "York", "country": "GB" } });
    assert_eq!(change(moved).await.status, StatusCode::OK);
    assert_eq!(change(json!({ "kind": "hold", "reason": "call first" })).await.body["holds"][0]["code"], "manual");
    assert_eq!(change(json!({ "kind": "release" })).await.body["holds"], json!([]));
    let fewer =
        change(json!({ "kind": "cancelUnits", "lines": [{ "sku": SKU, "units": 1 }], "reason": "changed mind" })).await;
    assert_eq!((fewer.status, &fewer.body["lines"][0]["quantity"]), (StatusCode::OK, &json!(2)), "{fewer:?}");
    let timeline = world.get(&format!("{ORDERS}/{id}/timeline?limit=4")).await;
    let what = |answer: &super::world::Answer| {
        answer.body["items"].as_array().unwrap().iter().map(|s| s["what"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(what(&timeline), ["placed", "readdressed", "held", "released"]);
    let next = timeline.body["next"].as_str().unwrap();
    let rest = world.get(&format!("{ORDERS}/{id}/timeline?limit=4&cursor={next}")).await;
    assert_eq!(what(&rest), ["units_cancelled"]);
    assert_eq!(
        (&rest.body["items"][0]["actor"], &rest.body["items"][0]["reason"]),
        (&json!(ADMIN.0), &json!("changed mind"))
    );
}

#[tokio::test]
async fn goods_leave_come_back_and_are_paid_back() {
    let world = World::new().await;
    let id = world.taken_in().await;
    ship(&world, &id).await;
    let sales = world.get("/sales/v1/sales").await;
    assert_eq!(sales.body["items"][0]["total"], gbp("40.80"));
    let wanted = json!({ "lines": [{ "sku": SKU, "units": 2 }], "location": "alpha", "reason": "torn" });
    let asked = world.act(&format!("{ORDERS}/{id}/returns"), &wanted).await;
    assert_eq!(asked.body["returns"][0]["status"], "REQUESTED", "{asked:?}");
    let act = async |body| world.act(&format!("{ORDERS}/{id}/returns/0/actions"), &body).await;
    let early = act(json!({ "kind": "settle" })).await;
    assert_eq!((early.status, &early.body["allowed"]), (StatusCode::CONFLICT, &json!(["approve", "reject", "cancel"])));
    act(json!({ "kind": "approve" })).await;
    act(json!({ "kind": "receive" })).await;
    act(json!({ "kind": "inspect", "lines": [{ "sku": SKU, "restocked": 1, "refused": 1 }] })).await;
    let listed = world.get("/sales/v1/returns?status=INSPECTED").await;
    assert_eq!(listed.body["items"][0]["orderId"], json!(id));
    let settled = act(json!({ "kind": "settle" })).await;
    // The first of three units: 10.00 less 0.34, plus a third of 5.80 with its odd penny.
    assert_eq!(settled.body["returns"][0]["value"], gbp("11.60"), "{settled:?}");
    assert_eq!(settled.body["refunds"][0]["status"], "REQUESTED");
    let confirmed = world.act(&format!("{ORDERS}/{id}/refunds/0/confirmation"), &json!({ "done": true })).await;
    assert_eq!(confirmed.body["refunds"][0]["status"], "DONE");
}

#[tokio::test]
async fn notes_and_files_go_beside_an_order_and_a_customer_can_be_erased() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let file = json!({ "name": "a.txt", "mediaType": "text/plain", "content": "aGk=" });
    let stored = world.act(&format!("{ORDERS}/{id}/files"), &file).await;
    let file_id = stored.body["id"].as_str().unwrap();
    let note = json!({ "text": "@usr_bob look", "audience": "CUSTOMER", "files": [file_id] });
    let written = world.act(&format!("{ORDERS}/{id}/notes"), &note).await;
    assert_eq!((written.status, &written.body["mentions"]), (StatusCode::CREATED, &json!(["usr_bob"])), "{written:?}");
    assert_eq!(world.get(&format!("{ORDERS}/{id}/files/{file_id}")).await.body, file);
    assert_eq!(world.get(&format!("{ORDERS}/{id}/notes")).await.body["items"][0], written.body);
    let export = world.get("/sales/v1/customers/usr_ann/export").await;
    assert_eq!(export.body["items"][0]["addresses"][0]["city"], "York");
    let waiting = world.act("/sales/v1/customers/usr_ann/erasure", &json!(null)).await;
    assert_eq!(waiting.body, json!({ "erased": [], "waiting": [id], "more": false }));
    ship(&world, &id).await;
    let erased = world.act("/sales/v1/customers/usr_ann/erasure", &json!(null)).await;
    assert_eq!(erased.body["erased"], json!([id]));
    assert!(!world.everything().iter().any(|item| item.contains("High Street") || item.contains("@usr_bob")));
}

#[tokio::test]
async fn a_large_file_is_announced_put_into_the_bucket_and_fetched_from_there() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let content = b"many pages";
    let measure = LocalBucket::measure_of(content);
    let announced = json!({
        "name": "a.pdf", "mediaType": "application/pdf", "bytes": measure.bytes, "sha256": measure.sha256,
    });
    let begun = world.act(&format!("{ORDERS}/{id}/uploads"), &announced).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{begun:?}");
    assert_eq!(begun.body["expiresAt"], "2026-03-01T10:15:00Z");
    assert_eq!(begun.body["headers"]["x-amz-checksum-sha256"], json!(measure.sha256));
    let (file, url) = (begun.body["id"].as_str().unwrap(), begun.body["url"].as_str().unwrap());
    let (finish, read) = (format!("{ORDERS}/{id}/uploads/{file}/completion"), format!("{ORDERS}/{id}/files/{file}"));
    let early = world.act(&finish, &json!(null)).await;
    assert_eq!((early.status, &early.body["code"]), (StatusCode::CONFLICT, &json!("not_uploaded")));
    world.files.put(url, b"other pages");
    let other = world.act(&finish, &json!(null)).await;
    assert_eq!((other.status, &other.body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("content_differs")));
    assert_eq!(world.get(&read).await.status, StatusCode::NOT_FOUND);
    world.files.put(url, content);
    for _ in 0..2 {
        assert_eq!(world.act(&finish, &json!(null)).await.body, json!({ "id": file }));
    }
    let shown = world.get(&read).await.body;
    assert_eq!((&shown["name"], &shown["content"]), (&json!("a.pdf"), &json!(null)));
    let download = &shown["download"];
    assert_eq!((&download["bytes"], &download["sha256"]), (&json!(measure.bytes), &json!(measure.sha256)));
    assert!(download["url"].as_str().unwrap().contains("/files/"), "{download}");
    let written = world.act(&format!("{ORDERS}/{id}/notes"), &json!({ "text": "scan", "files": [file] })).await;
    assert_eq!(written.status, StatusCode::CREATED, "{written:?}");
    ship(&world, &id).await;
    world.act("/sales/v1/customers/usr_ann/erasure", &json!(null)).await;
    assert!(world.files.names().is_empty());
}

#[tokio::test]
async fn a_fulfilment_order_is_handled_and_a_refusal_says_what_is_allowed() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let order = world.get(&format!("{ORDERS}/{id}")).await;
    let parcel = order.body["fulfillmentOrders"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("{ORDERS}/{id}/fulfillment-orders/{parcel}/actions");
    let split = world.act(&path, &json!({ "kind": "split", "lines": [{ "sku": SKU, "units": 1 }] })).await;
    let states: Vec<_> =
        split.body["fulfillmentOrders"].as_array().unwrap().iter().map(|f| f["status"].clone()).collect();
    assert_eq!(states, ["CANCELLED", "OPEN", "OPEN"]);
    let gone = world.act(&path, &json!({ "kind": "pick" })).await;
    assert_eq!((gone.status, &gone.body["code"]), (StatusCode::CONFLICT, &json!("shipment_already_settled")));
    assert_eq!((&gone.body["currentStatus"], &gone.body["allowed"]), (&json!("MOVED"), &json!([])));
    let other = split.body["fulfillmentOrders"][1]["id"].as_str().unwrap();
    let path_of_other = format!("{ORDERS}/{id}/fulfillment-orders/{other}/actions");
    let held = world.act(&path_of_other, &json!({ "kind": "hold", "reason": "gift" })).await;
    assert_eq!(held.body["fulfillmentOrders"][1]["status"], "ON_HOLD");
    let nowhere = world.act(&path, &json!({ "kind": "move", "location": "beta" })).await;
    assert_eq!(nowhere.status, StatusCode::CONFLICT);
}

/// A franchise operator sees the orders of the own locations, asks for no others, and changes none.
#[tokio::test]
async fn whoever_is_bound_to_locations_sees_their_orders_and_no_others() {
    let world = World::new().await;
    let id = world.taken_in().await;
    let ask = async |reach: &str, path: &str| {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        request.extensions_mut().insert(reach.parse::<web::Reach>().unwrap());
        world.send(Some(ADMIN), request).await
    };
    let (own, all) = (format!("{ORDERS}?location=alpha"), format!("{ORDERS}/{id}"));
    assert_eq!(ask("only alpha", &own).await.body["items"][0]["id"], json!(id));
    assert_eq!(ask("only alpha", &all).await.body["id"], json!(id));
    assert_eq!(
        ask("only beta", &all).await.body,
        world.get(&format!("{ORDERS}/ord_0000000000000000000000000Z")).await.body
    );
    assert_eq!(ask("but alpha", &all).await.status, StatusCode::NOT_FOUND);
    for list in [ORDERS, &own, &format!("{ORDERS}?channel=market&externalId=4711&location=beta")] {
        assert_eq!(ask("only beta", list).await.status, StatusCode::FORBIDDEN, "{list}");
    }
    assert_eq!(ask("only alpha", &format!("{ORDERS}/{id}/timeline")).await.status, StatusCode::FORBIDDEN);
}
