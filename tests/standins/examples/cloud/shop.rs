//! A small shop: books on offer, two warehouses that never run out.

use catalog::{BookId, Catalog, NewBook};
use inventory::{Inventory, LocationId, Locations, Movement, Posting, Sku};
use kernel::{Clock, Context, Currency, Isbn, Money, SystemClock, TenantId};
use std::sync::Arc;
use table::Table;
use testkit::LocalDynamo;

/// The tenant of the recorded events.
pub(crate) const TENANT: &str = "acme.test";
const BOOKS: u32 = 40;
const ON_HAND: i64 = 1_000_000;

/// Fills the table; the ids of the books.
pub(crate) async fn open(dynamo: &LocalDynamo) -> anyhow::Result<Vec<String>> {
    let table = Table::new(dynamo.client(), super::TABLE);
    let (tenant, clock): (TenantId, _) = (TENANT.parse()?, Arc::new(SystemClock));
    let now = clock.now();
    let mut locations = Locations::default();
    for name in ["alpha", "beta"] {
        locations.register(name.parse()?, name.to_owned(), format!("http://127.0.0.1/warehouses/{name}"), now)?;
    }
    table.put(&tenant, &locations).await?;

    let (catalog, inventory) = (Catalog::new(table.clone(), clock), Inventory::new(table));
    let posting = Posting { source: "opening".to_owned(), actor: "bench".to_owned(), reason: None, effective_at: now };
    let count = Movement::Counted { on_hand: ON_HAND };
    let mut ids = Vec::new();
    for number in 1..=BOOKS {
        let isbn = Isbn::from_isbn10_body(&format!("{number:09}"))?;
        let new = NewBook {
            isbn: isbn.to_string(),
            title: format!("The Collected Voyages, volume {number}"),
            authors: vec!["Homer".to_owned(), "Emily Wilson".to_owned()],
            year: Some(1719),
            language: Some("eng".to_owned()),
            price: Money::from_minor(1250, Currency::GBP),
        };
        catalog.create(&tenant, new, &Context::root("opening", None)).await?;
        let sku: Sku = isbn.to_string().parse()?;
        for location in locations.by_id.keys().collect::<Vec<&LocationId>>() {
            inventory.post(&tenant, (location, &sku), &count, &posting, &|_| None).await?;
        }
        ids.push(BookId::of(isbn).to_string());
    }
    Ok(ids)
}
