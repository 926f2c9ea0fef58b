use super::*;
use crate::ledger::{Broken, Proof, verify};
use crate::valuation::Method;
use proptest::prelude::*;

fn posting() -> Posting {
    Posting { source: "ord_1".into(), actor: "test".into(), reason: None, effective_at: Timestamp::UNIX_EPOCH }
}

fn at(second: i64) -> Posting {
    Posting { effective_at: Timestamp::from_second(second).unwrap(), ..posting() }
}

fn empty() -> Level {
    Level::empty("9780000000002".parse().unwrap(), "alpha".parse().unwrap())
}

fn holding(on_hand: i64) -> Level {
    after(&empty(), Movement::Counted { on_hand })
}

fn after(level: &Level, movement: Movement) -> Level {
    level.apply(&movement, &posting()).unwrap().0
}

fn refused(level: &Level, movement: Movement) -> Refusal {
    level.apply(&movement, &posting()).unwrap_err()
}

#[test]
fn promised_units_are_not_promised_again() {
    let level = after(&holding(3), Movement::Committed { quantity: 2 });
    assert_eq!((level.on_hand, level.committed, level.available()), (3, 2, 1));
    let refusal = refused(&level, Movement::Committed { quantity: 2 });
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
    let refusal = refused(&level, Movement::Observed(Observation { on_hand: 11, version: 4 }));
    assert_eq!(refusal, Refusal::NoChange);
}

#[test]
fn an_observation_below_the_promises_keeps_them_and_promises_no_more() {
    let level = after(&holding(5), Movement::Committed { quantity: 4 });
    let level = after(&level, Movement::Observed(Observation { on_hand: 3, version: 1 }));
    assert_eq!((level.committed, level.available()), (4, -1));
    assert!(level.apply(&Movement::Committed { quantity: 1 }, &posting()).is_err());
}

#[test]
fn quantities_of_zero_or_below_or_beyond_the_limit_are_refused() {
    let level = holding(5);
    for quantity in [0, -1, MAX_UNITS + 1] {
        for movement in [
            Movement::Committed { quantity },
            Movement::Released { quantity },
            Movement::Issued { quantity },
            Movement::Reserved { quantity },
            Movement::ReservationReleased { quantity },
            Movement::ReservationCommitted { quantity },
            Movement::Damaged { quantity },
            Movement::Repaired { quantity },
            Movement::QualityHeld { quantity },
            Movement::QualityReleased { quantity, damaged: false },
            Movement::Shipped { quantity },
            Movement::WrittenOff { quantity, condition: Condition::Damaged },
            Movement::GoodsReceived { quantity, announced: 0, condition: Condition::Sellable, cost: None },
            Movement::Returned { quantity, condition: Condition::Sellable, cost: None },
        ] {
            assert!(level.apply(&movement, &posting()).is_err(), "{movement:?}");
        }
    }
    assert!(level.apply(&Movement::Counted { on_hand: -1 }, &posting()).is_err());
    assert!(level.apply(&Movement::StockAdjusted { delta: -6 }, &posting()).is_err());
    assert!(level.apply(&Movement::SafetyStockSet { units: 6 }, &posting()).is_err());
    assert!(level.apply(&Movement::Announced { delta: -1 }, &posting()).is_err());
    assert!(level.apply(&Movement::StockAdjusted { delta: i64::MIN }, &posting()).is_err());
}

#[test]
fn every_bucket_takes_from_available_and_gives_back() {
    let mut level = holding(10);
    for movement in [
        Movement::Reserved { quantity: 3 },
        Movement::ReservationCommitted { quantity: 2 },
        Movement::Damaged { quantity: 1 },
        Movement::QualityHeld { quantity: 2 },
        Movement::QualityReleased { quantity: 1, damaged: true },
        Movement::SafetyStockSet { units: 2 },
        Movement::Announced { delta: 5 },
    ] {
        level = after(&level, movement);
    }
    let Balances { on_hand, committed, reserved, damaged, safety_stock, quality_control, incoming } = level.balances;
    assert_eq!((on_hand, committed, reserved, damaged), (10, 2, 1, 2));
    assert_eq!((safety_stock, quality_control, incoming, level.available()), (2, 1, 5, 2));
    for movement in [
        Movement::Shipped { quantity: 2 },
        Movement::ReservationReleased { quantity: 1 },
        Movement::Repaired { quantity: 1 },
        Movement::WrittenOff { quantity: 1, condition: Condition::Damaged },
        Movement::WrittenOff { quantity: 1, condition: Condition::QualityControl },
        Movement::SafetyStockSet { units: 0 },
        Movement::GoodsReceived { quantity: 6, announced: 5, condition: Condition::QualityControl, cost: None },
        Movement::Returned { quantity: 1, condition: Condition::Damaged, cost: None },
    ] {
        level = after(&level, movement);
    }
    let expected = Balances { on_hand: 13, damaged: 1, quality_control: 6, ..Balances::default() };
    assert_eq!((level.balances, level.available()), (expected, 6));
}

