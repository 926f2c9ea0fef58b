use futures::future::join_all;
use proptest::prelude::*;
use testkit::{Effect, FaultInjector, LocalDynamo, Side, crash_points};

use super::*;
use crate::testing::{World, cause, gbp, new_book, tenant};

fn titled(title: &str) -> Patch {
    Patch { title: Some(title.to_owned()), ..Patch::default() }
}

fn active(active: bool) -> Patch {
    Patch { active: Some(active), ..Patch::default() }
}

async fn book(world: &World) -> Versioned<Book> {
    world.catalog.create(&tenant(), new_book(1), &cause()).await.unwrap()
}

fn kinds(world: &World) -> Vec<String> {
    world.events().into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_change_moves_version_postings_and_tells_the_others() {
    let world = World::new();
    let old = book(&world).await;
    let patch = Patch { price: Some(gbp(5)), ..titled("Ulysses") };
    let new = world.catalog.patch(&tenant(), old.value.id, 1, patch, &cause()).await.unwrap();
    assert_eq!(new, Versioned { value: Book { title: "Ulysses".into(), price: gbp(5), ..old.value }, version: 2 });
    assert_eq!(kinds(&world), ["catalog.book.created.v1", "catalog.book.changed.v1"]);
    world.assert_whole();
}

#[tokio::test]
async fn who_saw_an_older_version_changes_nothing_and_gets_the_current_one() {
    let world = World::new();
    let id = book(&world).await.value.id;
    let new = world.catalog.patch(&tenant(), id, 1, titled("Ulysses"), &cause()).await.unwrap();
    for seen in [0, 1, 3] {
        let stale = world.catalog.patch(&tenant(), id, seen, titled("Iliad"), &cause()).await;
        assert!(matches!(stale, Err(ChangeError::Stale(now)) if *now == new));
        let stale = world.catalog.deactivate(&tenant(), id, seen, &cause()).await;
        assert!(matches!(stale, Err(ChangeError::Stale(now)) if *now == new));
    }
    assert_eq!(world.books(), [new.value]);
}

#[tokio::test]
async fn nothing_changed_is_nothing_written() {
    let world = World::new();
    let old = book(&world).await;
    let same = world.catalog.patch(&tenant(), old.value.id, 1, titled(" The Odyssey, volume 1"), &cause()).await;
    assert_eq!(same.unwrap(), old);
    assert_eq!(kinds(&world), ["catalog.book.created.v1"]);
}

#[tokio::test]
async fn unknown_books_and_bad_changes_are_refused() {
    let world = World::new();
    let id = book(&world).await.value.id;
    let bad = world.catalog.patch(&tenant(), id, 1, titled(""), &cause()).await;
    assert!(matches!(bad, Err(ChangeError::Invalid(violations)) if violations[0].pointer == "/title"));
    let other = "other.test".parse().unwrap();
    assert!(matches!(world.catalog.patch(&other, id, 1, titled("x"), &cause()).await, Err(ChangeError::NotFound)));
    assert!(matches!(world.catalog.deactivate(&other, id, 1, &cause()).await, Err(ChangeError::NotFound)));
    world.assert_whole();
}

#[tokio::test]
async fn a_deactivated_book_is_out_of_list_and_search_until_it_is_back() {
    let world = World::new();
    let id = book(&world).await.value.id;
    let off = world.catalog.deactivate(&tenant(), id, 1, &cause()).await.unwrap();
    assert_eq!((off.value.active, off.version), (false, 2));
    world.assert_whole();
    assert_eq!(world.catalog.list(&tenant(), 10, None).await.unwrap().items, []);
    assert_eq!(world.catalog.get(&tenant(), id).await.unwrap().as_ref(), Some(&off));
    assert_eq!(world.catalog.deactivate(&tenant(), id, 1, &cause()).await.unwrap(), off);

    let renamed = world.catalog.patch(&tenant(), id, 2, titled("Ulysses"), &cause()).await.unwrap();
    assert!(!renamed.value.active);
    world.assert_whole();
    let back = world.catalog.patch(&tenant(), id, 3, active(true), &cause()).await.unwrap();
    assert_eq!(world.catalog.list(&tenant(), 10, None).await.unwrap().items, [back]);
    world.assert_whole();
    assert_eq!(
        kinds(&world),
        [
            "catalog.book.created.v1",
            "catalog.book.deactivated.v1",
            "catalog.book.changed.v1",
            "catalog.book.changed.v1",
        ]
    );
}

#[tokio::test]
async fn of_many_who_change_one_version_at_once_one_wins() {
    for seed in 0..5 {
        let faults = FaultInjector::new();
        faults.interleave(seed);
        let world = World::through(LocalDynamo::new(), &faults);
        let id = book(&world).await.value.id;
        let (tenant, cause) = (tenant(), cause());
        let attempt = |n: u32| world.catalog.patch(&tenant, id, 1, titled(&format!("Edition {n}")), &cause);
        let results = join_all((0..20).map(attempt)).await;
        let [winner] = results.iter().flatten().collect::<Vec<_>>().try_into().unwrap();
        for loser in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(matches!(loser, ChangeError::Stale(now) if **now == *winner), "{loser}");
        }
        world.assert_whole();
    }
}

