use std::collections::BTreeSet;

use proptest::prelude::*;
use testkit::{FaultInjector, LocalDynamo};

use super::*;
use crate::NewBook;
use crate::testing::{World, cause, new_book, tenant};

async fn add(world: &World, number: u32, title: &str, authors: &[&str]) -> Versioned<Book> {
    let authors = authors.iter().map(|name| (*name).to_owned()).collect();
    let new = NewBook { title: title.to_owned(), authors, ..new_book(number) };
    world.catalog.create(&tenant(), new, &cause()).await.unwrap()
}

fn titles(books: &[Versioned<Book>]) -> Vec<&str> {
    books.iter().map(|book| book.value.title.as_str()).collect()
}

/// All pages of a search, and how many there were.
async fn search(world: &World, text: &str, limit: usize) -> (Vec<Versioned<Book>>, usize) {
    let search = Search::parse(text).unwrap();
    let (mut all, mut start, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world.catalog.search(&tenant(), &search, limit, start.as_deref()).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        pages += 1;
        start = page.next;
        if start.is_none() {
            return (all, pages);
        }
    }
}

#[tokio::test]
async fn books_are_listed_by_title_page_after_page() {
    let world = World::new();
    for (number, title) in (0..).zip(["emmas", "Émma Brown", "EMMA", "1984", "Zadig", "«Candide»"]) {
        add(&world, number, title, &["X Y"]).await;
    }
    let (mut all, mut start) = (Vec::new(), None);
    loop {
        let page = world.catalog.list(&tenant(), 4, start.as_deref()).await.unwrap();
        all.extend(page.items);
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(titles(&all), ["1984", "«Candide»", "EMMA", "Émma Brown", "emmas", "Zadig"]);
    let other = world.catalog.list(&"other.test".parse().unwrap(), 4, None).await.unwrap();
    assert_eq!(other, Books { items: vec![], next: None });
}

#[tokio::test]
async fn a_book_is_found_by_words_of_title_and_author_whatever_their_accents() {
    let world = World::new();
    add(&world, 1, "Cien años de soledad", &["Gabriel García Márquez"]).await;
    add(&world, 2, "Love in the Time of Cholera", &["Gabriel García Márquez", "Edith Grossman"]).await;
    for (text, found) in [
        ("GARCIA marq", vec!["Cien años de soledad", "Love in the Time of Cholera"]),
        ("garcía anos", vec!["Cien años de soledad"]),
        ("gross chol", vec!["Love in the Time of Cholera"]),
        ("soledad cholera", vec![]),
        ("olera", vec![]),
    ] {
        assert_eq!(titles(&search(&world, text, 10).await.0), found, "{text}");
    }
}

#[tokio::test]
async fn an_isbn_finds_its_active_book_with_one_read() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    let book = add(&world, 14_044_913, "The Odyssey", &["Homer"]).await;
    faults.forget();
    let ten = book.value.isbn.isbn10().unwrap();
    assert_eq!(search(&world, &ten, 10).await.0, std::slice::from_ref(&book));
    assert_eq!(faults.count(), 1);
    world.catalog.deactivate(&tenant(), book.value.id, 1, &cause()).await.unwrap();
    assert_eq!(search(&world, &book.value.isbn.to_string(), 10).await.0, []);
}

#[tokio::test]
async fn a_search_that_has_to_pass_over_many_books_goes_on_on_the_next_page() {
    let world = World::new();
    let rows =
        (0..520).map(|n| NewBook { title: format!("Common tale{n}"), authors: vec!["Anon".into()], ..new_book(n) });
    for batch in rows.collect::<Vec<_>>().chunks(100) {
        world.catalog.create_many(&tenant(), batch.to_vec(), &cause()).await.unwrap();
    }
    add(&world, 5000, "Common ta ro", &["Zola"]).await;
    let (found, pages) = search(&world, "common zo", 10).await;
    assert_eq!(titles(&found), ["Common ta ro"]);
    assert_eq!(pages, 2);
    let (found, pages) = search(&world, "common", 200).await;
    assert_eq!((found.len(), pages), (521, 3));
}

#[tokio::test]
async fn a_page_costs_one_query_and_one_batch_read() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    for number in 0..5 {
        add(&world, number, "The Odyssey", &["Homer"]).await;
    }
    for text in ["odyssey", "odyssey homer"] {
        faults.forget();
        let search = Search::parse(text).unwrap();
        assert_eq!(world.catalog.search(&tenant(), &search, 3, None).await.unwrap().items.len(), 3);
        let calls: Vec<_> = faults.count_by_api().into_iter().collect();
        assert_eq!(calls, [("BatchGetItem".to_owned(), 1), ("Query".to_owned(), 1)]);
    }
}

#[tokio::test]
async fn books_by_id_come_in_the_order_asked_for() {
    let world = World::new();
    let (one, two) = (add(&world, 1, "One", &["A B"]).await, add(&world, 2, "Two", &["A B"]).await);
    let nobody = BookId::derive(&["nobody"]);
    let found = world.catalog.get_many(&tenant(), &[two.value.id, nobody, one.value.id, two.value.id]).await.unwrap();
    assert_eq!(found, [Some(two.clone()), None, Some(one), Some(two)]);
}

#[tokio::test]
async fn a_made_up_start_is_refused() {
    let world = World::new();
    let search = Search::parse("odyssey").unwrap();
    for start in [&b"odyssey"[..], b"odyssey#book_x", b"\xff#", b""] {
        let page = world.catalog.search(&tenant(), &search, 3, Some(start)).await;
        assert!(matches!(page, Err(ListError::InvalidStart)));
        assert!(matches!(world.catalog.list(&tenant(), 3, Some(start)).await, Err(ListError::InvalidStart)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Against the obvious way to search: look at every book.
    #[test]
    fn search_finds_each_matching_active_book_once(
        books in prop::collection::vec(("[a-c]{1,4}( [a-c]{1,4}){0,3}", "[a-c]{2,4}", any::<bool>()), 1..30),
        texts in prop::collection::vec("[a-c]{2,3}( [a-c]{2,3}){0,2}", 1..6),
        limit in 1usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let mut shelf = Vec::new();
            for (number, (title, author, active)) in (0..).zip(&books) {
                let book = add(&world, number, title, &[author]).await;
                if *active {
                    shelf.push((book.value.id, format!("{title} {author}")));
                } else {
                    world.catalog.deactivate(&tenant(), book.value.id, 1, &cause()).await.unwrap();
                }
            }
            for text in &texts {
                let found = search(&world, text, limit).await.0;
                let ids: BTreeSet<_> = found.iter().map(|book| book.value.id).collect();
                assert_eq!(ids.len(), found.len(), "{text}: a book came twice");
                let naive = shelf.iter().filter(|(_, book)| {
                    text.split(' ').all(|wanted| book.split(' ').any(|word| word.len() > 1 && word.starts_with(wanted)))
                });
                assert_eq!(ids, naive.map(|(id, _)| *id).collect::<BTreeSet<_>>(), "{text}");
            }
        });
    }
}
