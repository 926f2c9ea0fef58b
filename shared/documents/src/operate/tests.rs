use super::*;
use crate::Outcome;
use crate::testing::{FakeRemote, World, tenant};

fn rejected(code: &str) -> Outcome {
    Outcome::Rejected { code: code.into(), field: None }
}

/// Five documents rejected, every second one for the price.
async fn parked() -> World {
    let world = World::new();
    for n in 0..5 {
        let document = world.received(&n.to_string()).await;
        let remote = FakeRemote::answering([rejected(if n % 2 == 0 { "PRICE" } else { "TITLE" })]);
        world.plain.process(&tenant(), document.id, &document.connection, "w", &remote).await.unwrap();
    }
    world
}

fn filter() -> Filter {
    Filter { kind: "product".parse().unwrap(), state: State::Error, connection: None, code: None, before: None }
}

#[tokio::test]
async fn documents_are_listed_by_type_and_state_page_after_page() {
    let world = parked().await;
    let list = async |start, limit| {
        world.plain.list(&tenant(), &"product".parse().unwrap(), State::Error, start, limit).await.unwrap()
    };
    let (first, next) = list(None, 3).await;
    let (second, end) = list(Some(Place::from_bytes(&next.unwrap().to_bytes()).unwrap()), 3).await;
    assert_eq!((first.len(), second.len(), end), (3, 2, None));
    let new = world.plain.list(&tenant(), &"product".parse().unwrap(), State::New, None, 3).await.unwrap();
    assert_eq!(new.0.len(), 0);
}

#[tokio::test]
async fn a_retry_of_many_touches_what_the_filter_matches_and_goes_on_where_it_stopped() {
    let world = parked().await;
    let price = Filter { code: Some("PRICE".into()), ..filter() };
    let first = world.plain.command_many(&tenant(), &price, Command::Retry, "op", None, 2).await.unwrap();
    assert!(first.next.is_some());
    let rest = world.plain.command_many(&tenant(), &price, Command::Retry, "op", first.next, 100).await.unwrap();
    assert_eq!((first.changed + rest.changed, rest.next), (3, None));
    let (left, _) = world.plain.list(&tenant(), &"product".parse().unwrap(), State::Error, None, 10).await.unwrap();
    assert!(left.iter().all(|document| document.last.as_ref().unwrap().code.as_deref() == Some("TITLE")));
    let other = Filter { connection: Some("other".parse().unwrap()), ..filter() };
    let none = world.plain.command_many(&tenant(), &other, Command::Retry, "op", None, 100).await.unwrap();
    assert_eq!(none.changed, 0);
    let early = Filter { before: Some(world.now()), ..filter() };
    assert_eq!(world.plain.command_many(&tenant(), &early, Command::Retry, "op", None, 100).await.unwrap().changed, 0);
}

#[tokio::test]
async fn a_command_leaves_a_step_that_says_who() {
    let world = parked().await;
    let (documents, _) = world.plain.list(&tenant(), &"product".parse().unwrap(), State::Error, None, 1).await.unwrap();
    let id = documents[0].id;
    assert_eq!(world.plain.command(&tenant(), id, Command::Retry, "ada").await.unwrap().state, State::New);
    let refused = world.plain.command(&tenant(), id, Command::Retry, "ada").await;
    assert!(matches!(refused, Err(CommandError::Refused(Refused::Transition(_)))));
    let steps = world.plain.steps(&tenant(), id).await.unwrap();
    assert_eq!((steps.len(), steps[1].by.as_str(), steps[1].class), (2, "ada", None));
    let unknown = world.plain.command(&tenant(), DocumentId::derive(&["x"]), Command::Retry, "ada").await;
    assert!(matches!(unknown, Err(CommandError::NotFound)));
}
