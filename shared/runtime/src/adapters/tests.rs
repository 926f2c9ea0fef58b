use std::sync::Mutex;

use aws_lambda_events::streams::DynamoDbBatchItemFailure;
use kernel::Event as DomainEvent;
use messaging::{DeadLetter, DeadLetters, Outcome, QueueError};
use serde_json::json;

use super::*;

async fn call(adapter: impl Adapter, event: Value) -> Result<Value, Failure> {
    let done = adapter.call(&event.to_string(), &Call::test()).await?;
    Ok(serde_json::from_str(done.answer.get()).unwrap())
}

/// Wants every event again.
struct Again;

#[async_trait]
impl EventHandler for Again {
    async fn handle(&self, _: &DomainEvent) -> Outcome {
        Outcome::retry("not yet")
    }
}

#[derive(Default)]
struct Graveyard(Mutex<Vec<DeadLetter>>);

#[async_trait]
impl DeadLetters for Graveyard {
    async fn put(&self, letter: DeadLetter) -> Result<(), QueueError> {
        self.0.lock().unwrap().push(letter);
        Ok(())
    }
}

#[tokio::test]
async fn a_queues_batch_goes_through_messaging_and_comes_back_as_a_report() {
    let event =
        DomainEvent::new("sales.order.placed.v1", &"acme.test".parse().unwrap(), "ord_1", 1, json!({}), &SystemClock);
    let record = |id: &str, body: String| {
        json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": "1" },
                "eventSourceARN": "arn:aws:sqs:eu-west-1:1:orders.fifo" })
    };
    let batch =
        json!({ "Records": [record("m-1", messaging::envelope::encode(&event)), record("m-2", "{".to_owned())] });
    let graveyard = Arc::new(Graveyard::default());
    let queue = Queue { consumer: Consumer::new(graveyard.clone(), 5), handler: Arc::new(Again) };

    let done = queue.call(&batch.to_string(), &Call::test()).await.unwrap();
    let answer: Value = serde_json::from_str(done.answer.get()).unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }] }));
    assert!(done.failed);
    assert_eq!(graveyard.0.lock().unwrap().len(), 1);
}

/// Fails at the second record.
struct Stumbling;

#[async_trait]
impl StreamHandler for Stumbling {
    async fn handle(&self, batch: dynamodb::Event) -> DynamoDbEventResponse {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = batch.records[1].change.sequence_number.clone();
        let mut response = DynamoDbEventResponse::default();
        response.batch_item_failures = vec![failure];
        response
    }
}

#[tokio::test]
async fn a_streams_batch_comes_back_with_where_to_go_on() {
    let record = |number: &str| {
        json!({ "eventID": number, "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "dynamodb": { "ApproximateCreationDateTime": 1_700_000_000, "Keys": {}, "NewImage": {},
                              "SequenceNumber": number, "SizeBytes": 1, "StreamViewType": "NEW_IMAGE" } })
    };
    let answer = call(Stream(Arc::new(Stumbling)), json!({ "Records": [record("1"), record("2")] })).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }));
}

/// Remembers when it ran; fails before 2020.
#[derive(Default)]
struct Remembering(Mutex<Vec<Timestamp>>);

#[async_trait]
impl Job for Remembering {
    async fn run(&self, time: Timestamp) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(time);
        if time.as_second() < 1_577_836_800 { Err("too early".into()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_schedule_runs_at_the_events_time_or_now() {
    let job = Arc::new(Remembering::default());
    let schedule = || Schedule(job.clone());
    assert_eq!(call(schedule(), json!({ "time": "2026-01-01T00:00:00Z" })).await.unwrap(), Value::Null);
    assert_eq!(call(schedule(), json!({})).await.unwrap(), Value::Null);
    let failure = call(schedule(), json!({ "time": "2000-01-01T00:00:00Z" })).await.unwrap_err();
    assert_eq!(failure, Failure::new("JobFailed", "too early"));
    assert_eq!(job.0.lock().unwrap()[0].to_string(), "2026-01-01T00:00:00Z");
}

/// Doubles, or says what a state machine can catch.
struct Doubling;

#[async_trait]
impl Task for Doubling {
    async fn run(&self, input: Value) -> Result<Value, Failure> {
        let number = input["number"].as_u64().ok_or_else(|| Failure::new("NotANumber", "no number"))?;
        Ok(json!({ "number": number * 2 }))
    }
}

#[tokio::test]
async fn a_step_gives_its_result_or_a_failure_with_a_type() {
    let step = || Step(Arc::new(Doubling));
    assert_eq!(call(step(), json!({ "number": 4 })).await.unwrap(), json!({ "number": 8 }));
    assert_eq!(call(step(), json!({})).await.unwrap_err().error_type, "NotANumber");
}