#[tokio::test]
async fn a_change_that_dies_anywhere_happened_or_did_not() {
    let calls = crash_points(|faults| async move {
        let world = World::through(LocalDynamo::new(), &faults);
        let flow = async {
            let id = book(&world).await.value.id;
            world.catalog.patch(&tenant(), id, 1, titled("Ulysses"), &cause()).await.unwrap();
            world.catalog.deactivate(&tenant(), id, 2, &cause()).await.unwrap();
            world.catalog.patch(&tenant(), id, 3, active(true), &cause()).await.unwrap();
        };
        // Whether the process survived is the crash point's business; the table must be whole either way.
        let _: Result<(), testkit::Crashed> = faults.run(flow).await;
        world.assert_whole();
    })
    .await;
    assert_eq!(calls, 1 + 3 * 2);
}

#[derive(Debug, Clone)]
enum Step {
    Create(u32),
    Patch(u32, Patch),
    Deactivate(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let title = prop::sample::select(vec!["The Odyssey", "Ulysses", "The Penelopiad and The Odyssey", "Circe"]);
    let authors = prop::sample::subsequence(vec!["Homer", "James Joyce", "Homer Simpson"], 1..=3);
    let patch = (prop::option::of(title), prop::option::of(authors), prop::option::of(any::<bool>()));
    let patch = patch.prop_map(|(title, authors, active)| Patch {
        title: title.map(str::to_owned),
        authors: authors.map(|names| names.into_iter().map(str::to_owned).collect()),
        active,
        ..Patch::default()
    });
    let step = prop_oneof![
        (0u32..3).prop_map(Step::Create),
        (0u32..3, patch).prop_map(|(book, patch)| Step::Patch(book, patch)),
        (0u32..3).prop_map(Step::Deactivate),
    ];
    prop::collection::vec(step, 1..20)
}

fn faults() -> impl Strategy<Value = Vec<(usize, Side, Effect)>> {
    let side = prop_oneof![Just(Side::Before), Just(Side::After)];
    let effect = prop_oneof![Just(Effect::Crash), Just(Effect::Timeout), Just(Effect::ServerError)];
    prop::collection::vec((0usize..40, side, effect), 0..6)
}

/// Runs one step against whatever version is there.
async fn play(world: &World, step: Step) {
    let catalog = &world.catalog;
    let (number, patch) = match step {
        Step::Create(number) => {
            // Refusals and outages are part of the game: only the table counts.
            drop(catalog.create(&tenant(), new_book(number), &cause()).await);
            return;
        }
        Step::Patch(number, patch) => (number, Some(patch)),
        Step::Deactivate(number) => (number, None),
    };
    let id = Book::new(new_book(number)).unwrap().id;
    let Ok(Some(now)) = catalog.get(&tenant(), id).await else { return };
    drop(match patch {
        Some(patch) => catalog.patch(&tenant(), id, now.version, patch, &cause()).await,
        None => catalog.deactivate(&tenant(), id, now.version, &cause()).await,
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn postings_and_events_follow_the_books_whatever_happens(steps in steps(), planned in faults()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let faults = FaultInjector::new();
            let world = World::through(LocalDynamo::new(), &faults);
            for (call, side, effect) in planned {
                faults.at(call, side, effect);
            }
            for step in steps {
                let crashed = faults.run(play(&world, step)).await.is_err();
                if crashed {
                    faults.restart();
                }
                world.assert_whole();
            }
        });
    }
}
