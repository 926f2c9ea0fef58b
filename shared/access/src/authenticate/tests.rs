use futures::future::join_all;
use testkit::{Effect, FaultInjector, LocalDynamo, Side, crash_points};

use super::*;
use crate::NewUser;
use crate::testing::{World, ada, basic, tenant};

const RIGHT: &str = "correct horse";
const WRONG: &str = "battery staple";

async fn registered() -> World {
    let world = World::new();
    world.access.register(&tenant(), &ada()).await.unwrap();
    world
}

async fn fail(world: &World, times: usize) {
    for _ in 0..times {
        assert_eq!(world.sign_in(WRONG).await, None);
    }
}

#[tokio::test]
async fn the_right_password_is_the_user_in_the_right_role() {
    let world = registered().await;
    let staff = NewUser { email: "bob@example.com".into(), ..ada() };
    let staff = world.access.create_user(&tenant(), &staff, Role::WarehouseStaff).await.unwrap();
    let customer = world.sign_in(RIGHT).await.unwrap();
    assert_eq!(customer.role, Role::Customer);
    assert!(customer.principal.starts_with("usr_"));
    let found = world.try_sign_in(&basic("BOB@example.com", RIGHT)).await.unwrap();
    assert_eq!(found, Some(Identity { principal: staff.id.to_string(), role: Role::WarehouseStaff }));
}

