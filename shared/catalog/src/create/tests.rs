use futures::future::join_all;
use serde_json::json;
use testkit::{Effect, FaultInjector, LocalDynamo, Side, crash_points};

use super::*;
use crate::testing::{World, at, cause, gbp, new_book, tenant};

#[tokio::test]
async fn a_new_book_is_stored_found_and_announced() {
    let world = World::new();
    let created = world.catalog.create(&tenant(), new_book(1), &cause()).await.unwrap();
    assert_eq!(created.version, 1);
    assert_eq!(world.catalog.get(&tenant(), created.value.id).await.unwrap().as_ref(), Some(&created));
    world.assert_whole();
    let [event] = world.events().try_into().unwrap();
    assert_eq!((event.kind.as_str(), event.correlation_id.as_str()), (BOOK_CREATED, "req-1"));
    assert_eq!(at(&event.data, "/price"), &json!({"amount": "12.99", "currency": "GBP"}));
    assert_eq!(at(&event.data, "/bookId"), &json!(created.value.id));
}

#[tokio::test]
async fn a_typical_book_takes_one_write_unit_and_so_does_its_event() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    let book = world.catalog.create(&tenant(), new_book(1), &cause()).await.unwrap();
    let words = u32::try_from(book.value.words().len()).unwrap();
    assert_eq!(faults.count_by_api().into_iter().collect::<Vec<_>>(), [("TransactWriteItems".to_owned(), 1)]);
    // Book, event and each posting twice, being in a transaction, and one index entry.
    assert_eq!(faults.capacity().write, f64::from(2 + 2 + 2 * words + 1));
}

#[tokio::test]
async fn an_isbn_is_one_book_in_a_tenant_however_it_is_written() {
    let world = World::new();
    let ten = NewBook { isbn: "0-14-044913-2".into(), ..new_book(1) };
    let thirteen = NewBook { isbn: "978-0-14-044913-6".into(), title: "Other".into(), ..new_book(1) };
    let created = world.catalog.create(&tenant(), ten, &cause()).await.unwrap();
    let again = world.catalog.create(&tenant(), thirteen.clone(), &cause()).await;
    assert!(matches!(again, Err(CreateError::Exists(existing)) if *existing == created));
    world.catalog.create(&"other.test".parse().unwrap(), thirteen, &cause()).await.unwrap();
    assert_eq!(world.books().len(), 2);
}

#[tokio::test]
async fn what_breaks_a_rule_is_not_stored() {
    let world = World::new();
    let bad = NewBook { title: String::new(), ..new_book(1) };
    let refused = world.catalog.create(&tenant(), bad, &cause()).await;
    assert!(matches!(refused, Err(CreateError::Invalid(violations)) if violations[0].pointer == "/title"));
    assert_eq!(world.books(), []);
}

#[tokio::test]
async fn of_many_who_create_one_isbn_at_once_one_wins() {
    for seed in 0..5 {
        let faults = FaultInjector::new();
        faults.interleave(seed);
        let world = World::through(LocalDynamo::new(), &faults);
        let (tenant, cause) = (tenant(), cause());
        let attempt = |n: u32| {
            let new = NewBook { title: format!("Edition {n}"), ..new_book(7) };
            world.catalog.create(&tenant, new, &cause)
        };
        let results = join_all((0..20).map(attempt)).await;
        let [winner] = results.iter().flatten().collect::<Vec<_>>().try_into().unwrap();
        for loser in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(matches!(loser, CreateError::Exists(existing) if **existing == *winner), "{loser}");
        }
        world.assert_whole();
    }
}

#[tokio::test]
async fn a_lost_answer_is_no_duplicate() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    faults.at(0, Side::After, Effect::Timeout);
    let created = world.catalog.create(&tenant(), new_book(1), &cause()).await;
    assert_eq!(created.unwrap().version, 1);
    world.assert_whole();
}

#[tokio::test]
async fn a_batch_answers_row_by_row() {
    let world = World::new();
    let existing = world.catalog.create(&tenant(), new_book(1), &cause()).await.unwrap();
    let rows = vec![
        new_book(1),
        NewBook { price: gbp(1), ..new_book(1) },
        NewBook { isbn: "x".into(), ..new_book(2) },
        new_book(3),
        NewBook { title: "Again".into(), ..new_book(3) },
        new_book(3),
    ];
    let answer = world.catalog.create_many(&tenant(), rows, &cause()).await.unwrap();
    let [same, differs, invalid, created, second, third] = answer.try_into().unwrap();
    assert_eq!(same, Row::Exists(existing.clone()));
    assert_eq!(differs, Row::Differs(existing));
    assert!(matches!(invalid, Row::Invalid(violations) if violations[0].pointer == "/isbn"));
    let Row::Created(new) = created else { panic!("{created:?}") };
    assert_eq!(second, Row::Differs(new.clone()));
    assert_eq!(third, Row::Exists(new));
    world.assert_whole();
}

#[tokio::test]
async fn more_rows_than_allowed_are_refused_whole() {
    let world = World::new();
    let refused = world.catalog.create_many(&tenant(), (0..101).map(new_book).collect(), &cause()).await;
    assert!(matches!(refused, Err(CreateManyError::TooManyRows(101))));
    assert_eq!(world.books(), []);
}

#[tokio::test]
async fn a_full_batch_sent_twice_creates_everything_once_with_one_read_ahead() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    let rows: Vec<NewBook> = (0..100).map(new_book).collect();
    let first = world.catalog.create_many(&tenant(), rows.clone(), &cause()).await.unwrap();
    assert!(first.iter().all(|row| matches!(row, Row::Created(_))));
    faults.forget();
    let second = world.catalog.create_many(&tenant(), rows, &cause()).await.unwrap();
    assert!(second.iter().all(|row| matches!(row, Row::Exists(_))));
    assert_eq!(faults.count(), 1);
    world.assert_whole();
}

#[tokio::test]
async fn a_batch_that_dies_anywhere_is_finished_by_sending_it_again() {
    let calls = crash_points(|faults| async move {
        let world = World::through(LocalDynamo::new(), &faults);
        let rows: Vec<NewBook> = (0..3).map(new_book).collect();
        // Whether this attempt survives is the crash point's business; the next one must not care.
        let _: Result<_, testkit::Crashed> =
            faults.run(world.catalog.create_many(&tenant(), rows.clone(), &cause())).await;
        world.assert_whole();
        faults.restart();
        let rows = world.catalog.create_many(&tenant(), rows, &cause()).await.unwrap();
        assert!(rows.iter().all(|row| matches!(row, Row::Created(_) | Row::Exists(_))));
        assert_eq!(world.books().len(), 3);
        world.assert_whole();
    })
    .await;
    assert_eq!(calls, 4);
}
