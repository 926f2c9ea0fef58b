//! A small world for the tests of this crate: one warehouse over an embedded table, and a way to look at all of it.

pub(crate) mod peer;

use std::sync::Arc;

use inventory::store::decode_level;
use inventory::{Balances, Level, Sku};
use kernel::{Context, Event, ManualClock, TenantId, Timestamp, Ulid};
use serde_json::{Value, json};
use table::{Item, Table};
use testkit::{FaultInjector, LocalDynamo};

use crate::{Count, Instruction, Line, OrderId, ShipError, Shipment, ShipmentId, Shipped, Warehouse};

pub(crate) const TABLE: &str = "crossdock";

pub(crate) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

pub(crate) fn cause() -> Context {
    Context::root("req-1", None)
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_second(1_750_000_000).unwrap())
}

pub(crate) fn sku(isbn: &str) -> Sku {
    isbn.parse().unwrap()
}

/// A level as it is after one movement.
pub(crate) fn level(isbn: &str, on_hand: i64) -> Level {
    let balances = Balances { on_hand, ..Balances::default() };
    Level { balances, seq: 1, version: 1, ..Level::empty(sku(isbn), "alpha".parse().unwrap()) }
}

/// Shipment `number` of order `number`.
pub(crate) fn instruction(number: u128, lines: &[(&str, i64)]) -> Instruction {
    Instruction {
        id: ShipmentId::from_ulid(Ulid(number)),
        order: OrderId::from_ulid(Ulid(number)),
        lines: lines.iter().map(|(isbn, quantity)| Line { sku: sku(isbn), quantity: *quantity }).collect(),
        ship_to: None,
    }
}

/// Warehouse alpha, in a process of its own.
pub(crate) struct World {
    dynamo: LocalDynamo,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) warehouse: Warehouse,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::through(LocalDynamo::new(), &FaultInjector::new())
    }

    pub(crate) fn through(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table(TABLE);
        let table = Table::new(dynamo.client_through(faults), TABLE);
        let clock = Arc::new(clock());
        let warehouse = Warehouse::new(table, "alpha".parse().unwrap(), clock.clone());
        Self { dynamo, clock, warehouse }
    }

    /// Opening stock.
    pub(crate) async fn holding(self, isbn: &str, on_hand: i64) -> Self {
        let count = Count { sku: sku(isbn), on_hand, reason: None };
        self.warehouse.count(&tenant(), "usr_staff", count, &cause()).await.unwrap();
        self
    }

    pub(crate) async fn ship(&self, instruction: &Instruction) -> Result<Shipment, ShipError> {
        match self.warehouse.ship(&tenant(), "store", instruction, &cause()).await? {
            Shipped::New(shipment) | Shipped::Replayed(shipment) => Ok(shipment),
        }
    }

    /// Every stored item of a kind, past the code under test.
    pub(crate) fn raw(&self, kind: &str) -> Vec<Value> {
        let request = json!({
            "TableName": TABLE,
            "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": {":k": {"S": kind}},
        });
        let answer = self.dynamo.execute("Scan", request);
        assert!(answer["LastEvaluatedKey"].is_null(), "the tests' tables fit in one page");
        answer["Items"].as_array().unwrap().clone()
    }

    fn items(&self, kind: &str) -> impl Iterator<Item = Item> {
        self.raw(kind).into_iter().map(|item| serde_json::from_value::<serde_dynamo::Item>(item).unwrap().into())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.items("event").map(|item| table::outbox::decode(&item).unwrap()).collect()
    }

    pub(crate) async fn on_hand(&self, isbn: &str) -> i64 {
        self.warehouse.level(&tenant(), &sku(isbn)).await.unwrap().map_or(0, |level| level.on_hand)
    }

    /// Every level is what its ledger proves, and every shipment was told exactly once, as it is in the log.
    pub(crate) async fn assert_whole(&self) {
        for item in self.items("level") {
            let level = decode_level(item).unwrap();
            let proven = self.warehouse.inventory.prove(&tenant(), &level.location, &level.sku).await.unwrap();
            assert_eq!(proven, level);
            assert!(level.on_hand >= 0);
        }
        let mut told: Vec<_> = self.events().into_iter().map(|event| event.data["shipmentId"].to_string()).collect();
        told.sort();
        let mut logged: Vec<_> = self.raw("shipment").iter().map(|item| item["id"]["S"].to_string()).collect();
        logged.sort();
        assert_eq!(told, logged);
    }
}
