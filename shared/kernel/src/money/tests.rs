use proptest::prelude::*;
use serde_json::json;

use super::*;

const GBP: Currency = Currency::GBP;

fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, GBP)
}

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

fn minors(parts: &[Money]) -> Vec<i64> {
    parts.iter().map(|part| part.minor()).collect()
}

#[test]
fn amount_has_the_decimals_of_the_currency() {
    let cases = [
        (1234, "GBP", "12.34"),
        (5, "GBP", "0.05"),
        (-5, "GBP", "-0.05"),
        (0, "GBP", "0.00"),
        (1234, "JPY", "1234"),
        (-1, "JPY", "-1"),
        (1234, "BHD", "1.234"),
        (1234, "CLF", "0.1234"),
        (i64::MAX, "GBP", "92233720368547758.07"),
        (i64::MIN, "GBP", "-92233720368547758.08"),
        (i64::MIN, "CLF", "-922337203685477.5808"),
    ];
    for (minor, code, amount) in cases {
        let money = Money::from_minor(minor, currency(code));
        assert_eq!(money.amount(), amount);
        assert_eq!(Money::parse(amount, currency(code)), Ok(money));
        assert_eq!(money.to_string(), format!("{amount} {code}"));
    }
}

#[test]
fn fewer_decimals_than_the_currency_has_are_taken_as_written() {
    assert_eq!(Money::parse("12", GBP), Ok(gbp(1200)));
    assert_eq!(Money::parse("12.5", GBP), Ok(gbp(1250)));
    assert_eq!(Money::parse("-0", GBP), Ok(gbp(0)));
    assert_eq!(Money::parse("0.1", currency("BHD")).map(Money::minor), Ok(100));
}

#[test]
fn more_decimals_than_the_currency_has_are_refused() {
    for (amount, code) in [("12.345", "GBP"), ("12.340", "GBP"), ("1.0", "JPY"), ("0.0001", "BHD"), ("0.00001", "CLF")]
    {
        let currency = currency(code);
        assert_eq!(Money::parse(amount, currency), Err(MoneyError::TooManyDecimals { currency }));
    }
}

#[test]
fn other_notations_are_refused() {
    for amount in
        ["", " 1", "1 ", "+1", "1e2", "1.5E1", "NaN", "inf", ".50", "1.", "01", "1,50", "1_0", "£1", "--1", "١"]
    {
        assert_eq!(Money::parse(amount, GBP), Err(MoneyError::NotDecimal), "{amount:?}");
    }
}

#[test]
fn amounts_beyond_64_bits_are_refused() {
    for amount in ["92233720368547758.08", "-92233720368547758.09", "100000000000000000000000000000000000000000"] {
        assert_eq!(Money::parse(amount, GBP), Err(MoneyError::Overflow));
    }
    assert_eq!(gbp(i64::MAX).checked_add(gbp(1)), Err(MoneyError::Overflow));
    assert_eq!(gbp(i64::MIN).checked_sub(gbp(1)), Err(MoneyError::Overflow));
    assert_eq!(gbp(i64::MIN).checked_mul(-1), Err(MoneyError::Overflow));
    assert_eq!(gbp(i64::MAX).mul_ratio(2, 1), Err(MoneyError::Overflow));
    assert_eq!(gbp(i64::MIN).mul_ratio(1, -1), Err(MoneyError::Overflow));
}

#[test]
fn currencies_do_not_mix() {
    let usd = Money::from_minor(1, Currency::USD);
    let error = Err(MoneyError::CurrencyMismatch { left: GBP, right: Currency::USD });
    assert_eq!(gbp(1).checked_add(usd), error);
    assert_eq!(gbp(1).checked_sub(usd), error);
    assert_eq!(Money::zero(GBP).checked_add(gbp(2)), Ok(gbp(2)));
}

