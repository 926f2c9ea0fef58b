use super::*;
use crate::order::money::NOT_SENT;
use crate::order::returning::Finding;
use crate::payment::{PaymentDue, PaymentEvent, RefundState};
use crate::returns::{ReturnEvent, ReturnState};
use inventory::allocation::Demand;
use inventory::{Level, Posting};
use kernel::Money;
use proptest::prelude::*;
use std::collections::BTreeMap;

const A: &str = "9780000000019";
const B: &str = "9780000000026";

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn at(text: &str) -> LocationId {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn parcel(location: &str, lines: &[(&str, i64)]) -> Parcel {
    let lines = lines.iter().map(|(s, q)| Demand { sku: sku(s), quantity: *q }).collect();
    Parcel { location: at(location), lines }
}

/// 2 of A at 12.50 and 1 of B at 8.00, A from alpha and B from beta.
fn split_order() -> Order {
    let mut order = Order {
        id: OrderId::derive(&["t", "c", "k"]),
        customer: "cus_1".into(),
        status: OrderStatus::Pending,
        placed_at: now(),
        currency: Currency::GBP,
        lines: vec![Line::plain(sku(A), 2, 1250), Line::plain(sku(B), 1, 800)],
        shipments: Vec::new(),
        planned: 2,
        payment: Payment::pending("card", "tok_visa"),
        more_payments: Vec::new(),
        refunds: Vec::new(),
        returns: Vec::new(),
        holds: Vec::new(),
        terms: Terms::default(),
        address: None,
        placed_lines: None,
        merged: Vec::new(),
        merged_into: None,
        listed: false,
        history: vec![(OrderStatus::Pending, now())],
        fingerprint: "f".into(),
        version: 1,
    };
    order.plan(&[parcel("alpha", &[(A, 2)]), parcel("beta", &[(B, 1)])]);
    order
}

fn accepted() -> Order {
    let mut order = split_order();
    order.authorize(0, "pi_1".into(), now()).unwrap();
    order
}

/// What a warehouse reports of the whole line of an item in [`split_order`], or of as much of it as a parcel has.
fn seen(sku_text: &str, on_hand: i64, version: u64) -> Figure {
    let quantity = if sku_text == A { 2 } else { 1 };
    Figure { sku: sku(sku_text), quantity, observed: Observation { on_hand, version } }
}

fn id(order: &Order, number: usize) -> ShipmentId {
    order.shipments[number].id(order.id)
}

#[test]
fn parcels_that_leave_one_by_one_make_the_order_shipped_and_the_whole_is_captured() {
    let mut order = accepted();
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Nothing);
    order.ship(id(&order, 0), &at("alpha"), &[seen(A, 3, 7)], now()).unwrap();
    assert_eq!(order.status, OrderStatus::PartiallyShipped);
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Nothing);
    order.ship(id(&order, 1), &at("beta"), &[seen(B, 0, 2)], now()).unwrap();
    assert_eq!(order.status, OrderStatus::Shipped);
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Capture(Money::from_minor(3300, Currency::GBP)));
    let statuses: Vec<_> = order.history.iter().map(|(s, _)| *s).collect();
    use OrderStatus::{PartiallyShipped, Pending, Processing, Shipped};
    assert_eq!(statuses, [Pending, Processing, PartiallyShipped, Shipped]);
}

#[test]
fn a_confirmation_is_taken_once_and_only_from_the_warehouse_that_has_the_parcel() {
    let mut order = accepted();
    let (first, before) = (id(&order, 0), order.clone());
    assert_eq!(order.ship(first, &at("beta"), &[seen(A, 3, 7)], now()), Err(Refused::NotYours));
    assert_eq!(order.ship(first, &at("alpha"), &[seen(B, 3, 7)], now()), Err(Refused::WrongLines));
    let too_few = Figure { quantity: 1, ..seen(A, 3, 7) };
    assert_eq!(order.ship(first, &at("alpha"), &[too_few], now()), Err(Refused::WrongLines));
    let stranger = ShipmentId::derive(&["x"]);
    assert_eq!(order.ship(stranger, &at("alpha"), &[], now()), Err(Refused::UnknownShipment));
    assert_eq!(order, before);
    order.ship(first, &at("alpha"), &[seen(A, 3, 7)], now()).unwrap();
    let again = order.ship(first, &at("alpha"), &[seen(A, 3, 7)], now());
    assert_eq!(again, Err(Refused::AlreadySettled(ShipmentState::Shipped)));
}

