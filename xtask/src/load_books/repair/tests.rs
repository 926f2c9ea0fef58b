use proptest::prelude::*;

use super::*;

/// The whole number the way Python 2, R and `%.12g` print it as a float, by way of a real float.
fn as_float(digits: &str) -> String {
    let float: f64 = digits.parse().unwrap();
    let shown = format!("{float:.11e}");
    let (mantissa, exponent) = shown.split_once('e').unwrap();
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    format!("{mantissa}e+{exponent}")
}

fn as_integer(isbn10: &str) -> &str {
    isbn10.trim_start_matches('0')
}

fn isbn(text: &str) -> Isbn {
    text.parse().unwrap()
}

fn under_978() -> impl Strategy<Value = Isbn> {
    // The first four digits of a body are often zeros, which is where repair can go wrong.
    ("0{0,4}", "[0-9]{9}")
        .prop_map(|(zeros, digits)| format!("{zeros}{digits}")[..9].to_owned())
        .prop_filter("all zeros is a placeholder", |body| body != "000000000")
        .prop_map(|body| Isbn::from_isbn10_body(&body).unwrap())
}

fn under_979() -> impl Strategy<Value = Isbn> {
    "979[1-9][0-9]{8}".prop_map(|twelve| {
        let valid = |check: &u32| format!("{twelve}{check}").parse::<Isbn>().is_ok();
        let check = (0..10).find(valid).unwrap();
        isbn(&format!("{twelve}{check}"))
    })
}

proptest! {
    #[test]
    fn a_number_with_an_isbn10_survives_being_a_number_in_both_columns(isbn in under_978()) {
        let isbn10 = isbn.isbn10().unwrap();
        let printed = as_float(&isbn.to_string());
        prop_assert_eq!(restore(as_integer(&isbn10), &printed, 12), Ok(isbn));
        prop_assert_eq!(restore(as_integer(&isbn10), "", 12), Ok(isbn));
        prop_assert_eq!(restore(&format!("{}.0", as_integer(&isbn10)), &printed, 12), Ok(isbn));
    }

    #[test]
    fn twelve_digits_alone_give_the_number_back_or_name_it_among_few(
        isbn in prop_oneof![under_978(), under_979()],
    ) {
        match restore("", &as_float(&isbn.to_string()), 12) {
            Ok(restored) => prop_assert_eq!(restored, isbn),
            Err(Reason::AmbiguousIsbn { candidates }) => {
                prop_assert!(candidates.contains(&isbn));
                prop_assert_eq!(candidates.len(), 2);
            }
            Err(reason) => prop_assert!(false, "{reason:?}"),
        }
    }

    #[test]
    fn the_wrong_book_of_a_pair_is_never_taken_for_the_right_one(a in under_978(), b in under_978()) {
        prop_assume!(number(a).abs_diff(number(b)) > 10);
        let printed = as_float(&b.to_string());
        let restored = restore(&a.isbn10().unwrap(), &printed, 12);
        prop_assert_eq!(restored, Err(Reason::DisagreeingIsbns { isbn10_means: a }));
    }

    #[test]
    fn rounding_is_what_printing_a_float_does(number in 9_780_000_000_000u64..9_800_000_000_000) {
        let printed = as_float(&number.to_string());
        let (digits, length) = scientific(&printed).unwrap();
        prop_assert_eq!(format!("{digits:0<length$}"), round(number, 12).to_string());
    }

    #[test]
    fn no_text_makes_it_panic(a in "[0-9eE+.X -]{0,20}|\\PC*", b in "[0-9eE+.X -]{0,20}|\\PC*", kept in 0u32..20) {
        let _ = restore(&a, &b, kept);
    }
}

#[test]
fn plain_numbers_and_hyphens_are_read_as_they_are() {
    let expected = Ok(isbn("9780306406157"));
    assert_eq!(restore("", "978-0-306-40615-7", 12), expected);
    assert_eq!(restore("0-306-40615-2", "", 12), expected);
    assert_eq!(restore("", "9780306406157.0", 12), expected);
    assert_eq!(restore("", "9798000000014", 12), Ok(isbn("9798000000014")));
}