#[test]
fn a_promise_goes_beyond_what_there_is_only_as_far_as_the_level_allows() {
    let level = holding(1);
    assert!(level.apply(&Movement::Committed { quantity: 2 }, &posting()).is_err());
    let level = Level { backorder: 3, ..level };
    let level = after(&level, Movement::Committed { quantity: 3 });
    assert_eq!(level.available(), -2);
    assert!(level.apply(&Movement::Reserved { quantity: 2 }, &posting()).is_err());
    let level = after(&level, Movement::Reserved { quantity: 1 });
    assert_eq!(level.available(), -3);
    // Goods that are not there cannot leave, promised or not.
    assert!(level.apply(&Movement::Shipped { quantity: 2 }, &posting()).is_err());
    assert!(level.apply(&Movement::Issued { quantity: 1 }, &posting()).is_err());
}

#[test]
fn goods_do_not_move_while_they_are_counted_and_promises_go_on() {
    let level = Level { frozen_by: Some("cnt_1".into()), ..holding(5) };
    assert_eq!(refused(&level, Movement::Issued { quantity: 1 }), Refusal::Frozen("cnt_1".into()));
    let level = after(&level, Movement::Committed { quantity: 1 });
    let by_the_count = Posting { source: "cnt_1".into(), ..posting() };
    assert!(level.apply(&Movement::Counted { on_hand: 4 }, &by_the_count).is_ok());
}

#[test]
fn what_happened_earlier_is_booked_at_the_time_of_the_last_entry_and_keeps_its_own_time() {
    let (level, first) = empty().apply(&Movement::Counted { on_hand: 5 }, &at(100)).unwrap();
    let (level, late) = level.apply(&Movement::StockAdjusted { delta: 1 }, &at(50)).unwrap();
    let (_, next) = level.apply(&Movement::StockAdjusted { delta: 1 }, &at(101)).unwrap();
    let time = |second| Timestamp::from_second(second).unwrap();
    assert_eq!((first.effective_at, first.occurred_at), (time(100), None));
    assert_eq!((late.effective_at, late.occurred_at), (time(100), Some(time(50))));
    assert_eq!((next.effective_at, next.occurred_at), (time(101), None));
}

#[test]
fn cost_is_refused_where_no_company_values_the_stock() {
    let movement = Movement::CostAdded { amount: Decimal::ONE, units: 1, receipt: None };
    assert_eq!(refused(&holding(5), movement), Refusal::NotValued);
}

#[test]
fn a_receipt_values_what_leaves_later_and_promises_touch_no_value() {
    let policy = Policy { method: Method::MovingAverage, negative: false, decimals: 2 };
    let level = Level { cost: Some(Cost::starting(policy)), ..empty() };
    let received = Movement::GoodsReceived {
        quantity: 3,
        announced: 0,
        condition: Condition::Sellable,
        cost: Some(Decimal::from(10)),
    };
    let level = after(&level, received);
    let (level, promise) = level.apply(&Movement::Committed { quantity: 2 }, &posting()).unwrap();
    assert_eq!(promise.value.unwrap().booked, Booked::default());
    let (level, shipped) = level.apply(&Movement::Shipped { quantity: 2 }, &posting()).unwrap();
    assert_eq!(shipped.value.unwrap().booked.value_delta, Decimal::new(-667, 2));
    let (level, last) = level.apply(&Movement::Issued { quantity: 1 }, &posting()).unwrap();
    assert_eq!(last.value.unwrap().after, Decimal::ZERO);
    assert_eq!(level.cost.unwrap().value, Decimal::ZERO);
}

