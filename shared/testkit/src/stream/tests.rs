use super::{Reason, StreamSimulator};
use crate::LocalDynamo;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use kernel::{ManualClock, Timestamp};
use serde_json::{Value, json};
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn table() -> LocalDynamo {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("shop");
    dynamo
}

fn item(name: &str, version: usize, kind: &str) -> Value {
    json!({"pk": {"S": name}, "sk": {"S": "S"}, "kind": {"S": kind}, "v": {"N": version.to_string()}})
}

fn put(dynamo: &LocalDynamo, name: &str, version: usize, kind: &str) {
    dynamo.execute("PutItem", json!({"TableName": "shop", "Item": item(name, version, kind)}));
}

/// `name:version` of a record.
fn label(record: &EventRecord) -> String {
    let image: Value = serde_json::to_value(&record.change.new_image).unwrap();
    let (name, version) = (&image["pk"]["S"], &image["v"]["N"]);
    format!("{}:{}", name.as_str().unwrap(), version.as_str().unwrap())
}

fn failing(sequence_numbers: impl IntoIterator<Item = String>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for number in sequence_numbers {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(number);
        response.batch_item_failures.push(failure);
    }
    response
}

type Answer = Ready<Result<DynamoDbEventResponse, String>>;

/// Notes each batch; fails as a whole when it holds a record called `poison`.
fn noting<'a>(batches: &'a Mutex<Vec<Vec<String>>>, poison: &'a str) -> impl Fn(Event) -> Answer + 'a {
    move |event| {
        let labels: Vec<String> = event.records.iter().map(label).collect();
        let poisoned = labels.iter().any(|label| label == poison);
        batches.lock().unwrap().push(labels);
        ready(if poisoned { Err("boom".to_owned()) } else { Ok(DynamoDbEventResponse::default()) })
    }
}

/// As [`noting`], but reports the poison alone.
fn reporting<'a>(batches: &'a Mutex<Vec<Vec<String>>>, poison: &'a str) -> impl Fn(Event) -> Answer + 'a {
    move |event| {
        batches.lock().unwrap().push(event.records.iter().map(label).collect());
        let poisoned = event.records.into_iter().filter(|record| label(record) == poison);
        ready(Ok(failing(poisoned.filter_map(|record| record.change.sequence_number))))
    }
}

#[tokio::test]
async fn changes_that_pass_the_filter_arrive_in_commit_order_and_writes_without_change_do_not() {
    let dynamo = table();
    let mut stream = StreamSimulator::new(&dynamo, "shop").kind("event");
    put(&dynamo, "a", 1, "event");
    put(&dynamo, "b", 1, "order");
    put(&dynamo, "a", 1, "event");
    put(&dynamo, "a", 2, "event");
    let seen: Mutex<Vec<(String, String)>> = Mutex::default();
    let delivered = stream
        .deliver(|event: Event| {
            let records = event.records.into_iter().map(|record| (record.event_name.clone(), label(&record)));
            seen.lock().unwrap().extend(records);
            ready(Ok::<_, String>(DynamoDbEventResponse::default()))
        })
        .await;
    assert_eq!((delivered.invocations, delivered.records, delivered.pending), (1, 2, 0));
    let expected = [("INSERT", "a:1"), ("MODIFY", "a:2")].map(|(name, label)| (name.to_owned(), label.to_owned()));
    assert_eq!(seen.into_inner().unwrap(), expected);
}

#[tokio::test]
async fn a_batch_that_fails_holds_up_its_shard_until_it_succeeds() {
    let dynamo = table();
    let mut stream = StreamSimulator::new(&dynamo, "shop").batch_size(2);
    for name in ["a", "b", "c"] {
        put(&dynamo, name, 1, "event");
    }
    let batches = Mutex::default();
    let held = stream.deliver(noting(&batches, "b:1")).await;
    assert_eq!((held.invocations, held.pending), (1, 3), "nothing overtakes it, and it is not tried for ever");
    let freed = stream.deliver(noting(&batches, "nothing")).await;
    assert_eq!((freed.invocations, freed.pending), (2, 0));
    assert_eq!(*batches.lock().unwrap(), [vec!["a:1", "b:1"], vec!["a:1", "b:1"], vec!["c:1"]]);
}

