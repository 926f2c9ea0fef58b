use super::{Effect, FaultInjector, Side, crash_points};
use crate::LocalDynamo;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use std::time::Duration;

fn world() -> (LocalDynamo, FaultInjector, Client) {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("shop");
    let faults = FaultInjector::new();
    let client = dynamo.client_through(&faults);
    (dynamo, faults, client)
}

async fn add(
    client: &Client,
    name: &str,
) -> Result<(), SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError>> {
    client
        .update_item()
        .table_name("shop")
        .key("pk", AttributeValue::S("P".to_owned()))
        .key("sk", AttributeValue::S(name.to_owned()))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .map(drop)
}

/// The counter called `name`, read past every fault.
fn total(dynamo: &LocalDynamo, name: &str) -> u32 {
    let key = serde_json::json!({"TableName": "shop", "Key": {"pk": {"S": "P"}, "sk": {"S": name}}});
    let item = &dynamo.execute("GetItem", key)["Item"];
    item["n"]["N"].as_str().map_or(0, |n| n.parse().unwrap())
}

#[tokio::test]
async fn a_failure_before_leaves_the_table_as_it_was_and_one_after_does_not() {
    let (dynamo, faults, client) = world();
    faults.at(0, Side::Before, Effect::ConnectionError);
    faults.at(1, Side::After, Effect::Timeout);
    assert!(matches!(add(&client, "a").await, Err(SdkError::DispatchFailure(lost)) if lost.is_io()));
    assert_eq!(total(&dynamo, "a"), 0);
    assert!(matches!(add(&client, "a").await, Err(SdkError::DispatchFailure(late)) if late.is_timeout()));
    assert_eq!(total(&dynamo, "a"), 1);
    add(&client, "a").await.unwrap();
    assert_eq!(total(&dynamo, "a"), 2);
    let answered: Vec<_> = faults.calls().iter().map(|call| call.answered).collect();
    assert_eq!(answered, [None, Some(200), Some(200)]);
}

#[tokio::test]
async fn faults_can_name_an_api_and_its_turn_or_all_its_calls() {
    let (dynamo, faults, client) = world();
    faults.on("UpdateItem", 1, Side::Before, Effect::Throttle);
    add(&client, "a").await.unwrap();
    let refused = add(&client, "a").await.unwrap_err().into_service_error();
    assert!(refused.is_provisioned_throughput_exceeded_exception(), "{refused:?}");
    add(&client, "a").await.unwrap();
    faults.always("UpdateItem", Side::Before, Effect::ServerError);
    for _ in 0..2 {
        assert!(add(&client, "a").await.unwrap_err().into_service_error().is_internal_server_error());
    }
    faults.heal();
    add(&client, "a").await.unwrap();
    assert_eq!(total(&dynamo, "a"), 3);
    assert_eq!(faults.count_by_api()["UpdateItem"], 6);
}

#[tokio::test]
async fn a_delayed_call_takes_its_time_and_succeeds() {
    let (dynamo, faults, client) = world();
    faults.at(0, Side::Before, Effect::Delay(Duration::from_millis(20)));
    let started = tokio::time::Instant::now();
    add(&client, "a").await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(20));
    assert_eq!(total(&dynamo, "a"), 1);
}

#[tokio::test]
async fn a_crashed_process_reaches_nothing_until_it_is_restarted() {
    let (dynamo, faults, client) = world();
    let other = faults.process("other");
    let others = dynamo.client_through(&other);
    faults.at(1, Side::After, Effect::Crash);
    add(&client, "a").await.unwrap();
    add(&client, "a").await.unwrap_err();
    add(&client, "a").await.unwrap_err();
    add(&others, "b").await.unwrap();
    assert_eq!((total(&dynamo, "a"), total(&dynamo, "b")), (2, 1), "only the main process crashed, after its write");
    faults.restart();
    add(&client, "a").await.unwrap();
    assert_eq!(total(&dynamo, "a"), 3);
    assert_eq!(faults.calls().iter().filter(|call| call.process == "other").count(), 1);
}

#[tokio::test]
async fn a_crash_inside_a_run_stops_the_flow_at_that_call() {
    let (dynamo, faults, client) = world();
    faults.at(0, Side::After, Effect::Crash);
    let mut went_on = false;
    let outcome = faults
        .run(async {
            let lost = add(&client, "a").await;
            went_on = true;
            lost
        })
        .await;
    assert!(outcome.is_err() && !went_on, "no error handling runs in a killed process");
    assert_eq!(total(&dynamo, "a"), 1);
}

/// The order in which the calls of two busy processes are made.
async fn order_of_calls(seed: u64) -> Vec<String> {
    let (dynamo, faults, client) = world();
    faults.interleave(seed);
    let others = dynamo.client_through(&faults.process("other"));
    let busy = async |client: &Client| {
        for _ in 0..10 {
            add(client, "a").await.unwrap();
        }
    };
    tokio::join!(busy(&client), busy(&others));
    assert_eq!(total(&dynamo, "a"), 20);
    faults.calls().into_iter().map(|call| call.process).collect()
}

#[tokio::test]
async fn interleaving_differs_by_seed_and_only_by_seed() {
    let first = order_of_calls(1).await;
    assert_eq!(first, order_of_calls(1).await);
    assert_ne!(first, order_of_calls(2).await);
}

#[tokio::test]
async fn what_a_call_consumes_is_recorded_though_the_caller_did_not_ask() {
    let (_dynamo, faults, client) = world();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = client.put_item().table_name("shop").item("pk", text("P")).item("sk", text("S"));
    put.item("gsi1pk", text("G")).item("gsi1sk", text("1")).send().await.unwrap();
    client.get_item().table_name("shop").key("pk", text("P")).key("sk", text("S")).send().await.unwrap();
    let total = faults.capacity();
    assert_eq!((total.write, total.read, total.indexes["gsi1"]), (2.0, 0.5, 1.0));
    assert_eq!(faults.calls()[0].body["Item"]["gsi1sk"]["S"], "1");
}

#[tokio::test]
async fn every_call_of_a_flow_is_crashed_before_and_after() {
    let points = crash_points(|faults| async move {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("shop");
        let client = dynamo.client_through(&faults);
        let flow = async {
            for name in ["a", "b"] {
                add(&client, name).await.unwrap();
            }
        };
        let outcome = faults.run(flow).await;
        faults.restart();
        let written = (total(&dynamo, "a"), total(&dynamo, "b"));
        match outcome {
            Ok(()) => assert_eq!(written, (1, 1)),
            Err(_) => assert!([(0, 0), (1, 0), (1, 1)].contains(&written), "{written:?}"),
        }
    })
    .await;
    assert_eq!(points, 2);
}
