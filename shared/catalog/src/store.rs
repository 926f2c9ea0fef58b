//! How books and their postings are kept in the table.
//!
//! | item | partition | sort key | index |
//! |---|---|---|---|
//! | book | `BOOK#<id>` | `BOOK` | gsi1 `BOOKS` / `<sort text of the title>#<id>` while active |
//! | posting | `WORD#<first two characters>` | `<word>#<book id>` | none |
//!
//! Access patterns: a book by id (the id is derived from the ISBN, so by ISBN too), active books by title, active books
//! by the beginning of a word. Postings are in the table itself and not in an index because a book has many.

use kernel::{Currency, Isbn, Money, TenantId};
use serde::{Deserialize, Serialize};
use table::{Entity, GlobalIndex, Item, Key, Partition, Query, TableError, Transaction, Versioned};

use crate::book::{Book, BookId};
use crate::words;

impl Book {
    /// Where a book is, for a caller that reads it together with other items.
    #[must_use]
    pub fn key(tenant: &TenantId, id: BookId) -> Key {
        Key::tenant(tenant, &["BOOK", &id.to_string()], &["BOOK"])
    }

    /// Whether an item of a mixed read is a book.
    pub fn is(item: &Item) -> bool {
        item.kind() == BookItem::KIND
    }

    /// The book an item read at [`Book::key`] holds.
    pub fn decode(item: Item) -> Result<Versioned<Self>, TableError> {
        let Versioned { value, version } = item.decode::<BookItem>()?;
        Ok(Versioned { value: value.into(), version })
    }
}

/// A book as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct BookItem {
    id: BookId,
    #[serde(rename = "i")]
    isbn: Isbn,
    #[serde(rename = "t")]
    title: String,
    #[serde(rename = "a")]
    authors: Vec<String>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    year: Option<i16>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(rename = "p")]
    price_minor: i64,
    #[serde(rename = "c")]
    currency: Currency,
    /// Stored only once it is off offer.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    inactive: bool,
}

impl Entity for BookItem {
    const KIND: &'static str = "book";

    fn key(&self, tenant: &TenantId) -> Key {
        Book::key(tenant, self.id)
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        (!self.inactive).then(|| active_books(tenant).key(&[&words::sort_text(&self.title), &self.id.to_string()]))
    }
}

impl From<&Book> for BookItem {
    fn from(book: &Book) -> Self {
        Self {
            id: book.id,
            isbn: book.isbn,
            title: book.title.clone(),
            authors: book.authors.clone(),
            year: book.year,
            language: book.language.clone(),
            price_minor: book.price.minor(),
            currency: book.price.currency(),
            inactive: !book.active,
        }
    }
}

impl From<BookItem> for Book {
    fn from(item: BookItem) -> Self {
        Self {
            id: item.id,
            isbn: item.isbn,
            title: item.title,
            authors: item.authors,
            year: item.year,
            language: item.language,
            price: Money::from_minor(item.price_minor, item.currency),
            active: !item.inactive,
        }
    }
}

/// That a book is found by a word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Posting {
    #[serde(rename = "w")]
    pub(crate) word: String,
    #[serde(rename = "b")]
    pub(crate) book: BookId,
}

impl Entity for Posting {
    const KIND: &'static str = "word";

    fn key(&self, tenant: &TenantId) -> Key {
        words_like(tenant, &self.word).key(&[&self.word, &self.book.to_string()])
    }
}

impl Posting {
    /// The postings of words that begin with `prefix`, by word and book; those after `after` when it is given.
    pub(crate) fn beginning_with(tenant: &TenantId, prefix: &str, after: Option<&Self>) -> Query {
        let query = Query::partition(words_like(tenant, prefix));
        match after {
            None => query.begins_with(&[prefix]),
            Some(Self { word, book }) => {
                // A space ends no id, so this lies between the posting and whatever follows it; no word holds the
                // last character of Unicode.
                query.between(&[word, &format!("{book} ")], &[&format!("{prefix}{}", char::MAX)])
            }
        }
    }
}

/// Active books by title.
pub(crate) fn books_by_title(tenant: &TenantId) -> Query {
    Query::index(GlobalIndex::Gsi1, active_books(tenant))
}

/// Adds to a transaction what makes the postings those of `new` where they were those of `old`.
pub(crate) fn keep_postings(transaction: &mut Transaction, old: Option<&Book>, new: &Book) {
    let (before, after) = (old.map(Book::words).unwrap_or_default(), new.words());
    let posting = |word: &String| Posting { word: word.clone(), book: new.id };
    for word in after.difference(&before) {
        transaction.put(&posting(word));
    }
    for word in before.difference(&after) {
        let key = posting(word).key(transaction.tenant());
        transaction.delete(key, None);
    }
}

fn active_books(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["BOOKS"])
}

fn words_like(tenant: &TenantId, word: &str) -> Partition {
    Partition::tenant(tenant, &["WORD", words::head(word)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{World, cause, new_book, tenant};

    #[tokio::test]
    async fn a_book_and_its_postings_are_stored_like_this() {
        let world = World::new();
        let new = crate::NewBook { language: None, title: "Ödipus".into(), ..new_book(1) };
        let id = world.catalog.create(&tenant(), new, &cause()).await.unwrap().value.id.to_string();
        let stored = |pk: String, sk: String| {
            let key = json!({"pk": {"S": pk}, "sk": {"S": sk}});
            world.dynamo.execute("GetItem", json!({"TableName": "crossdock", "Key": key}))["Item"].clone()
        };
        let pk = format!("T#acme.test#BOOK#{id}");
        let book = json!({
            "pk": {"S": pk}, "sk": {"S": "BOOK"}, "kind": {"S": "book"}, "v": {"N": "1"},
            "gsi1pk": {"S": "T#acme.test#BOOKS"}, "gsi1sk": {"S": format!("odipus#{id}")},
            "id": {"S": id}, "i": {"S": "9780000000019"}, "t": {"S": "Ödipus"},
            "a": {"L": [{"S": "Homer"}, {"S": "Emily Wilson"}]}, "y": {"N": "-700"},
            "p": {"N": "1299"}, "c": {"S": "GBP"},
        });
        assert_eq!(stored(pk, "BOOK".into()), book);
        let (pk, sk) = ("T#acme.test#WORD#od".to_owned(), format!("odipus#{id}"));
        let posting = json!({
            "pk": {"S": pk}, "sk": {"S": sk}, "kind": {"S": "word"}, "v": {"N": "1"},
            "w": {"S": "odipus"}, "b": {"S": id},
        });
        assert_eq!(stored(pk, sk), posting);
    }
}