#[test]
fn goods_in_layers_do_not_move_without_their_layers() {
    let policy = Policy { method: Method::Fifo, negative: false, decimals: 2 };
    let level = after(&Level { cost: Some(Cost::starting(policy)), ..empty() }, Movement::Counted { on_hand: 4 });
    assert!(level.apply(&Movement::Committed { quantity: 1 }, &posting()).is_ok());
    assert_eq!(refused(&level, Movement::Issued { quantity: 1 }), Refusal::Cost(Unvaluable::LayersNeeded));
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![Just(Condition::Sellable), Just(Condition::Damaged), Just(Condition::QualityControl)]
}

fn cost() -> impl Strategy<Value = Option<Decimal>> {
    prop::option::of((0i64..100_000).prop_map(|minor| Decimal::new(minor, 3)))
}

fn goods() -> impl Strategy<Value = Movement> {
    prop_oneof![
        (-4i64..9).prop_map(|delta| Movement::StockAdjusted { delta }),
        (0i64..20).prop_map(|on_hand| Movement::Counted { on_hand }),
        (0i64..20, 0u64..30).prop_map(|(on_hand, version)| Movement::Observed(Observation { on_hand, version })),
        (0i64..5).prop_map(|quantity| Movement::Issued { quantity }),
        (0i64..5).prop_map(|quantity| Movement::Shipped { quantity }),
        (0i64..9, 0i64..3, condition(), cost()).prop_map(|(quantity, announced, condition, cost)| {
            Movement::GoodsReceived { quantity, announced, condition, cost }
        }),
        (0i64..3, condition(), cost()).prop_map(|(quantity, condition, cost)| Movement::Returned {
            quantity,
            condition,
            cost
        }),
        (-4i64..5, 0i64..2, cost()).prop_map(|(delta, settles, value)| Movement::TransferPosted {
            delta,
            settles,
            value
        }),
        (0i64..4, condition()).prop_map(|(quantity, condition)| Movement::WrittenOff { quantity, condition }),
        (0i64..5, 0i64..20, 0u64..30).prop_map(|(quantity, on_hand, version)| Movement::FulfillmentRefused {
            quantity,
            observed: Observation { on_hand, version }
        }),
        (0i64..5, 0i64..20, 0u64..30).prop_map(|(quantity, on_hand, version)| Movement::FulfillmentCompleted {
            quantity,
            observed: Observation { on_hand, version }
        }),
        (-500i64..5_000, 1i64..9, prop::option::of(0u64..20)).prop_map(|(minor, units, receipt)| {
            Movement::CostAdded { amount: Decimal::new(minor, 2), units, receipt }
        }),
        (-10i64..5_000).prop_map(|minor| Movement::StandardCostSet { unit: Decimal::new(minor, 3) }),
    ]
}

fn promise() -> impl Strategy<Value = Movement> {
    (0i64..5, 0u8..9).prop_map(|(quantity, which)| match which {
        0 => Movement::Committed { quantity },
        1 => Movement::Released { quantity },
        2 => Movement::Reserved { quantity },
        3 => Movement::ReservationReleased { quantity },
        4 => Movement::ReservationCommitted { quantity },
        5 => Movement::Damaged { quantity },
        6 => Movement::QualityHeld { quantity },
        7 => Movement::SafetyStockSet { units: quantity },
        _ => Movement::Announced { delta: quantity },
    })
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::MovingAverage), Just(Method::Fifo), Just(Method::Lifo), Just(Method::Standard)]
}

