use super::LocalDynamo;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, WriteRequest,
};
use std::collections::HashMap;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn table() -> (LocalDynamo, aws_sdk_dynamodb::Client) {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("shop");
    let client = dynamo.client();
    (dynamo, client)
}

#[tokio::test]
async fn what_is_put_can_be_read_through_every_index() {
    let (_dynamo, client) = table();
    client
        .put_item()
        .table_name("shop")
        .item("pk", text("P"))
        .item("sk", text("S"))
        .item("gsi1pk", text("G"))
        .item("gsi1sk", text("1"))
        .item("seq", AttributeValue::N("7".to_owned()))
        .item("note", text("hello"))
        .send()
        .await
        .unwrap();
    let query = |index: &str, condition: &str, value: &str| {
        client
            .query()
            .table_name("shop")
            .index_name(index)
            .key_condition_expression(condition)
            .expression_attribute_values(":v", text(value))
            .send()
    };
    let inverted = query("gsi1", "gsi1pk = :v", "G").await.unwrap();
    assert_eq!(inverted.items()[0].get("note"), None, "gsi1 projects keys only");
    let feed = query("lsi1", "pk = :v", "P").await.unwrap();
    assert_eq!(feed.items()[0].get("note"), Some(&text("hello")), "lsi1 projects everything");
}

#[tokio::test]
async fn a_failed_condition_in_a_transaction_returns_the_item_that_won() {
    let (_dynamo, client) = table();
    let create = || {
        let put = Put::builder()
            .table_name("shop")
            .item("pk", text("P"))
            .item("sk", text("S"))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .unwrap();
        client.transact_write_items().transact_items(TransactWriteItem::builder().put(put).build())
    };
    create().send().await.unwrap();
    let error = create().send().await.unwrap_err();
    assert!(matches!(&error, SdkError::ServiceError(refused) if refused.raw().status().as_u16() == 400));
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.into_service_error() else {
        panic!("a transaction whose condition fails is cancelled");
    };
    let reason = &cancelled.cancellation_reasons()[0];
    assert_eq!(reason.code(), Some("ConditionalCheckFailed"));
    assert_eq!(reason.item().unwrap().get("sk"), Some(&text("S")));
}

#[tokio::test]
async fn errors_arrive_as_the_types_of_the_sdk() {
    let (_dynamo, client) = table();
    let put = || client.put_item().table_name("shop").item("pk", text("P")).item("sk", text("S"));
    put().send().await.unwrap();
    let refused = put()
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
    let absent = client.describe_table().table_name("absent").send().await.unwrap_err().into_service_error();
    assert!(absent.is_resource_not_found_exception(), "{absent:?}");
}