#[test]
fn halves_round_to_even_or_away_from_zero() {
    // minor, numerator, denominator, half to even, half away from zero
    let cases = [
        (1, 1, 2, 0, 1),
        (3, 1, 2, 2, 2),
        (5, 1, 2, 2, 3),
        (-1, 1, 2, 0, -1),
        (-3, 1, 2, -2, -2),
        (-5, 1, 2, -2, -3),
        (5, -1, 2, -2, -3),
        (5, 1, -2, -2, -3),
        (-5, 1, -2, 2, 3),
        (125, 1, 10, 12, 13),
        (1, 1, 3, 0, 0),
        (2, 1, 3, 1, 1),
        (-2, 1, 3, -1, -1),
        (10_050, 20, 100, 2010, 2010),
        (i64::MAX, i64::MAX, i64::MAX, i64::MAX, i64::MAX),
        (i64::MIN, i64::MIN, i64::MIN, i64::MIN, i64::MIN),
        (0, 1, 2, 0, 0),
    ];
    for (minor, numerator, denominator, even, away) in cases {
        assert_eq!(gbp(minor).mul_ratio(numerator, denominator), Ok(gbp(even)));
        assert_eq!(gbp(minor).mul_ratio_half_away(numerator, denominator), Ok(gbp(away)));
    }
    assert_eq!(gbp(1).mul_ratio(1, 0), Err(MoneyError::ZeroDenominator));
}

#[test]
fn allocation_gives_what_is_left_to_the_largest_remainders_then_the_lowest_index() {
    let cases: [(i64, &[u64], &[i64]); 11] = [
        (100, &[1, 1, 1], &[34, 33, 33]),
        (-100, &[1, 1, 1], &[-34, -33, -33]),
        (5, &[3, 7], &[2, 3]),
        (10, &[1, 2, 4], &[1, 3, 6]),
        (10, &[0, 0, 0], &[4, 3, 3]),
        (1, &[0, 1, 0], &[0, 1, 0]),
        (2, &[1, 0, 1, 1], &[1, 0, 1, 0]),
        (0, &[1, 2], &[0, 0]),
        (7, &[9], &[7]),
        (7, &[], &[]),
        (i64::MIN, &[u64::MAX, u64::MAX], &[i64::MIN / 2, i64::MIN / 2]),
    ];
    for (minor, weights, parts) in cases {
        assert_eq!(minors(&gbp(minor).allocate(weights)), parts, "{minor} {weights:?}");
    }
    assert_eq!(minors(&gbp(i64::MIN).allocate(&[u64::MAX])), [i64::MIN]);
}

#[test]
fn json_is_an_amount_and_a_currency() {
    let json = json!({"amount": "12.34", "currency": "GBP"});
    assert_eq!(serde_json::to_value(gbp(1234)).unwrap(), json);
    assert_eq!(serde_json::from_value::<Money>(json).unwrap(), gbp(1234));
}

#[test]
fn other_json_is_refused() {
    for json in [
        json!({"amount": 12.34, "currency": "GBP"}),
        json!({"amount": 12, "currency": "GBP"}),
        json!({"amount": "12.345", "currency": "GBP"}),
        json!({"amount": "1e2", "currency": "GBP"}),
        json!({"amount": "12.34", "currency": "gbp"}),
        json!({"amount": "12.34", "currency": "XXX"}),
        json!({"amount": "12.34"}),
        json!({"currency": "GBP"}),
        json!({"amount": "12.34", "currency": "GBP", "minor": 1}),
        json!({"amount": null, "currency": "GBP"}),
        json!("12.34 GBP"),
        json!(1234),
    ] {
        assert!(serde_json::from_value::<Money>(json.clone()).is_err(), "{json}");
    }
}

fn any_money() -> impl Strategy<Value = Money> {
    let codes = prop::sample::select(vec!["GBP", "JPY", "BHD", "CLF", "USD"]);
    (any::<i64>(), codes).prop_map(|(minor, code)| Money::from_minor(minor, currency(code)))
}

/// Small weights (with ties and zeros) and enormous ones.
fn any_weights() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        prop::collection::vec(prop_oneof![0..10u64, any::<u64>()], 1..40),
        prop::collection::vec(0..10u64, 1..40),
    ]
}

