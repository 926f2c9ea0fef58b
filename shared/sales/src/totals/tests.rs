use super::*;
use proptest::prelude::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

fn line(quantity: &str, price: &str, rates: &[&str]) -> BasketLine {
    let taxes = Taxes::Rates(rates.iter().map(|rate| decimal(rate)).collect());
    BasketLine { quantity: decimal(quantity), unit_price: decimal(price), discount: None, taxes }
}

fn basket(taxes_included: bool, lines: Vec<BasketLine>) -> Basket {
    Basket { currency: Currency::GBP, taxes_included, lines, discounts: Vec::new(), shipping: None }
}

fn minors(amounts: &[Money]) -> Vec<i64> {
    amounts.iter().map(|amount| amount.minor()).collect()
}

#[test]
fn taxes_are_added_or_contained_and_rounded_per_line_half_away_from_zero() {
    let exclusive = totals(&basket(false, vec![line("1", "0.10", &["0.05"]), line("1", "0.10", &["0.05"])])).unwrap();
    // 0.5 p twice: each line rounds up on its own.
    assert_eq!((exclusive.tax, exclusive.total), (gbp(2), gbp(22)));
    let inclusive = totals(&basket(true, vec![line("2", "12.00", &["0.2"])])).unwrap();
    assert_eq!((inclusive.tax, inclusive.total), (gbp(400), gbp(2400)));
    let two = totals(&basket(true, vec![line("1", "115.00", &["0.05", "0.1"])])).unwrap();
    assert_eq!(minors(&two.lines[0].taxes), [500, 1000]);
}

#[test]
fn a_discount_is_spread_over_gross_lines_before_taxes() {
    let mut three = basket(false, vec![line("1", "10", &["0.2"]), line("1", "10", &["0.2"]), line("1", "10", &[])]);
    three.discounts = vec![Discount::Amount(gbp(100))];
    let totals = totals(&three).unwrap();
    let off: Vec<Money> = totals.lines.iter().map(|line| line.discount).collect();
    assert_eq!(minors(&off), [34, 33, 33], "the lowest index first among equals");
    assert_eq!(minors(&totals.lines.iter().map(|line| line.tax).collect::<Vec<_>>()), [193, 193, 0]);
    assert_eq!(totals.total, gbp(3000 - 100 + 386));
}

#[test]
fn discounts_never_take_more_than_a_line_or_the_basket_is_worth() {
    let mut two = basket(false, vec![line("1", "10", &[]), line("1", "10", &[])]);
    two.lines[0].discount = Some(Discount::Fraction(decimal("0.95")));
    two.discounts = vec![Discount::Amount(gbp(600))];
    let first = totals(&two).unwrap();
    assert_eq!((first.lines[0].discount, first.lines[1].discount), (gbp(1000), gbp(550)));
    two.discounts.push(Discount::Amount(gbp(1_000_000)));
    assert_eq!(totals(&two).unwrap().total, gbp(0));
}

#[test]
fn prices_may_have_more_decimals_than_the_currency_and_quantities_may_be_fractions() {
    let fine = totals(&basket(false, vec![line("1.5", "0.333", &[]), line("3", "0.005", &[])])).unwrap();
    assert_eq!((fine.lines[0].gross, fine.lines[1].gross), (gbp(50), gbp(2)));
    let yen = Basket { currency: "JPY".parse().unwrap(), ..basket(true, vec![line("1", "100.5", &["0.1"])]) };
    let totals = totals(&yen).unwrap();
    assert_eq!((totals.total.minor(), totals.tax.minor()), (101, 9));
}

#[test]
fn shipping_is_taxed_like_a_line_and_stated_taxes_are_taken_as_they_are() {
    let mut one = basket(false, vec![line("1", "10", &[])]);
    one.lines[0].taxes = Taxes::Stated(vec![gbp(123)]);
    one.shipping = Some(Charge { amount: gbp(499), taxes: Taxes::Rates(vec![decimal("0.2")]) });
    let totals = totals(&one).unwrap();
    assert_eq!((totals.shipping.tax, totals.tax, totals.total), (gbp(100), gbp(223), gbp(1000 + 123 + 599)));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |change: &dyn Fn(&mut Basket)| {
        let mut bad = basket(false, vec![line("1", "10", &[])]);
        change(&mut bad);
        totals(&bad).unwrap_err()
    };
    assert_eq!(refused(&|b| b.lines[0].quantity = decimal("-1")), TotalsError::Negative);
    assert_eq!(refused(&|b| b.lines[0].taxes = Taxes::Rates(vec![decimal("10.1")])), TotalsError::Rate);
    assert_eq!(refused(&|b| b.lines[0].taxes = Taxes::Rates(vec![decimal("0.1234567891")])), TotalsError::Rate);
    assert_eq!(refused(&|b| b.discounts = vec![Discount::Fraction(decimal("1.1"))]), TotalsError::Fraction);
    assert_eq!(refused(&|b| b.discounts = vec![Discount::Amount(gbp(-1))]), TotalsError::Negative);
    let euro = Money::from_minor(1, "EUR".parse().unwrap());
    assert!(matches!(refused(&|b| b.discounts = vec![Discount::Amount(euro)]), TotalsError::Money(_)));
    assert!(matches!(refused(&|b| b.lines[0].quantity = Decimal::MAX), TotalsError::Money(MoneyError::Overflow)));
}

