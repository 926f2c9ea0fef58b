use super::*;

const OPEN_ORDERS: &str = "{ orders(first: 3, sortKey: UPDATED_AT) { nodes { id name email displayFulfillmentStatus
    totalPriceSet { shopMoney { amount currencyCode } } fulfillments { id trackingInfo { company number url } }
    lineItems(first: 3) { nodes { id sku quantity } }
    fulfillmentOrders(first: 3) { nodes { id status assignedLocation { location { id } }
        lineItems(first: 3) { nodes { id remainingQuantity totalQuantity } } } } } } }";

const FULFIL: &str = "mutation F($fulfillment: FulfillmentInput!) { fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status name trackingInfo { company number url } } userErrors { field message } } }";

async fn order(shop: &Standin) -> Value {
    shop.data(OPEN_ORDERS, json!({})).await["orders"]["nodes"][0].clone()
}

#[tokio::test]
async fn what_is_bought_is_promised_then_shipped_in_parts() {
    let shop = open(options()).await;
    shop.shirt(&[("S", 5)]).await;
    let body = json!({ "items": [{ "sku": "SHIRT-S", "quantity": 3 }], "email": "ada@example.com" });
    let told = shop.enter("buy", body).await.unwrap();
    assert_eq!((told.text("total_price"), told.text("financial_status")), ("59.97", "paid"));
    let bought = order(&shop).await;
    assert_eq!(bought["totalPriceSet"]["shopMoney"], json!({ "amount": "59.97", "currencyCode": "GBP" }));
    let group = bought["fulfillmentOrders"]["nodes"][0].clone();
    let some = |quantity: i64| {
        json!({ "fulfillment": { "trackingInfo": { "company": "UPS", "number": "1Z" }, "lineItemsByFulfillmentOrder": [{
            "fulfillmentOrderId": group["id"], "fulfillmentOrderLineItems":
                [{ "id": group["lineItems"]["nodes"][0]["id"], "quantity": quantity }] }] } })
    };
    let first = shop.payload(FULFIL, some(2)).await;
    assert_eq!(first["fulfillment"]["trackingInfo"], json!([{ "company": "UPS", "number": "1Z", "url": null }]));
    assert_eq!(order(&shop).await["displayFulfillmentStatus"], "PARTIALLY_FULFILLED");
    let too_many = shop.payload(FULFIL, some(2)).await;
    assert!(too_many["userErrors"][0].text("message").contains("Invalid fulfillment order line item quantity"));
    let rest = json!({ "fulfillment": { "lineItemsByFulfillmentOrder": [{ "fulfillmentOrderId": group["id"] }] } });
    shop.payload(FULFIL, rest.clone()).await;
    let shipped = order(&shop).await;
    assert_eq!(shipped["displayFulfillmentStatus"], "FULFILLED");
    assert_eq!(shipped.list("fulfillments").len(), 2);
    assert!(shop.payload(FULFIL, rest).await["userErrors"][0].text("message").contains("status= closed"));
    let left = shop.enter("objects", json!({ "type": "InventoryLevel" })).await.unwrap();
    let amounts = &left[0]["amounts"];
    assert_eq!((amounts.whole("available"), amounts.whole("committed"), amounts.whole("on_hand")), (2, 0, 2));
}

#[tokio::test]
async fn a_cancelled_order_gives_its_stock_back_and_cannot_be_shipped() {
    let shop = open(options()).await;
    shop.shirt(&[("S", 5)]).await;
    let told = shop.enter("buy", json!({ "items": [{ "sku": "SHIRT-S", "quantity": 3 }] })).await.unwrap();
    shop.enter("cancel-order", json!({ "orderId": told["admin_graphql_api_id"] })).await.unwrap();
    let left = shop.enter("objects", json!({ "type": "InventoryLevel" })).await.unwrap();
    assert_eq!((left[0]["amounts"].whole("available"), left[0]["amounts"].whole("committed")), (5, 0));
    let group = order(&shop).await["fulfillmentOrders"]["nodes"][0].clone();
    assert_eq!(group["status"], "CANCELLED");
    let rest = json!({ "fulfillment": { "lineItemsByFulfillmentOrder": [{ "fulfillmentOrderId": group["id"] }] } });
    assert!(!shop.payload(FULFIL, rest).await.list("userErrors").is_empty());
}

#[tokio::test]
async fn orders_are_polled_by_when_they_changed() {
    let shop = open(options()).await;
    shop.shirt(&[("S", 5)]).await;
    for _ in 0..3 {
        shop.enter("buy", json!({ "items": [{ "sku": "SHIRT-S", "quantity": 1 }] })).await.unwrap();
        shop.enter("clock", json!({ "advanceSeconds": 60 })).await.unwrap();
    }
    let poll = "query P($q: String!) { orders(first: 9, query: $q, sortKey: UPDATED_AT) { nodes { name updatedAt } } }";
    let page = shop.data(poll, json!({ "q": "updated_at:>='2026-11-20T12:01:00Z'" })).await;
    let names: Vec<&str> = page["orders"].list("nodes").iter().map(|order| order.text("name")).collect();
    assert_eq!(names, ["#1002", "#1003"]);
}

#[tokio::test]
async fn ids_are_past_what_a_float_can_hold_and_the_same_every_time() {
    let first = open(options()).await.shirt(&[("S", 5)]).await;
    let second = open(options()).await.shirt(&[("S", 5)]).await;
    assert_eq!(first, second);
    let number: u64 = first.text("id").rsplit('/').next().unwrap().parse().unwrap();
    assert!(number > 1 << 53);
}
