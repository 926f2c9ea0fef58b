//! What must be true of the whole world when nothing moves any more.

use std::collections::{BTreeMap, BTreeSet};

use inventory::store::decode_level;
use inventory::{Inventory, LocationId, Sku};
use kernel::Event;
use sales::{Order, OrderStatus, ShipmentState};
use standins::payment::IntentStatus;

use crate::stack::Stack;
use crate::world::{World, tenant};

impl World {
    /// Every order is complete or cleanly refused; money, stock, ledgers and events agree with the orders; nothing waits
    /// anywhere. Returns the orders.
    pub(crate) async fn assert_whole(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        for item in self.store.raw("order") {
            let id = item["id"]["S"].as_str().unwrap().parse().unwrap();
            orders.push(self.stored(id).await);
        }
        for order in &orders {
            self.assert_ended(order);
            self.assert_paid(order);
        }
        self.assert_stock(&orders).await;
        for stack in self.stacks() {
            assert_published(stack);
            assert_eq!(stack.dead_letters(), Vec::<String>::new(), "{}", stack.name);
        }
        orders
    }

    fn stacks(&self) -> impl Iterator<Item = &Stack> {
        std::iter::once(&self.store).chain(&self.warehouses)
    }

    fn assert_ended(&self, order: &Order) {
        assert!(order.is_complete(), "not at its end: {order:?}");
        let has_left = |order: &Order| order.lines.iter().map(|line| order.shipped(&line.sku)).sum::<i64>();
        let ordered: i64 = order.lines.iter().map(|line| line.quantity).sum();
        match order.status {
            OrderStatus::Shipped | OrderStatus::Delivered => assert_eq!(has_left(order), ordered, "{order:?}"),
            OrderStatus::PartiallyShipped => assert!((1..ordered).contains(&has_left(order)), "{order:?}"),
            OrderStatus::Cancelled | OrderStatus::Rejected => assert_eq!(has_left(order), 0, "{order:?}"),
            OrderStatus::Pending | OrderStatus::Processing => panic!("not at its end: {order:?}"),
        }
    }

    /// One hold at most; what was taken is the value of what has left, and nothing is held any more.
    fn assert_paid(&self, order: &Order) {
        let due = order.shipped_value().unwrap().minor();
        let intents = self.bank.intents_of(&order.id.to_string());
        assert!(intents.len() <= 1, "held twice: {intents:?}");
        let taken: u64 = intents.iter().map(|intent| intent.amount_received - intent.amount_refunded).sum();
        assert_eq!(i64::try_from(taken), Ok(due), "{order:?} {intents:?}");
        assert_eq!(order.payment.captured_minor, due);
        assert!(!intents.iter().any(|intent| intent.status == IntentStatus::RequiresCapture), "{intents:?}");
    }

    /// Every ledger proves its level; nothing is promised; every warehouse has lost what left it, once, and the store
    /// knows.
    async fn assert_stock(&self, orders: &[Order]) {
        let mut left: BTreeMap<(LocationId, Sku), i64> = BTreeMap::new();
        let mut parcels: BTreeSet<String> = BTreeSet::new();
        for order in orders {
            for shipment in order.shipments.iter().filter(|shipment| shipment.state.has_left()) {
                parcels.insert(shipment.id(order.id).to_string());
                for (sku, units) in &shipment.lines {
                    *left.entry((shipment.location.clone(), sku.clone())).or_default() += units;
                }
            }
        }
        let shipped = |stack: &Stack| {
            let items =
                stack.raw("shipment").into_iter().filter(|item| item["s"]["S"] == ShipmentState::Shipped.as_str());
            items.map(|item| item["id"]["S"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(self.warehouses.iter().flat_map(shipped).collect::<BTreeSet<_>>(), parcels);
        for ((location, sku), opening) in &self.opening {
            let expected = opening - left.get(&(location.clone(), sku.clone())).unwrap_or(&0);
            let theirs = self.warehouse(location.as_str());
            for stack in [theirs, &self.store] {
                let level = Inventory::new(stack.table()).level(&tenant(), location, sku).await.unwrap();
                let found = (level.on_hand, level.committed);
                assert_eq!(found, (expected, 0), "{} of {sku} at {location}", stack.name);
            }
        }
        for stack in self.stacks() {
            let inventory = Inventory::new(stack.table());
            for item in stack.items("level") {
                let level = decode_level(item).unwrap();
                assert_eq!(inventory.prove(&tenant(), &level.location, &level.sku).await.unwrap(), level);
            }
        }
    }
}

/// Every event in the table was published, as it is there, and nothing else was.
fn assert_published(stack: &Stack) {
    let by_id = |events: Vec<Event>| events.into_iter().map(|event| (event.id, event)).collect::<BTreeMap<_, _>>();
    let committed = stack.items("event").iter().map(|item| table::outbox::decode(item).unwrap()).collect();
    assert_eq!(by_id(stack.published()), by_id(committed), "{}", stack.name);
}
