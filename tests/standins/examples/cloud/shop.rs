//! A small shop: books on offer, two warehouses that never run out, and on demand a customer and placed orders.

use crate::login::Fixed;
use access::{Access, Actor, ApiKeys, NewApiKey, NewUser, Role};
use anyhow::{Context as _, bail};
use catalog::{BookId, Catalog, NewBook};
use inventory::{Inventory, LocationId, Locations, Movement, Posting, Sku};
use kernel::{Clock, Context, Currency, Isbn, Money, SystemClock, TenantId};
use sales::{PlaceOrder, Placed, Sales};
use secrecy::ExposeSecret as _;
use std::collections::BTreeSet;
use std::sync::Arc;
use table::Table;
use testkit::LocalDynamo;

/// The tenant of the recorded events.
pub(crate) const TENANT: &str = "acme.test";
/// The customer of the recorded events.
const CUSTOMER: &str = "usr_01KDVDNA00F3JQ64ERMF1CWVT4";
const EMAIL: &str = "customer@example.com";
const PASSWORD: &str = "correct horse";
const BOOKS: u32 = 40;
const KEYS: usize = 40;
const ON_HAND: i64 = 1_000_000;

/// What there is.
pub(crate) struct Shop {
    pub(crate) table: Table,
    pub(crate) tenant: TenantId,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) books: Vec<BookId>,
    /// The book of which there is a single copy, if anybody wished for one.
    pub(crate) last: Option<BookId>,
    /// Placed, not paid.
    pub(crate) orders: Vec<String>,
    /// API keys, several: each may ask so often a minute.
    pub(crate) keys: Vec<String>,
    /// Access tokens, if anybody is signed in.
    pub(crate) tokens: Vec<String>,
}

/// Fills the table.
pub(crate) async fn open(dynamo: &LocalDynamo) -> anyhow::Result<Shop> {
    let table = Table::new(dynamo.client(), super::TABLE);
    let (tenant, clock): (TenantId, _) = (TENANT.parse()?, Arc::new(SystemClock));
    let now = clock.now();
    let mut locations = Locations::default();
    for name in ["alpha", "beta"] {
        locations.register(name.parse()?, name.to_owned(), format!("http://127.0.0.1/warehouses/{name}"), now)?;
    }
    table.put(&tenant, &locations).await?;

    let (books, orders, keys) = (Vec::new(), Vec::new(), Vec::new());
    let mut shop = Shop { table, tenant, clock, books, last: None, orders, keys, tokens: Vec::new() };
    let everywhere: Vec<LocationId> = locations.by_id.into_keys().collect();
    for number in 1..=BOOKS {
        let book = shop.add_book(number, ON_HAND, &everywhere).await?;
        shop.books.push(book);
    }
    Ok(shop)
}

impl Shop {
    async fn add_book(&self, number: u32, on_hand: i64, locations: &[LocationId]) -> anyhow::Result<BookId> {
        let catalog = Catalog::new(self.table.clone(), self.clock.clone());
        let isbn = Isbn::from_isbn10_body(&format!("{number:09}"))?;
        let new = NewBook {
            isbn: isbn.to_string(),
            title: format!("The Collected Voyages, volume {number}"),
            authors: vec!["Homer".to_owned(), "Emily Wilson".to_owned()],
            year: Some(1719),
            language: Some("eng".to_owned()),
            price: Money::from_minor(1250, Currency::GBP),
        };
        catalog.create(&self.tenant, new, &Context::root("opening", None)).await?;
        let posting = Posting {
            source: "opening".to_owned(),
            actor: "bench".to_owned(),
            reason: None,
            effective_at: self.clock.now(),
        };
        let (inventory, sku): (_, Sku) = (Inventory::new(self.table.clone()), isbn.to_string().parse()?);
        for location in locations {
            let count = Movement::Counted { on_hand };
            inventory.post(&self.tenant, (location, &sku), &count, &posting, &|_| None).await?;
        }
        Ok(BookId::of(isbn))
    }

    /// One more book, of which there is a single copy.
    pub(crate) async fn add_last_copy(&mut self) -> anyhow::Result<()> {
        self.last = Some(self.add_book(BOOKS + 1, 1, &["alpha".parse()?]).await?);
        Ok(())
    }

    /// The customer whose credentials the recorded authorizer event has.
    pub(crate) async fn register_customer(&self) -> anyhow::Result<()> {
        let access = Access::new(self.table.clone(), self.clock.clone());
        let new = NewUser { email: EMAIL.to_owned(), password: PASSWORD.to_owned(), name: "Customer".to_owned() };
        access.create_user(&self.tenant, &new, Role::Customer).await?;
        Ok(())
    }

    /// Keys that may read the catalogue.
    pub(crate) async fn make_keys(&mut self) -> anyhow::Result<()> {
        // What hashes are made under, as the front answers it.
        let pepper = Fixed(format!(r#"{{"current": "{}"}}"#, "s".repeat(48)).into());
        let keys = ApiKeys::new(self.table.clone(), self.clock.clone(), Arc::new(pepper));
        let scopes = BTreeSet::from(["books:read".to_owned()]);
        let new = NewApiKey { name: "bench".to_owned(), scopes, role: Role::StoreAdmin, days: 1 };
        for _ in 0..KEYS {
            let actor = Actor { tenant: &self.tenant, principal: "bench" };
            let text = keys.create(actor, &new).await?.text.expose_secret().to_owned();
            // The first use of a day is written down; what is measured comes after.
            keys.authenticate(&self.tenant, &format!("ApiKey {text}")).await?.context("the key is not a good one")?;
            self.keys.push(text);
        }
        Ok(())
    }

    /// Orders of one line each.
    pub(crate) async fn place_orders(&mut self, count: usize) -> anyhow::Result<()> {
        let sales = Sales::new(self.table.clone(), self.clock.clone());
        for (number, book) in self.books.iter().cycle().take(count).enumerate() {
            let request = PlaceOrder {
                customer: CUSTOMER.to_owned(),
                idempotency_key: Some(format!("opening-{number}")),
                items: vec![(*book, 1)],
                payment_method: "card".to_owned(),
                payment_token: "tok_visa".to_owned(),
            };
            match sales.place(&self.tenant, &request, &Context::root("opening", None)).await? {
                Placed::New(order) => self.orders.push(order.id.to_string()),
                Placed::Replayed(order) => bail!("{} was there already", order.id),
            }
        }
        Ok(())
    }
}
