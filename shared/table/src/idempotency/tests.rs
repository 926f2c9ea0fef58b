use kernel::ManualClock;
use testkit::{Effect, Side};

use super::*;
use crate::testing::{Note, clock, faulty_table, note, note_key, table, tenant};
use crate::{Consistency, TransactionError};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const REQUEST: RequestKey<'_> = RequestKey { scope: &["charge", "cus_1"], key: "key-1" };

fn payload() -> PayloadHash {
    PayloadHash::of(b"payload")
}

fn requests(table: Table) -> (Idempotency, Arc<ManualClock>) {
    let clock = clock();
    (Idempotency::new(table, Arc::<ManualClock>::clone(&clock), HOUR), clock)
}

async fn begin(requests: &Idempotency) -> Result<Begun<String>, IdempotencyError> {
    requests.begin(&tenant(), REQUEST, payload(), MINUTE).await
}

async fn first(requests: &Idempotency) -> Ticket {
    match begin(requests).await.unwrap() {
        Begun::First(ticket) => ticket,
        Begun::Again(answer) => panic!("answered before: {answer}"),
    }
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer() {
    let (requests, _) = requests(table());
    let ticket = first(&requests).await;
    requests.complete(ticket, &"done").await.unwrap();
    for _ in 0..2 {
        assert!(matches!(begin(&requests).await.unwrap(), Begun::Again(answer) if answer == "done"));
    }
}

#[tokio::test]
async fn a_repetition_while_the_first_is_running_is_told_so() {
    let (requests, clock) = requests(table());
    let _ticket = first(&requests).await;
    clock.advance(MINUTE - Duration::from_millis(1));
    assert!(matches!(begin(&requests).await, Err(IdempotencyError::InProgress)));
}

#[tokio::test]
async fn the_same_key_with_another_payload_is_refused() {
    let (requests, _) = requests(table());
    let ticket = first(&requests).await;
    let other = PayloadHash::of(b"another");
    let answer = requests.begin::<String>(&tenant(), REQUEST, other, MINUTE).await;
    assert!(matches!(answer, Err(IdempotencyError::PayloadMismatch)));
    requests.complete(ticket, &"done").await.unwrap();
    let answer = requests.begin::<String>(&tenant(), REQUEST, other, MINUTE).await;
    assert!(matches!(answer, Err(IdempotencyError::PayloadMismatch)));
}

#[tokio::test]
async fn keys_are_apart_by_scope_and_tenant() {
    let (requests, _) = requests(table());
    let _ticket = first(&requests).await;
    let elsewhere = RequestKey { scope: &["charge", "cus_2"], ..REQUEST };
    let begun = requests.begin::<String>(&tenant(), elsewhere, payload(), MINUTE).await.unwrap();
    assert!(matches!(begun, Begun::First(_)));
    let begun = requests.begin::<String>(&"other.test".parse().unwrap(), REQUEST, payload(), MINUTE).await.unwrap();
    assert!(matches!(begun, Begun::First(_)));
}

#[tokio::test]
async fn work_that_crashed_can_be_taken_over_and_its_late_end_changes_nothing() {
    let (requests, clock) = requests(table());
    let crashed = first(&requests).await;
    clock.advance(MINUTE);
    let second = first(&requests).await;
    assert!(matches!(requests.complete(crashed, &"late").await, Err(IdempotencyError::Lost)));
    requests.complete(second, &"second").await.unwrap();
    assert!(matches!(begin(&requests).await.unwrap(), Begun::Again(answer) if answer == "second"));
}

#[tokio::test]
async fn work_that_failed_can_be_tried_again_at_once() {
    let (requests, clock) = requests(table());
    let failed = first(&requests).await;
    requests.abandon(failed).await.unwrap();
    let stale = first(&requests).await;
    clock.advance(MINUTE);
    let second = first(&requests).await;
    requests.abandon(stale).await.unwrap();
    requests.complete(second, &"second").await.unwrap();
    assert!(matches!(begin(&requests).await.unwrap(), Begun::Again(_)), "a stale ticket abandons nothing");
}

#[tokio::test]
async fn an_answer_expires_by_the_clock_not_by_ttl() {
    let (requests, clock) = requests(table());
    let ticket = first(&requests).await;
    requests.complete(ticket, &"done").await.unwrap();
    clock.advance(HOUR - Duration::from_millis(1));
    assert!(matches!(begin(&requests).await.unwrap(), Begun::Again(_)));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(begin(&requests).await.unwrap(), Begun::First(_)));
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_damage() {
    let (requests, _) = requests(table());
    let ticket = first(&requests).await;
    requests.complete(ticket, &5).await.unwrap();
    let answer = begin(&requests).await;
    assert!(matches!(answer, Err(IdempotencyError::Table(TableError::Corrupt { .. }))));
}

#[tokio::test]
async fn a_request_costs_two_writes() {
    let (table, faults) = faulty_table();
    let (requests, _) = requests(table);
    let ticket = first(&requests).await;
    requests.complete(ticket, &"done").await.unwrap();
    assert_eq!((faults.count(), faults.capacity().write), (2, 2.0));
}

#[tokio::test]
async fn of_many_at_once_one_does_the_work() {
    let (requests, _) = requests(table());
    let all = futures::future::join_all((0..50).map(|_| begin(&requests))).await;
    let firsts = all.iter().filter(|begun| matches!(begun, Ok(Begun::First(_)))).count();
    let waiting = all.iter().filter(|begun| matches!(begun, Err(IdempotencyError::InProgress))).count();
    assert_eq!((firsts, waiting), (1, 49));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_after_a_lost_answer_knows_its_own_record() {
    let (table, faults) = faulty_table();
    let (requests, _) = requests(table);
    faults.on("PutItem", 0, Side::After, Effect::ServerError);
    let ticket = first(&requests).await;
    faults.on("UpdateItem", 0, Side::After, Effect::ServerError);
    requests.complete(ticket, &"done").await.unwrap();
    assert!(matches!(begin(&requests).await.unwrap(), Begun::Again(answer) if answer == "done"));
}

/// Creates a note once per key, marker and effect in one transaction.
async fn create_once(table: &Table, clock: &ManualClock, text: &str) -> Result<String, IdempotencyError> {
    let payload = PayloadHash::of(text.as_bytes());
    let marker = Marker::new(&tenant(), REQUEST, payload, &text, HOUR, clock).unwrap();
    let mut transaction = table.transaction(&tenant());
    transaction.idempotency(marker).create(&Note { text: text.into(), ..note("n1") });
    match transaction.commit().await {
        Ok(()) => Ok(text.to_owned()),
        Err(error) => match error.failed(0) {
            Some(failed) => Marker::replay(failed, payload),
            None => panic!("{error}"),
        },
    }
}

#[tokio::test]
async fn a_marker_commits_with_the_effect_and_answers_repetitions() {
    let (table, clock) = (table(), clock());
    assert_eq!(create_once(&table, &clock, "hello").await.unwrap(), "hello");
    assert_eq!(create_once(&table, &clock, "hello").await.unwrap(), "hello");
    assert!(matches!(create_once(&table, &clock, "other").await, Err(IdempotencyError::PayloadMismatch)));
    let stored = table.get::<Note>(note_key("n1"), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((stored.value.text.as_str(), stored.version), ("hello", 1));
}

#[tokio::test]
async fn an_expired_marker_does_not_count() {
    let (table, clock) = (table(), clock());
    create_once(&table, &clock, "hello").await.unwrap();
    clock.advance(HOUR);
    table.delete(note_key("n1")).await.unwrap();
    assert_eq!(create_once(&table, &clock, "other").await.unwrap(), "other");
}

#[tokio::test]
async fn a_marker_of_an_effect_that_failed_was_never_written() {
    let (table, clock) = (table(), clock());
    let marker = Marker::new(&tenant(), REQUEST, payload(), &"x", HOUR, &*clock).unwrap();
    let mut transaction = table.transaction(&tenant());
    transaction.idempotency(marker).check(note_key("missing"), Condition::exists());
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(&error, TransactionError::Conditions(_)) && error.failed(0).is_none());
    assert!(create_once(&table, &clock, "hello").await.is_ok());
}

#[tokio::test]
async fn a_marker_respects_work_in_progress_under_the_same_key() {
    let table = table();
    let (requests, clock) = requests(table.clone());
    let payload = PayloadHash::of(b"hello");
    let begun = requests.begin::<String>(&tenant(), REQUEST, payload, MINUTE).await.unwrap();
    assert!(matches!(begun, Begun::First(_)));
    assert!(matches!(create_once(&table, &clock, "hello").await, Err(IdempotencyError::InProgress)));
    clock.advance(MINUTE);
    assert_eq!(create_once(&table, &clock, "hello").await.unwrap(), "hello");
}
