//! What operators start and see of the flows of a store.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use shopify::flows::drift::Drift;
use shopify::flows::syncs::SyncState;

use super::world::{Answer, CONNECTIONS, SHOP, World, tenant};

fn path(what: &str) -> String {
    format!("{CONNECTIONS}/{SHOP}/{what}")
}

async fn start(world: &World, key: &str) -> Answer {
    let request = Request::post(path("full-syncs")).header("idempotency-key", key);
    world.ask("STORE_ADMIN", request, Body::empty()).await
}

async fn get(world: &World, what: &str) -> Value {
    world.send(Method::GET, &path(what), &Value::Null).await.is(200)
}

#[tokio::test]
async fn a_full_sync_is_started_one_at_a_time_and_shown_with_how_far_it_is() {
    let world = World::connected().await;
    let first = start(&world, "a").await.is(202);
    assert_eq!((&first["state"], &first["by"], &first["stored"]), (&json!("RUNNING"), &json!("usr_admin"), &json!(0)));
    assert_eq!(start(&world, "a").await.is(202), first);
    let refused = start(&world, "b").await.is(409);
    assert_eq!((&refused["code"], &refused["id"]), (&json!("full_sync_running"), &first["id"]));
    world.machine.0.lock().unwrap().values_mut().for_each(|state| *state = SyncState::Failed);
    world.clock.advance(std::time::Duration::from_secs(1));
    let second = start(&world, "b").await.is(202);
    let page = get(&world, "full-syncs?limit=1").await;
    assert_eq!(page["items"], json!([second]));
    let page = get(&world, &format!("full-syncs?limit=1&cursor={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&page["items"][0]["id"], &page["items"][0]["state"]), (&first["id"], &json!("FAILED")));
    assert_eq!(world.machine.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_full_sync_needs_a_key_an_administrator_and_a_store_that_is_connected() {
    let world = World::connected().await;
    let without = world.ask("STORE_ADMIN", Request::post(path("full-syncs")), Body::empty()).await;
    without.is(400);
    let request = Request::post(path("full-syncs")).header("idempotency-key", "a");
    world.ask("SERVICE", request, Body::empty()).await.is(403);
    let request = Request::post(format!("{CONNECTIONS}/other.myshopify.com/full-syncs")).header("idempotency-key", "a");
    world.ask("STORE_ADMIN", request, Body::empty()).await.is(404);
    world.send(Method::DELETE, &format!("{CONNECTIONS}/{SHOP}"), &Value::Null).await.is(204);
    assert_eq!(start(&world, "a").await.is(409)["code"], "not_connected");
    assert!(world.machine.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn levels_that_differ_are_listed_in_pages() {
    let world = World::connected().await;
    for (sku, theirs) in [("9780000000019", 4), ("9780000000026", 9)] {
        let (shop, place) = (SHOP.parse().unwrap(), format!("{sku}@alpha"));
        let drift = Drift { shop, place, ours: 5, theirs, at: world.clock().now() };
        world.table().put(&tenant(), &drift).await.unwrap();
    }
    let page = get(&world, "drift?limit=1").await;
    let first = &page["items"][0];
    assert_eq!((&first["sku"], &first["location"]), (&json!("9780000000019"), &json!("alpha")));
    assert_eq!((&first["ours"], &first["theirs"]), (&json!(5), &json!(4)));
    let page = get(&world, &format!("drift?limit=1&cursor={}", page["next"].as_str().unwrap())).await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["theirs"]), (1, &json!(9)));
}