#[tokio::test]
async fn a_reported_failure_moves_the_checkpoint_to_the_lowest_of_them() {
    let dynamo = table();
    let mut stream = StreamSimulator::new(&dynamo, "shop").retries(1);
    for name in ["a", "b", "c"] {
        put(&dynamo, name, 1, "event");
    }
    let batches = Mutex::default();
    stream.deliver(reporting(&batches, "b:1")).await;
    let expected = [vec!["a:1", "b:1", "c:1"], vec!["b:1", "c:1"]];
    assert_eq!(*batches.lock().unwrap(), expected, "what comes after the failed record is delivered again");
    let given_up = stream.take_given_up();
    assert_eq!(given_up[0].reason, Reason::Retries);
    let lost: Vec<String> = given_up[0].records.iter().map(label).collect();
    assert_eq!(lost, ["b:1", "c:1"], "the healthy record behind the poison is given up with it");
}

#[tokio::test]
async fn a_report_about_an_unknown_record_fails_the_whole_batch() {
    let dynamo = table();
    let mut stream = StreamSimulator::new(&dynamo, "shop").retries(0);
    put(&dynamo, "a", 1, "event");
    stream.deliver(|_| ready(Ok::<_, String>(failing(["nothing".to_owned()])))).await;
    assert_eq!(stream.take_given_up().len(), 1);
}

#[tokio::test]
async fn bisecting_isolates_the_record_that_fails() {
    let dynamo = table();
    let mut stream = StreamSimulator::new(&dynamo, "shop").bisecting().retries(2);
    for name in ["a", "b", "c", "d", "e"] {
        put(&dynamo, name, 1, "event");
    }
    let batches = Mutex::default();
    let delivered = stream.deliver(noting(&batches, "d:1")).await;
    assert_eq!(delivered.pending, 0);
    let given_up = stream.take_given_up();
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].records.iter().map(label).collect::<Vec<_>>(), ["d:1"]);
    let batches = batches.into_inner().unwrap();
    assert_eq!(batches.iter().filter(|batch| **batch == ["d:1"]).count(), 3, "one try and two retries, alone");
    assert_eq!(batches.last().unwrap(), &["e:1"]);
}

#[tokio::test]
async fn what_is_too_old_is_given_up_untried() {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
    let dynamo = LocalDynamo::with_clock(clock.clone());
    dynamo.create_table("shop");
    let mut stream = StreamSimulator::new(&dynamo, "shop").max_age(Duration::from_secs(3600));
    put(&dynamo, "old", 1, "event");
    clock.advance(Duration::from_secs(3601));
    put(&dynamo, "new", 1, "event");
    let batches = Mutex::default();
    stream.deliver(noting(&batches, "nothing")).await;
    assert_eq!(*batches.lock().unwrap(), [vec!["new:1"]]);
    assert_eq!(stream.take_given_up()[0].reason, Reason::RecordAge);
}

#[tokio::test]
async fn an_expired_stream_delivers_only_what_comes_later() {
    let dynamo = table();
    let mut stream = StreamSimulator::new(&dynamo, "shop");
    put(&dynamo, "lost", 1, "event");
    stream.expire();
    put(&dynamo, "kept", 1, "event");
    let batches = Mutex::default();
    stream.deliver(noting(&batches, "nothing")).await;
    assert_eq!(*batches.lock().unwrap(), [vec!["kept:1"]]);
}

#[tokio::test]
async fn unruly_delivery_splits_transactions_and_repeats_but_keeps_the_order_of_each_item() {
    let (mut repeated, mut split) = (false, false);
    for seed in 0..10 {
        let dynamo = table();
        let mut stream = StreamSimulator::new(&dynamo, "shop").unruly(seed);
        let names = ["a", "b", "c", "d"];
        for version in 1..=5 {
            let put = |name: &&str| json!({"Put": {"TableName": "shop", "Item": item(name, version, "event")}});
            let actions: Vec<Value> = names.iter().map(put).collect();
            dynamo.execute("TransactWriteItems", json!({"TransactItems": actions}));
        }
        let batches = Mutex::default();
        let delivered = stream.deliver(noting(&batches, "nothing")).await;
        assert_eq!(delivered.pending, 0);
        let batches = batches.into_inner().unwrap();
        split |= !batches.iter().any(|batch| names.iter().all(|name| batch.contains(&format!("{name}:1"))));
        repeated |= delivered.records > 20;
        for name in names {
            let mut firsts: Vec<&String> = Vec::new();
            for label in batches.iter().flatten().filter(|label| label.starts_with(name)) {
                if !firsts.contains(&label) {
                    firsts.push(label);
                }
            }
            assert!(firsts.is_sorted() && firsts.len() == 5, "seed {seed}: {firsts:?}");
        }
    }
    assert!(repeated && split);
}
