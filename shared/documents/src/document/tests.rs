use proptest::prelude::*;

use super::*;
use crate::{Item, Outcome};

fn noon() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn later(seconds: u64) -> Timestamp {
    noon() + Duration::from_secs(seconds)
}

fn document() -> Document {
    let new = NewDocument {
        kind: "product".parse().unwrap(),
        shape: 1,
        connection: "shop".parse().unwrap(),
        source: "catalog".into(),
        external_id: "42".into(),
        revision: "1".into(),
        digest: String::new(),
        keep_days: KEEP_DAYS,
    };
    Document::new(&"acme.test".parse().unwrap(), new, noon(), Duration::from_secs(60))
}

fn rules(window: Window) -> Rules<'static> {
    Rules { policy: &Policy::DEFAULT, budget: RetryBudget::DEFAULT, window }
}

/// Takes and settles at a time.
fn attempt(document: &mut Document, outcome: Outcome, at: Timestamp) -> Settled {
    let ticket = document.take("w", &Policy::DEFAULT, at).unwrap().ticket.unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    document.settle(&ticket, outcome.into(), &rules(Window::default()), at, &mut rng).unwrap()
}

fn rejected(code: &str) -> Outcome {
    Outcome::Rejected { code: code.into(), field: Some("/title".into()) }
}

fn done(id: &str) -> Outcome {
    Outcome::Done(Remote { id: Some(id.into()), version: None })
}

#[test]
fn the_same_thing_is_the_same_document_and_another_revision_is_another() {
    let tenant: TenantId = "acme.test".parse().unwrap();
    let new = |revision: &str, tenant: &TenantId| {
        let Document { kind, shape, connection, source, external_id, digest, keep_days, .. } = document();
        let revision = revision.into();
        NewDocument { kind, shape, connection, source, external_id, revision, digest, keep_days }.id(tenant)
    };
    assert_eq!(new("1", &tenant), document().id);
    assert_ne!(new("2", &tenant), document().id);
    assert_ne!(new("1", &"other.test".parse().unwrap()), document().id);
}

#[test]
fn each_class_leads_to_its_state_and_counts_as_it_should() {
    let until = later(3600);
    let pending = Outcome::Pending { handle: "op-1".into(), check_at: Some(until) };
    for (outcome, state, counted, pause) in [
        (done("gid-1"), State::Success, 1, false),
        (pending, State::Processing, 0, false),
        (Outcome::Throttled { until: Some(until) }, State::Failed, 0, false),
        (Outcome::AuthExpired, State::Failed, 0, false),
        (Outcome::AuthBroken, State::Failed, 0, true),
        (Outcome::Conflict, State::Failed, 1, false),
        (Outcome::DependencyMissing { what: "location".into() }, State::Failed, 1, false),
        (rejected("TITLE_BLANK"), State::Error, 1, false),
        (Outcome::Transient, State::Failed, 1, false),
        (Outcome::Unknown, State::Failed, 1, false),
        (Outcome::Partial(vec![]), State::Failed, 1, false),
    ] {
        let mut document = document();
        let class = outcome.class();
        let settled = attempt(&mut document, outcome, noon());
        assert_eq!((document.state, document.attempts, settled.pause), (state, counted, pause), "{class:?}");
        assert_eq!(document.due.is_some(), document.state.is_open(), "{class:?}");
        assert_eq!(document.hold, None);
        assert_eq!((settled.record.number, settled.record.state, document.steps), (1, state, 1));
    }
}

#[test]
fn a_remote_that_says_when_is_asked_no_sooner() {
    for outcome in [
        Outcome::Throttled { until: Some(later(600)) },
        Outcome::Pending { handle: "op-1".into(), check_at: Some(later(600)) },
    ] {
        let mut document = document();
        attempt(&mut document, outcome, noon());
        assert_eq!(document.due, Some(later(600)));
        let early = document.take("w", &Policy::DEFAULT, later(599));
        assert_eq!(early, Err(Refused::NotDue { due: later(600) }));
        assert!(document.take("w", &Policy::DEFAULT, later(600)).is_ok());
    }
}

#[test]
fn a_pending_document_keeps_its_handle_through_other_failures() {
    let mut document = document();
    attempt(&mut document, Outcome::Pending { handle: "op-1".into(), check_at: None }, noon());
    let mut now = document.due.unwrap();
    attempt(&mut document, Outcome::Transient, now);
    assert_eq!(document.handle.as_deref(), Some("op-1"));
    now = document.due.unwrap();
    attempt(&mut document, done("gid-1"), now);
    assert_eq!((document.state, document.remote.id.as_deref()), (State::Success, Some("gid-1")));
}

