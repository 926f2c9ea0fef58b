use super::*;
use crate::testing::{gbp, new_book};

fn pointers(result: Result<Book, Vec<Violation>>) -> Vec<(String, &'static str)> {
    result.err().into_iter().flatten().map(|v| (v.pointer, v.code)).collect()
}

#[test]
fn both_forms_of_an_isbn_are_one_book() {
    let ten = Book::new(NewBook { isbn: "0-14-044913-2".into(), ..new_book(0) });
    let thirteen = Book::new(NewBook { isbn: "978 0140449136".into(), ..new_book(0) });
    let book = thirteen.unwrap();
    assert_eq!(ten.as_ref(), Ok(&book));
    assert_eq!(book.isbn.to_string(), "9780140449136");
    assert_eq!(book.id, BookId::of(book.isbn));
}

#[test]
fn an_id_holds_its_isbn_and_other_ids_hold_none() {
    for number in 0..100 {
        let book = Book::new(new_book(number)).unwrap();
        assert_eq!(book.id.isbn(), Some(book.isbn));
        assert_eq!(book.id.to_string().parse(), Ok(book.id));
    }
    // An ISBN-10 read as a number, one with a wrong check digit, and hardly a number at all.
    for other in [140_449_132, 9_780_140_449_137, 0, u128::MAX] {
        assert_eq!(BookId::from_ulid(kernel::Ulid(other)).isbn(), None, "{other}");
    }
}

#[test]
fn everything_wrong_is_reported_at_once_with_its_place() {
    let bad = NewBook {
        isbn: "9780140449137".into(),
        title: "  ".into(),
        authors: vec!["Homer".into(), "x".repeat(129), "a\u{7}b".into()],
        year: Some(3000),
        language: Some("english".into()),
        price: gbp(0),
    };
    assert_eq!(
        pointers(Book::new(bad)),
        [
            ("/isbn".to_owned(), "invalid_isbn"),
            ("/title".to_owned(), "required"),
            ("/authors/1".to_owned(), "too_long"),
            ("/authors/2".to_owned(), "invalid_character"),
            ("/year".to_owned(), "out_of_range"),
            ("/language".to_owned(), "invalid_language"),
            ("/price/amount".to_owned(), "out_of_range"),
        ]
    );
}

#[test]
fn limits_are_inclusive() {
    let longest = NewBook {
        title: "é".repeat(256),
        authors: vec!["x".repeat(128); 20],
        year: Some(-3000),
        language: Some("zh-Hant-HK".into()),
        price: gbp(999_999_999),
        ..new_book(0)
    };
    assert!(Book::new(longest.clone()).is_ok());
    let over = |change: fn(&mut NewBook)| {
        let mut new = longest.clone();
        change(&mut new);
        pointers(Book::new(new))
    };
    assert_eq!(over(|b| b.title.push('x')), [("/title".to_owned(), "too_long")]);
    assert_eq!(over(|b| b.title = "x".repeat(5000)), [("/title".to_owned(), "too_long")]);
    assert_eq!(over(|b| b.authors.push("x".into())), [("/authors".to_owned(), "wrong_count")]);
    assert_eq!(over(|b| b.authors.clear()), [("/authors".to_owned(), "wrong_count")]);
    assert_eq!(over(|b| b.price = gbp(1_000_000_000)), [("/price/amount".to_owned(), "out_of_range")]);
    for code in ["", "e", "en-", "en_GB", "e1", "-en", "engl"] {
        let new = NewBook { language: Some(code.into()), ..longest.clone() };
        assert_eq!(pointers(Book::new(new)), [("/language".to_owned(), "invalid_language")], "{code}");
    }
}

#[test]
fn text_is_kept_trimmed_and_composed() {
    let new = NewBook { title: " E\u{301}mile\n".into(), authors: vec![" Rousseau ".into()], ..new_book(0) };
    let book = Book::new(new).unwrap();
    assert_eq!((book.title.as_str(), book.authors[0].as_str()), ("Émile", "Rousseau"));
}

#[test]
fn a_patch_changes_what_it_names_and_is_checked_like_a_new_book() {
    let book = Book::new(new_book(0)).unwrap();
    assert_eq!(book.patched(Patch::default()), Ok(book.clone()));
    let patch = Patch { year: Some(None), price: Some(gbp(7)), active: Some(false), ..Patch::default() };
    let changed = book.patched(patch).unwrap();
    assert_eq!(changed, Book { year: None, price: gbp(7), active: false, ..book.clone() });
    assert!(!book.words().is_empty());
    assert!(changed.words().is_empty());
    let bad = Patch { title: Some(String::new()), ..Patch::default() };
    assert_eq!(pointers(book.patched(bad)), [("/title".to_owned(), "required")]);
}