#[test]
fn all_zero_weights_split_equally() {
    assert_eq!(minors(&spread(gbp(5), &[gbp(0), gbp(0), gbp(0)])), [2, 2, 1]);
    assert_eq!(minors(&spread(gbp(-5), &[gbp(1), gbp(1)])), [-3, -2]);
}

fn any_line() -> impl Strategy<Value = BasketLine> {
    let discount = prop_oneof![
        Just(None),
        (0i64..2_000).prop_map(|minor| Some(Discount::Amount(gbp(minor)))),
        (0i64..=1_000).prop_map(|mille| Some(Discount::Fraction(Decimal::new(mille, 3)))),
    ];
    let rates = prop::collection::vec((0i64..3_000).prop_map(|n| Decimal::new(n, 4)), 0..3);
    (0i64..50, 0i64..100_000, discount, rates).prop_map(|(quantity, price, discount, rates)| BasketLine {
        quantity: Decimal::from(quantity),
        unit_price: Decimal::new(price, 3),
        discount,
        taxes: Taxes::Rates(rates),
    })
}

fn any_basket() -> impl Strategy<Value = Basket> {
    let discount = prop_oneof![
        (0i64..50_000).prop_map(|minor| Discount::Amount(gbp(minor))),
        (0i64..=1_000).prop_map(|mille| Discount::Fraction(Decimal::new(mille, 3))),
    ];
    let shipping = prop::option::of(
        (0i64..2_000).prop_map(|minor| Charge { amount: gbp(minor), taxes: Taxes::Rates(vec![decimal("0.2")]) }),
    );
    (any::<bool>(), prop::collection::vec(any_line(), 0..8), prop::collection::vec(discount, 0..3), shipping).prop_map(
        |(taxes_included, lines, discounts, shipping)| Basket {
            currency: Currency::GBP,
            taxes_included,
            lines,
            discounts,
            shipping,
        },
    )
}

proptest! {
    #[test]
    fn lines_and_shipping_sum_to_the_totals_and_no_line_is_negative(basket in any_basket()) {
        let totals = totals(&basket).unwrap();
        let add = |pick: &dyn Fn(&LineTotal) -> Money| totals.lines.iter().map(|line| pick(line).minor()).sum::<i64>();
        prop_assert_eq!(add(&|l| l.total) + totals.shipping.total.minor(), totals.total.minor());
        prop_assert_eq!(add(&|l| l.tax) + totals.shipping.tax.minor(), totals.tax.minor());
        prop_assert_eq!(add(&|l| l.gross), totals.subtotal.minor());
        prop_assert_eq!(add(&|l| l.discount), totals.discount.minor());
        for line in &totals.lines {
            prop_assert!(line.discount.minor() >= 0 && line.discount.minor() <= line.gross.minor());
            let extra = if basket.taxes_included { 0 } else { line.tax.minor() };
            prop_assert_eq!(line.total.minor(), line.gross.minor() - line.discount.minor() + extra);
        }
    }

    #[test]
    fn parts_sum_to_the_amount_and_are_less_than_one_unit_off(amount in -100_000i64..100_000, weights in prop::collection::vec(0i64..10_000, 1..12)) {
        let parts = spread(gbp(amount), &weights.iter().map(|w| gbp(*w)).collect::<Vec<_>>());
        prop_assert_eq!(parts.iter().map(|p| p.minor()).sum::<i64>(), amount);
        let total: i64 = weights.iter().sum();
        if total > 0 {
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!((part.minor() * total - amount * weight).abs() < total);
            }
        }
    }

    #[test]
    fn shares_of_units_sum_to_the_amount_however_they_are_grouped(amount in -100_000i64..100_000, cuts in prop::collection::vec(1i64..9, 1..9)) {
        let units: i64 = cuts.iter().sum();
        let mut from = 0;
        let mut sum = 0;
        for cut in &cuts {
            sum += share(gbp(amount), units, &(from..from + cut)).minor();
            from += cut;
        }
        prop_assert_eq!(sum, amount);
        // And shrinking what a line stands for to its first units changes none of their shares.
        let kept = cuts[0];
        let first = share(gbp(amount), units, &(0..kept));
        for unit in 0..kept {
            prop_assert_eq!(share(first, kept, &(unit..unit + 1)), share(gbp(amount), units, &(unit..unit + 1)));
        }
    }
}
