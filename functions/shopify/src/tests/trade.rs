//! Trade both ways, when nothing goes wrong but the order of things.

use documents::State;
use sales::OrderStatus;
use sales::payment::RefundState;
use serde_json::json;
use sha2::Digest as _;
use shopify::Gid;
use shopify::inbound::DELIVERY;

use super::world::{World, gbp, sku};

#[tokio::test]
async fn a_book_goes_out_is_bought_and_ships_and_tracking_and_stock_follow() {
    let world = World::connected().await;
    world.book(1, 10, 0).await;
    world.settle_in_time().await;
    let products = world.objects("Product").await;
    assert_eq!(
        (products.len(), &products[0]["title"], &products[0]["status"]),
        (1, &json!("Volume 1"), &json!("ACTIVE"))
    );
    assert_eq!(world.available(1).await, [("Alpha".into(), 10), ("Beta".into(), 0)].into());

    let bought = world.buy(&[(1, 3)]).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!(
        (order.status, order.lines[0].unit_price_minor, order.total().unwrap()),
        (OrderStatus::Processing, 1_250, gbp(3_750))
    );
    assert_eq!((order.captured_minor(), order.channel()), (3_750, "shopify:stand-in.myshopify.com"));
    assert_eq!(order.shipments[0].lines, [(sku(1).parse().unwrap(), 3)]);
    world.level_changed(1, "alpha").await;
    world.settle_in_time().await;
    assert_eq!(world.available(1).await["Alpha"], 7);

    world.ship(&bought).await;
    world.settle_in_time().await;
    let fulfilments = world.objects("Fulfillment").await;
    let parcel = order.shipments[0].id(order.id).to_string();
    assert_eq!((fulfilments.len(), &fulfilments[0]["trackingInfo"][0]["number"]), (1, &json!(parcel)));
    world.talk().await;
    assert!(world.of(DELIVERY, State::Error).await.is_empty());
}

#[tokio::test]
async fn an_order_is_taken_in_once_however_often_and_in_whatever_order_it_is_told() {
    let world = World::connected().await;
    world.book(1, 10, 0).await;
    world.settle_in_time().await;
    world.told(json!({})).await;
    let first = world.buy(&[(1, 2)]).await;
    let second = world.buy(&[(1, 1)]).await;
    world.enter("cancel-order", json!({ "orderId": second })).await;
    let mut told = world.told(json!({ "duplicatePercent": 100, "shuffle": true })).await;
    told.extend(told.clone());
    for delivery in &told {
        assert_eq!(world.receive(delivery).await.as_u16(), 200);
        world.settle().await;
    }
    world.settle_in_time().await;
    let order = world.order(&first).await.unwrap();
    assert_eq!((order.version, order.status), (1, OrderStatus::Processing));
    // Taken in and called off, or never taken in, by what came first.
    assert!(world.order(&second).await.is_none_or(|order| order.status == OrderStatus::Cancelled));
    world.level_changed(1, "alpha").await;
    world.settle_in_time().await;
    assert_eq!(world.available(1).await["Alpha"], 8);
}

#[tokio::test]
async fn what_is_called_off_and_paid_back_there_is_so_here() {
    let world = World::connected().await;
    world.book(1, 10, 0).await;
    world.settle_in_time().await;
    let bought = world.buy(&[(1, 2)]).await;
    world.talk().await;
    let told = world.enter("cancel-order", json!({ "orderId": bought })).await;
    world.talk().await;
    assert_eq!(world.order(&bought).await.unwrap().status, OrderStatus::Cancelled);

    world.clock.advance(std::time::Duration::from_secs(60));
    let mut refunded = told;
    refunded["financial_status"] = json!("refunded");
    refunded["updated_at"] = json!(kernel::Clock::now(&*world.clock).to_string());
    for _ in 0..2 {
        world.enter("tell", json!({ "topic": "ORDERS_UPDATED", "payload": refunded })).await;
        world.talk().await;
    }
    let order = world.order(&bought).await.unwrap();
    let refunds: Vec<_> = order.refunds.iter().map(|refund| (refund.minor, refund.state)).collect();
    assert_eq!(refunds, [(2_500, RefundState::Done)]);
}

