use futures::future::join_all;
use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;
use crate::State;
use crate::testing::{FakeRemote, World, cause, intake, tenant};

#[tokio::test]
async fn a_document_is_stored_with_its_payload_and_announced_once() {
    let world = World::new();
    let document = world.received("42").await;
    assert_eq!((document.state, world.stored(document.id).await), (State::New, document.clone()));
    assert_eq!(world.plain.payload(&tenant(), document.id).await.unwrap().unwrap().body, r#"{"n":1}"#);
    let again = world.plain.receive(&tenant(), intake("42", r#"{"n":1}"#), &cause()).await.unwrap();
    assert_eq!(again, Received::Known(document));
    assert_eq!((world.items("document").len(), world.items("event").len()), (1, 1));
}

async fn work(world: &World, document: &Document) {
    let remote = FakeRemote::default();
    let done = world.plain.process(&tenant(), document.id, &document.connection, "worker", &remote).await.unwrap();
    assert_eq!(done, crate::Processed::Attempted(State::Success));
}

#[tokio::test]
async fn a_document_is_known_as_long_as_it_is_kept_whether_or_not_the_table_has_cleaned_up() {
    let world = World::new();
    let kept = |payload| Intake { keep_days: 30, ..intake("42", payload) };
    let first = world.plain.receive(&tenant(), kept("{}"), &cause()).await.unwrap().into_document();
    work(&world, &first).await;
    world.clock.advance(Duration::from_secs(30 * 24 * 3600 - 1));
    assert!(matches!(world.plain.receive(&tenant(), kept("{}"), &cause()).await, Ok(Received::Known(_))));
    world.clock.advance(Duration::from_secs(1));
    let second = world.plain.receive(&tenant(), kept(r#"{"n":2}"#), &cause()).await.unwrap();
    let Received::New(second) = second else { panic!("still known") };
    assert_eq!((second.id, world.stored(first.id).await), (first.id, second.clone()));
    work(&world, &second).await;
    assert_eq!(world.plain.steps(&tenant(), second.id).await.unwrap().len(), 1);
    let ttl = (second.expires_at().as_second()).to_string();
    for kind in ["document", "document-payload", "document-step"] {
        assert!(world.items(kind).iter().all(|item| item["ttl"]["N"] == ttl.as_str()), "{kind}");
    }
}

#[tokio::test]
async fn another_payload_for_the_same_revision_is_refused() {
    let world = World::new();
    let document = world.received("42").await;
    let other = world.plain.receive(&tenant(), intake("42", r#"{"n":2}"#), &cause()).await;
    assert!(matches!(other, Err(ReceiveError::Differs(id)) if id == document.id));
    let next = Intake { revision: "2", ..intake("42", r#"{"n":2}"#) };
    assert!(matches!(world.plain.receive(&tenant(), next, &cause()).await, Ok(Received::New(_))));
}

#[tokio::test]
async fn documents_about_the_same_thing_are_told_of_in_order() {
    let world = World::new();
    world.received("42").await;
    world.received("43").await;
    world.plain.receive(&tenant(), Intake { revision: "2", ..intake("42", "{}") }, &cause()).await.unwrap();
    let groups: std::collections::BTreeSet<_> =
        world.items("event").iter().map(|event| event["g"]["S"].as_str().unwrap().to_owned()).collect();
    assert_eq!(groups.len(), 2);
}

#[tokio::test]
async fn a_document_received_wherever_the_receiver_died_is_there_once_and_announced_once() {
    crash_points(async |faults| {
        let world = World::through(LocalDynamo::new(), &faults);
        let receive = async || world.documents.receive(&tenant(), intake("42", "{}"), &cause()).await;
        let first = faults.run(receive()).await;
        faults.restart();
        let again = receive().await.unwrap();
        assert!(first.is_err() || matches!(again, Received::Known(_)));
        assert_eq!((world.items("document").len(), world.items("event").len()), (1, 1));
        assert_eq!(world.items("connection").len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn fifty_receivers_of_one_document_store_it_once() {
    let world = World::through(LocalDynamo::new().contended(3), &FaultInjector::new());
    let (tenant, cause) = (tenant(), cause());
    let all = join_all((0..50).map(|_| world.documents.receive(&tenant, intake("42", "{}"), &cause))).await;
    let new = all.into_iter().filter(|one| matches!(one, Ok(Received::New(_)))).count();
    assert_eq!((new, world.items("document").len(), world.items("event").len()), (1, 1, 1));
}

#[tokio::test]
async fn a_payload_that_compresses_beyond_an_item_comes_back_as_it_was() {
    let world = World::new();
    let payload = format!("[{}1]", "1,".repeat(300_000));
    let received = world.plain.receive(&tenant(), intake("42", &payload), &cause()).await.unwrap();
    let stored = world.plain.payload(&tenant(), received.into_document().id).await.unwrap().unwrap();
    assert_eq!(stored.body, payload);
}
