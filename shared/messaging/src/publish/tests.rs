use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use kernel::{Context, ManualClock, TenantId, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use testkit::{Effect, FaultInjector, LocalQueues, Side};

use super::*;
use crate::envelope;

struct World {
    clock: Arc<ManualClock>,
    queues: LocalQueues,
    faults: FaultInjector,
    publisher: Publisher,
    queue: String,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_str("2026-03-01T10:00:00Z").unwrap()));
        let queues = LocalQueues::new(clock.clone());
        let faults = FaultInjector::new();
        let topic = queues.create_topic("events.fifo");
        let queue = queues.create_queue("consumer.fifo", Duration::from_secs(30));
        queues.subscribe(&topic, &queue, None, true);
        let publisher = Publisher::new(queues.sns(&faults), topic);
        Self { clock, queues, faults, publisher, queue }
    }

    fn event(&self, group: &str) -> Event {
        let tenant = TenantId::from_str("acme.test").unwrap();
        Event::new("sales.order.placed.v1", &tenant, group, 1, json!({}), &*self.clock)
    }

    /// Ids of what arrived, in order.
    fn arrived(&self) -> Vec<String> {
        let bodies = self.queues.waiting(&self.queue).into_iter().map(|message| message.body);
        bodies.map(|body| envelope::decode(&body).unwrap().id.to_string()).collect()
    }
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_published_with_its_group_its_id_and_what_subscriptions_filter_by() {
    let world = World::new();
    let event = world.event("ord_1").caused_by(&Context::root("req", Some("00-trace-span-01".into())));
    assert_eq!(world.publisher.publish(std::slice::from_ref(&event)).await, [Ok(())]);
    let [message] = world.queues.waiting(&world.queue).try_into().unwrap();
    assert_eq!(envelope::decode(&message.body).unwrap(), event);
    assert_eq!((message.group.as_deref(), message.deduplication), (Some("ord_1"), Some(event.id.to_string())));
    let attributes = [("tenant", "acme.test"), ("traceparent", "00-trace-span-01"), ("type", "sales.order.placed.v1")];
    let expected: BTreeMap<String, String> = attributes.map(|(name, value)| (name.into(), value.into())).into();
    assert_eq!(message.attributes, expected);
}

