use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::stand_in::{keep, serve};
use super::*;

const HEADER: &str = "book_id,isbn,isbn13,authors,original_publication_year,title,language_code\n";

fn write_csv(folder: &Path, rows: &[u8]) -> PathBuf {
    let file = folder.join("books.csv");
    fs::write(&file, [HEADER.as_bytes(), rows].concat()).unwrap();
    file
}

fn report(summary: &Summary) -> Vec<Value> {
    let text = fs::read_to_string(&summary.report).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn many_books(count: usize) -> String {
    let isbns = (1..=count).map(|body| kernel::Isbn::from_isbn10_body(&format!("{body:09}")).unwrap());
    isbns.map(|isbn| format!("1,{},,Ada,1850.0,A title,eng\n", isbn.isbn10().unwrap())).collect()
}

#[test]
fn every_row_of_a_dirty_file_is_restored_or_reported_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        "1,306406152,9.78030640616e+12,Ada,1850.0,\"A \"\"quoted\"\", long\ntitle\",eng\n".as_bytes(),
        "2,,,Bob,1900,Žluťoučký kůň,cze\n".as_bytes(),
        b"3,306406152,,Ada,,Again,\n",
        b"4,306406153,,Ada,,Wrong digit,\n",
        b"5,,9.78030640616e+12,Ada,,Either,\n",
        b"6,,9798000000014,,,Nobody's,\n",
        b"7,,9798000000014,Ada,, ,\n",
        b"8,,9798000000014,Ada,c. 1850,Year,\n",
        b"9,,9798000000014,Ada\n",
        b"10,,9798000000014,Ada,,\xff,\n",
    ]
    .concat();
    let summary = load(&write_csv(folder.path(), &rows), None, folder.path()).unwrap();

    let report = report(&summary);
    let facts = |line: &Value| format!("{} {} {}", line["row"], line["line"], line["reason"].as_str().unwrap());
    let expected = [
        "2 4 missing_isbn",
        "3 5 duplicate_of_row",
        "4 6 bad_check_digit",
        "5 7 ambiguous_isbn",
        "6 8 missing_authors",
        "7 9 missing_title",
        "8 10 bad_year",
        "9 11 unreadable_row",
        "10 12 unreadable_row",
    ];
    assert_eq!(report.iter().map(facts).collect::<Vec<_>>(), expected);
    assert_eq!(report[0]["title"], "Žluťoučký kůň");
    assert_eq!(report[1]["duplicateOfRow"], 1);
    assert_eq!(report[3]["candidates"], json!(["9780306406157", "9780306406164"]));
    assert_eq!((summary.rows, summary.loaded), (10, 0));
    assert!(summary.to_string().contains("1 ready, not sent"), "{summary}");
}

#[test]
fn windows_line_ends_do_not_shift_the_line_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.csv");
    let rows = "1,306406152,,Ada,,\"Two\r\nlines\",\r\n2,,,Ada,,Third row,\r\n";
    fs::write(&file, HEADER.replace('\n', "\r\n") + rows).unwrap();
    let line = &report(&load(&file, None, folder.path()).unwrap())[0];
    assert_eq!((&line["row"], &line["line"], &line["title"]), (&json!(2), &json!(4), &json!("Third row")));
}

#[test]
fn loading_again_finds_every_book_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_csv(folder.path(), many_books(250).as_bytes());
    let mut kept = BTreeSet::new();
    let url = serve(move |request| {
        assert!(request.books.len() <= 100);
        keep(&request.books, &mut kept)
    });
    let store = Store::new(&url, "admin", "secret");
    let first = load(&file, Some(&store), folder.path()).unwrap();
    assert_eq!((first.loaded, first.already_there), (250, 0));
    let second = load(&file, Some(&store), folder.path()).unwrap();
    assert_eq!((second.loaded, second.already_there), (0, 250));
}

#[test]
fn what_the_store_refuses_is_reported_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many_books(2) + "3,306406152,,Ada,1850,refuse me,eng\n";
    let mut kept = BTreeSet::new();
    let url = serve(move |request| keep(&request.books, &mut kept));
    let store = Store::new(&url, "admin", "secret");
    let summary = load(&write_csv(folder.path(), rows.as_bytes()), Some(&store), folder.path()).unwrap();
    assert_eq!(summary.loaded, 2);
    assert_eq!(summary.reported["refused_by_store title_refused"], 1);
    let line = &report(&summary)[0];
    assert_eq!((&line["row"], &line["code"]), (&json!(3), &json!("title_refused")));
    assert_eq!(line["problem"]["status"], 422);
}

#[test]
fn when_the_store_goes_away_the_report_is_still_written_and_the_rest_counted() {
    let folder = tempfile::tempdir().unwrap();
    let rows = many_books(150) + "151,,,Ada,1850,No number,eng\n";
    let mut kept = BTreeSet::new();
    let url = serve(move |request| match kept.is_empty() {
        true => keep(&request.books, &mut kept),
        false => (403, json!({ "code": "forbidden" })),
    });
    let store = Store::new(&url, "admin", "secret");
    let summary = load(&write_csv(folder.path(), rows.as_bytes()), Some(&store), folder.path()).unwrap();
    assert!(summary.stopped.is_some());
    assert_eq!((summary.loaded, report(&summary).len()), (100, 1));
    assert!(summary.to_string().contains("50 ready, not sent"), "{summary}");
}

#[test]
fn a_file_without_a_needed_column_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.csv");
    fs::write(&file, "isbn,title\n1,2\n").unwrap();
    let error = load(&file, None, folder.path()).unwrap_err();
    assert!(error.to_string().contains("no column isbn13"), "{error}");
}

#[test]
fn the_sample_catalogue_has_500_books_under_numbers_no_publisher_has() {
    let rows = book::read_rows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample-books.csv")).unwrap();
    let (books, reported) = restore(&rows);
    assert_eq!((books.len(), reported.len()), (500, 0));
    for (row, book) in books {
        assert_eq!(repair::number(book.isbn) / 10, 979_800_000_000 + row.number);
    }
}