proptest! {
    #[test]
    fn the_ledger_proves_every_bucket_and_the_value_after_any_movements(
        movements in prop::collection::vec((prop_oneof![goods(), promise()], 0i64..50), 0..60),
        method in prop::option::of(method()), negative: bool, backorder in 0i64..3,
    ) {
        let cost = method.map(|method| Cost::starting(Policy { method, negative, decimals: 2 }));
        let mut level = Level { cost, backorder, ..empty() };
        let (mut ledger, mut layers): (Vec<Entry>, Vec<Layer>) = (Vec::new(), Vec::new());
        let mut sums = Balances::default();
        for (movement, second) in &movements {
            let (before, layers_before) = (level.clone(), layers.clone());
            match level.apply_with(&mut layers, movement, &at(*second)) {
                Ok((next, entry)) => {
                    if matches!(movement, Movement::Committed { .. } | Movement::Reserved { .. }) {
                        prop_assert!(next.available() >= -backorder);
                        prop_assert_eq!(next.cost, level.cost);
                        prop_assert_eq!(&layers, &layers_before);
                    }
                    sums = sums + entry.delta;
                    level = next;
                    ledger.push(entry);
                }
                Err(_) => prop_assert_eq!((&level, &layers), (&before, &layers_before)),
            }
            let Balances { on_hand, committed, reserved, damaged, safety_stock, quality_control, incoming } = level.balances;
            prop_assert_eq!(on_hand, level.available() + committed + reserved + damaged + safety_stock + quality_control);
            prop_assert!([committed, reserved, damaged, safety_stock, quality_control, incoming].iter().all(|b| *b >= 0));
            prop_assert!(on_hand >= 0 || negative);
            if let Some(cost) = level.cost.filter(|cost| cost.policy.method.has_layers()) {
                prop_assert_eq!(layers.iter().map(|l| l.quantity).sum::<i64>(), on_hand.max(0));
                if on_hand >= 0 {
                    prop_assert_eq!(layers.iter().map(|l| l.value).sum::<Decimal>(), cost.value);
                }
            }
        }
        prop_assert_eq!(sums, level.balances);
        prop_assert_eq!(verify(&level, &ledger), Ok(()));
        prop_assert!(ledger.windows(2).all(|pair| pair[0].effective_at <= pair[1].effective_at));
    }

    #[test]
    fn any_change_to_a_written_ledger_shows(at in 0usize..5, what in 0u8..12) {
        let policy = Policy { method: Method::MovingAverage, negative: false, decimals: 2 };
        let (mut level, mut ledger) = (Level { cost: Some(Cost::starting(policy)), ..empty() }, Vec::new());
        for cost in [5, 9, 2, 7, 4] {
            let movement = Movement::GoodsReceived {
                quantity: 2, announced: 0, condition: Condition::Sellable, cost: Some(Decimal::from(cost)),
            };
            let (next, entry) = level.apply(&movement, &posting()).unwrap();
            level = next;
            ledger.push(entry);
        }
        let entry = &mut ledger[at];
        match what {
            0 => entry.actor.push('x'),
            1 => { ledger.remove(at); }
            2 => entry.after.on_hand += 1,
            3 => entry.source = "ord_2".into(),
            4 => entry.delta.damaged += 1,
            5 => entry.value.as_mut().unwrap().after += Decimal::ONE,
            6 => entry.value.as_mut().unwrap().booked.variance += Decimal::ONE,
            7 => entry.reason = Some("because".into()),
            8 => entry.occurred_at = Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1)),
            9 => entry.movement = "Counted".into(),
            10 => entry.effective_at += jiff::SignedDuration::from_secs(1),
            _ => { let twin = entry.clone(); ledger.insert(at, twin); }
        }
        prop_assert!(verify(&level, &ledger).is_err());
    }
}

#[test]
fn a_level_that_ran_ahead_of_its_ledger_shows() {
    let (level, entry) = empty().apply(&Movement::Counted { on_hand: 5 }, &posting()).unwrap();
    let mut ahead = level;
    ahead.balances.on_hand = 6;
    assert!(matches!(verify(&ahead, [&entry]), Err(Broken::Level { .. })));
}

#[test]
fn an_entry_that_counts_from_before_its_predecessor_shows() {
    let (level, first) = empty().apply(&Movement::Counted { on_hand: 5 }, &at(100)).unwrap();
    let (_, mut second) = level.apply(&Movement::Counted { on_hand: 6 }, &at(100)).unwrap();
    second.effective_at = Timestamp::from_second(99).unwrap();
    second.hash = second.hash_after(&first.hash);
    let mut proof = Proof::default();
    proof.follow(&first).unwrap();
    assert_eq!(proof.follow(&second), Err(Broken::Time { seq: 2 }));
}