#[test]
fn expired_credentials_are_refreshed_once_and_then_pause_the_connection() {
    let mut document = document();
    assert!(!attempt(&mut document, Outcome::AuthExpired, noon()).pause);
    assert_eq!(document.due, Some(noon()));
    assert!(attempt(&mut document, Outcome::AuthExpired, noon()).pause);
    assert_eq!((document.state, document.attempts), (State::Failed, 0));
}

#[test]
fn what_fails_for_ever_is_parked_and_what_is_throttled_for_ever_is_not() {
    let mut failing = document();
    let mut now = noon();
    while failing.state.is_open() {
        attempt(&mut failing, Outcome::Transient, now);
        now = failing.due.unwrap_or(now);
    }
    assert_eq!((failing.state, failing.attempts), (State::Error, 10));
    let mut throttled = document();
    for _ in 0..1000 {
        let now = throttled.due.unwrap();
        attempt(&mut throttled, Outcome::Throttled { until: None }, now);
    }
    assert_eq!((throttled.state, throttled.attempts), (State::Failed, 0));
}

#[test]
fn classes_that_take_turns_are_parked_by_the_total() {
    let mut document = document();
    let mut now = noon();
    for n in 0.. {
        let outcome = if n % 2 == 0 { Outcome::Transient } else { Outcome::Conflict };
        attempt(&mut document, outcome, now);
        let Some(due) = document.due else { break };
        now = due;
    }
    assert_eq!((document.state, document.attempts), (State::Error, Policy::DEFAULT.max_attempts));
}

#[test]
fn a_retry_beyond_the_budget_waits_for_the_next_window() {
    let mut document = document();
    let ticket = document.take("w", &Policy::DEFAULT, noon()).unwrap().ticket.unwrap();
    let spent = Window { attempts: 20, retries: 11, failures: 11, left: Duration::from_secs(40) };
    let mut rng = fastrand::Rng::with_seed(7);
    document.settle(&ticket, Outcome::Conflict.into(), &rules(spent), noon(), &mut rng).unwrap();
    let due = document.due.unwrap();
    assert!((later(40)..later(100)).contains(&due), "{due}");
}

#[test]
fn a_holder_is_alone_until_its_lease_ends_and_fenced_off_after() {
    let mut document = document();
    let stale = document.take("slow", &Policy::DEFAULT, noon()).unwrap().ticket.unwrap();
    assert_eq!(document.take("w", &Policy::DEFAULT, later(119)), Err(Refused::Held { until: later(120) }));
    document.extend(&stale, &Policy::DEFAULT, later(60)).unwrap();
    assert_eq!(document.take("w", &Policy::DEFAULT, later(179)), Err(Refused::Held { until: later(180) }));

    let taken = document.take("w", &Policy::DEFAULT, later(180)).unwrap();
    let abandoned = taken.abandoned.unwrap();
    assert_eq!((abandoned.class, abandoned.by.as_str(), abandoned.fence), (Some(Class::Unknown), "slow", 1));
    assert_eq!((document.fence, document.attempts), (2, 1));
    // The next attempt can see that the one before may have had an effect.
    assert_eq!(document.last.as_ref().map(|last| last.class), Some(Class::Unknown));

    let before = document.clone();
    let mut rng = fastrand::Rng::with_seed(7);
    let refused = document.settle(&stale, done("x").into(), &rules(Window::default()), later(181), &mut rng);
    assert_eq!(
        (refused, document.extend(&stale, &Policy::DEFAULT, later(181))),
        (Err(Refused::Fenced), Err(Refused::Fenced))
    );
    assert_eq!(document, before);
}

#[test]
fn a_document_that_kills_its_workers_is_parked() {
    let mut document = document();
    let mut now = noon();
    let mut attempts = 0;
    while document.take("w", &Policy::DEFAULT, now).unwrap().ticket.is_some() {
        attempts += 1;
        now += Policy::DEFAULT.lease;
    }
    assert_eq!((document.state, attempts), (State::Error, Policy::DEFAULT.max_attempts));
    assert_eq!((document.hold, document.due), (None, None));
}

#[test]
fn an_operator_waits_for_the_worker_and_a_retry_begins_anew() {
    let mut document = document();
    let ticket = document.take("w", &Policy::DEFAULT, noon()).unwrap().ticket.unwrap();
    let held = document.command(Command::Discard, "op", later(1));
    assert_eq!(held, Err(Refused::Held { until: later(120) }));
    let mut rng = fastrand::Rng::with_seed(7);
    document.settle(&ticket, rejected("x").into(), &rules(Window::default()), later(2), &mut rng).unwrap();
    let record = document.command(Command::Retry, "op", later(3)).unwrap();
    assert_eq!((record.number, record.state, record.by.as_str()), (2, State::New, "op"));
    assert_eq!((document.attempts, document.due), (0, Some(later(3))));
    document.command(Command::Discard, "op", later(4)).unwrap();
    assert_eq!(document.due, None);
    assert!(document.take("w", &Policy::DEFAULT, later(5)).is_err());
}

