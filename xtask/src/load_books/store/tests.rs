use super::super::book::Columns;
use super::super::stand_in::serve;
use super::*;

fn book(isbn13: &str, title: &str) -> Book {
    let columns = Columns {
        isbn13: isbn13.into(),
        title: title.into(),
        authors: "Élisabeth Vigée, Élisabeth Vigée,  Jean  Doe".into(),
        original_publication_year: "-750.0".into(),
        ..Columns::default()
    };
    Book::from_columns(&columns, 12).unwrap()
}

fn store(url: &str) -> Store {
    let backoff = Backoff::exponential(Duration::ZERO, Duration::ZERO, 4);
    Store { backoff, ..Store::new(url, "admin", "pass:wörd") }
}

fn all_created(count: usize) -> (u16, Value) {
    let lines: Vec<_> = (0..count).map(|index| json!({ "index": index, "status": "created", "id": "bok_1" })).collect();
    (200, json!({ "results": lines }))
}

#[test]
fn a_batch_is_posted_with_basic_credentials_and_the_fields_the_store_knows() {
    let url = serve(|request| {
        assert_eq!(request.line, "POST /store/v1/books/batch HTTP/1.1");
        assert_eq!(request.authorization, "Basic YWRtaW46cGFzczp3w7ZyZA==");
        let expected = json!([{
            "isbn": "9780306406157",
            "title": "A \"title\", quoted",
            "authors": ["Élisabeth Vigée", "Jean Doe"],
            "publicationYear": -750,
            "price": { "amount": "19.99", "currency": "GBP" },
        }]);
        assert_eq!(Value::Array(request.books), expected);
        all_created(1)
    });
    let outcomes = store(&url).load(&[&book("9780306406157", " A \"title\", quoted ")]).unwrap();
    assert_eq!(outcomes, [Outcome::Created]);
}

#[test]
fn outcomes_come_back_in_the_order_of_the_books() {
    let url = serve(|_| {
        let lines = json!([
            { "index": 2, "status": "refused", "problem": { "code": "title_too_long" } },
            { "index": 0, "status": "exists", "id": "bok_1" },
            { "index": 1, "status": "updated", "id": "bok_2" },
        ]);
        (200, json!({ "results": lines }))
    });
    let book = book("9780306406157", "t");
    let outcomes = store(&url).load(&[&book, &book, &book]).unwrap();
    let refused = Outcome::Refused { problem: json!({ "code": "title_too_long" }) };
    assert_eq!(outcomes, [Outcome::Exists, Outcome::Updated, refused]);
}

#[test]
fn a_batch_refused_as_a_whole_costs_only_the_book_at_fault() {
    let url = serve(|request| match request.books.iter().any(|book| book["title"] == "bad") {
        true => (400, json!({ "code": "malformed_body" })),
        false => all_created(request.books.len()),
    });
    let (good, bad) = (book("9780306406157", "good"), book("9780306406164", "bad"));
    let outcomes = store(&url).load(&[&good, &good, &bad, &good, &good]).unwrap();
    let refused = Outcome::Refused { problem: json!({ "code": "malformed_body" }) };
    let created = Outcome::Created;
    assert_eq!(outcomes, [created.clone(), created.clone(), refused, created.clone(), created]);
}

#[test]
fn a_busy_store_is_asked_again() {
    let mut calls = 0;
    let url = serve(move |request| {
        calls += 1;
        match calls {
            1 => (503, json!({})),
            2 => (429, json!({})),
            _ => all_created(request.books.len()),
        }
    });
    assert_eq!(store(&url).load(&[&book("9780306406157", "t")]).unwrap(), [Outcome::Created]);
}

#[test]
fn a_store_that_stays_away_is_an_error_after_the_last_attempt() {
    let error = store("http://127.0.0.1:1").load(&[&book("9780306406157", "t")]).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    let url = serve(|_| (503, json!({})));
    let error = store(&url).load(&[&book("9780306406157", "t")]).unwrap_err();
    assert!(matches!(error, StoreError::Status { status: 503, .. }), "{error}");
}

#[test]
fn a_wrong_password_is_not_a_problem_of_the_rows() {
    let url = serve(|_| (401, json!({ "code": "unauthenticated" })));
    let error = store(&url).load(&[&book("9780306406157", "t")]).unwrap_err();
    assert!(matches!(error, StoreError::Status { status: 401, .. }), "{error}");
}

#[test]
fn an_answer_that_leaves_a_book_out_is_not_believed() {
    let url = serve(|_| all_created(1));
    let book = book("9780306406157", "t");
    let error = store(&url).load(&[&book, &book]).unwrap_err();
    assert!(matches!(error, StoreError::Answer { .. }), "{error}");
}