#[test]
fn a_refused_parcel_is_sent_from_elsewhere_with_its_promise_of_stock() {
    let mut order = accepted();
    let effects = order
        .refuse(id(&order, 0), &at("alpha"), "short".into(), &[seen(A, 0, 3)], &[parcel("beta", &[(A, 2)])], now())
        .unwrap();
    let shape: Vec<_> = effects.iter().map(|e| (e.location.as_str(), e.movement.name())).collect();
    assert_eq!(shape, [("alpha", "FulfillmentRefused"), ("beta", "Committed")]);
    assert_eq!(order.status, OrderStatus::Processing);
    assert_eq!(order.shipments[2].state, ShipmentState::Requested);
}

#[test]
fn what_nobody_can_fill_is_not_charged() {
    let mut order = accepted();
    order
        .refuse(id(&order, 0), &at("alpha"), "short".into(), &[seen(A, 0, 3)], &[parcel("beta", &[(A, 1)])], now())
        .unwrap();
    order.ship(id(&order, 1), &at("beta"), &[seen(B, 0, 2)], now()).unwrap();
    let one = Figure { quantity: 1, ..seen(A, 0, 9) };
    order.ship(id(&order, 2), &at("beta"), &[one], now()).unwrap();
    assert_eq!(order.status, OrderStatus::PartiallyShipped);
    assert!(order.is_complete());
    assert_eq!(order.unfilled(&order.lines[0]), 1);
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Capture(Money::from_minor(2050, Currency::GBP)));
}

#[test]
fn an_order_of_which_nothing_can_be_filled_is_rejected_and_the_hold_released() {
    let mut order = accepted();
    order.refuse(id(&order, 0), &at("alpha"), "short".into(), &[seen(A, 0, 3)], &[], now()).unwrap();
    order.refuse(id(&order, 1), &at("beta"), "short".into(), &[seen(B, 0, 3)], &[], now()).unwrap();
    assert_eq!(order.status, OrderStatus::Rejected);
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::Void);
}

#[test]
fn cancelling_is_refused_once_a_warehouse_may_be_packing() {
    let mut order = accepted();
    order.mark(id(&order, 0), ShipmentState::Sent).unwrap();
    assert_eq!(order.cancel(now()), Err(Refused::AlreadyDispatched));
    order.mark(id(&order, 0), ShipmentState::Requested).unwrap();
    let released = order.cancel(now()).unwrap();
    assert_eq!(released.len(), 2);
    assert_eq!((order.status, order.payment_due().unwrap().1), (OrderStatus::Cancelled, PaymentDue::Void));
}

#[test]
fn an_order_cancelled_before_any_answer_of_the_provider_voids_what_may_be_held() {
    let mut order = split_order();
    order.cancel(now()).unwrap();
    assert_eq!(order.payment_due().unwrap().1, PaymentDue::VoidUnknown(Money::from_minor(3300, Currency::GBP)));
}

#[test]
fn a_parcel_that_its_warehouse_may_have_is_not_moved() {
    let mut order = accepted();
    order.mark(id(&order, 0), ShipmentState::Sent).unwrap();
    let refused = order.reroute(id(&order, 0), &[parcel("beta", &[(A, 2)])], now());
    assert_eq!(refused, Err(Refused::AlreadySettled(ShipmentState::Sent)));
}

#[test]
fn the_first_answer_can_be_given_again_whatever_happened_since() {
    let first = split_order();
    let mut later = first.clone();
    later.authorize(0, "pi_1".into(), now()).unwrap();
    later.reroute(id(&later, 0), &[parcel("beta", &[(A, 2)])], now()).unwrap();
    later.version = 3;
    assert_eq!(later.as_placed(), first);
}

