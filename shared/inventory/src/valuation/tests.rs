use super::*;
use proptest::prelude::*;

/// A history under one policy; amounts as text.
struct Books {
    policy: Policy,
    held: Holding,
    layers: Vec<Layer>,
    receipt: u64,
}

fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}

impl Books {
    fn new(method: Method, negative: bool) -> Self {
        let policy = Policy { method, negative, decimals: 2 };
        Self { policy, held: Holding::default(), layers: Vec::new(), receipt: 0 }
    }

    fn book(&mut self, change: Change) -> Result<Booked, Unvaluable> {
        let (held, booked) = book(self.policy, &self.held, &mut self.layers, &change)?;
        self.held = held;
        Ok(booked)
    }

    /// Receives units that cost so much each.
    fn receive(&mut self, quantity: i64, each: &str) -> Booked {
        self.receipt += 1;
        let cost = Some(amount(each) * Decimal::from(quantity));
        self.book(Change::In { quantity, cost, receipt: self.receipt }).unwrap()
    }

    /// Issues units; gives their cost.
    fn issue(&mut self, quantity: i64) -> Decimal {
        -self.book(Change::Out { quantity }).unwrap().value_delta
    }

    fn holds(&self) -> (i64, Decimal) {
        (self.held.quantity, self.held.value)
    }
}

#[test]
fn moving_average_spreads_what_was_paid_over_what_is_held() {
    let mut books = Books::new(Method::MovingAverage, false);
    books.receive(10, "10.00");
    books.receive(10, "20.00");
    assert_eq!(books.issue(5), amount("75"));
    books.receive(5, "30.00");
    assert_eq!(books.holds(), (20, amount("375")));
    assert_eq!(books.issue(1), amount("18.75"));
}

#[test]
fn the_last_unit_takes_the_residue_with_it() {
    for method in [Method::MovingAverage, Method::Fifo, Method::Lifo] {
        let mut books = Books::new(method, false);
        books.receive(2, "3.335");
        books.receive(1, "3.33");
        let gone: Vec<Decimal> = (0..3).map(|_| books.issue(1)).collect();
        assert_eq!(gone.iter().sum::<Decimal>(), amount("10"), "{method:?} {gone:?}");
        assert_eq!(books.holds(), (0, Decimal::ZERO));
        assert_eq!(books.layers, []);
    }
}

#[test]
fn fifo_takes_the_oldest_layers_and_lifo_the_newest() {
    for (method, first, left) in [(Method::Fifo, "140", "160"), (Method::Lifo, "220", "80")] {
        let mut books = Books::new(method, false);
        books.receive(10, "10.00");
        books.receive(10, "20.00");
        assert_eq!(books.issue(12), amount(first), "{method:?}");
        assert_eq!(books.holds(), (8, amount(left)));
        assert_eq!(books.layers.len(), 1);
    }
}

#[test]
fn standard_cost_reports_what_was_paid_beyond_it_and_what_its_change_is_worth() {
    let mut books = Books::new(Method::Standard, false);
    books.book(Change::Standard { unit: amount("10") }).unwrap();
    let bought = books.receive(10, "12.00");
    assert_eq!((bought.value_delta, bought.variance), (amount("100"), amount("20")));
    assert_eq!(books.issue(4), amount("40"));
    let changed = books.book(Change::Standard { unit: amount("9.5") }).unwrap();
    assert_eq!((changed.value_delta, changed.variance), (amount("-3"), amount("3")));
    assert_eq!(books.holds(), (6, amount("57")));
    assert_eq!(books.issue(6), amount("57"));
}

#[test]
fn late_cost_stays_with_what_is_left_of_its_receipt_and_the_rest_is_variance() {
    let late = Change::LateCost { amount: amount("10"), units: 10, receipt: Some(1) };
    for method in [Method::MovingAverage, Method::Fifo] {
        let mut books = Books::new(method, false);
        books.receive(10, "10.00");
        books.issue(6);
        let booked = books.book(late).unwrap();
        assert_eq!((booked.value_delta, booked.variance), (amount("4"), amount("6")), "{method:?}");
        assert_eq!(books.holds(), (4, amount("44")));
        books.issue(4);
        let booked = books.book(late).unwrap();
        assert_eq!((booked.value_delta, booked.variance), (Decimal::ZERO, amount("10")), "{method:?}");
    }
}

#[test]
fn a_credit_takes_no_value_below_nothing() {
    let mut books = Books::new(Method::MovingAverage, false);
    books.receive(2, "1.00");
    let credit = Change::LateCost { amount: amount("-5"), units: 2, receipt: None };
    let booked = books.book(credit).unwrap();
    assert_eq!((booked.value_delta, booked.variance), (amount("-2"), amount("-3")));
}

#[test]
fn what_returns_comes_in_at_what_it_left_with() {
    let mut books = Books::new(Method::Fifo, false);
    books.receive(3, "10.00");
    books.receive(3, "20.00");
    let left = books.issue(4);
    let back = share(left, 2, 4, 2).unwrap();
    books.book(Change::In { quantity: 2, cost: Some(back), receipt: 9 }).unwrap();
    assert_eq!((left, back), (amount("50"), amount("25")));
    assert_eq!(books.holds(), (4, amount("65")));
}

