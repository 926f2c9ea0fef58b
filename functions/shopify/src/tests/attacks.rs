//! What is not proved to come from a store of ours gets no further than the door.

use serde_json::json;

use super::world::{Delivery, World};

#[tokio::test]
async fn a_delivery_that_is_altered_unsigned_or_of_somebody_else_is_refused_and_leaves_nothing() {
    let world = World::connected().await;
    world.book(1, 5, 0).await;
    world.settle_in_time().await;
    world.told(json!({})).await;
    world.buy(&[(1, 1)]).await;
    let good = world.told(json!({})).await.into_iter().find(|told| told.headers["x-shopify-topic"] == "orders/create");
    let good = good.unwrap();
    let altered = |change: &dyn Fn(&mut Delivery)| {
        let mut delivery = good.clone();
        change(&mut delivery);
        delivery
    };
    let header = |name: &'static str, value: &'static str| {
        altered(&|delivery| drop(delivery.headers.insert(name, value.parse().unwrap())))
    };
    let before = world.dynamo.execute("Scan", json!({ "TableName": "crossdock", "Select": "COUNT" }));
    for (what, delivery) in [
        ("another byte", altered(&|delivery| delivery.body = [&delivery.body[..], b" "].concat().into())),
        ("no signature", altered(&|delivery| drop(delivery.headers.remove("x-shopify-hmac-sha256")))),
        ("a signature of nothing", header("x-shopify-hmac-sha256", "")),
        ("another store", header("x-shopify-shop-domain", "other.myshopify.com")),
        ("no store", header("x-shopify-shop-domain", "stand-in.myshopify.com.evil.test")),
        ("a topic nobody knows", header("x-shopify-topic", "orders/explode")),
        ("no id", altered(&|delivery| drop(delivery.headers.remove("x-shopify-webhook-id")))),
    ] {
        assert_eq!(world.receive(&delivery).await.as_u16(), 401, "{what}");
    }
    assert_eq!(world.dynamo.execute("Scan", json!({ "TableName": "crossdock", "Select": "COUNT" })), before);
    assert_eq!(world.receive(&good).await.as_u16(), 200);
}

#[tokio::test]
async fn a_delivery_no_store_would_send_is_refused_by_its_length() {
    let world = World::wired().await;
    let delivery = world.delivery("orders/create", &json!({ "id": 1, "note": "x".repeat(4 << 20) }));
    assert_eq!(world.receive(&delivery).await.as_u16(), 413);
    assert!(world.bucket.names().is_empty());
}