#[test]
fn an_order_is_delivered_when_its_last_parcel_is() {
    let mut order = accepted();
    order.ship(id(&order, 0), &at("alpha"), &[seen(A, 3, 7)], now()).unwrap();
    order.ship(id(&order, 1), &at("beta"), &[seen(B, 0, 2)], now()).unwrap();
    order.deliver(id(&order, 0), &at("alpha"), now()).unwrap();
    assert_eq!(order.status, OrderStatus::Shipped);
    order.deliver(id(&order, 1), &at("beta"), now()).unwrap();
    assert_eq!(order.status, OrderStatus::Delivered);
}

#[derive(Debug, Clone)]
enum Do {
    Accept,
    Decline,
    Cancel,
    Ship(usize),
    Refuse(usize, i64),
    Reroute(usize),
    Send(usize),
    Deliver(usize),
    Hold,
    Release,
    HoldParcel(usize),
    ReleaseParcel(usize),
    Split(usize),
    CancelParcel(usize),
    CancelUnits(bool, i64),
    Edit(i64, i64),
    Allocate(i64),
    Capture,
    Return(i64),
    Settle(usize, i64, i64),
    Refund(i64),
}

fn anything() -> impl Strategy<Value = Do> {
    prop_oneof![
        3 => Just(Do::Accept),
        1 => Just(Do::Decline),
        1 => Just(Do::Cancel),
        4 => (0usize..5).prop_map(Do::Ship),
        2 => (0usize..5, 0i64..3).prop_map(|(n, keep)| Do::Refuse(n, keep)),
        2 => (0usize..5).prop_map(Do::Reroute),
        2 => (0usize..5).prop_map(Do::Send),
        1 => (0usize..5).prop_map(Do::Deliver),
        1 => Just(Do::Hold),
        1 => Just(Do::Release),
        1 => (0usize..5).prop_map(Do::HoldParcel),
        1 => (0usize..5).prop_map(Do::ReleaseParcel),
        1 => (0usize..5).prop_map(Do::Split),
        1 => (0usize..5).prop_map(Do::CancelParcel),
        1 => (any::<bool>(), 0i64..3).prop_map(|(a, n)| Do::CancelUnits(a, n)),
        1 => (0i64..4, 0i64..3).prop_map(|(a, b)| Do::Edit(a, b)),
        1 => (1i64..3).prop_map(Do::Allocate),
        3 => Just(Do::Capture),
        2 => (1i64..3).prop_map(Do::Return),
        3 => (0usize..3, 0i64..3, 0i64..2).prop_map(|(n, good, bad)| Do::Settle(n, good, bad)),
        1 => (0i64..4_000).prop_map(Do::Refund),
    ]
}

/// The stock behind an order: applies effects as the stores do.
struct Stock(BTreeMap<(LocationId, Sku), Level>);

impl Stock {
    fn post(&mut self, effects: &[StockEffect]) {
        let posting = Posting { source: "o".into(), actor: "t".into(), reason: None, effective_at: now() };
        for e in effects {
            let key = (e.location.clone(), e.sku.clone());
            let level = self.0.entry(key).or_insert_with(|| Level::empty(e.sku.clone(), e.location.clone()));
            *level = level.apply(&e.movement, &posting).expect("an order only asks for what is promised").0;
        }
    }
}

fn figures(lines: &[(Sku, i64)], observed: Observation) -> Vec<Figure> {
    lines.iter().map(|(sku, quantity)| Figure { sku: sku.clone(), quantity: *quantity, observed }).collect()
}