#[test]
fn of_many_items_the_done_stay_done_and_the_rejected_keep_it_from_success() {
    let item = |key: &str, outcome| Item { key: key.into(), outcome };
    let mut document = document();
    attempt(
        &mut document,
        Outcome::Partial(vec![item("a", done("1")), item("b", rejected("BAD")), item("c", Outcome::Transient)]),
        noon(),
    );
    assert_eq!(document.state, State::Failed);
    let now = document.due.unwrap();
    // Only what is open was sent again.
    attempt(&mut document, Outcome::Partial(vec![item("c", done("3"))]), now);
    assert_eq!(document.state, State::Error);
    let classes: Vec<_> = document.items.iter().map(|(key, item)| (key.as_str(), item.class)).collect();
    assert_eq!(classes, [("a", Class::Done), ("b", Class::Rejected), ("c", Class::Done)]);
    document.command(Command::Retry, "op", now).unwrap();
    attempt(&mut document, Outcome::Partial(vec![item("b", done("2")), item("a", Outcome::Transient)]), now);
    assert_eq!(document.items["a"].class, Class::Done);
}

#[test]
fn a_document_of_many_items_is_no_success_while_one_of_them_is_open() {
    let item = |key: &str, outcome| Item { key: key.into(), outcome };
    let mut document = document();
    attempt(&mut document, Outcome::Partial(vec![item("a", done("1")), item("b", Outcome::Transient)]), noon());
    for outcome in [done("whole"), Outcome::Partial(vec![item("a", done("1"))]), Outcome::Partial(vec![])] {
        let now = document.due.unwrap();
        attempt(&mut document, outcome, now);
        assert_eq!(document.state, State::Failed);
    }
    let now = document.due.unwrap();
    attempt(&mut document, Outcome::Partial(vec![item("b", done("2"))]), now);
    assert_eq!(document.state, State::Success);
}

#[test]
fn more_items_than_a_document_can_hold_are_refused() {
    let mut document = document();
    let items = (0..=Outcome::MAX_ITEMS).map(|n| Item { key: n.to_string(), outcome: Outcome::Transient });
    attempt(&mut document, Outcome::Partial(items.collect()), noon());
    let code = document.last.and_then(|last| last.code);
    assert_eq!((document.state, code.as_deref()), (State::Error, Some("too_many_items")));
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    (0..11usize).prop_map(|n| match Class::ALL[n] {
        Class::Done => done("1"),
        Class::Pending => Outcome::Pending { handle: "h".into(), check_at: None },
        Class::Throttled => Outcome::Throttled { until: None },
        Class::AuthExpired => Outcome::AuthExpired,
        Class::AuthBroken => Outcome::AuthBroken,
        Class::Conflict => Outcome::Conflict,
        Class::DependencyMissing => Outcome::DependencyMissing { what: "x".into() },
        Class::Rejected => rejected("x"),
        Class::Transient => Outcome::Transient,
        Class::Unknown => Outcome::Unknown,
        Class::Partial => Outcome::Partial(vec![]),
    })
}

proptest! {
    /// Whatever workers do, in whatever order and however late: what is open is due, the token grows, steps are
    /// numbered without a gap, nothing leaves a state that is over.
    #[test]
    fn no_history_breaks_the_rules(
        moves in proptest::collection::vec((any_outcome(), 0u64..400, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let mut document = document();
        let mut now = noon();
        let mut rng = fastrand::Rng::with_seed(3);
        let mut tickets: Vec<Ticket> = Vec::new();
        let mut steps = 0;
        for (outcome, wait, report, old) in moves {
            now += Duration::from_secs(wait);
            let (fence, over) = (document.fence, !document.state.is_open());
            if let Ok(taken) = document.take("w", &Policy::DEFAULT, now) {
                prop_assert!(!over);
                steps += u32::from(taken.abandoned.is_some());
                if let Some(ticket) = taken.ticket {
                    prop_assert!(ticket.fence > fence);
                    tickets.push(ticket);
                }
            }
            let ticket = if old { tickets.first() } else { tickets.last() }.cloned();
            if let Some(ticket) = ticket.filter(|_| report) {
                let is_current = ticket.fence == document.fence && document.hold.is_some();
                let settled = document.settle(&ticket, outcome.into(), &rules(Window::default()), now, &mut rng);
                prop_assert_eq!(settled.is_ok(), is_current);
                steps += u32::from(settled.is_ok());
            }
            prop_assert_eq!(document.due.is_some(), document.state.is_open());
            prop_assert_eq!(document.steps, steps);
            prop_assert!(document.hold.is_none() || document.state == State::Processing);
        }
    }
}