#[tokio::test(start_paused = true)]
async fn ten_events_are_one_call_and_nothing_is_no_call() {
    let world = World::new();
    let events: Vec<Event> = (0..25).map(|n| world.event(&format!("g{n}"))).collect();
    assert!(world.publisher.publish(&events).await.iter().all(Result::is_ok));
    assert_eq!(world.faults.count(), 3);
    assert_eq!(world.arrived(), ids(&events));
    assert!(world.publisher.publish(&[]).await.is_empty());
    assert_eq!(world.faults.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn only_the_entries_that_failed_are_sent_again() {
    let world = World::new();
    let events: Vec<Event> = (0..10).map(|n| world.event(&format!("g{n}"))).collect();
    world.faults.on("PublishBatch", 0, Side::Before, Effect::Partial);
    assert!(world.publisher.publish(&events).await.iter().all(Result::is_ok));
    assert_eq!(world.faults.count(), 2);
    let mut arrived = world.arrived();
    arrived.sort_by_key(|id| ids(&events).iter().position(|wanted| wanted == id));
    assert_eq!(arrived, ids(&events));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_makes_no_second_message() {
    for effect in [Effect::Timeout, Effect::ConnectionError, Effect::ServerError] {
        let world = World::new();
        let events = [world.event("a"), world.event("b")];
        world.faults.on("PublishBatch", 0, Side::After, effect);
        assert_eq!(world.publisher.publish(&events).await, [Ok(()), Ok(())]);
        assert_eq!(world.arrived(), ids(&events), "{effect:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_after_four_attempts_of_one_batch_and_everything_may_be_tried_later() {
    for effect in [Effect::Throttle, Effect::ServerError, Effect::ConnectionError] {
        let world = World::new();
        let events: Vec<Event> = (0..30).map(|n| world.event(&format!("g{n}"))).collect();
        world.faults.always("PublishBatch", Side::Before, effect);
        let results = world.publisher.publish(&events).await;
        assert_eq!(world.faults.count(), 4, "the client's own retries are off: {effect:?}");
        assert!(results.iter().all(|result| result.as_ref().is_err_and(PublishError::is_retryable)));
        assert_eq!(results[29], Err(PublishError::Withheld));
        assert!(world.arrived().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_is_waited_for_and_not_the_events_fault() {
    let world = World::new();
    let publisher = Publisher::new(world.queues.sns(&world.faults), "arn:aws:sns:us-east-1:000000000000:gone.fifo");
    let [result] = publisher.publish(&[world.event("a")]).await.try_into().unwrap();
    assert!(matches!(&result, Err(PublishError::Unavailable { code, .. }) if code == "NotFound"), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_too_large_for_a_topic_is_refused_and_the_others_go() {
    let world = World::new();
    let huge = Event { data: json!("x".repeat(Publisher::MAX_BYTES)), ..world.event("a") };
    let events = [huge, world.event("a"), world.event("b")];
    let results = world.publisher.publish(&events).await;
    assert!(matches!(results[0], Err(PublishError::TooLarge { .. })));
    assert!(!results[0].as_ref().unwrap_err().is_retryable());
    assert_eq!(world.arrived(), ids(&events[1..]));
}

/// An SNS that answers what it was told to, and keeps what it was sent.
#[derive(Debug, Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        self.requests.lock().unwrap().push(body);
        let (status, body) = self.answers.lock().unwrap().remove(0);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))))
    }
}

impl HttpClient for Scripted {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// What becomes of `events` when SNS gives these answers, and how many entries each call had.
async fn answered(events: &[Event], answers: &[(u16, String)]) -> (Vec<Result<(), PublishError>>, Vec<usize>) {
    let sns = Scripted { answers: Arc::new(Mutex::new(answers.to_vec())), ..Scripted::default() };
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(sns.clone());
    let results = Publisher::new(Client::from_conf(config.build()), "arn:events.fifo").publish(events).await;
    assert!(sns.answers.lock().unwrap().is_empty(), "every answer was asked for");
    let entries = |request: &String| request.matches("MessageDeduplicationId=").count();
    (results, sns.requests.lock().unwrap().iter().map(entries).collect())
}

fn taken(ids: &[usize]) -> String {
    let member = |id: &usize| format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>");
    format!("<Successful>{}</Successful>", ids.iter().map(member).collect::<String>())
}

fn refused(id: usize, code: &str) -> String {
    format!(
        "<Failed><member><Id>{id}</Id><Code>{code}</Code><Message>no</Message><SenderFault>true</SenderFault></member></Failed>"
    )
}

fn ok(result: &[String]) -> (u16, String) {
    (
        200,
        format!(
            "<PublishBatchResponse><PublishBatchResult>{}</PublishBatchResult></PublishBatchResponse>",
            result.concat()
        ),
    )
}

fn bad(code: &str) -> (u16, String) {
    (
        400,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        ),
    )
}

fn refusal(code: &str) -> Result<(), PublishError> {
    Err(PublishError::Refused { code: code.to_owned(), reason: "no".to_owned() })
}

#[tokio::test(start_paused = true)]
async fn an_entry_sns_refuses_is_not_sent_again_and_does_not_hold_its_group_back() {
    let world = World::new();
    let events = [world.event("a"), world.event("b"), world.event("a")];
    let answers = [ok(&[taken(&[1]), refused(0, "InvalidParameter")]), ok(&[taken(&[0])])];
    let (results, calls) = answered(&events, &answers).await;
    assert_eq!(results, [refusal("InvalidParameter"), Ok(()), Ok(())]);
    assert_eq!(calls, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_throttled_is_sent_again_whosever_fault_sns_says_it_is() {
    let world = World::new();
    let answers = [ok(&[refused(0, "Throttled")]), ok(&[taken(&[0])])];
    assert_eq!(answered(&[world.event("a")], &answers).await, (vec![Ok(())], vec![1, 1]));
}

#[tokio::test(start_paused = true)]
async fn an_entry_sns_says_nothing_about_is_sent_again() {
    let world = World::new();
    let events = [world.event("a"), world.event("b")];
    let answers = [ok(&[taken(&[1])]), ok(&[taken(&[0])])];
    assert_eq!(answered(&events, &answers).await, (vec![Ok(()), Ok(())], vec![2, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_for_its_content_is_sent_one_by_one_to_find_the_culprit() {
    let world = World::new();
    let events = [world.event("a"), world.event("b"), world.event("c")];
    let answers = [bad("InvalidParameter"), ok(&[taken(&[0])]), bad("InvalidParameter"), ok(&[taken(&[0])])];
    let (results, calls) = answered(&events, &answers).await;
    assert!(
        matches!(&results[1], Err(PublishError::Refused { code, .. }) if code == "InvalidParameter"),
        "{results:?}"
    );
    assert_eq!((&results[0], &results[2]), (&Ok(()), &Ok(())));
    assert_eq!(calls, [3, 1, 1, 1]);
}

#[test]
fn only_complaints_about_the_content_are_for_good() {
    let retryable = |code: &str, fault| classify(code.to_owned(), String::new(), fault).is_retryable();
    for code in ["InvalidParameter", "InvalidParameterValueException", "ValidationException", "BatchRequestTooLong"] {
        assert!(!retryable(code, true), "{code}");
        assert!(retryable(code, false), "{code}");
    }
    for code in ["Throttled", "AuthorizationError", "KMSAccessDenied", "NotFound", "InternalError", "ExpiredToken"] {
        assert!(retryable(code, true), "{code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever SNS does to the first calls: what is reported as published arrived exactly once, every group's events
    /// arrived in order and without a gap, and publishing the rest again completes it.
    #[test]
    fn faults_neither_lose_nor_double_nor_reorder_within_a_group(
        groups in proptest::collection::vec(0u8..5, 1..40),
        faults in proptest::collection::vec((0usize..12, any::<bool>(), 0u8..5), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            for (call, after, effect) in faults {
                let effect = [
                    Effect::Partial, Effect::Throttle, Effect::ServerError, Effect::ConnectionError, Effect::Timeout,
                ][usize::from(effect)];
                let side = if after && effect != Effect::Partial { Side::After } else { Side::Before };
                world.faults.at(call, side, effect);
            }
            let events: Vec<Event> = groups.iter().map(|group| world.event(&format!("g{group}"))).collect();
            let mut left = events.clone();
            for _ in 0..4 {
                let results = world.publisher.publish(&left).await;
                let arrived = world.arrived();
                for (event, result) in left.iter().zip(&results) {
                    prop_assert!(result.is_err() || arrived.contains(&event.id.to_string()));
                }
                left = left.into_iter().zip(results).filter_map(|(event, result)| result.err().map(|_| event)).collect();
                for group in 0u8..5 {
                    let of_group = |event: &&Event| event.group == format!("g{group}");
                    let wanted: Vec<String> = events.iter().filter(of_group).map(|event| event.id.to_string()).collect();
                    let got: Vec<String> = arrived.iter().filter(|id| wanted.contains(id)).cloned().collect();
                    prop_assert!(wanted.starts_with(&got), "{wanted:?} {got:?}");
                }
            }
            prop_assert!(left.is_empty());
            let mut arrived = world.arrived();
            arrived.sort();
            let mut wanted = ids(&events);
            wanted.sort();
            prop_assert_eq!(arrived, wanted);
            Ok(())
        })?;
    }
}
