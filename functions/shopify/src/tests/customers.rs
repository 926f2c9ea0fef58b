//! Customers both ways, through the message centre.

use std::time::Duration;

use documents::State;
use http::Method;
use kernel::Clock as _;
use messaging::Outcome;
use serde_json::{Value, json};
use shopify::inbound::DELIVERY;
use testkit::crash_points;

use super::crashes::dies;
use super::people::kept;
use super::world::{CONNECTIONS, SHOP, World, subscribed, tenant};

const ADA: &str = "ada@example.com";

fn ada(first_name: &str, second: u32) -> Value {
    json!({ "email": ADA, "firstName": first_name, "tags": ["vip"], "updatedAt": format!("2027-01-15T09:00:{second:02}Z"),
        "addresses": [{ "address1": "1 High Street", "city": "London", "zip": "N1", "countryCode": "GB" }] })
}

impl World {
    /// Whatever people change about customers is taken, and told to others.
    async fn open_to_customers() -> Self {
        let world = Self::connected().await;
        world.rule("PROPAGATE").await;
        world
    }

    async fn rule(&self, rule: &str) {
        let path = format!("{CONNECTIONS}/{SHOP}");
        let view = self.send(Method::GET, &path, &Value::Null).await.is(200);
        let rules = json!({ "customer": [{ "field": "", "rule": rule }] });
        self.send(Method::PUT, &path, &json!({ "locations": view["locations"], "rules": rules })).await.is(200);
    }

    /// Somebody changes a customer in the store a while later.
    async fn edits(&self, set: Value) -> Value {
        self.clock.advance(Duration::from_secs(300));
        self.enter("customer", json!({ "email": ADA, "set": set })).await
    }

    /// Documents of customers at the message centre, oldest first, with what they carry.
    async fn went_round(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for document in self.of("customer", State::Success).await {
            if document.connection.as_str() == "centre" {
                let payload = self.documents().payload(&tenant(), document.id).await.unwrap().unwrap();
                all.push(serde_json::from_str(&payload.body).unwrap());
            }
        }
        all
    }

