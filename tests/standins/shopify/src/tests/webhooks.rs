use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

async fn held() -> (Standin, Listener) {
    let (shop, listener) = (open(Options { hold_webhooks: true, ..options() }).await, Listener::start().await);
    let made = shop.payload(SUBSCRIBE, json!({ "topic": "PRODUCTS_UPDATE", "uri": listener.url })).await;
    assert_eq!(made["userErrors"], json!([]));
    (shop, listener)
}

#[tokio::test]
async fn a_change_is_told_once_signed_and_with_all_headers() {
    let (shop, listener) = held().await;
    shop.shirt(&[("S", 1)]).await;
    shop.shirt(&[("S", 2)]).await;
    assert_eq!(shop.enter("deliver", json!({})).await.unwrap()["tries"], 1);
    let (headers, body) = listener.heard.lock().unwrap()[0].clone();
    let of = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(of("x-shopify-topic"), "products/update");
    assert_eq!(of("x-shopify-shop-domain"), "stand-in.myshopify.com");
    assert_eq!(of("x-shopify-api-version"), "2026-10");
    assert_eq!(of("x-shopify-hmac-sha256"), signature("standin-secret", &body));
    assert!(headers.contains_key("x-shopify-event-id") && headers.contains_key("x-shopify-triggered-at"));
    let told = &listener.bodies()[0];
    assert_eq!((told.text("handle"), told["variants"][0].text("sku")), ("shirt", "SHIRT-S"));
    assert_eq!(told["variants"][0]["inventory_quantity"], 2);
    let twice = shop.payload(SUBSCRIBE, json!({ "topic": "PRODUCTS_UPDATE", "uri": listener.url })).await;
    assert!(twice["userErrors"][0].text("message").contains("already been taken"));
}

#[tokio::test]
async fn duplicates_have_the_same_id_and_any_order() {
    let (shop, listener) = held().await;
    for quantity in 0..41 {
        shop.shirt(&[("S", quantity)]).await;
    }
    let travel = json!({ "duplicatePercent": 50, "shuffle": true, "atOnce": 4 });
    let tries = shop.enter("deliver", travel).await.unwrap().whole("tries");
    let ids = listener.ids();
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((unique.len(), ids.len()), (40, usize::try_from(tries).unwrap()));
    assert!(ids.len() > 45);
    let quantities: Vec<i64> =
        listener.bodies().iter().map(|it| it["variants"][0].whole("inventory_quantity")).collect();
    assert!(!quantities.is_sorted());
}

#[tokio::test]
async fn a_delivery_is_tried_nine_times_then_the_subscription_is_gone() {
    let (shop, listener) = held().await;
    *listener.status.lock().unwrap() = StatusCode::SERVICE_UNAVAILABLE;
    shop.shirt(&[("S", 1)]).await;
    shop.shirt(&[("S", 2)]).await;
    assert_eq!(shop.enter("deliver", json!({})).await.unwrap()["tries"], 1);
    assert_eq!(shop.enter("deliver", json!({})).await.unwrap()["tries"], 0);
    for _ in 0..8 {
        shop.enter("clock", json!({ "advanceSeconds": 7_200 })).await.unwrap();
        assert_eq!(shop.enter("deliver", json!({})).await.unwrap()["tries"], 1);
    }
    let ids = listener.ids();
    assert!(ids.len() == 9 && ids.iter().all(|id| *id == ids[0]));
    let left = shop.data("{ webhookSubscriptions(first: 9) { nodes { id } } }", json!({})).await;
    assert_eq!(left["webhookSubscriptions"]["nodes"], json!([]));
    assert_eq!(shop.counter("waitingDeliveries").await, 0);
}

#[tokio::test]
async fn after_a_rotation_the_new_secret_signs() {
    let (shop, listener) = held().await;
    shop.shirt(&[("S", 1)]).await;
    shop.shirt(&[("S", 2)]).await;
    shop.enter("rotate-secret", json!({ "secret": "fresh" })).await.unwrap();
    shop.enter("deliver", json!({})).await.unwrap();
    let (headers, body) = listener.heard.lock().unwrap()[0].clone();
    assert_eq!(headers["x-shopify-hmac-sha256"].to_str().unwrap(), signature("fresh", &body));
}

#[tokio::test]
async fn an_app_that_is_removed_hears_of_it_last() {
    let (shop, listener) = held().await;
    shop.payload(SUBSCRIBE, json!({ "topic": "APP_UNINSTALLED", "uri": listener.url })).await;
    shop.enter("uninstall", json!({})).await.unwrap();
    shop.enter("deliver", json!({})).await.unwrap();
    assert_eq!(listener.bodies()[0].text("myshopify_domain"), "stand-in.myshopify.com");
}

#[tokio::test]
async fn subscriptions_are_changed_listed_by_topic_and_removed() {
    let (shop, listener) = held().await;
    shop.payload(SUBSCRIBE, json!({ "topic": "ORDERS_CREATE", "uri": listener.url })).await;
    let by_topic = "{ webhookSubscriptions(first: 9, topics: [ORDERS_CREATE]) { nodes { id topic uri } } }";
    let node = shop.data(by_topic, json!({})).await["webhookSubscriptions"]["nodes"][0].clone();
    let update = "mutation U($id: ID!) { webhookSubscriptionUpdate(id: $id, webhookSubscription: { uri: \"http://else.test/\" }) {
        webhookSubscription { uri } userErrors { message } } }";
    let updated = shop.payload(update, json!({ "id": node["id"] })).await;
    assert_eq!(updated["webhookSubscription"]["uri"], "http://else.test/");
    let delete = "mutation D($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { message } } }";
    shop.payload(delete, json!({ "id": node["id"] })).await;
    assert!(!shop.payload(delete, json!({ "id": node["id"] })).await.list("userErrors").is_empty());
}

#[tokio::test]
async fn webhooks_leave_by_themselves_unless_held() {
    let (shop, listener) = (open(options()).await, Listener::start().await);
    shop.payload(SUBSCRIBE, json!({ "topic": "PRODUCTS_CREATE", "uri": listener.url })).await;
    shop.shirt(&[("S", 1)]).await;
    while listener.bodies().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(listener.bodies()[0].text("title"), "Shirt");
}
