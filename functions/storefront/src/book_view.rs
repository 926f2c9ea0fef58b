//! Books as they are shown, with what is available of them.

use std::collections::BTreeMap;

use catalog::Book;
use inventory::store::{decode_available, is_level, level_key};
use inventory::{Locations, Sku};
use kernel::{Isbn, Money, TenantId};
use serde::Serialize;
use table::{Consistency, Item, Table, TableError, Versioned};

/// A book.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BookView {
    #[schema(value_type = String, example = "book_00000000000000000008WMAPT24N")]
    pub(crate) id: catalog::BookId,
    #[schema(value_type = String, example = "9780140449136")]
    isbn: Isbn,
    title: String,
    authors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publication_year: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<String>,
    #[schema(value_type = Object, example = json!({"amount": "12.50", "currency": "GBP"}))]
    price: Money,
    active: bool,
    /// Units that can be ordered, over all warehouses that are up. Absent in answers to changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<i64>,
    /// For `If-Match`.
    version: u64,
}

impl BookView {
    pub(crate) fn new(book: Versioned<Book>, available: Option<i64>) -> Self {
        let Versioned { value, version } = book;
        Self {
            id: value.id,
            isbn: value.isbn,
            title: value.title,
            authors: value.authors,
            publication_year: value.year,
            language_code: value.language,
            price: value.price,
            active: value.active,
            available,
            version,
        }
    }
}

/// What can be ordered of each item, summed over the warehouses that are up. Reads in pages of as many keys as one
/// call takes.
pub(crate) async fn available(
    table: &Table,
    tenant: &TenantId,
    locations: &Locations,
    skus: &[Sku],
) -> Result<BTreeMap<Sku, i64>, TableError> {
    let keys: Vec<_> =
        skus.iter().flat_map(|sku| locations.healthy().map(move |id| level_key(tenant, id, sku))).collect();
    let items = table.get_many(&keys, Consistency::Eventual).await?;
    sum(items.into_iter().flatten())
}

/// What the levels among the items have available, summed by item.
pub(crate) fn sum(items: impl Iterator<Item = Item>) -> Result<BTreeMap<Sku, i64>, TableError> {
    let mut available: BTreeMap<Sku, i64> = BTreeMap::new();
    for item in items.filter(is_level) {
        let (sku, units) = decode_available(item)?;
        *available.entry(sku).or_default() += units.max(0);
    }
    Ok(available)
}