#[tokio::test]
async fn an_order_beyond_the_stock_waits_and_one_with_something_strange_is_for_a_person() {
    let world = World::connected().await;
    world.book(1, 1, 0).await;
    world.settle_in_time().await;
    let bought = world.buy(&[(1, 3)]).await;
    world.talk().await;
    let order = world.order(&bought).await.unwrap();
    assert_eq!(order.holds[0].code, sales::order::holds::OUT_OF_STOCK);

    let mut strange = world.enter("tell", json!({ "topic": "ORDERS_CREATE", "payload": null })).await;
    assert_eq!(strange, json!({}));
    strange = world.objects("Order").await[0].clone();
    assert!(strange["id"].is_string());
    world.told(json!({})).await;
    for (field, value, code) in [
        ("total_price", json!("1.00"), "TOTAL_DIFFERS"),
        ("fulfillment_status", json!("partial"), "PARTLY_SENT"),
        ("shipping_address", json!({ "city": "" }), "ADDRESS_NOT_VALID"),
        (
            "line_items",
            json!([{ "admin_graphql_api_id": "gid://shopify/LineItem/9", "title": "Tip", "quantity": 1,
            "current_quantity": 1, "price": "5.00" }]),
            "LINE_WITHOUT_SKU",
        ),
    ] {
        let mut payload = json!({
            "admin_graphql_api_id": format!("gid://shopify/Order/{}", 100 + code.len()), "id": 100 + code.len(), "name": "#9",
            "created_at": "2027-01-15T08:00:00Z", "updated_at": "2027-01-15T08:00:00Z", "currency": "GBP",
            "total_price": "25.00", "financial_status": "paid", "taxes_included": true,
            "line_items": [{ "admin_graphql_api_id": "gid://shopify/LineItem/8", "sku": sku(1), "title": "Volume 1",
                "quantity": 2, "current_quantity": 2, "price": "12.50" }],
        });
        payload[field] = value;
        world.enter("tell", json!({ "topic": "ORDERS_CREATE", "payload": payload })).await;
        world.listen().await;
        world.settle().await;
        let refused = world.of(DELIVERY, State::Error).await;
        assert!(refused.iter().any(|document| document.last.as_ref().unwrap().code.as_deref() == Some(code)), "{code}");
    }
}

#[tokio::test]
async fn a_person_who_changes_a_title_is_heard_only_where_a_rule_says_so_and_no_echo_goes_round() {
    let world = World::connected().await;
    let book = world.book(1, 5, 0).await;
    world.settle_in_time().await;
    world.talk().await;
    let change = async |title: &str| {
        world.clock.advance(std::time::Duration::from_secs(300));
        world.enter("product", json!({ "sku": sku(1), "set": { "title": title } })).await;
        world.talk().await;
        let catalog = catalog::Catalog::new(world.table(), world.clock());
        catalog.get(&super::world::tenant(), book).await.unwrap().unwrap().value.title
    };
    assert_eq!(change("Ignored").await, "Volume 1");
    let path = format!("{}/{}", super::world::CONNECTIONS, super::world::SHOP);
    let view = world.send(http::Method::GET, &path, &json!(null)).await.is(200);
    let rules = json!({ "product": [{ "field": "/title", "rule": "INGEST" }] });
    let terms = json!({ "locations": view["locations"], "rules": rules });
    world.send(http::Method::PUT, &path, &terms).await.is(200);
    assert_eq!(change("Heard").await, "Heard");
    let writes = async || world.enter("counters", json!({})).await["operations"]["productSet"].as_u64().unwrap();
    let before = writes().await;
    world.talk().await;
    assert_eq!(writes().await, before);
}

#[tokio::test]
async fn a_delivery_that_no_item_holds_is_taken_in_like_any_other() {
    let world = World::wired().await;
    world.book(1, 5, 0).await;
    world.settle_in_time().await;
    let mut order = world.bought(&[(1, 2)]).await;
    let bought: Gid = order["admin_graphql_api_id"].as_str().unwrap().parse().unwrap();
    // What no compression makes small enough.
    order["note_attributes"] = (0..50_000_u32).map(|n| kernel::hex(&sha2::Sha256::digest(n.to_be_bytes()))).collect();
    for _ in 0..2 {
        assert_eq!(world.receive(&world.delivery("orders/create", &order)).await.as_u16(), 200);
    }
    let kept = world.bucket.names();
    assert!(kept.len() == 1 && kept[0].starts_with("deliveries/books.test/document-payload/"), "{kept:?}");
    world.settle().await;
    assert_eq!(world.order(&bought).await.unwrap().status, OrderStatus::Processing);
}
