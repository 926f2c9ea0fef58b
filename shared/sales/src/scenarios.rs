//! Tests of whole lives of orders: races, crashes at every call, money and stock after each.

use crate::duplicates::Verdict;
use crate::edits::{Edit, Editor, Handling};
use crate::intake::{Intake, IntakeError};
use crate::lists::{Filter, Span};
use crate::notes::{Address, Audience, NewNote, NoteError};
use crate::order::returning::Finding;
use crate::order::{Figure, Line, Terms, holds};
use crate::payment::{Authorization, Intent, Payment, PaymentProvider, PaymentState, ProviderUnavailable, RefundState};
use crate::returns::{ReturnEvent, ReturnState};
use crate::testing::{World, at, cause, order_of, request, sku, tenant};
use crate::{ChangeError, Order, OrderId, OrderStatus, PlaceError, Placed, Refused, Report, Sales, ShipmentState};
use async_trait::async_trait;
use futures::future::join_all;
use inventory::{LocationId, Observation};
use kernel::{Currency, Money};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use testkit::{FaultInjector, LocalDynamo, crash_points};

/// A provider that keeps books: every call once, by its key.
#[derive(Default)]
struct Bank {
    /// Key of the call and its amount.
    calls: Mutex<BTreeMap<String, i64>>,
}

impl Bank {
    fn sum(&self, verb: &str) -> i64 {
        self.calls.lock().unwrap().iter().filter(|(key, _)| key.contains(verb)).map(|(_, amount)| amount).sum()
    }

    fn once(&self, key: String, amount: i64) -> i64 {
        *self.calls.lock().unwrap().entry(key).or_insert(amount)
    }
}

#[async_trait]
impl PaymentProvider for Bank {
    async fn authorize(&self, i: Intent, amount: Money, p: &Payment) -> Result<Authorization, ProviderUnavailable> {
        if p.token == "tok_no" {
            return Ok(Authorization::Declined("card_declined".into()));
        }
        if p.token == "tok_down" {
            return Err(ProviderUnavailable { reason: "down".into() });
        }
        self.once(i.key("authorize"), amount.minor());
        Ok(Authorization::Approved(format!("pi_{}", i.number)))
    }

    async fn capture(&self, i: Intent, _: &str, amount: Money) -> Result<(), ProviderUnavailable> {
        assert_eq!(self.once(i.key("capture"), amount.minor()), amount.minor(), "another amount under the same key");
        Ok(())
    }

    async fn void(&self, i: Intent, _: &str) -> Result<(), ProviderUnavailable> {
        self.once(i.key("void"), 0);
        Ok(())
    }

    async fn refund(&self, i: Intent, _: &str, amount: Money) -> Result<Authorization, ProviderUnavailable> {
        assert_eq!(self.once(i.key("refund"), amount.minor()), amount.minor(), "another amount under the same key");
        Ok(Authorization::Approved("re".into()))
    }
}

fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, Currency::GBP)
}

/// Units of books at 10.00, each line with a discount of 1 p a unit and a tax of 2 p a unit on top.
fn intake(external: &str, items: &[(u32, i64)], payments: Vec<Payment>) -> Intake {
    let line = |(number, units): &(u32, i64)| Line {
        discount_minor: *units,
        tax_minor: 2 * units,
        ..Line::plain(sku(*number), *units, 1000)
    };
    Intake {
        customer: "usr_ann".into(),
        terms: Terms { channel: Some("market".into()), external_id: Some(external.into()), ..Terms::default() },
        currency: Currency::GBP,
        lines: items.iter().map(line).collect(),
        payments,
        address: None,
        counter: None,
        backorder: false,
    }
}

fn card(minor: i64) -> Payment {
    Payment { amount_minor: Some(minor), ..Payment::pending("card", "tok_visa") }
}

fn paid(minor: i64) -> Payment {
    Payment::taken_elsewhere("market", "ref", minor)
}

fn editor(cause: &kernel::Context) -> Editor<'_> {
    Editor { actor: "usr_admin", reason: None, seen: None, cause }
}