#[tokio::test]
async fn everything_else_is_nobody() {
    let world = registered().await;
    let headers = [
        basic("ada@example.com", WRONG),
        basic("eve@example.com", RIGHT),
        basic("ada@example.com", "short"),
        basic("", ""),
        "Bearer correct horse".to_owned(),
        "Basic %%%".to_owned(),
        String::new(),
    ];
    for header in headers {
        assert_eq!(world.try_sign_in(&header).await.unwrap(), None, "{header}");
    }
    let other = "other.test".parse().unwrap();
    assert_eq!(
        world.access.authenticate_basic(&other, &basic("ada@example.com", RIGHT), "192.0.2.1").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_user_in_good_standing_costs_one_read() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    world.access.register(&tenant(), &ada()).await.unwrap();
    faults.forget();
    world.sign_in(RIGHT).await.unwrap();
    assert_eq!(faults.count_by_api().into_iter().collect::<Vec<_>>(), [("BatchGetItem".to_owned(), 1)]);
}

#[tokio::test]
async fn an_unknown_address_makes_the_same_calls_as_a_wrong_password() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    world.access.register(&tenant(), &ada()).await.unwrap();
    let mut calls = Vec::new();
    for address in ["ada@example.com", "eve@example.com"] {
        faults.forget();
        for _ in 0..12 {
            let found = world.try_sign_in(&basic(address, WRONG)).await.unwrap();
            assert_eq!(found, None);
        }
        calls.push(faults.count_by_api());
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test]
async fn ten_failures_lock_even_the_right_password_until_the_window_is_past() {
    let world = registered().await;
    fail(&world, 9).await;
    world.wait(14);
    fail(&world, 1).await;
    assert_eq!(world.sign_in(RIGHT).await, None);
    fail(&world, 5).await;
    world.wait(1);
    assert!(world.sign_in(RIGHT).await.is_some());
}

#[tokio::test]
async fn failures_of_different_hours_do_not_add_up() {
    let world = registered().await;
    for _ in 0..3 {
        fail(&world, 9).await;
        world.wait(15);
    }
    assert!(world.sign_in(RIGHT).await.is_some());
}

#[tokio::test]
async fn one_user_locked_is_nobody_else_locked() {
    let world = registered().await;
    let bob = NewUser { email: "bob@example.com".into(), ..ada() };
    world.access.register(&tenant(), &bob).await.unwrap();
    fail(&world, 10).await;
    let found = world.try_sign_in(&basic("bob@example.com", RIGHT)).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_success_clears_the_failures_before_it() {
    let world = registered().await;
    fail(&world, 9).await;
    assert!(world.sign_in(RIGHT).await.is_some());
    fail(&world, 9).await;
    assert!(world.sign_in(RIGHT).await.is_some());
}

#[tokio::test]
async fn failures_at_the_same_time_all_count() {
    for seed in 0..5 {
        let faults = FaultInjector::new();
        faults.interleave(seed);
        let world = World::through(LocalDynamo::new(), &faults);
        world.access.register(&tenant(), &ada()).await.unwrap();
        join_all((0..9).map(|_| world.sign_in(WRONG))).await;
        assert!(world.sign_in(RIGHT).await.is_some(), "nine failures do not lock");
        let found = join_all((0..30).map(|_| world.sign_in(WRONG))).await;
        assert!(found.iter().all(Option::is_none));
        assert_eq!(world.sign_in(RIGHT).await, None, "ten do");
    }
}

#[tokio::test]
async fn many_who_sign_in_rightly_at_once_all_get_in() {
    let faults = FaultInjector::new();
    faults.interleave(3);
    let world = World::through(LocalDynamo::new(), &faults);
    world.access.register(&tenant(), &ada()).await.unwrap();
    let found = join_all((0..50).map(|_| world.sign_in(RIGHT))).await;
    assert!(found.iter().all(Option::is_some));
}

/// What is counted before it is judged can refuse a right password for a moment, and no longer.
#[tokio::test]
async fn while_somebody_guesses_every_guess_is_counted_first_and_nobody_stays_locked_out() {
    for seed in 0..3 {
        let faults = FaultInjector::new();
        faults.interleave(seed);
        let world = World::through(LocalDynamo::new(), &faults);
        world.access.register(&tenant(), &ada()).await.unwrap();
        fail(&world, 3).await;
        let header = basic("ada@example.com", RIGHT);
        let found = join_all((0..20).map(|_| world.try_sign_in(&header))).await;
        assert!(found.iter().flatten().flatten().count() >= 1);
        assert!(found.iter().all(|found| matches!(found, Ok(_) | Err(AuthenticateError::Contended))));
        assert!(world.sign_in(RIGHT).await.is_some());
    }
}

#[tokio::test]
async fn a_suspended_user_and_one_without_a_password_are_answered_like_a_wrong_password() {
    let world = registered().await;
    let tenant = tenant();
    let directory = crate::Directory::new(world.access.table.clone(), world.access.clock.clone());
    let actor = crate::Actor { tenant: &tenant, principal: "operator" };
    let bob = crate::Invitation { email: "bob@example.com".into(), name: "Bob".into(), role: Role::StoreAdmin };
    directory.invite(actor, &bob).await.unwrap();
    assert_eq!(world.try_sign_in(&basic("bob@example.com", RIGHT)).await.unwrap(), None);
    let ada = UserId::of(&tenant, &"ada@example.com".parse().unwrap());
    directory.suspend(actor, ada, &|_| true).await.unwrap();
    assert_eq!(world.sign_in(RIGHT).await, None);
    directory.activate(actor, ada, &|_| true).await.unwrap();
    assert!(world.sign_in(RIGHT).await.is_some());
}

#[tokio::test]
async fn an_outage_lets_nobody_in() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    world.access.register(&tenant(), &ada()).await.unwrap();
    for api in ["BatchGetItem", "TransactWriteItems"] {
        faults.always(api, Side::Before, Effect::ServerError);
        let found = world.try_sign_in(&basic("ada@example.com", WRONG)).await;
        assert!(matches!(found, Err(AuthenticateError::Table(_))), "{api}");
        faults.heal();
    }
}

#[tokio::test]
async fn a_death_in_the_middle_neither_locks_nor_unlocks() {
    let calls = crash_points(|faults| async move {
        let world = World::through(LocalDynamo::new(), &faults);
        world.access.register(&tenant(), &ada()).await.unwrap();
        fail(&world, 7).await;
        // An eighth failure and a success; the one that dies was either counted or not.
        let flow = async {
            world.sign_in(WRONG).await;
            world.sign_in(RIGHT).await.unwrap();
        };
        let _: Result<(), testkit::Crashed> = faults.run(flow).await;
        faults.restart();
        assert!(world.sign_in(RIGHT).await.is_some());
        fail(&world, 10).await;
        assert_eq!(world.sign_in(RIGHT).await, None);
    })
    .await;
    assert_eq!(calls, 6);
}
