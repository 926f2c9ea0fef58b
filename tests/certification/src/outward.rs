//! Points about telling the other side.

use documents::{Class, DocumentId, Outcome, State};
use futures::future::join_all;
use testkit::crash_points;

use crate::Account::{First, Second};
use crate::{Account, Misfortune, Subject, Things, finish, plain, process, stored, through};

async fn announced<S: Subject>(subject: &S, account: Account, ids: &[String]) -> Vec<DocumentId> {
    let mut documents = Vec::new();
    for id in ids {
        subject.have(account, id, 1);
        documents.push(subject.announce(account, id, 1).await);
    }
    documents
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("thing-{n:04}")).collect()
}

fn told(names: &[String]) -> Things {
    names.iter().map(|name| (name.clone(), 1)).collect()
}

async fn attempt<S: Subject>(subject: &S, account: Account, id: DocumentId) {
    let process = process(subject);
    let (tenant, connection) = (subject.tenant(account), subject.connection(account));
    process.documents.process(&tenant, id, &connection, "worker", &*process.outward).await.unwrap();
}

async fn is_paused<S: Subject>(subject: &S, account: Account) -> bool {
    let health = process(subject).documents.health(&subject.tenant(account), &subject.connection(account)).await;
    health.unwrap().unwrap().connection.paused.is_some()
}

/// Nothing is written, the connection stops, and what was to be told is kept.
pub async fn p01_bad_credentials_fail_before_any_write<S: Subject>() {
    let subject = S::open().await;
    subject.befall(First, Misfortune::BadCredentials).await;
    let before = subject.load(First).await.writes;
    let ids = announced(&subject, First, &names(2)).await;
    for id in &ids {
        attempt(&subject, First, *id).await;
    }
    assert_eq!(subject.load(First).await.writes, before);
    assert_eq!(subject.there(First).await, []);
    assert!(is_paused(&subject, First).await);
    for id in ids {
        assert!(stored(&subject, First, id).await.state.is_open());
    }
}

/// Wherever the worker dies, and also when the answer is lost, there is one thing in the end.
pub async fn p02_a_crash_after_the_change_makes_no_second_one<S: Subject>() {
    crash_points(async |faults| {
        let subject = S::open().await;
        let ids = announced(&subject, First, &names(1)).await;
        let dying = subject.process(through(&subject, &faults));
        let (tenant, connection) = (subject.tenant(First), subject.connection(First));
        let _ = faults.run(dying.documents.process(&tenant, ids[0], &connection, "dying", &*dying.outward)).await;
        faults.restart();
        finish(&subject, First, &ids, false).await;
        assert_eq!(subject.there(First).await, told(&names(1)));
        let document = stored(&subject, First, ids[0]).await;
        assert_eq!(document.state, State::Success, "{document:?}");
    })
    .await;
    let subject = S::open().await;
    let ids = announced(&subject, First, &names(3)).await;
    subject.befall(First, Misfortune::LostAnswer).await;
    finish(&subject, First, &ids, false).await;
    assert_eq!(subject.there(First).await, told(&names(3)));
}

/// Four workers, more work than the limit allows at once, and a store that throttles all the same.
pub async fn p04_a_throttle_storm_ends_and_never_exceeds_the_limit<S: Subject>() {
    let subject = S::open().await;
    let names = names(90);
    let ids = announced(&subject, First, &names).await;
    for _ in 0..5 {
        subject.befall(First, Misfortune::Throttled).await;
    }
    let (tenant, connection) = (subject.tenant(First), subject.connection(First));
    let workers: Vec<_> = (0..4).map(|_| process(&subject)).collect();
    join_all(workers.iter().enumerate().map(async |(n, worker)| {
        for id in ids.iter().skip(n).step_by(4) {
            worker.documents.process(&tenant, *id, &connection, "worker", &*worker.outward).await.unwrap();
        }
    }))
    .await;
    finish(&subject, First, &ids, false).await;
    let load = subject.load(First).await;
    assert!(load.peak <= load.limit, "{load:?}");
    assert_eq!(subject.there(First).await, told(&names));
    // Throttled is no attempt.
    for id in ids {
        assert_eq!(stored(&subject, First, id).await.attempts, 1);
    }
}