    async fn writes(&self) -> u64 {
        self.enter("counters", json!({})).await["operations"]["customerSet"].as_u64().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_customer_handed_in_goes_to_the_store_under_our_id_and_no_echo_comes_back() {
    let world = World::open_to_customers().await;
    world.hand_in("till-1", &ada("Ada", 1)).await;
    world.talk().await;
    let customers = world.objects("Customer").await;
    assert_eq!((customers.len(), &customers[0]["firstName"], &customers[0]["email"]), (1, &json!("Ada"), &json!(ADA)));
    // The same again is nothing new; a newer state of another address is the same customer.
    world.hand_in("till-1", &ada("Ada", 1)).await;
    let mut moved = ada("Augusta", 2);
    moved["email"] = json!("augusta@example.com");
    world.hand_in("till-1", &moved).await;
    world.talk().await;
    let customers = world.objects("Customer").await;
    assert_eq!((customers.len(), &customers[0]["firstName"]), (1, &json!("Augusta")));
    assert_eq!((world.writes().await, world.went_round().await.len()), (2, 2));
}

#[tokio::test]
async fn whom_the_store_had_before_is_found_by_address_once_and_by_our_id_from_then_on() {
    let world = World::connected().await;
    world.edits(json!({ "firstName": "A." })).await;
    world.talk().await;
    world.hand_in("till-1", &ada("Ada", 1)).await;
    world.talk().await;
    assert_eq!(world.writes().await, 2);
    let mut moved = ada("Ada", 2);
    moved["email"] = json!("countess@example.com");
    world.hand_in("till-1", &moved).await;
    world.talk().await;
    let customers = world.objects("Customer").await;
    assert_eq!((customers.len(), &customers[0]["email"]), (1, &json!("countess@example.com")));
}

#[tokio::test]
async fn a_customer_of_the_store_goes_round_as_far_as_rules_say() {
    let world = World::connected().await;
    world.edits(json!({ "firstName": "Ada" })).await;
    world.talk().await;
    assert_eq!(world.went_round().await, [Value::Null; 0]);

    world.rule("INGEST").await;
    world.edits(json!({ "lastName": "Byron" })).await;
    world.talk().await;
    assert_eq!(world.went_round().await, [Value::Null; 0]);

    world.rule("PROPAGATE").await;
    world.edits(json!({ "lastName": "Lovelace" })).await;
    world.talk().await;
    let went = world.went_round().await;
    assert_eq!((went.len(), &went[0]["firstName"], &went[0]["lastName"]), (1, &json!("Ada"), &json!("Lovelace")));
    // Whoever tells it knows it.
    assert_eq!(world.writes().await, 0);

    world.rule("REVERT").await;
    world.edits(json!({ "lastName": "King" })).await;
    world.talk().await;
    assert_eq!((world.went_round().await.len(), world.writes().await), (1, 1));
    assert_eq!(world.objects("Customer").await[0]["lastName"], "Lovelace");
    assert!(world.of(DELIVERY, State::Error).await.is_empty());
}

#[tokio::test]
async fn what_both_sides_changed_is_merged_field_by_field() {
    let world = World::open_to_customers().await;
    let made = world.edits(json!({ "firstName": "Ada", "lastName": "Byron" })).await;
    world.talk().await;
    let id = format!("shopify:{SHOP}:{}", made["id"]);
    let mut ours = ada("Augusta", 0);
    ours["lastName"] = json!("Byron");
    ours["updatedAt"] = json!(world.clock.now().checked_add(Duration::from_secs(60)).unwrap());
    world.edits(json!({ "lastName": "Lovelace" })).await;
    world.hand_in(&id, &ours).await;
    // It is heard here, and not told to the store before the store's own news are in.
    let handlers = world.handlers(&world.table());
    for _ in 0..2 {
        for event in world.events() {
            for handler in subscribed(&handlers, &event) {
                assert_eq!(handler.handle(&event).await, Outcome::Done);
            }
        }
    }
    let late = world.events();
    assert_eq!(late.len(), 1);
    world.listen().await;
    world.settle().await;
    for handler in subscribed(&handlers, &late[0]) {
        assert_eq!(handler.handle(&late[0]).await, Outcome::Done);
    }
    world.talk().await;
    let there = world.objects("Customer").await;
    assert_eq!((&there[0]["firstName"], &there[0]["lastName"]), (&json!("Augusta"), &json!("Lovelace")));
    let known = shopify::customers::Customers::new(world.table()).find(&tenant(), &id).await.unwrap().unwrap();
    let customer = known.told.customer;
    assert_eq!((customer.first_name.as_deref(), customer.last_name.as_deref()), (Some("Augusta"), Some("Lovelace")));
}

#[tokio::test]
async fn deliveries_that_come_twice_and_in_any_order_end_in_the_newest_state() {
    let world = World::open_to_customers().await;
    for name in ["A", "B", "C", "D"] {
        world.edits(json!({ "firstName": name })).await;
    }
    let told = world.told(json!({ "duplicatePercent": 100, "shuffle": true })).await;
    assert_eq!(told.len(), 8);
    for delivery in &told {
        assert_eq!(world.receive(delivery).await.as_u16(), 200);
        world.settle().await;
    }
    world.settle_in_time().await;
    let went = world.went_round().await;
    let newest = went.iter().max_by_key(|payload| payload["updatedAt"].as_str().unwrap().to_owned()).unwrap();
    assert_eq!(newest["firstName"], "D");
    assert_eq!(world.writes().await, 0);
    assert_eq!(world.objects("Customer").await[0]["firstName"], "D");
}

#[tokio::test]
async fn a_customer_is_handed_in_once_wherever_the_worker_died() {
    let points = crash_points(async |faults| {
        let world = World::wired().await;
        world.rule("PROPAGATE").await;
        let payload = world.enter("customer", json!({ "email": ADA, "set": { "firstName": "Ada" } })).await;
        world.settle().await;
        assert_eq!(world.receive(&world.delivery("customers/create", &payload)).await.as_u16(), 200);
        dies(&world, &faults).await;
        let went = world.went_round().await;
        assert_eq!((went.len(), &went[0]["firstName"]), (1, &json!("Ada")));
        assert_eq!(world.writes().await, 0);
    })
    .await;
    assert!(points > 5);
}

#[tokio::test]
async fn a_customer_is_told_to_the_store_once_wherever_the_worker_died() {
    crash_points(async |faults| {
        let world = World::wired().await;
        world.hand_in("till-1", &ada("Ada", 1)).await;
        dies(&world, &faults).await;
        let customers = world.objects("Customer").await;
        assert_eq!((customers.len(), &customers[0]["firstName"]), (1, &json!("Ada")));
    })
    .await;
}

#[tokio::test]
async fn who_is_forgotten_is_in_no_document_and_not_known_any_more() {
    let world = World::open_to_customers().await;
    let made = world.edits(json!({ "firstName": "Ada" })).await;
    world.talk().await;
    let id = format!("shopify:{SHOP}:{}", made["id"]);
    world.hand_in("till-1", &ada("Augusta", 1)).await;
    world.talk().await;
    let known = shopify::customers::Customers::new(world.table());
    assert!(known.find(&tenant(), &id).await.unwrap().is_some());
    let redact = json!({ "shop_domain": SHOP, "customer": { "id": made["id"], "email": ADA }, "orders_to_redact": [] });
    assert_eq!(world.receive(&world.delivery("customers/redact", &redact)).await.as_u16(), 200);
    world.settle().await;
    assert_eq!(world.went_round().await, [json!({}), json!({})]);
    for id in [&*id, "till-1"] {
        assert_eq!(known.find(&tenant(), id).await.unwrap(), None);
        assert!(known.documents(&tenant(), id).await.unwrap().is_empty());
    }
    let left: Vec<_> = kept(&world).into_iter().filter(|item| item.contains("Augusta")).collect();
    assert!(left.is_empty(), "{left:#?}");
}