proptest! {
    #[test]
    fn money_survives_json_and_text(money in any_money()) {
        let json = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        prop_assert_eq!(Money::parse(&money.amount(), money.currency()), Ok(money));
    }

    #[test]
    fn text_is_read_like_a_decimal_or_refused(text in "[-+ ]?[0-9]{0,20}\\.?[0-9]{0,4}(e[0-9])?") {
        if let Ok(money) = Money::parse(&text, GBP) {
            let expected: rust_decimal::Decimal = text.parse().unwrap();
            prop_assert_eq!(rust_decimal::Decimal::new(money.minor(), 2), expected);
        }
    }

    #[test]
    fn parts_sum_to_the_whole(money in any_money(), weights in any_weights()) {
        let parts = money.allocate(&weights);
        prop_assert_eq!(parts.len(), weights.len());
        let sum: i128 = parts.iter().map(|part| i128::from(part.minor())).sum();
        prop_assert_eq!(sum, i128::from(money.minor()));
        prop_assert!(parts.iter().all(|part| part.currency() == money.currency()));
    }

    #[test]
    fn each_part_is_less_than_one_minor_unit_off(minor: i64, weights in any_weights()) {
        let equal = weights.iter().all(|weight| *weight == 0);
        let weight = |weight: u64| if equal { 1 } else { i128::from(weight) };
        let total: i128 = weights.iter().map(|w| weight(*w)).sum();
        for (part, w) in gbp(minor).allocate(&weights).iter().zip(&weights) {
            // The exact share lies between its floor and the next whole number.
            let floor = (i128::from(minor) * weight(*w)).div_euclid(total);
            let whole = (i128::from(minor) * weight(*w)).rem_euclid(total) == 0;
            let next = if whole { floor } else { floor + 1 };
            prop_assert!((floor..=next).contains(&i128::from(part.minor())));
        }
    }

    #[test]
    fn a_heavier_weight_never_gets_less(minor in 0..i64::MAX, weights in any_weights()) {
        let parts = gbp(minor).allocate(&weights);
        for (a, part_a) in weights.iter().zip(&parts) {
            for (b, part_b) in weights.iter().zip(&parts) {
                prop_assert!(a <= b || part_a.minor() >= part_b.minor());
            }
        }
    }

    #[test]
    fn opposite_amounts_are_split_into_opposite_parts(minor in -i64::MAX..=i64::MAX, weights in any_weights()) {
        let there = gbp(minor).allocate(&weights);
        let back = gbp(-minor).allocate(&weights);
        for (a, b) in there.iter().zip(&back) {
            prop_assert_eq!(a.checked_add(*b), Ok(gbp(0)));
        }
    }

    #[test]
    fn ratio_is_within_half_a_minor_unit(minor: i64, numerator: i32, denominator: i32) {
        prop_assume!(denominator != 0);
        let ratio = (i64::from(numerator), i64::from(denominator));
        for rounded in [gbp(minor).mul_ratio(ratio.0, ratio.1), gbp(minor).mul_ratio_half_away(ratio.0, ratio.1)] {
            let exact = i128::from(minor) * i128::from(numerator);
            match rounded {
                Ok(rounded) => {
                    let error = i128::from(rounded.minor()) * i128::from(denominator) - exact;
                    prop_assert!(2 * error.abs() <= i128::from(denominator).abs());
                }
                Err(error) => {
                    prop_assert_eq!(error, MoneyError::Overflow);
                    prop_assert!((exact / i128::from(denominator)).abs() >= i128::from(i64::MAX));
                }
            }
        }
    }

    #[test]
    fn the_two_roundings_differ_only_at_a_half(minor: i32, numerator: i16, denominator in 1..50i64) {
        let money = gbp(minor.into());
        let even = money.mul_ratio(numerator.into(), denominator).unwrap().minor();
        let away = money.mul_ratio_half_away(numerator.into(), denominator).unwrap().minor();
        let exact = i64::from(minor) * i64::from(numerator);
        let at_a_half = 2 * (exact % denominator).abs() == denominator;
        if at_a_half {
            prop_assert_eq!(even % 2, 0);
            prop_assert!(away == even || away == even + exact.signum());
        } else {
            prop_assert_eq!(away, even);
        }
    }

    #[test]
    fn subtraction_undoes_addition(a: i64, b: i64) {
        if let Ok(sum) = gbp(a).checked_add(gbp(b)) {
            prop_assert_eq!(sum.checked_sub(gbp(b)), Ok(gbp(a)));
        }
    }
}