#[test]
fn below_zero_is_refused_unless_the_company_allows_it() {
    let mut strict = Books::new(Method::MovingAverage, false);
    strict.receive(1, "5.00");
    assert_eq!(strict.book(Change::Out { quantity: 2 }), Err(Unvaluable::Negative));
    assert_eq!(strict.holds(), (1, amount("5")));
}

#[test]
fn what_comes_in_fills_the_hole_at_its_provisional_cost_and_the_difference_is_variance() {
    for method in [Method::MovingAverage, Method::Fifo, Method::Lifo] {
        let mut books = Books::new(method, true);
        books.receive(2, "5.00");
        // Two that are there, and three at the last known cost.
        assert_eq!(books.issue(5), amount("25"), "{method:?}");
        assert_eq!(books.holds(), (-3, amount("-15")));
        let part = books.receive(1, "6.00");
        assert_eq!((part.value_delta, part.variance), (amount("5"), amount("1")));
        let rest = books.receive(5, "7.00");
        assert_eq!(books.holds(), (3, amount("21")), "{method:?}");
        assert_eq!((rest.value_delta, rest.variance), (amount("31"), amount("4")));
    }
}

#[test]
fn found_units_cost_what_the_others_do() {
    let mut books = Books::new(Method::MovingAverage, false);
    books.receive(4, "2.50");
    books.book(Change::In { quantity: 2, cost: None, receipt: 9 }).unwrap();
    assert_eq!(books.holds(), (6, amount("15")));
    books.issue(6);
    books.book(Change::In { quantity: 1, cost: None, receipt: 10 }).unwrap();
    assert_eq!(books.holds(), (1, amount("2.5")));
}

#[test]
fn too_few_layers_are_noticed_and_nothing_changes() {
    let mut books = Books::new(Method::Fifo, false);
    books.receive(3, "1.00");
    books.receive(3, "2.00");
    books.layers.pop();
    let before = books.layers.clone();
    assert_eq!(books.book(Change::Out { quantity: 4 }), Err(Unvaluable::LayersNeeded));
    assert_eq!((books.layers.clone(), books.holds()), (before, (6, amount("9"))));
    assert_eq!(books.issue(3), amount("3"));
}

#[test]
fn shares_round_half_away_from_zero() {
    assert_eq!(share(amount("0.01"), 1, 2, 2), Ok(amount("0.01")));
    assert_eq!(share(amount("-0.01"), 1, 2, 2), Ok(amount("-0.01")));
    assert_eq!(share(amount("10"), 1, 3, 2), Ok(amount("3.33")));
    assert_eq!(share(amount("999999999999999"), 1_000_000_000, 1_000_000_000, 6), Ok(amount("999999999999999")));
    assert_eq!(share(amount("1"), 1, 0, 2), Err(Unvaluable::Quantity));
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (1i64..20, prop::option::of(0i64..100_000), 1u64..99).prop_map(|(quantity, cost, receipt)| Change::In {
            quantity,
            cost: cost.map(|minor| Decimal::new(minor, 2)),
            receipt
        }),
        (1i64..25).prop_map(|quantity| Change::Out { quantity }),
        (-900i64..900, 1i64..20, 1u64..99).prop_map(|(minor, units, receipt)| Change::LateCost {
            amount: Decimal::new(minor, 2),
            units,
            receipt: Some(receipt)
        }),
        (0i64..9_000).prop_map(|minor| Change::Standard { unit: Decimal::new(minor, 3) }),
    ]
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::MovingAverage), Just(Method::Fifo), Just(Method::Lifo), Just(Method::Standard)]
}

proptest! {
    #[test]
    fn money_is_conserved_and_nothing_is_worth_nothing(
        changes in prop::collection::vec(change(), 1..60), method in method(), negative: bool,
    ) {
        let mut books = Books::new(method, negative);
        let (mut paid, mut sold, mut variance) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for (number, change) in (1u64..).zip(&changes) {
            let mut change = *change;
            if let Change::In { receipt, .. } = &mut change {
                *receipt = number;
            }
            let before = books.held;
            let Ok(booked) = books.book(change) else {
                prop_assert_eq!(books.held, before);
                continue;
            };
            prop_assert_eq!(books.held.value, before.value + booked.value_delta);
            match change {
                Change::Out { .. } => {
                    prop_assert!(booked.variance.is_zero() && booked.value_delta <= Decimal::ZERO);
                    sold -= booked.value_delta;
                }
                Change::In { cost: Some(cost), .. } => paid += cost,
                Change::In { cost: None, .. } => paid += booked.value_delta + booked.variance,
                Change::LateCost { amount, .. } => paid += amount,
                Change::Standard { .. } => {}
            }
            variance += booked.variance;
            prop_assert!(books.held.quantity != 0 || books.held.value.is_zero());
            prop_assert!(books.held.quantity <= 0 || books.held.value >= Decimal::ZERO);
            prop_assert_eq!(books.held.value, books.held.value.round_dp(2));
            if method.has_layers() && books.held.quantity >= 0 {
                prop_assert_eq!(books.layers.iter().map(|l| l.value).sum::<Decimal>(), books.held.value);
                prop_assert_eq!(books.layers.iter().map(|l| l.quantity).sum::<i64>(), books.held.quantity);
            }
        }
        // What was paid is in stock, was sold, or was reported.
        prop_assert_eq!(paid, books.held.value + sold + variance);
    }
}