#[test]
fn an_isbn10_in_the_column_of_the_isbn13_is_understood() {
    let expected = Ok(isbn("9780306406157"));
    assert_eq!(restore("306406152", "306406152.0", 12), expected);
    assert_eq!(restore("", "306406152.0", 12), expected);
}

#[test]
fn a_last_digit_that_rounds_either_way_is_not_guessed() {
    // 978030640615 is followed by 7 and rounds up; 978030640616 would be followed by 4 and rounds down.
    assert_eq!(
        restore("", "9.78030640616e+12", 12),
        Err(Reason::AmbiguousIsbn { candidates: vec![isbn("9780306406157"), isbn("9780306406164")] })
    );
}

#[test]
fn a_last_digit_that_rounds_one_way_only_is_restored() {
    // 978030640618 is followed by 8 and rounds up to this; 978030640619 would be followed by 5 and round to 20.
    assert_eq!(restore("", "9.78030640619e+12", 12), Ok(isbn("9780306406188")));
}

#[test]
fn digits_no_isbn_rounds_to_are_reported() {
    // 978030640615 would be followed by 7 and round up, 978030640614 by 0 and round down.
    assert_eq!(restore("", "9.78030640615e+12", 12), Err(Reason::BadCheckDigit));
}

#[test]
fn two_right_numbers_of_two_books_are_reported() {
    let isbn10 = isbn("9780306406157");
    assert_eq!(restore("306406152", "9.78140190459e+12", 12), Err(Reason::DisagreeingIsbns { isbn10_means: isbn10 }));
    assert_eq!(restore("306406152", "9780306406164", 12), Err(Reason::DisagreeingIsbns { isbn10_means: isbn10 }));
}

#[test]
fn a_barcode_of_another_kind_does_not_contradict_the_isbn10() {
    let expected = Ok(isbn("9780306406157"));
    assert_eq!(restore("306406152", "6.45573003012e+11", 12), expected);
    assert_eq!(restore("306406152", "76783609419.0", 12), expected);
    assert_eq!(restore("", "76783609419.0", 12), Err(Reason::NotAnIsbn));
    assert_eq!(restore("", "2.94001623192e+12", 12), Err(Reason::NotAnIsbn));
}

#[test]
fn the_last_ten_digits_of_an_isbn13_are_believed_with_a_witness_only() {
    // 0306406157 is 9780306406157 without 978, not an ISBN-10.
    let expected = Ok(isbn("9780306406157"));
    assert_eq!(restore("306406157", "9.78030640616e+12", 12), expected);
    assert_eq!(restore("306406157", "9780306406157", 12), expected);
    assert_eq!(restore("306406157", "", 12), Err(Reason::BadCheckDigit));
    assert_eq!(restore("306406158", "9.78030640616e+12", 12), Err(Reason::BadCheckDigit));
}

#[test]
fn empty_and_placeholder_columns_are_told_apart() {
    assert_eq!(restore("", " ", 12), Err(Reason::MissingIsbn));
    assert_eq!(restore("0", "", 12), Err(Reason::NotAnIsbn));
    assert_eq!(restore("n/a", "", 12), Err(Reason::NotAnIsbn));
}

#[test]
fn a_file_that_kept_six_digits_still_vouches_for_isbn10s_but_restores_nothing_itself() {
    let column = ["9.78031E+12", "9.7803E+12", ""];
    let kept = kept_digits(column.into_iter());
    assert_eq!(kept, 6);
    assert_eq!(restore("306406152", "9.78031E+12", kept), Ok(isbn("9780306406157")));
    assert_eq!(restore("", "9.78031E+12", kept), Err(Reason::DigitsLost));
    assert_eq!(restore("", "9.7803E+12", kept), Err(Reason::DigitsLost));
    // Ten digits printed as six are not an ISBN-10 that ends in zeros.
    assert_eq!(restore("1.56513E+09", "", kept), Err(Reason::NotAnIsbn));
}
