//! Points about what the other side tells.

use documents::{Class, DocumentId, Documents, State};
use testkit::FaultInjector;

use crate::Account::First;
use crate::{Delivery, Subject, finish, plain, stored, through};

/// AWS calls a receiver may make for one delivery: what bounds its time whatever the load.
const CALLS: usize = 4;

async fn take_in<S: Subject>(subject: &S, deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        assert!(subject.deliver(plain(subject), delivery).await);
        work_off(subject).await;
    }
}

/// Works on every delivery that was stored.
async fn work_off<S: Subject>(subject: &S) {
    let open = open_deliveries(subject).await;
    finish(subject, First, &open, true).await;
    for id in open {
        let document = stored(subject, First, id).await;
        assert_eq!(document.state, State::Success, "{document:?}");
    }
}

async fn open_deliveries<S: Subject>(subject: &S) -> Vec<DocumentId> {
    let documents = Documents::new(plain(subject), subject.clock().clone());
    let kind = subject.delivery_type();
    let mut open = Vec::new();
    for state in State::ALL.into_iter().filter(|state| state.is_open()) {
        let (found, _) = documents.list(&subject.tenant(First), &kind, state, None, 500).await.unwrap();
        open.extend(found.into_iter().map(|document| document.id));
    }
    open
}

/// Things are told, and changed on the other side, some of them often.
async fn changes<S: Subject>(subject: &S) -> Vec<Delivery> {
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        subject.have(First, name, 1);
        ids.push(subject.announce(First, name, 1).await);
    }
    finish(subject, First, &ids, false).await;
    for state in 2..6 {
        for name in ["a", "b", "c"] {
            subject.clock().advance(std::time::Duration::from_secs(150));
            subject.change_there(First, name, state * 10).await;
        }
    }
    subject.deliveries(First).await
}

pub async fn p03_every_delivery_twice_and_backwards_ends_the_same<S: Subject>() {
    let straight = S::open().await;
    let told = changes(&straight).await;
    take_in(&straight, told).await;
    let wanted = straight.here(First);
    assert_eq!(wanted.len(), 3);

    let backwards = S::open().await;
    let mut told = changes(&backwards).await;
    told.reverse();
    let twice = told.into_iter().flat_map(|delivery| [delivery.clone(), delivery]).collect();
    take_in(&backwards, twice).await;
    assert_eq!(backwards.here(First), wanted);
}

pub async fn p11_an_altered_byte_is_refused_and_a_delivery_costs_few_calls<S: Subject>() {
    let subject = S::open().await;
    let told = changes(&subject).await;
    for delivery in &told {
        for at in [0, delivery.body.len() / 2, delivery.body.len() - 1] {
            let mut altered = delivery.clone();
            altered.body[at] ^= 1;
            assert!(!subject.deliver(plain(&subject), altered).await);
        }
    }
    assert_eq!(open_deliveries(&subject).await, []);
    for delivery in told {
        let faults = FaultInjector::new();
        assert!(subject.deliver(through(&subject, &faults), delivery).await);
        assert!(faults.count() <= CALLS, "{:?}", faults.count_by_api());
    }
}

/// What we wrote comes back, is recognised, and leads to nothing; what people change is written back at most once.
pub async fn p12_an_echo_does_not_loop<S: Subject>() {
    let subject = S::open().await;
    subject.have(First, "a", 1);
    let id = subject.announce(First, "a", 1).await;
    finish(&subject, First, &[id], false).await;
    let written = subject.load(First).await.writes;
    for _ in 0..5 {
        let told = subject.deliveries(First).await;
        take_in(&subject, told).await;
        let outward = subject.announced(First).await;
        finish(&subject, First, &outward, false).await;
        subject.clock().advance(std::time::Duration::from_secs(3_600));
    }
    assert_eq!(subject.load(First).await.writes, written);
    assert_eq!(subject.deliveries(First).await.len(), 0);
    assert_eq!((subject.there(First).await, subject.here(First)), (vec![("a".to_owned(), 1)], vec![]));
}

pub async fn p13_words_nobody_knows_are_tolerated<S: Subject>() {
    let subject = S::open().await;
    changes(&subject).await;
    subject.clock().advance(std::time::Duration::from_secs(3_600));
    let strange = subject.strange_delivery(First, "a").await;
    assert!(subject.deliver(plain(&subject), strange).await);
    let open = open_deliveries(&subject).await;
    assert_eq!(open.len(), 1);
    finish(&subject, First, &open, true).await;
    assert_eq!(stored(&subject, First, open[0]).await.state, State::Success);
    assert_eq!(subject.unknown_progress(), Class::Pending);
}