pub async fn p05_of_twenty_workers_one_renews_the_credentials<S: Subject>() {
    let subject = S::open().await;
    let names = names(20);
    let ids = announced(&subject, First, &names).await;
    subject.befall(First, Misfortune::ExpiredCredentials).await;
    let (tenant, connection) = (subject.tenant(First), subject.connection(First));
    let workers: Vec<_> = ids.iter().map(|_| process(&subject)).collect();
    join_all(workers.iter().zip(&ids).map(async |(worker, id)| {
        worker.documents.process(&tenant, *id, &connection, "worker", &*worker.outward).await.unwrap();
    }))
    .await;
    assert_eq!(subject.load(First).await.renewals, 1);
    finish(&subject, First, &ids, false).await;
    assert_eq!((subject.load(First).await.renewals, is_paused(&subject, First).await), (1, false));
    assert_eq!(subject.there(First).await, told(&names));
}

pub async fn p06_a_lost_renewal_locks_nobody_out<S: Subject>() {
    let subject = S::open().await;
    let ids = announced(&subject, First, &names(2)).await;
    subject.befall(First, Misfortune::ExpiredCredentials).await;
    subject.befall(First, Misfortune::LostRenewal).await;
    finish(&subject, First, &ids, false).await;
    assert_eq!((subject.load(First).await.renewals, is_paused(&subject, First).await), (2, false));
    assert_eq!(subject.there(First).await, told(&names(2)));
}

pub async fn p08_a_poison_record_is_parked_and_the_rest_proceed<S: Subject>() {
    let subject = S::open().await;
    let mut ids = announced(&subject, First, &names(2)).await;
    subject.have_poison(First, "poison");
    ids.insert(1, subject.announce(First, "poison", 1).await);
    finish(&subject, First, &ids, false).await;
    let parked = stored(&subject, First, ids[1]).await;
    assert_eq!((parked.state, parked.attempts), (State::Error, 1));
    assert_eq!(parked.last.unwrap().class, Class::Rejected);
    assert_eq!(subject.there(First).await, told(&names(2)));
}

pub async fn p09_a_partial_batch_has_an_outcome_for_each_item<S: Subject>() {
    let subject = S::open().await;
    let report = subject.tell_many(First, &[("a", true), ("b", false), ("c", true)]).await;
    let Outcome::Partial(items) = report.outcome else { panic!("{report:?}") };
    let ends: Vec<(&str, Class)> = items.iter().map(|item| (item.key.as_str(), item.outcome.class())).collect();
    assert_eq!(ends, [("a", Class::Done), ("b", Class::Rejected), ("c", Class::Done)]);
}

pub async fn p15_two_tenants_share_neither_limiter_nor_credentials_nor_data<S: Subject>() {
    let subject = S::open().await;
    let many = names(96);
    let first = announced(&subject, First, &many).await;
    let second = announced(&subject, Second, &names(1)).await;
    for id in &first {
        attempt(&subject, First, *id).await;
    }
    assert!(subject.there(First).await.len() < many.len(), "the first account's limit is used up");
    attempt(&subject, Second, second[0]).await;
    assert_eq!(stored(&subject, Second, second[0]).await.state, State::Success);
    assert_eq!(subject.there(Second).await, told(&names(1)));
    subject.befall(First, Misfortune::BadCredentials).await;
    subject.clock().advance(std::time::Duration::from_secs(3_600));
    let waiting = first.last().unwrap();
    attempt(&subject, First, *waiting).await;
    subject.have(Second, "another", 1);
    let another = subject.announce(Second, "another", 1).await;
    attempt(&subject, Second, another).await;
    assert_eq!((is_paused(&subject, First).await, is_paused(&subject, Second).await), (true, false));
    assert_eq!(stored(&subject, Second, another).await.state, State::Success);
    let documents = documents::Documents::new(plain(&subject), subject.clock().clone());
    assert_eq!(documents.document(&subject.tenant(Second), *waiting).await.unwrap(), None);
}
