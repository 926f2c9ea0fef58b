//! A small world for the tests of this crate: one tenant, an embedded table, and a way to look at all of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernel::{Context, Event, Isbn, ManualClock, Money, TenantId, Timestamp};
use serde_json::{Value, json};
use table::{Item, Table};
use testkit::{FaultInjector, LocalDynamo};

use crate::store::Posting;
use crate::{Book, Catalog, NewBook};

pub(crate) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

pub(crate) fn cause() -> Context {
    Context::root("req-1", None)
}

pub(crate) fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, "GBP".parse().unwrap())
}

/// A valid book, another one for every number.
pub(crate) fn new_book(number: u32) -> NewBook {
    NewBook {
        isbn: Isbn::from_isbn10_body(&format!("{number:09}")).unwrap().to_string(),
        title: format!("The Odyssey, volume {number}"),
        authors: vec!["Homer".into(), "Emily Wilson".into()],
        year: Some(-700),
        language: Some("eng".into()),
        price: gbp(1299),
    }
}

/// A catalogue in a process of its own, over a fresh table.
pub(crate) struct World {
    pub(crate) dynamo: LocalDynamo,
    pub(crate) catalog: Catalog,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::through(LocalDynamo::new(), &FaultInjector::new())
    }

    pub(crate) fn through(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client_through(faults), "crossdock");
        let clock = ManualClock::new(Timestamp::from_second(1_750_000_000).unwrap());
        Self { dynamo, catalog: Catalog::new(table, Arc::new(clock)) }
    }

    /// Every item of a kind, past the code under test.
    fn items(&self, kind: &str) -> Vec<Item> {
        let request = json!({
            "TableName": "crossdock",
            "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": {":k": {"S": kind}},
        });
        let answer = self.dynamo.execute("Scan", request);
        assert!(answer["LastEvaluatedKey"].is_null(), "the tests' tables fit in one page");
        let items = answer["Items"].as_array().unwrap().iter();
        items.map(|item| serde_json::from_value::<serde_dynamo::Item>(item.clone()).unwrap().into()).collect()
    }

    pub(crate) fn books(&self) -> Vec<Book> {
        self.items("book").into_iter().map(|item| Book::decode(item).unwrap().value).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.items("event").into_iter().map(|item| table::outbox::decode(&item).unwrap()).collect();
        events.sort_by_key(|event| (event.aggregate_id.clone(), event.aggregate_version));
        events
    }

    /// The postings are exactly the words of the active books, and every version of every book was announced once.
    pub(crate) fn assert_whole(&self) {
        let books = self.items("book").into_iter().map(|item| Book::decode(item).unwrap());
        let (mut words, mut versions) = (BTreeSet::new(), Vec::new());
        for book in books {
            let id = book.value.id;
            words.extend(book.value.words().into_iter().map(|word| Posting { word, book: id }));
            versions.extend((1..=book.version).map(|version| (id.to_string(), version)));
        }
        let postings = self.items("word").into_iter().map(|item| item.decode::<Posting>().unwrap().value);
        assert_eq!(postings.collect::<BTreeSet<_>>(), words);
        versions.sort();
        let announced = self.events().into_iter().map(|event| (event.aggregate_id, event.aggregate_version));
        assert_eq!(announced.collect::<Vec<_>>(), versions);
    }
}

/// What a JSON value is at a pointer; null when there is nothing.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}
