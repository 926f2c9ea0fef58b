//! Payloads that no item holds: in the bucket, and there as a whole wherever their process died.

use documents::centre::{Submission, SubmitError};
use documents::{DocumentId, Received};
use kernel::Context;
use testkit::crash_points;

use super::*;
use documents::Schemas;

/// What no compression makes small enough for an item.
fn large() -> Value {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from(state >> 58).unwrap())
    };
    json!({ "title": std::iter::repeat_with(&mut next).take(700_000).collect::<String>() })
}

#[tokio::test]
async fn a_payload_no_item_holds_is_taken_in_once_and_passed_on() {
    let world = World::new().await;
    world.register_shop().await;
    let body = json!({ "type": "product", "version": 1, "source": "pos", "externalId": "p-1", "revision": "1",
        "payload": large() });
    let first = world.send(POS, "POST", "/v1/documents", &body).await.is(202);
    let again = world.send(POS, "POST", "/v1/documents", &body).await.is(202);
    assert_eq!(first["id"], again["id"]);
    let kept = world.bucket.names();
    assert!(kept.len() == 1 && kept[0].starts_with("documents/books.test/document-payload/"), "{kept:?}");
    assert_eq!(world.received(first["id"].as_str().unwrap()).await, Outcome::Done);
    assert_eq!(world.queues.waiting("connector-shop.fifo").len(), 1);
}

#[tokio::test]
async fn what_lambda_would_not_take_is_refused_with_a_code() {
    let world = World::new().await;
    let body = json!({ "type": "product", "version": 1, "source": "pos", "externalId": "p-1", "revision": "1",
        "payload": { "title": "x".repeat(4 << 20) } });
    world.send(POS, "POST", "/v1/documents", &body).await.refused(413, "body_too_large");
    assert!(world.bucket.names().is_empty());
}

async fn hand_in(table: Table, clock: Arc<dyn Clock>) -> Result<DocumentId, SubmitError> {
    let submission = Submission {
        kind: "product".parse().unwrap(),
        shape: 1,
        source: "pos".into(),
        external_id: "p-1".into(),
        revision: "1".into(),
        payload: large(),
    };
    let centre = Centre::new(table, clock);
    let received = centre.submit(&tenant(), submission, &Schemas, &Context::root("req-1", None)).await;
    received.map(Received::into_document).map(|document| document.id)
}

#[tokio::test]
async fn wherever_its_process_died_a_document_has_its_payload_or_is_not_there() {
    let points = crash_points(async |faults| {
        let world = World::new().await;
        let table = world.through(&faults);
        let _ = faults.run(hand_in(table.clone(), world.clock.clone())).await;
        faults.restart();
        let documents = Documents::new(table.clone(), world.clock.clone());
        let kind = "product".parse().unwrap();
        let (half, _) = documents.list(&tenant(), &kind, documents::State::New, None, 10).await.unwrap();
        for document in half {
            assert!(documents.payload(&tenant(), document.id).await.unwrap().is_some());
        }
        let id = hand_in(table, world.clock.clone()).await.unwrap();
        let payload = documents.payload(&tenant(), id).await.unwrap().unwrap();
        assert_eq!(payload.body, large().to_string());
        // At most one that nobody has a ticket to, which the bucket expires.
        assert!((1..=2).contains(&world.bucket.names().len()));
    })
    .await;
    assert!(points >= 4);
}
