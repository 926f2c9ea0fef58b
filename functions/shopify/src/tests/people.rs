//! What the law asks, also of stores that have thrown the app out.

use documents::State;
use serde_json::{Value, json};
use shopify::inbound::DELIVERY;

use super::world::{SHOP, World};

/// The text of everything in the table but deliveries, which go by themselves.
pub(crate) fn kept(world: &World) -> Vec<String> {
    let page = world.dynamo.execute("Scan", json!({ "TableName": "crossdock" }));
    let items = page["Items"].as_array().unwrap().iter();
    let lasting = |item: &&Value| !item["kind"]["S"].as_str().unwrap_or_default().starts_with("document-payload");
    items.filter(lasting).map(Value::to_string).collect()
}

#[tokio::test]
async fn a_customer_is_forgotten_after_the_app_was_thrown_out_but_not_while_an_order_is_on_its_way() {
    let world = World::connected().await;
    world.book(1, 5, 0).await;
    world.settle_in_time().await;
    let bought = world.buy(&[(1, 1)]).await;
    world.talk().await;
    let customer = world.objects("Customer").await[0]["id"].as_str().unwrap().to_owned();
    let customer: shopify::Gid = customer.parse().unwrap();
    let principal = world.order(&bought).await.unwrap().customer;
    assert_eq!(principal, format!("shopify:{SHOP}:{}", customer.number()));
    let redact = json!({ "shop_domain": SHOP, "customer": { "id": customer.number(), "email": "ada@example.com" },
        "orders_to_redact": [bought.number()] });
    assert!(kept(&world).concat().contains("High Street"));

    let tell = async |topic: &str, payload: &Value| {
        assert_eq!(world.receive(&world.delivery(topic, payload)).await.as_u16(), 200);
        world.settle().await;
    };
    tell("customers/redact", &redact).await;
    let codes = async || {
        let all = world.of(DELIVERY, State::Error).await;
        all.into_iter().filter_map(|document| document.last.unwrap().code).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, ["ORDERS_OPEN"]);

    tell("customers/data_request", &redact).await;
    assert!(codes().await.contains(&"DATA_REQUESTED".to_owned()));

    world.ship(&bought).await;
    world.settle_in_time().await;
    world.enter("uninstall", json!({})).await;
    world.listen().await;
    world.settle().await;
    tell("customers/redact", &redact).await;
    for personal in ["High Street", "ada@example.com"] {
        let left: Vec<_> = kept(&world).into_iter().filter(|item| item.contains(personal)).collect();
        assert!(left.is_empty(), "{left:#?}");
    }
    assert!(!world.order(&bought).await.unwrap().customer.contains(SHOP));

    tell("shop/redact", &json!({ "shop_domain": SHOP })).await;
    assert!(!kept(&world).concat().contains("SYNCED#"));
}
