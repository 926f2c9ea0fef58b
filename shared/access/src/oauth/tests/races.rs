//! Many at once, and processes that die in the middle.

use std::collections::BTreeSet;

use futures::future::join_all;
use secrecy::ExposeSecret;
use testkit::{FaultInjector, LocalDynamo};

use super::world::*;

/// Acceptance: twenty tabs refresh with one token; there is one successor, and nobody is logged out.
#[tokio::test]
async fn twenty_refreshes_with_one_token_are_one_family_and_log_nobody_out() {
    for seed in 1..4 {
        let world = World::over(LocalDynamo::new().contended(seed), &FaultInjector::new()).await;
        let first = world.signed_in().await;
        let token = refresh_token(&first);
        let results = join_all((0..20).map(|_| world.refresh(&token))).await;
        let issued: Vec<_> = results.into_iter().map(|result| result.unwrap()).collect();
        let successors: BTreeSet<String> = issued.iter().map(refresh_token).collect();
        assert_eq!(successors.len(), 1);
        for one in &issued {
            assert!(world.is_good(one).await);
        }
        world.wait(31);
        let next = world.refresh(successors.first().unwrap()).await.unwrap();
        assert!(world.is_good(&next).await);
        assert_eq!(error(world.refresh(&token).await), "invalid_grant");
        assert!(!world.is_good(&next).await, "reuse after the leeway ends the family");
    }
}

#[tokio::test]
async fn of_many_exchanges_of_one_code_at_most_one_gives_tokens_and_they_do_not_last() {
    let world = World::over(LocalDynamo::new().contended(7), &FaultInjector::new()).await;
    let code = world.code().await;
    let ask = world.exchange(&code, &[]);
    let results = join_all((0..10).map(|_| world.oauth.token(&ask, None))).await;
    let issued: Vec<_> = results.into_iter().flatten().collect();
    assert!(issued.len() <= 1);
    for one in &issued {
        assert!(!world.is_good(one).await);
    }
}

#[tokio::test]
async fn of_many_returns_of_one_browser_one_starts_a_session() {
    let world = World::over(LocalDynamo::new().contended(3), &FaultInjector::new()).await;
    let started = world.started().await;
    let backs = join_all((0..8).map(|_| world.returned(&started, "good"))).await;
    assert_eq!(backs.iter().flatten().filter(|back| value(back, "code").is_some()).count(), 1);
    assert_eq!(world.oauth.sessions(world.user.id, 10, None).await.unwrap().items.len(), 1);
}

/// Whatever call of a refresh is the last one of a process, the client that asks again goes on.
#[tokio::test]
async fn a_refresh_that_dies_anywhere_can_be_repeated() {
    let faults = FaultInjector::new();
    let world = World::over(LocalDynamo::new(), &faults).await;
    let first = world.signed_in().await;
    faults.forget();
    let mut token = refresh_token(&first);
    let calls = {
        let next = world.refresh(&token).await.unwrap();
        token = refresh_token(&next);
        faults.count()
    };
    for call in 0..calls {
        for side in [testkit::Side::Before, testkit::Side::After] {
            faults.forget();
            faults.at(call, side, testkit::Effect::Crash);
            let died = faults.run(world.refresh(&token)).await;
            assert!(died.is_err());
            faults.restart();
            let next = world.refresh(&token).await.unwrap();
            assert!(world.is_good(&next).await);
            token = refresh_token(&next);
            world.wait(31);
        }
    }
}

#[tokio::test]
async fn no_secret_is_stored_as_it_is() {
    let world = World::new().await;
    let started = world.started().await;
    let state = value(&started.location, "state").unwrap();
    let back = world.returned(&started, "good").await.unwrap();
    let code = value(&back, "code").unwrap();
    let issued = world.oauth.token(&world.exchange(&code, &[]), None).await.unwrap();
    let refresh = refresh_token(&issued);
    let secret = refresh.split_once('.').unwrap().1;
    let everything = world.dynamo.execute("Scan", serde_json::json!({ "TableName": "crossdock" })).to_string();
    for hidden in [&*state, &started.browser, &code, secret, &world.secret, issued.access_token.expose_secret()] {
        assert!(!everything.contains(hidden));
    }
}

/// Whatever call is the last one of a process: either the login is still good and there is no session, or it is used up and
/// there is one.
#[tokio::test]
async fn a_login_that_dies_anywhere_leaves_all_or_nothing() {
    let mut deaths = 0;
    for call in 0..8 {
        for side in [testkit::Side::Before, testkit::Side::After] {
            let faults = FaultInjector::new();
            let world = World::over(LocalDynamo::new(), &faults).await;
            let started = world.started().await;
            faults.forget();
            faults.at(call, side, testkit::Effect::Crash);
            let has_died = faults.run(world.returned(&started, "good")).await.is_err();
            deaths += usize::from(has_died);
            faults.heal();
            faults.restart();
            let count = async || world.oauth.sessions(world.user.id, 10, None).await.unwrap().items.len();
            let before = count().await;
            let again = world.returned(&started, "good").await.and_then(|back| value(&back, "code"));
            assert_eq!(again.is_some(), before == 0, "call {call} {side:?}");
            assert_eq!(count().await, 1, "call {call} {side:?}");
        }
    }
    assert_eq!(deaths, 10, "five calls, each before and after");
}
