//! Stores come and go.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::world::{CONNECTIONS, SHOP, World};

fn path() -> String {
    format!("{CONNECTIONS}/{SHOP}")
}

#[tokio::test]
async fn a_merchant_comes_back_once_with_the_state_that_was_given_out() {
    let world = World::new().await;
    let query = world.agreed().await;
    let back =
        async |query: &str| world.send(Method::GET, &format!("{CONNECTIONS}/callback?{query}"), &Value::Null).await;
    back(&query.replace(SHOP, "other.myshopify.com")).await.is(400);
    back("").await.is(400);
    let connected = back(&query).await.is(200);
    assert_eq!(
        (&connected["connection"]["shop"], &connected["connection"]["status"]),
        (&json!(SHOP), &json!("CONNECTED"))
    );
    assert_eq!(connected["places"].as_array().unwrap().len(), 2);
    assert_eq!(back(&query).await.is(400)["code"], "callback_refused");
    let late = world.agreed().await;
    world.clock.advance(Duration::from_secs(91));
    back(&late).await.is(400);
    // It subscribed to everything, and knows books and customers by our id.
    assert_eq!(world.objects("WebhookSubscription").await.len(), shopify::webhook::Topic::subscribed().count());
    assert_eq!(world.objects("MetafieldDefinition").await.len(), 2);
}

#[tokio::test]
async fn a_state_we_gave_out_for_a_signature_of_ours_is_all_there_is_and_scopes_are_compared() {
    let world = World::new().await;
    let begun = world.send(Method::POST, &format!("{CONNECTIONS}/install"), &json!({ "shop": "evil.test" })).await;
    assert_eq!(begun.is(400)["errors"][0]["code"], "invalid_shop");
    let query = world.agreed().await;
    world.enter("scopes", json!({ "scopes": ["write_products"] })).await;
    let answer = world.send(Method::GET, &format!("{CONNECTIONS}/callback?{query}"), &Value::Null).await.is(422);
    assert_eq!(answer["code"], "scopes_missing");
    assert!(answer["scopes"].as_array().unwrap().contains(&json!("write_inventory")));
    world.send(Method::GET, &path(), &Value::Null).await.is(404);
}

#[tokio::test]
async fn terms_are_checked_and_changed_under_their_version_by_administrators_only() {
    let world = World::connected().await;
    let put = async |terms: Value| world.send(Method::PUT, &path(), &terms).await;
    let (first, second) = ("gid://shopify/Location/1", "gid://shopify/Product/1");
    for (terms, code) in [
        (json!({ "locations": { "alpha": second } }), "invalid_location"),
        (json!({ "locations": { "alpha": "1" } }), "invalid_location"),
        (json!({ "locations": { "alpha": first, "beta": first } }), "repeated"),
        (
            json!({ "locations": {}, "rules": { "stock": [{ "field": "/available", "rule": "INGEST" }] } }),
            "invalid_rule",
        ),
        (json!({ "locations": {}, "rules": { "order": [] } }), "invalid_rule"),
    ] {
        assert_eq!(put(terms.clone()).await.is(400)["errors"][0]["code"], code, "{terms}");
    }
    let seen = world.send(Method::GET, &path(), &Value::Null).await;
    let tag = seen.headers["etag"].clone();
    let terms = json!({ "locations": { "alpha": first } });
    let ask = async |role: &str| {
        let request = Request::put(path()).header("if-match", &tag).header("content-type", "application/json");
        world.ask(role, request, Body::from(terms.to_string())).await.status.as_u16()
    };
    assert_eq!((ask("OPERATOR").await, ask("STORE_ADMIN").await, ask("STORE_ADMIN").await), (403, 200, 412));
    let listed = world.send(Method::GET, CONNECTIONS, &Value::Null).await.is(200);
    assert_eq!(listed["items"][0]["locations"], json!({ "alpha": first }));
}

#[tokio::test]
async fn an_uninstall_of_an_earlier_installation_leaves_the_new_one() {
    let world = World::connected().await;
    world.enter("uninstall", json!({})).await;
    let late = world.told(json!({})).await;
    assert_eq!(late.len(), 1);
    world.clock.advance(Duration::from_secs(60));
    world.install().await.is(200);
    for delivery in &late {
        assert_eq!(world.receive(delivery).await.as_u16(), 200);
    }
    world.settle().await;
    let status = async || world.send(Method::GET, &path(), &Value::Null).await.is(200)["status"].clone();
    assert_eq!(status().await, "CONNECTED");

    // One that was received before, and is worked on after, says as little.
    world.enter("uninstall", json!({})).await;
    world.clock.advance(Duration::from_secs(1));
    world.listen().await;
    world.clock.advance(Duration::from_secs(1));
    world.install().await.is(200);
    world.settle().await;
    assert_eq!(status().await, "CONNECTED");

    world.clock.advance(Duration::from_secs(1));
    world.enter("uninstall", json!({})).await;
    world.listen().await;
    world.settle().await;
    assert_eq!(status().await, "UNINSTALLED");
    // Our places are kept for the next time.
    assert_eq!(world.install().await.is(200)["connection"]["locations"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_store_that_is_let_go_is_told_nothing_and_heard_no_more() {
    let world = World::connected().await;
    world.send(Method::DELETE, &path(), &Value::Null).await.is(204);
    world.book(1, 5, 0).await;
    world.settle_in_time().await;
    assert!(world.objects("Product").await.is_empty());
    world.enter("tell", json!({ "topic": "PRODUCTS_UPDATE", "payload": { "id": 1 } })).await;
    for delivery in world.told(json!({})).await {
        assert_eq!(world.receive(&delivery).await.as_u16(), 401);
    }
}
