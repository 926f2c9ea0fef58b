use super::*;
use crate::ledger::{Broken, verify};
use proptest::prelude::*;

fn posting() -> Posting {
    Posting { source: "ord_1".into(), actor: "test".into(), reason: None, effective_at: Timestamp::UNIX_EPOCH }
}

fn empty() -> Level {
    Level::empty("9780000000002".parse().unwrap(), "alpha".parse().unwrap())
}

fn after(level: &Level, movement: Movement) -> Level {
    level.apply(&movement, &posting()).unwrap().0
}

#[test]
fn promised_units_are_not_promised_again() {
    let level = after(&after(&empty(), Movement::Counted { on_hand: 3 }), Movement::Committed { quantity: 2 });
    assert_eq!((level.on_hand, level.committed, level.available()), (3, 2, 1));
    let refusal = level.apply(&Movement::Committed { quantity: 2 }, &posting()).unwrap_err();
    assert_eq!(refusal, Refusal::InsufficientStock { requested: 2, available: 1 });
}

#[test]
fn a_confirmation_after_a_reconciliation_subtracts_only_once() {
    let level = after(
        &after(&empty(), Movement::Observed(Observation { on_hand: 10, version: 4 })),
        Movement::Committed { quantity: 1 },
    );
    // The warehouse shipped (9 left, version 5) and the reconciliation saw it before the confirmation came.
    let reconciled = after(&level, Movement::Observed(Observation { on_hand: 9, version: 5 }));
    let confirmed = Movement::FulfillmentCompleted { quantity: 1, observed: Observation { on_hand: 9, version: 5 } };
    let settled = after(&reconciled, confirmed.clone());
    assert_eq!((settled.on_hand, settled.committed, settled.available()), (9, 0, 9));
    // The other order of arrival ends in the same place.
    let straight = after(&level, confirmed);
    assert_eq!((straight.on_hand, straight.committed), (9, 0));
}

#[test]
fn an_older_observation_changes_nothing() {
    let level = after(&empty(), Movement::Observed(Observation { on_hand: 10, version: 4 }));
    let refusal = level.apply(&Movement::Observed(Observation { on_hand: 11, version: 4 }), &posting());
    assert_eq!(refusal.unwrap_err(), Refusal::NoChange);
}

#[test]
fn an_observation_below_the_promises_keeps_them_and_promises_no_more() {
    let level = after(&after(&empty(), Movement::Counted { on_hand: 5 }), Movement::Committed { quantity: 4 });
    let level = after(&level, Movement::Observed(Observation { on_hand: 3, version: 1 }));
    assert_eq!((level.committed, level.available()), (4, -1));
    assert!(level.apply(&Movement::Committed { quantity: 1 }, &posting()).is_err());
}

#[test]
fn quantities_of_zero_or_below_or_beyond_the_limit_are_refused() {
    let level = after(&empty(), Movement::Counted { on_hand: 5 });
    for quantity in [0, -1, MAX_UNITS + 1] {
        for movement in
            [Movement::Committed { quantity }, Movement::Released { quantity }, Movement::Issued { quantity }]
        {
            assert!(level.apply(&movement, &posting()).is_err(), "{movement:?}");
        }
    }
    assert!(level.apply(&Movement::Counted { on_hand: -1 }, &posting()).is_err());
    assert!(level.apply(&Movement::StockAdjusted { delta: -6 }, &posting()).is_err());
}

fn movement() -> impl Strategy<Value = Movement> {
    prop_oneof![
        (-4i64..9).prop_map(|delta| Movement::StockAdjusted { delta }),
        (0i64..20).prop_map(|on_hand| Movement::Counted { on_hand }),
        (0i64..20, 0u64..30).prop_map(|(on_hand, version)| Movement::Observed(Observation { on_hand, version })),
        (0i64..5).prop_map(|quantity| Movement::Committed { quantity }),
        (0i64..5).prop_map(|quantity| Movement::Released { quantity }),
        (0i64..5).prop_map(|quantity| Movement::Issued { quantity }),
        (0i64..5, 0i64..20, 0u64..30).prop_map(|(quantity, on_hand, version)| Movement::FulfillmentRefused {
            quantity,
            observed: Observation { on_hand, version }
        }),
        (0i64..5, 0i64..20, 0u64..30).prop_map(|(quantity, on_hand, version)| Movement::FulfillmentCompleted {
            quantity,
            observed: Observation { on_hand, version }
        }),
    ]
}

proptest! {
    #[test]
    fn the_ledger_proves_the_level_after_any_movements(movements in prop::collection::vec(movement(), 0..40)) {
        let (mut level, mut ledger) = (empty(), Vec::new());
        for movement in &movements {
            let before = level.clone();
            match level.apply(movement, &posting()) {
                Ok((next, entry)) => {
                    if matches!(movement, Movement::Committed { .. }) {
                        prop_assert!(next.available() >= 0);
                    }
                    level = next;
                    ledger.push(entry);
                }
                Err(_) => prop_assert_eq!(&level, &before),
            }
            prop_assert!(level.on_hand >= 0 && level.committed >= 0);
        }
        prop_assert_eq!(verify(&level, &ledger), Ok(()));
    }

    #[test]
    fn any_change_to_a_written_ledger_shows(at in 0usize..5, what in 0u8..5) {
        let (mut level, mut ledger) = (empty(), Vec::new());
        for on_hand in [5, 9, 2, 7, 4] {
            let (next, entry) = level.apply(&Movement::Counted { on_hand }, &posting()).unwrap();
            level = next;
            ledger.push(entry);
        }
        match what {
            0 => ledger[at].actor.push('x'),
            1 => { ledger.remove(at); }
            2 => ledger[at].on_hand += 1,
            3 => ledger[at].source = "ord_2".into(),
            _ => { let twin = ledger[at].clone(); ledger.insert(at, twin); }
        }
        prop_assert!(verify(&level, &ledger).is_err());
    }
}

#[test]
fn a_level_that_ran_ahead_of_its_ledger_shows() {
    let (level, entry) = empty().apply(&Movement::Counted { on_hand: 5 }, &posting()).unwrap();
    let mut ahead = level;
    ahead.on_hand = 6;
    assert!(matches!(verify(&ahead, [&entry]), Err(Broken::Level { .. })));
}