#[tokio::test]
async fn a_repeated_client_request_token_writes_once() {
    let (_dynamo, client) = table();
    let add = |token: &str| {
        let update = aws_sdk_dynamodb::types::Update::builder()
            .table_name("shop")
            .key("pk", text("P"))
            .key("sk", text("S"))
            .update_expression("ADD n :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .unwrap();
        client
            .transact_write_items()
            .client_request_token(token)
            .transact_items(TransactWriteItem::builder().update(update).build())
            .send()
    };
    add("same").await.unwrap();
    add("same").await.unwrap();
    add("other").await.unwrap();
    let got = client.get_item().table_name("shop").key("pk", text("P")).key("sk", text("S")).send().await.unwrap();
    assert_eq!(got.item().unwrap().get("n"), Some(&AttributeValue::N("2".to_owned())));
}

#[tokio::test]
async fn a_transactional_write_costs_twice_and_its_index_entry_is_counted() {
    let (_dynamo, client) = table();
    let put = Put::builder()
        .table_name("shop")
        .item("pk", text("P"))
        .item("sk", text("S"))
        .item("gsi1pk", text("G"))
        .item("gsi1sk", text("1"))
        .build()
        .unwrap();
    let written = client
        .transact_write_items()
        .return_consumed_capacity(ReturnConsumedCapacity::Indexes)
        .transact_items(TransactWriteItem::builder().put(put).build())
        .send()
        .await
        .unwrap();
    let capacity = &written.consumed_capacity()[0];
    assert_eq!(capacity.table().unwrap().capacity_units(), Some(2.0));
    let index = &capacity.global_secondary_indexes().unwrap()["gsi1"];
    assert!(index.capacity_units().unwrap() >= 1.0, "{index:?}");
}

/// Adds one to the counter `name`, retrying conflicts with backoff; returns how many conflicts it met.
async fn add_through_conflicts(client: aws_sdk_dynamodb::Client, name: String) -> u32 {
    let update = aws_sdk_dynamodb::types::Update::builder()
        .table_name("shop")
        .key("pk", text("P"))
        .key("sk", text(&name))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .build()
        .unwrap();
    let action = TransactWriteItem::builder().update(update).build();
    let mut conflicts = 0;
    while let Err(error) = client.transact_write_items().transact_items(action.clone()).send().await {
        let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.into_service_error() else {
            panic!("only conflicts are expected");
        };
        assert_eq!(cancelled.cancellation_reasons()[0].code(), Some("TransactionConflict"));
        conflicts += 1;
        let ceiling = 8 << conflicts.min(7);
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(0..ceiling))).await;
    }
    conflicts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_concurrent_transactions_on_ten_items_meet_conflicts_and_all_count() {
    let dynamo = LocalDynamo::new().contended(7);
    dynamo.create_table("shop");
    let add = |number: usize| tokio::spawn(add_through_conflicts(dynamo.client(), (number % 10).to_string()));
    let tasks: Vec<_> = (0..300).map(add).collect();
    let mut conflicts = 0;
    for task in tasks {
        conflicts += task.await.unwrap();
    }
    assert!(conflicts > 0, "contention shows");
    for name in 0..10 {
        let key = serde_json::json!({"TableName": "shop", "Key": {"pk": {"S": "P"}, "sk": {"S": name.to_string()}}});
        assert_eq!(dynamo.execute("GetItem", key)["Item"]["n"]["N"], "30");
    }
}

#[tokio::test]
async fn a_plain_write_to_an_item_in_a_transaction_is_a_conflict() {
    let dynamo = LocalDynamo::new().contended(1);
    dynamo.create_table("shop");
    let client = dynamo.client();
    let plain = || client.put_item().table_name("shop").item("pk", text("P")).item("sk", text("S")).send();
    let transaction = || {
        let put = Put::builder().table_name("shop").item("pk", text("P")).item("sk", text("S")).build().unwrap();
        client.transact_write_items().transact_items(TransactWriteItem::builder().put(put).build()).send()
    };
    let mut met = false;
    for _ in 0..100 {
        let (_, refused) = tokio::join!(transaction(), plain());
        met |= refused.is_err_and(|error| error.into_service_error().is_transaction_conflict_exception());
    }
    assert!(met, "a hundred races without one conflict");
}

#[tokio::test]
async fn a_partial_fault_leaves_half_of_a_batch_unprocessed() {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("shop");
    let faults = crate::FaultInjector::new();
    let client = dynamo.client_through(&faults);
    let key = |sk: &str| HashMap::from([("pk".to_owned(), text("P")), ("sk".to_owned(), text(sk))]);
    let put = |sk: &str| {
        let put = PutRequest::builder().set_item(Some(key(sk))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    faults.always("BatchWriteItem", crate::Side::Before, crate::Effect::Partial);
    let written = client.batch_write_item().request_items("shop", vec![put("1"), put("2"), put("3")]);
    assert_eq!(written.send().await.unwrap().unprocessed_items().unwrap()["shop"].len(), 2);
    faults.always("BatchGetItem", crate::Side::Before, crate::Effect::Partial);
    let keys = KeysAndAttributes::builder().keys(key("1")).keys(key("3")).build().unwrap();
    let read = client.batch_get_item().request_items("shop", keys).send().await.unwrap();
    assert_eq!(read.responses().unwrap()["shop"], [key("3")]);
    let left = read.unprocessed_keys().unwrap()["shop"].clone();
    assert_eq!(left.keys(), [key("1")]);
    let none = client.batch_get_item().request_items("shop", left).send().await.unwrap();
    assert_eq!(none.unprocessed_keys().unwrap()["shop"].keys(), [key("1")], "half of one is none");
}