fn run(order: &mut Order, step: &Do) -> Result<Vec<StockEffect>, Refused> {
    let pick =
        |order: &Order, n: usize| order.shipments.get(n).map(|s| (s.id(order.id), s.location.clone(), s.lines.clone()));
    let other = |l: &LocationId| if l.as_str() == "alpha" { "beta" } else { "alpha" };
    match step {
        Do::Accept => order.authorize(0, "pi".into(), now()).map(|()| Vec::new()),
        Do::Decline => order.decline(0, "card_declined".into(), now()),
        Do::Cancel => order.cancel(now()),
        Do::Ship(n) => {
            let Some((id, by, lines)) = pick(order, *n) else { return Ok(Vec::new()) };
            let observed = figures(&lines, Observation { on_hand: 50, version: 1 });
            order.ship(id, &by, &observed, now())
        }
        Do::Refuse(n, keep) => {
            let Some((id, by, lines)) = pick(order, *n) else { return Ok(Vec::new()) };
            let elsewhere: Vec<_> =
                lines.iter().map(|(s, q)| (s.as_str(), (*q).min(*keep))).filter(|l| l.1 > 0).collect();
            let parcels = if elsewhere.is_empty() { vec![] } else { vec![parcel(other(&by), &elsewhere)] };
            let observed = figures(&lines, Observation { on_hand: 40, version: 2 });
            order.refuse(id, &by, "short".into(), &observed, &parcels, now())
        }
        Do::Reroute(n) => {
            let Some((id, by, lines)) = pick(order, *n) else { return Ok(Vec::new()) };
            let lines: Vec<_> = lines.iter().map(|(s, q)| (s.as_str(), *q)).collect();
            order.reroute(id, &[parcel(other(&by), &lines)], now())
        }
        Do::Send(n) => {
            let Some((id, _, _)) = pick(order, *n) else { return Ok(Vec::new()) };
            order.mark(id, ShipmentState::Sent).map(|()| Vec::new())
        }
        Do::Deliver(n) => {
            let Some((id, by, _)) = pick(order, *n) else { return Ok(Vec::new()) };
            order.deliver(id, &by, now()).map(|()| Vec::new())
        }
        Do::Hold => {
            let hold = Hold { code: holds::MANUAL.into(), reason: "x".into(), other: None };
            order.hold(hold, now()).map(|()| Vec::new())
        }
        Do::Release => order.release(None, now()).map(|()| Vec::new()),
        Do::HoldParcel(n) => {
            let Some((id, _, _)) = pick(order, *n) else { return Ok(Vec::new()) };
            order.hold_shipment(id, "x").map(|()| Vec::new())
        }
        Do::ReleaseParcel(n) => {
            let Some((id, _, _)) = pick(order, *n) else { return Ok(Vec::new()) };
            order.release_shipment(id).map(|()| Vec::new())
        }
        Do::Split(n) => {
            let Some((id, _, lines)) = pick(order, *n) else { return Ok(Vec::new()) };
            order.split(id, &[(lines[0].0.clone(), 1)], now())
        }
        Do::CancelParcel(n) => {
            let Some((id, _, _)) = pick(order, *n) else { return Ok(Vec::new()) };
            order.cancel_shipment(id, now())
        }
        Do::CancelUnits(first, count) => order.cancel_units(&[(sku(if *first { A } else { B }), *count)], now()),
        Do::Edit(a, b) => {
            let lines = order.edited_lines(&[Line::plain(sku(A), *a, 1250), Line::plain(sku(B), *b, 900)])?;
            let wanted: Vec<_> =
                lines.iter().filter(|l| l.quantity > 0).map(|l| (l.sku.as_str(), l.quantity)).collect();
            let parcels = [parcel("beta", &wanted)];
            order.edit(lines.clone(), &parcels, now())
        }
        Do::Allocate(count) => order.allocate(&[parcel("alpha", &[(A, *count)])], now()),
        Do::Capture => match order.payment_due()? {
            (tender, PaymentDue::Capture(amount)) => {
                order.record_payment(tender, PaymentEvent::Capture, Some(amount)).map(|()| Vec::new())
            }
            (tender, PaymentDue::Void) => order.record_payment(tender, PaymentEvent::Void, None).map(|()| Vec::new()),
            (_, PaymentDue::GiveBack(amount)) => order.refund(amount.minor(), NOT_SENT).map(|()| Vec::new()),
            (_, PaymentDue::Refund(number, _)) => order.record_refund(number, RefundState::Done).map(|()| Vec::new()),
            (tender, PaymentDue::Authorize(_)) if tender > 0 => {
                order.authorize(tender, "pi".into(), now()).map(|()| Vec::new())
            }
            (_, PaymentDue::Authorize(_) | PaymentDue::VoidUnknown(_) | PaymentDue::Nothing) => Ok(Vec::new()),
        },
        Do::Return(count) => order.request_return(&[(sku(A), *count)], at("beta"), "x", now()).map(|_| Vec::new()),
        Do::Settle(n, good, bad) => {
            let Some(held) = order.returns.get(*n) else { return Ok(Vec::new()) };
            match held.state {
                ReturnState::Requested => order.advance_return(*n, ReturnEvent::Approve).map(|()| Vec::new()),
                ReturnState::Approved => order.advance_return(*n, ReturnEvent::Receive).map(|()| Vec::new()),
                ReturnState::Received => {
                    let found = Finding { sku: sku(A), restocked: *good, damaged: *bad, refused: 0 };
                    order.inspect_return(*n, &[found]).map(|()| Vec::new())
                }
                ReturnState::Inspected
                | ReturnState::InTransit
                | ReturnState::Closed
                | ReturnState::Rejected
                | ReturnState::Cancelled => order.settle_return(*n, None, &[]),
            }
        }
        Do::Refund(minor) => order.refund(*minor, "sorry").map(|()| Vec::new()),
    }
}

