use super::*;
use proptest::prelude::*;

fn level(sku: &str) -> (LocationId, Sku) {
    ("alpha".parse().unwrap(), sku.parse().unwrap())
}

fn line(sku: &str, requested: i64, components: &[(&str, i64)]) -> Line {
    let (location, sku) = level(sku);
    let components = components.iter().map(|(sku, units)| (sku.parse().unwrap(), *units)).collect();
    Line { location, sku, requested, held: 0, components }
}

fn stock(rows: &[(&str, i64)]) -> Units {
    rows.iter().map(|(sku, units)| (level(sku), *units)).collect()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn reservation(state: State) -> Reservation {
    Reservation {
        id: ReservationId::derive(&["r"]),
        state,
        lines: vec![Line { held: 2, ..line("a", 2, &[]) }],
        units: Vec::new(),
        partial: false,
        seconds: 100,
        expires_at: second(100),
        source: "cart".into(),
        version: 1,
    }
}

#[test]
fn a_batch_is_checked_on_its_sum() {
    let mut lines = [line("a", 2, &[]), line("set", 1, &[("a", 2), ("b", 1)])];
    let short = hold(&mut lines, &stock(&[("a", 3), ("b", 9)]), false).unwrap_err();
    let (location, sku) = level("a");
    assert_eq!(short, [Shortage { location, sku, requested: 4, available: 3 }]);
    assert!(lines.iter().all(|line| line.held == 0));
    hold(&mut lines, &stock(&[("a", 4), ("b", 1)]), false).unwrap();
    assert_eq!(lines.iter().map(|line| line.held).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn a_part_is_held_line_by_line_and_kits_whole() {
    let mut lines = [line("set", 3, &[("a", 2), ("b", 1)]), line("a", 5, &[])];
    hold(&mut lines, &stock(&[("a", 5), ("b", 9)]), true).unwrap();
    assert_eq!(lines.iter().map(|line| line.held).collect::<Vec<_>>(), [2, 1]);
    assert!(hold(&mut lines, &stock(&[]), true).is_err(), "nothing is not a part");
}

#[test]
fn every_step_in_every_state_is_allowed_refused_or_known_already() {
    let after = |state, step, now| reservation(state).apply(step, second(now)).map(|next| next.map(|r| r.state));
    let (commit, release, expire, extend) = (Step::Commit, Step::Release, Step::Expire, Step::Extend(50));
    for (state, step, now, outcome) in [
        (State::Pending, commit, 99, Ok(Some(State::Committed))),
        (State::Pending, commit, 100, Err(NotAllowed::Expired)),
        (State::Pending, release, 99, Ok(Some(State::Released))),
        (State::Pending, release, 200, Ok(Some(State::Released))),
        (State::Pending, expire, 99, Err(NotAllowed::NotDue)),
        (State::Pending, expire, 100, Ok(Some(State::Expired))),
        (State::Pending, extend, 99, Ok(Some(State::Pending))),
        (State::Pending, extend, 100, Err(NotAllowed::Expired)),
        (State::Committed, commit, 200, Ok(None)),
        (State::Committed, release, 0, Err(NotAllowed::AlreadyCommitted)),
        (State::Committed, expire, 200, Err(NotAllowed::AlreadyCommitted)),
        (State::Committed, extend, 0, Err(NotAllowed::AlreadyCommitted)),
        (State::Released, commit, 0, Err(NotAllowed::AlreadyReleased)),
        (State::Released, release, 0, Ok(None)),
        (State::Released, expire, 200, Err(NotAllowed::AlreadyReleased)),
        (State::Released, extend, 0, Err(NotAllowed::AlreadyReleased)),
        (State::Expired, commit, 200, Err(NotAllowed::Expired)),
        (State::Expired, release, 200, Ok(None)),
        (State::Expired, expire, 200, Ok(None)),
        (State::Expired, extend, 200, Err(NotAllowed::Expired)),
    ] {
        assert_eq!(after(state, step, now), outcome, "{state:?} {step:?} at {now}");
    }
}

#[test]
fn an_extension_never_shortens_and_has_bounds() {
    let pending = reservation(State::Pending);
    let extended = |seconds, now| pending.apply(Step::Extend(seconds), second(now)).map(|r| r.unwrap().expires_at);
    assert_eq!(extended(60, 50), Ok(second(110)));
    assert_eq!(extended(10, 50), Ok(second(100)));
    assert_eq!(extended(0, 50), Err(NotAllowed::Duration));
    assert_eq!(extended(MAX_SECONDS + 1, 50), Err(NotAllowed::Duration));
}

proptest! {
    #[test]
    fn no_more_is_held_than_there_is_and_all_or_nothing_is_all(
        wanted in prop::collection::vec((0usize..3, 1i64..6, any::<bool>()), 1..6),
        there in prop::collection::vec(-2i64..12, 3), partial: bool,
    ) {
        let mut lines: Vec<Line> = wanted.iter().map(|(item, quantity, kit)| {
            if *kit { line("set", *quantity, &[("s0", 1), ("s1", 2)]) } else { line(&format!("s{item}"), *quantity, &[]) }
        }).collect();
        let stock: Units = there.iter().enumerate().map(|(n, units)| (level(&format!("s{n}")), *units)).collect();
        let outcome = hold(&mut lines, &stock, partial);
        let held = held(&lines);
        for (level, units) in &held {
            prop_assert!(*units <= stock[level].max(0));
        }
        match outcome {
            Ok(()) if !partial => prop_assert!(lines.iter().all(|line| line.held == line.requested)),
            Ok(()) => prop_assert!(lines.iter().any(|line| line.held > 0)),
            Err(short) => prop_assert!(held.is_empty() && !short.is_empty()),
        }
    }
}
