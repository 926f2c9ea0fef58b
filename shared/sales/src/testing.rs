//! A small world for the tests of this crate: one tenant, two warehouses, books, and an embedded table.

use crate::{Order, OrderId, PlaceOrder, Placed, Sales};
use catalog::{BookId, Catalog, NewBook};
use inventory::kit::Kit;
use inventory::reservations::Reservations;
use inventory::{Inventory, Level, LocationId, Locations, Movement, Posting, Sku};
use kernel::{Clock, Context, Isbn, ManualClock, Money, TenantId, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use table::Table;
use testkit::{FaultInjector, LocalDynamo};

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

pub(crate) fn cause() -> Context {
    Context::root("req-1", None)
}

pub(crate) fn at(location: &str) -> LocationId {
    location.parse().unwrap()
}

fn isbn(number: u32) -> Isbn {
    Isbn::from_isbn10_body(&format!("{number:09}")).unwrap()
}

pub(crate) fn book(number: u32) -> BookId {
    BookId::of(isbn(number))
}

pub(crate) fn sku(number: u32) -> Sku {
    isbn(number).to_string().parse().unwrap()
}

pub(crate) struct World {
    pub(crate) dynamo: LocalDynamo,
    pub(crate) sales: Sales,
    pub(crate) inventory: Inventory,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::through(LocalDynamo::new(), &FaultInjector::new()).await
    }

    /// Set up past the faults; `sales` runs through them.
    pub(crate) async fn through(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_780_000_000).unwrap()));
        let plain = Table::new(dynamo.client(), "crossdock");
        let mut locations = Locations::default();
        for id in ["alpha", "beta"] {
            locations.register(at(id), id.to_owned(), format!("http://{id}"), clock.now()).unwrap();
        }
        plain.put(&tenant(), &locations).await.unwrap();
        let sales = Sales::new(Table::new(dynamo.client_through(faults), "crossdock"), clock.clone());
        Self { dynamo, sales, inventory: Inventory::new(plain), clock }
    }

    /// A book at 12.50 with this stock at alpha and beta.
    pub(crate) async fn stocked(self, number: u32, alpha: i64, beta: i64) -> Self {
        let world = self.sold(number).await;
        for (location, on_hand) in [("alpha", alpha), ("beta", beta)] {
            let posting = world.posting();
            let count = Movement::Counted { on_hand };
            let place = (&at(location), &sku(number));
            world.inventory.post(&tenant(), place, &count, &posting, &|_| None).await.unwrap();
        }
        world
    }

    /// A book at 12.50 without stock.
    async fn sold(self, number: u32) -> Self {
        let plain = Table::new(self.dynamo.client(), "crossdock");
        let new = NewBook {
            isbn: isbn(number).to_string(),
            title: format!("Volume {number}"),
            authors: vec!["Homer".into()],
            year: None,
            language: None,
            price: Money::from_minor(1250, "GBP".parse().unwrap()),
        };
        Catalog::new(plain, self.clock.clone()).create(&tenant(), new, &cause()).await.unwrap();
        self
    }

    /// The same, its stock at alpha spread over so many shards.
    pub(crate) async fn hot(self, number: u32, shards: u8) -> Self {
        let item = self.inventory.make_hot(&tenant(), &at("alpha"), &sku(number), shards).await.unwrap();
        self.inventory.rebalance(&tenant(), &item, "test", self.clock.now()).await.unwrap();
        self
    }

    /// A kit of so many of other books, which is sold like a book.
    pub(crate) async fn kit(self, number: u32, components: &[(u32, i64)]) -> Self {
        let world = self.sold(number).await;
        world.put_kit(number, components).await;
        world
    }

    pub(crate) async fn put_kit(&self, number: u32, components: &[(u32, i64)]) {
        let components = components.iter().map(|(component, units)| (sku(*component), *units)).collect();
        let kit = Kit::new(sku(number), components).unwrap();
        let plain = Table::new(self.dynamo.client(), "crossdock");
        Reservations::new(plain, self.clock.clone()).put_kit(&tenant(), &kit).await.unwrap();
    }

    /// Units of an item that alpha and beta owe, each level proved by its ledger.
    pub(crate) async fn committed(&self, number: u32) -> (i64, i64) {
        let (alpha, beta) = self.levels(number).await;
        let mut owed = (alpha.committed, beta.committed);
        if let Some(item) = self.inventory.hot_item(&tenant(), &at("alpha"), &sku(number)).await.unwrap() {
            for shard in self.inventory.spread_levels(&tenant(), &item).await.unwrap().iter().skip(1) {
                let shard = self.inventory.prove(&tenant(), &shard.location, &shard.sku).await.unwrap();
                assert!(shard.available() >= 0);
                owed.0 += shard.committed;
            }
        }
        owed
    }

    pub(crate) fn posting(&self) -> Posting {
        Posting { source: "opening".into(), actor: "test".into(), reason: None, effective_at: self.clock.now() }
    }

    pub(crate) async fn order(&self, id: OrderId) -> Order {
        let plain = Sales::new(Table::new(self.dynamo.client(), "crossdock"), self.clock.clone());
        plain.order(&tenant(), id).await.unwrap().unwrap()
    }

    /// Proves both levels of a book against their ledgers and returns them.
    pub(crate) async fn levels(&self, number: u32) -> (Level, Level) {
        let prove =
            |location| async move { self.inventory.prove(&tenant(), &at(location), &sku(number)).await.unwrap() };
        (prove("alpha").await, prove("beta").await)
    }

    /// Every stored item of a kind, past the code under test.
    pub(crate) fn items(&self, kind: &str) -> Vec<Value> {
        let request = json!({
            "TableName": "crossdock",
            "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": { ":k": { "S": kind } },
        });
        self.dynamo.execute("Scan", request)["Items"].as_array().unwrap().clone()
    }
}

pub(crate) fn request(customer: &str, key: Option<&str>, items: &[(u32, i64)]) -> PlaceOrder {
    PlaceOrder {
        customer: customer.to_owned(),
        idempotency_key: key.map(str::to_owned),
        items: items.iter().map(|(number, quantity)| (book(*number), *quantity)).collect(),
        payment_method: "card".into(),
        payment_token: "tok_visa".into(),
    }
}

pub(crate) fn order_of(placed: Placed) -> Order {
    match placed {
        Placed::New(order) | Placed::Replayed(order) => order,
    }
}
