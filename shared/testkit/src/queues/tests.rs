use super::LocalQueues;
use crate::{Effect, FaultInjector, Side};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use kernel::{ManualClock, Timestamp};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const VISIBILITY: Duration = Duration::from_secs(30);

struct World {
    clock: Arc<ManualClock>,
    queues: LocalQueues,
    faults: FaultInjector,
    sqs: aws_sdk_sqs::Client,
    sns: aws_sdk_sns::Client,
    queue: String,
    topic: String,
}

/// A topic with one queue behind it that gives up after three receives.
fn world() -> World {
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH + Duration::from_secs(1_700_000_000)));
    let queues = LocalQueues::new(Arc::clone(&clock));
    let topic = queues.create_topic("events.fifo");
    let dead = queues.create_queue("work-dlq.fifo", VISIBILITY);
    let queue = queues.create_queue_with_dead_letters("work.fifo", VISIBILITY, &dead, 3);
    let faults = FaultInjector::new();
    let (sqs, sns) = (queues.sqs(&faults), queues.sns(&faults));
    World { clock, queues, faults, sqs, sns, queue, topic }
}

impl World {
    async fn send(&self, group: &str, body: &str) -> String {
        let send = self.sqs.send_message().queue_url(&self.queue).message_body(body);
        let sent = send.message_group_id(group).message_deduplication_id(body).send().await.unwrap();
        sent.message_id().unwrap().to_owned()
    }

    async fn receive(&self) -> Vec<aws_sdk_sqs::types::Message> {
        let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        receive.send().await.unwrap().messages.unwrap_or_default()
    }

    fn bodies(&self) -> Vec<String> {
        self.queues.waiting(&self.queue).into_iter().map(|waiting| waiting.body).collect()
    }

    fn kind(value: &str) -> MessageAttributeValue {
        MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
    }
}

fn entry(id: &str, body: &str, kind: &str) -> PublishBatchRequestEntry {
    PublishBatchRequestEntry::builder()
        .id(id)
        .message(body)
        .message_group_id("g")
        .message_deduplication_id(id)
        .message_attributes("kind", World::kind(kind))
        .build()
        .unwrap()
}

/// A handler that notes every body it sees and fails those `fails` says.
fn noting<'a>(
    seen: &'a Mutex<Vec<String>>,
    fails: impl Fn(&str) -> bool + 'a,
) -> impl Fn(SqsEvent) -> std::future::Ready<Result<SqsBatchResponse, Infallible>> + 'a {
    move |event| {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let body = message.body.unwrap();
            if fails(&body) {
                response.add_failure(message.message_id.unwrap());
            }
            seen.lock().unwrap().push(body);
        }
        std::future::ready(Ok(response))
    }
}

#[tokio::test]
async fn what_is_published_reaches_the_queues_whose_filter_it_meets() {
    let world = world();
    let other = world.queues.create_queue("other.fifo", VISIBILITY);
    world.queues.subscribe(&world.topic, &world.queue, Some(json!({"kind": ["placed"]})), true);
    world.queues.subscribe(&world.topic, &other, None, false);
    let published = world
        .sns
        .publish_batch()
        .topic_arn(&world.topic)
        .publish_batch_request_entries(entry("1", "a & <b>", "placed"))
        .publish_batch_request_entries(entry("2", "c+d", "paid"))
        .send()
        .await
        .unwrap();
    assert_eq!((published.successful().len(), published.failed().len()), (2, 0));
    let raw = world.queues.waiting(&world.queue);
    assert_eq!((raw.len(), raw[0].body.as_str(), raw[0].attributes["kind"].as_str()), (1, "a & <b>", "placed"));
    let wrapped: Value = serde_json::from_str(&world.queues.waiting(&other)[1].body).unwrap();
    assert_eq!((&wrapped["Message"], &wrapped["MessageAttributes"]["kind"]["Value"]), (&json!("c+d"), &json!("paid")));
}

#[tokio::test]
async fn a_publish_is_delivered_once_within_five_minutes() {
    let world = world();
    world.queues.subscribe(&world.topic, &world.queue, None, true);
    let publish = || {
        let publish = world.sns.publish().topic_arn(&world.topic).message("m").message_group_id("g");
        publish.message_deduplication_id("same").send()
    };
    let first = publish().await.unwrap();
    let second = publish().await.unwrap();
    assert_eq!(first.message_id(), second.message_id());
    assert_eq!(world.bodies().len(), 1);
    world.clock.advance(Duration::from_secs(301));
    publish().await.unwrap();
    assert_eq!(world.bodies().len(), 2);
}

#[tokio::test]
async fn a_group_in_flight_holds_back_its_later_messages_and_no_others() {
    let world = world();
    world.send("a", "a1").await;
    let first = world.receive().await;
    world.send("a", "a2").await;
    world.send("b", "b1").await;
    let second = world.receive().await;
    assert_eq!(second.iter().map(|message| message.body().unwrap()).collect::<Vec<_>>(), ["b1"]);
    let receipt = first[0].receipt_handle().unwrap();
    world.sqs.delete_message().queue_url(&world.queue).receipt_handle(receipt).send().await.unwrap();
    assert_eq!(world.receive().await[0].body(), Some("a2"));
}

