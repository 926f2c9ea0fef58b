use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::{ManualClock, TenantId, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::queue::QueueError;

const FIFO: &str = "arn:aws:sqs:eu-west-1:1:orders.fifo";
const MINUTE: Duration = Duration::from_secs(60);
const STANDARD: &str = "arn:aws:sqs:eu-west-1:1:orders";

/// Does what the event's `data.do` says, and remembers what it ran.
#[derive(Default)]
struct Scripted {
    ran: Mutex<Vec<String>>,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[async_trait]
impl EventHandler for Scripted {
    async fn handle(&self, event: &Event) -> Outcome {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        // Lets every other group start before this one ends.
        tokio::task::yield_now().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.ran.lock().unwrap().push(event.aggregate_id.clone());
        match event.data["do"].as_str().unwrap() {
            "done" => Outcome::Done,
            "retry" => Outcome::retry("the provider is away"),
            "reject" => Outcome::reject("unknown_order", "no such order"),
            "hang" => std::future::pending().await,
            "panic" => panic!("boom {}", event.aggregate_id),
            other => panic!("unknown script {other}"),
        }
    }
}

/// Keeps letters, or fails to.
#[derive(Default)]
struct Graveyard {
    letters: Mutex<Vec<DeadLetter>>,
    broken: bool,
}

#[async_trait]
impl DeadLetters for Graveyard {
    async fn put(&self, letter: DeadLetter) -> Result<(), QueueError> {
        if self.broken {
            return Err(QueueError::for_test("SendMessage"));
        }
        self.letters.lock().unwrap().push(letter);
        Ok(())
    }
}

struct Record {
    id: &'static str,
    group: &'static str,
    script: &'static str,
    receives: u32,
}

fn rec(id: &'static str, group: &'static str, script: &'static str) -> Record {
    Record { id, group, script, receives: 1 }
}

fn body(id: &str, script: &str) -> String {
    let clock = ManualClock::new(Timestamp::from_str("2026-03-01T10:00:00Z").unwrap());
    let tenant = TenantId::from_str("acme.test").unwrap();
    envelope::encode(&Event::new("sales.order.placed.v1", &tenant, id, 1, json!({"do": script}), &clock))
}

fn batch(queue: &str, records: &[Record]) -> SqsEvent {
    let records: Vec<Value> = records
        .iter()
        .map(|record| {
            let body = match record.script {
                "malformed" => "{\"specversion\":\"1.0\"}".to_owned(),
                script => body(record.id, script),
            };
            json!({
                "messageId": record.id,
                "body": body,
                "attributes": {"ApproximateReceiveCount": record.receives.to_string(), "MessageGroupId": record.group},
                "messageAttributes": {"type": {"stringValue": "sales.order.placed.v1", "dataType": "String"}},
                "eventSourceARN": queue,
            })
        })
        .collect();
    serde_json::from_value(json!({"Records": records})).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// What was reported failed, run (both sorted) and buried.
fn consume(batch: SqsEvent, broken: bool) -> (Vec<String>, Vec<String>, Vec<DeadLetter>) {
    let handler = Scripted::default();
    let graveyard = Arc::new(Graveyard { broken, ..Graveyard::default() });
    let response = block_on(Consumer::new(graveyard.clone(), 5).consume(batch, MINUTE, &handler));
    let mut failed: Vec<String> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    let mut ran = handler.ran.into_inner().unwrap();
    failed.sort();
    ran.sort();
    let letters = graveyard.letters.lock().unwrap().clone();
    (failed, ran, letters)
}

#[test]
fn a_batch_that_succeeds_reports_nothing() {
    let (failed, ran, letters) = consume(batch(FIFO, &[rec("1", "a", "done"), rec("2", "b", "done")]), false);
    assert_eq!((failed.len(), ran.len(), letters.len()), (0, 2, 0));
}

#[test]
fn after_a_failure_the_rest_of_its_group_is_reported_without_being_run_and_others_go_on() {
    let records = [
        rec("1", "a", "done"),
        rec("2", "a", "retry"),
        rec("3", "b", "done"),
        rec("4", "a", "done"),
        rec("5", "b", "done"),
    ];
    let (failed, ran, _) = consume(batch(FIFO, &records), false);
    assert_eq!(failed, ["2", "4"]);
    assert_eq!(ran, ["1", "2", "3", "5"]);
}

#[test]
fn a_panic_fails_its_record_only() {
    let (failed, ran, _) = consume(batch(FIFO, &[rec("1", "a", "panic"), rec("2", "b", "done")]), false);
    assert_eq!(failed, ["1"]);
    assert_eq!(ran, ["1", "2"]);
}

#[test]
fn a_handler_that_hangs_fails_its_record_only_and_before_the_function_is_killed() {
    let records = [rec("1", "a", "hang"), rec("2", "b", "done"), rec("3", "a", "done")];
    let (failed, ran, _) = consume(batch(FIFO, &records), false);
    assert_eq!(failed, ["1", "3"]);
    assert_eq!(ran, ["1", "2"]);
    let started = |seconds| {
        let handler = Scripted::default();
        let consumer = Consumer::new(Arc::new(Graveyard::default()), 5);
        let left = Duration::from_secs(seconds);
        let batch = batch(FIFO, &[rec("1", "a", "hang")]);
        let took = block_on(async {
            let start = Instant::now();
            consumer.consume(batch, left, &handler).await;
            start.elapsed()
        });
        (took, handler.ran.into_inner().unwrap().len())
    };
    assert_eq!(started(20), (Duration::from_secs(19), 1));
    assert_eq!(started(1), (Duration::ZERO, 0));
}

#[test]
fn records_of_a_standard_queue_do_not_wait_for_each_other() {
    let records = [rec("1", "a", "retry"), rec("2", "a", "done")];
    let (failed, ran, _) = consume(batch(STANDARD, &records), false);
    assert_eq!(failed, ["1"]);
    assert_eq!(ran, ["1", "2"]);
}

#[test]
fn a_rejected_event_is_buried_with_its_reason_and_its_group_goes_on() {
    let (failed, ran, letters) = consume(batch(FIFO, &[rec("1", "a", "reject"), rec("2", "a", "done")]), false);
    assert!(failed.is_empty());
    assert_eq!(ran, ["1", "2"]);
    let [letter] = letters.try_into().unwrap();
    assert_eq!((letter.reason.as_str(), letter.code.as_str()), ("no such order", "unknown_order"));
    assert_eq!((letter.source.as_str(), letter.receive_count), (FIFO, 1));
    assert_eq!((letter.message.group.as_str(), letter.message.deduplication.as_str()), ("a", "1"));
    assert!(letter.message.attributes.contains_key("type"));
    let sent = letter.into_message().unwrap();
    let attribute = |name: &str| sent.attributes[name].string_value().unwrap().to_owned();
    assert_eq!(
        ["reason", "code", "source", "receiveCount"].map(attribute),
        ["no such order", "unknown_order", FIFO, "1"]
    );
}

#[test]
fn a_malformed_message_is_buried_untouched_with_what_is_wrong() {
    let (failed, ran, letters) = consume(batch(FIFO, &[rec("1", "a", "malformed"), rec("2", "a", "done")]), false);
    assert_eq!((failed.len(), ran.as_slice()), (0, ["2".to_owned()].as_slice()));
    assert_eq!(letters[0].code, "malformed_event");
    assert!(letters[0].reason.contains("missing field"), "{}", letters[0].reason);
    assert_eq!(letters[0].message.body, "{\"specversion\":\"1.0\"}");
}

#[test]
fn the_last_delivery_is_buried_with_the_reason_it_failed_for() {
    let last = |script| Record { receives: 5, ..rec("1", "a", script) };
    for (script, reason) in [("retry", "the provider is away"), ("panic", "the handler panicked: boom 1")] {
        let (failed, _, letters) = consume(batch(FIFO, &[last(script)]), false);
        assert!(failed.is_empty());
        assert_eq!((letters[0].code.as_str(), letters[0].reason.as_str()), ("retries_exhausted", reason));
        assert_eq!(letters[0].receive_count, 5);
    }
}

#[test]
fn a_record_whose_letter_cannot_be_kept_is_reported_and_stops_its_group() {
    for script in ["reject", "malformed"] {
        let (failed, _, letters) = consume(batch(FIFO, &[rec("1", "a", script), rec("2", "a", "done")]), true);
        assert_eq!(failed, ["1", "2"], "{script}");
        assert!(letters.is_empty());
    }
}

#[test]
fn groups_run_side_by_side_ten_at_most() {
    let ids: Vec<&'static str> = (0..25).map(|n| &*format!("{n:02}").leak()).collect();
    let records: Vec<Record> = ids.iter().map(|id| rec(id, id, "done")).collect();
    let handler = Scripted::default();
    block_on(Consumer::new(Arc::new(Graveyard::default()), 5).consume(batch(FIFO, &records), MINUTE, &handler));
    assert_eq!(handler.most_at_once.into_inner(), GROUPS_AT_ONCE);
    assert_eq!(handler.ran.into_inner().unwrap().len(), 25);
}

#[test]
fn a_record_without_an_id_makes_lambda_deliver_the_whole_batch_again() {
    let mut event = batch(FIFO, &[rec("1", "a", "retry")]);
    event.records[0].message_id = None;
    assert_eq!(consume(event, false).0, [""]);
}

#[test]
fn a_reason_is_cut_and_cleaned_so_that_sqs_takes_it() {
    let letter = |reason: &str| DeadLetter {
        message: Message::default(),
        reason: reason.to_owned(),
        code: String::new(),
        source: String::new(),
        receive_count: 1,
    };
    let attribute = |reason: &str| letter(reason).into_message().unwrap().attributes["reason"].string_value.clone();
    assert_eq!(attribute("a\u{0}b\nc").unwrap(), "a b c");
    assert_eq!(attribute("").unwrap(), "unknown");
    assert_eq!(attribute(&"é".repeat(5_000)).unwrap().chars().count(), 1_000);
}

proptest! {
    /// Whatever a batch does: every record is done, buried or reported, exactly one of them; what is reported of a
    /// group is a tail of it; what ran of a group ran in order.
    #[test]
    fn every_record_has_exactly_one_fate(
        scripts in proptest::collection::vec(
            (0usize..3, prop_oneof![Just("done"), Just("retry"), Just("reject"), Just("malformed")], 1u32..7), 0..20),
        broken: bool,
    ) {
        let groups = ["a", "b", "c"];
        let records: Vec<Record> = scripts
            .iter()
            .enumerate()
            .map(|(n, (group, script, receives))| {
                Record { id: format!("{n:02}").leak(), group: groups[*group], script, receives: *receives }
            })
            .collect();
        let (failed, ran, letters) = consume(batch(FIFO, &records), broken);
        let buried: Vec<String> = letters.iter().map(|letter| letter.message.deduplication.clone()).collect();
        for group in groups {
            let mut stopped = false;
            for record in records.iter().filter(|record| record.group == group) {
                let id = record.id.to_owned();
                let hopeless = match record.script {
                    "done" => false,
                    "retry" => record.receives >= 5,
                    _ => true,
                };
                let fails = record.script == "retry" && !hopeless || hopeless && broken;
                let runs = !stopped && record.script != "malformed";
                stopped |= fails;
                prop_assert_eq!(failed.contains(&id), stopped);
                prop_assert_eq!(ran.contains(&id), runs);
                prop_assert_eq!(buried.contains(&id), !stopped && hopeless);
            }
        }
    }
}