async fn take_in(world: &World, intake: &Intake) -> Order {
    order_of(world.sales.take_in(&tenant(), intake, "connector", &cause()).await.unwrap())
}

async fn edit(world: &World, id: OrderId, change: Edit) -> Result<Order, ChangeError> {
    world.sales.edit(&tenant(), id, &change, editor(&cause())).await
}

async fn handle(world: &World, order: &Order, number: usize, handling: Handling) -> Result<Order, ChangeError> {
    let id = order.shipments[number].id(order.id);
    world.sales.handle(&tenant(), (order.id, id), &handling, editor(&cause())).await
}

async fn settle(world: &World, id: OrderId, bank: &Bank) -> Order {
    world.sales.settle_payment(&tenant(), id, bank, &cause()).await.unwrap()
}

/// Every open parcel is sent and leaves.
async fn ship_all(sales: &Sales, world: &World, id: OrderId) -> Result<Order, ChangeError> {
    let mut order = world.order(id).await;
    for shipment in order.shipments.clone().iter().filter(|s| s.state.is_open()) {
        let (parcel, by) = (shipment.id(id), &shipment.location);
        if shipment.state == ShipmentState::Requested {
            sales.mark_sent(&tenant(), id, parcel).await?;
        }
        let mut figures = Vec::new();
        for (sku, quantity) in &order.items_of(shipment) {
            let level = world.inventory.level(&tenant(), by, sku).await?;
            let observed = Observation { on_hand: level.on_hand - quantity, version: level.source_version + 1 };
            figures.push(Figure { sku: sku.clone(), quantity: *quantity, observed });
        }
        order = sales.report(&tenant(), (id, parcel), by, &Report::Shipped(figures), &cause()).await?;
    }
    Ok(order)
}

/// What is promised is what is open; ledgers prove levels; money taken covers what left or waits with a reason; sales are
/// what left.
async fn assert_whole(world: &World, number: u32) {
    let mut open: BTreeMap<LocationId, i64> = BTreeMap::new();
    let addresses = world.items("order-address");
    for item in world.items("order") {
        let of_order = addresses.iter().filter(|address| address["o"] == item["id"]).count();
        let order = world.order(item["id"]["S"].as_str().unwrap().parse().unwrap()).await;
        for shipment in order.shipments.iter().filter(|s| s.state.is_open()) {
            for (_, units) in order.items_of(shipment).iter().filter(|(item, _)| *item == sku(number)) {
                *open.entry(shipment.location.clone()).or_default() += units;
            }
        }
        let refunded = order.refunded_minor();
        assert!((0..=order.captured_minor()).contains(&refunded), "{order:?}");
        let unfilled = order.lines.iter().any(|line| order.unfilled(line) > 0);
        let is_paid = order.captured_minor() > refunded && order.refunds.is_empty();
        assert!(!(is_paid && unfilled) || order.is_held_for(holds::OUT_OF_STOCK), "paid and not allocated: {order:?}");
        let steps = world.sales.timeline(&tenant(), order.id, None, 200).await.unwrap().items;
        let first = if order.terms.channel.is_some() { 1 } else { 2 };
        let versions: Vec<u64> = steps.iter().map(|step| step.version).collect();
        assert_eq!(versions, (first..=order.version).collect::<Vec<_>>(), "every step leaves its entry");
        assert_eq!(u64::try_from(of_order).unwrap(), order.address.unwrap_or(0), "every address it had, and no other");
    }
    let open = |location| open.get(&at(location)).copied().unwrap_or(0);
    assert_eq!(world.committed(number).await, (open("alpha"), open("beta")), "what is promised is what is open");
}

/// What all sales of an order come to.
async fn revenue(world: &World, id: OrderId) -> i64 {
    let sales = world.sales.sales(&tenant(), "main", Span::default(), None, 100).await.unwrap().items;
    sales.iter().filter(|sale| sale.order == id).map(|sale| sale.total_minor).sum()
}

mod costs;
mod crashes;
mod files;
mod hot;
mod kits;
mod lists;
mod lives;
mod races;
mod steps;