#[tokio::test]
async fn what_is_not_deleted_comes_back_after_the_visibility_timeout() {
    let world = world();
    world.send("a", "a1").await;
    let old = world.receive().await[0].receipt_handle().unwrap().to_owned();
    assert!(world.receive().await.is_empty());
    let hide = world.sqs.change_message_visibility().queue_url(&world.queue).receipt_handle(&old);
    hide.visibility_timeout(60).send().await.unwrap();
    world.clock.advance(VISIBILITY);
    assert!(world.receive().await.is_empty(), "it was hidden for longer");
    world.clock.advance(VISIBILITY);
    let refused = world.sqs.delete_message().queue_url(&world.queue).receipt_handle(&old).send().await;
    assert!(refused.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
    assert_eq!(world.receive().await.len(), 1);
}

#[tokio::test]
async fn errors_arrive_as_the_types_of_the_sdk() {
    let world = world();
    let absent = world.sqs.send_message().queue_url("https://sqs/0/absent").message_body("m").send().await;
    assert!(absent.unwrap_err().into_service_error().is_queue_does_not_exist());
    let absent = world.sns.publish().topic_arn("arn:aws:sns:us-east-1:0:absent").message("m").send().await;
    assert!(absent.unwrap_err().into_service_error().is_not_found_exception());
    let batch = world.sns.publish_batch().topic_arn(&world.topic);
    let same_ids = batch.set_publish_batch_request_entries(Some(vec![entry("1", "a", "k"), entry("1", "b", "k")]));
    let refused = same_ids.send().await.unwrap_err().into_service_error();
    assert!(refused.is_batch_entry_ids_not_distinct_exception(), "{refused:?}");
}

#[tokio::test]
async fn a_partial_fault_does_half_a_batch_and_reports_the_rest() {
    let world = world();
    world.queues.subscribe(&world.topic, &world.queue, None, true);
    world.faults.on("PublishBatch", 0, Side::Before, Effect::Partial);
    let entries = vec![entry("1", "a", "k"), entry("2", "b", "k"), entry("3", "c", "k")];
    let publish = world.sns.publish_batch().topic_arn(&world.topic).set_publish_batch_request_entries(Some(entries));
    let published = publish.send().await.unwrap();
    let failed: Vec<_> = published.failed().iter().map(|failure| (failure.id(), failure.sender_fault())).collect();
    assert_eq!(failed, [("1", false), ("2", false)]);
    assert_eq!(world.bodies(), ["c"]);
}

#[tokio::test]
async fn a_message_that_always_fails_ends_in_the_dead_letter_queue_and_can_be_moved_back() {
    let world = world();
    world.send("a", "poison").await;
    world.send("b", "fine").await;
    let seen = Mutex::default();
    let pumped = world.queues.drain(&world.queue, noting(&seen, |body| body == "poison")).await;
    assert_eq!((pumped.delivered, pumped.failed), (4, 3), "three tries of the poison, one of the other");
    assert_eq!(world.queues.waiting("work-dlq.fifo")[0].body, "poison");
    let arn = "arn:aws:sqs:us-east-1:000000000000:work-dlq.fifo";
    world.sqs.start_message_move_task().source_arn(arn).send().await.unwrap();
    assert_eq!(world.bodies(), ["poison"]);
    let attributes = world.sqs.get_queue_attributes().queue_url(&world.queue);
    let attributes = attributes.attribute_names("All".into()).send().await.unwrap();
    assert_eq!(attributes.attributes().unwrap()[&"ApproximateNumberOfMessages".into()], "1");
}

#[tokio::test]
async fn a_failed_function_or_a_report_about_strangers_fails_the_whole_batch() {
    let world = world();
    world.send("a", "a1").await;
    world.send("b", "b1").await;
    let failed = world.queues.pump(&world.queue, async |_| Err::<SqsBatchResponse, _>("boom")).await;
    assert_eq!((failed.failed, failed.errors), (2, vec!["boom".to_owned()]));
    world.clock.advance(VISIBILITY);
    let stranger = async |_| {
        let mut response = SqsBatchResponse::default();
        response.add_failure("nobody");
        Ok::<_, Infallible>(response)
    };
    assert_eq!(world.queues.pump(&world.queue, stranger).await.failed, 2);
    assert_eq!(world.bodies().len(), 2);
}

#[tokio::test]
async fn unruly_delivery_repeats_and_reorders_but_keeps_the_order_of_each_group() {
    let (mut repeated, mut reordered) = (false, false);
    for seed in 0..10 {
        let world = world();
        world.queues.make_unruly(seed);
        let sent = ["a1", "b1", "a2", "b2", "a3", "b3"];
        for body in sent {
            world.send(&body[..1], body).await;
        }
        let seen = Mutex::default();
        world.queues.drain(&world.queue, noting(&seen, |_| false)).await;
        let seen: Vec<String> = seen.into_inner().unwrap();
        let mut firsts: Vec<&str> = Vec::new();
        for body in &seen {
            if !firsts.contains(&body.as_str()) {
                firsts.push(body);
            }
        }
        for group in ["a", "b"] {
            let order: Vec<&str> = firsts.iter().copied().filter(|body| body.starts_with(group)).collect();
            assert!(order.is_sorted(), "seed {seed}: {seen:?}");
        }
        assert_eq!(firsts.len(), sent.len(), "seed {seed}: nothing is lost");
        assert!(world.queues.waiting("work-dlq.fifo").is_empty());
        repeated |= seen.len() > sent.len();
        reordered |= firsts != sent;
    }
    assert!(repeated && reordered);
}