proptest! {
    #[test]
    fn promises_shipments_and_charges_agree_after_any_steps(steps in prop::collection::vec(anything(), 0..40)) {
        let mut order = split_order();
        let mut stock = Stock(BTreeMap::new());
        for (location, item) in [("alpha", A), ("alpha", B), ("beta", A), ("beta", B)] {
            stock.post(&[StockEffect { location: at(location), sku: sku(item), movement: Movement::Counted { on_hand: 60 } }]);
        }
        let planned: Vec<_> = order.shipments.iter().flat_map(|s| order.effects(s, |quantity| Movement::Committed { quantity })).collect();
        stock.post(&planned);
        for step in &steps {
            let before = order.clone();
            match run(&mut order, step) {
                Ok(effects) => stock.post(&effects),
                Err(_) => prop_assert_eq!(&order, &before, "a refused step changes nothing"),
            }
            for ((location, item), level) in &stock.0 {
                let open: i64 = order.shipments.iter().filter(|s| s.state.is_open() && s.location == *location)
                    .flat_map(|s| &s.lines).filter(|(s, _)| s == item).map(|(_, q)| q).sum();
                prop_assert_eq!(level.committed, open, "what is promised is what is open");
            }
            for line in &order.lines {
                prop_assert!(order.unfilled(line) >= 0 && order.shipped(&line.sku) <= line.quantity);
            }
            prop_assert!(order.shipped_value().unwrap().minor() <= order.total().unwrap().minor());
            if let PaymentDue::Capture(amount) = order.payment_due().unwrap().1 {
                prop_assert!(order.is_complete() && amount.minor() > 0);
            }
            let (taken, back) = (order.captured_minor(), order.refunded_minor());
            prop_assert!(0 <= back && back <= taken, "no more is given back than was taken");
            prop_assert!(taken <= order.shipped_value().unwrap().minor(), "what was not sent is not taken");
            let returned: i64 = order.returns.iter().flat_map(|r| &r.lines).map(|line| line.accepted()).sum();
            prop_assert!(returned <= order.shipped(&sku(A)));
            let paid_back: i64 = order.returns.iter().map(|r| r.value_minor).sum();
            prop_assert!(paid_back <= taken);
            if matches!(order.status, OrderStatus::Cancelled | OrderStatus::Rejected) {
                prop_assert!(order.shipments.iter().all(|s| !s.state.is_open() && !s.state.has_left()));
            }
        }
    }
}
