//! Every change that people make of an order, killed at any call: the order is whole after it, the change is made once
//! when it is asked for again, and what follows (payment, shipping) comes to the right money and stock.

use super::*;
use crate::order::Hold;
use futures::future::BoxFuture;
use std::time::Duration;

type Changed<'a> = BoxFuture<'a, Result<Order, ChangeError>>;
type Act = for<'a> fn(&'a World, &'a Bank, OrderId) -> Changed<'a>;

fn change(world: &World, id: OrderId, change: Edit) -> Changed<'_> {
    Box::pin(edit(world, id, change))
}

/// Handles the last parcel of the order that this can be done to, or was.
fn parcel(world: &World, id: OrderId, handling: fn(&Order) -> Handling) -> Changed<'_> {
    Box::pin(async move {
        let order = world.order(id).await;
        let open = order.shipments.iter().rev().find(|shipment| shipment.state.is_open());
        let number = open.map_or(0, |shipment| shipment.number);
        handle(world, &order, number, handling(&order)).await
    })
}

fn judged(world: &World, id: OrderId, verdict: Verdict) -> Changed<'_> {
    Box::pin(async move { world.sales.judge(&tenant(), id, &verdict, ("usr_admin", &cause()), None).await })
}

fn pay<'a>(world: &'a World, bank: &'a Bank, id: OrderId) -> Changed<'a> {
    Box::pin(async move { Ok(world.sales.settle_payment(&tenant(), id, bank, &cause()).await.unwrap()) })
}

fn ship<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    Box::pin(ship_all(&world.sales, world, id))
}

fn hold<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    let hold = Hold { code: holds::MANUAL.into(), reason: "call first".into(), other: None };
    change(world, id, Edit::Hold(hold))
}

fn hold_parcel<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    parcel(world, id, |_| Handling::Hold("gift wrap".into()))
}

fn split<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    parcel(world, id, |_| Handling::Split(vec![(sku(1), 1)]))
}

/// Its warehouse has it.
fn send<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    Box::pin(async move {
        let parcel = world.order(id).await.shipments[0].id(id);
        world.sales.mark_sent(&tenant(), id, parcel).await
    })
}

fn pick<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    parcel(world, id, |_| Handling::Pick)
}

const LATER: Duration = Duration::from_secs(3600);

fn schedule<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    parcel(world, id, |order| Handling::Schedule(order.placed_at.checked_add(LATER).unwrap()))
}

/// The time of what was scheduled comes.
fn start<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    Box::pin(async move {
        world.clock.advance(LATER);
        world.sales.start_due(&tenant(), id, &cause()).await?;
        Ok(world.order(id).await)
    })
}

fn readdress<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    let address = Address {
        name: "Ann".into(),
        lines: vec!["1 High Street".into()],
        city: "York".into(),
        region: None,
        postcode: Some("YO1 7HH".into()),
        country: "GB".into(),
    };
    change(world, id, Edit::Address(address))
}

fn refund<'a>(world: &'a World, _: &'a Bank, id: OrderId) -> Changed<'a> {
    Box::pin(async move { world.sales.refund(&tenant(), id, gbp(500), "late", ("usr_admin", &cause()), None).await })
}

/// Plays a change after others, with a death at each of its calls. The order is of three of book 1, by card; `repeats`
/// one of a minute ago, if it is to be a suspected duplicate. Money that is kept in the end, in pence.
async fn killed_anywhere(what: &str, repeats: bool, before: &[Act], act: Act, kept: i64) {
    let points = crash_points(|faults| async move {
        let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 20, 5).await.stocked(2, 9, 0).await;
        let bank = Bank::default();
        let (tenant, cause) = (tenant(), cause());
        let mut ids = vec![Sales::id_of(&tenant, "market", "x")];
        if repeats {
            ids.push(take_in(&world, &intake("first", &[(1, 3)], vec![card(3003)])).await.id);
            world.clock.advance(Duration::from_secs(60));
        }
        let id = take_in(&world, &intake("x", &[(1, 3)], vec![card(3003)])).await.id;
        for step in before {
            step(&world, &bank, id).await.unwrap();
        }
        let done = faults.run(act(&world, &bank, id)).await;
        faults.restart();
        for number in [1, 2] {
            assert_whole(&world, number).await;
        }
        let steps = world.sales.timeline(&tenant, id, None, 99).await.unwrap().items;
        let taken = steps.iter().filter(|step| step.what == what).count();
        match done {
            Ok(answer) => assert_eq!((answer.is_ok(), taken), (true, 1)),
            // Whoever asked reads the order, and asks again when it is not done.
            Err(_) if taken == 0 => drop(act(&world, &bank, id).await.unwrap()),
            Err(_) => assert_eq!(taken, 1),
        }
        // What waits for a person is let go by one, and everything else goes on by itself.
        for id in &ids {
            let _held = world.sales.edit(&tenant, *id, &Edit::Release(None), editor(&cause)).await;
            settle(&world, *id, &bank).await;
            ship_all(&world.sales, &world, *id).await.unwrap();
            let order = settle(&world, *id, &bank).await;
            assert!(order.is_over(), "{what}: {order:?}");
        }
        for number in [1, 2] {
            assert_whole(&world, number).await;
        }
        assert_eq!(bank.sum("capture") - bank.sum("refund"), kept, "{what}");
        let steps = world.sales.timeline(&tenant, id, None, 99).await.unwrap().items;
        assert_eq!(steps.iter().filter(|step| step.what == what).count(), 1, "once");
    })
    .await;
    assert!(points >= 2, "{what}: {points}");
}

#[tokio::test(start_paused = true)]
async fn edits_and_cancellations_survive_a_crash_at_any_call() {
    killed_anywhere(
        "edited",
        false,
        &[pay],
        |world, _, id| {
            let fewer = Line { discount_minor: 1, tax_minor: 2, ..Line::plain(sku(1), 1, 1000) };
            change(world, id, Edit::Lines(vec![fewer, Line::plain(sku(2), 2, 1200)]))
        },
        1001 + 2400,
    )
    .await;
    killed_anywhere("cancelled", false, &[pay], |world, _, id| change(world, id, Edit::Cancel), 0).await;
    killed_anywhere(
        "units_cancelled",
        false,
        &[pay],
        |world, _, id| change(world, id, Edit::CancelUnits(vec![(sku(1), 2)])),
        1001,
    )
    .await;
    killed_anywhere("held", false, &[pay], hold, 3003).await;
    killed_anywhere("released", false, &[pay, hold], |world, _, id| change(world, id, Edit::Release(None)), 3003).await;
}

#[tokio::test(start_paused = true)]
async fn another_address_survives_a_crash_at_any_call() {
    killed_anywhere("readdressed", false, &[pay], readdress, 3003).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_done_to_fulfilment_orders_survives_a_crash_at_any_call() {
    killed_anywhere("fulfillment_held", false, &[pay], hold_parcel, 3003).await;
    let release: Act = |world, _, id| parcel(world, id, |_| Handling::Release);
    killed_anywhere("fulfillment_released", false, &[pay, hold_parcel], release, 3003).await;
    let move_it: Act = |world, _, id| parcel(world, id, |_| Handling::Move(at("beta")));
    killed_anywhere("fulfillment_moved", false, &[pay], move_it, 3003).await;
    killed_anywhere("fulfillment_split", false, &[pay], split, 3003).await;
    let merge: Act = |world, _, id| {
        parcel(world, id, |order| {
            let open = order.shipments.iter().find(|shipment| shipment.state.is_open());
            Handling::Merge(open.map(|shipment| shipment.id(order.id)).into_iter().collect())
        })
    };
    killed_anywhere("fulfillment_merged", false, &[pay, split], merge, 3003).await;
    let cancel: Act = |world, _, id| parcel(world, id, |_| Handling::Cancel);
    killed_anywhere("fulfillment_cancelled", false, &[pay, split], cancel, 2002).await;
}

#[tokio::test(start_paused = true)]
async fn parcels_that_are_scheduled_picked_and_packed_survive_a_crash_at_any_call() {
    killed_anywhere("fulfillment_scheduled", false, &[pay], schedule, 3003).await;
    killed_anywhere("started", false, &[pay, schedule], start, 3003).await;
    killed_anywhere("fulfillment_picked", false, &[pay, send], pick, 3003).await;
    let pack: Act = |world, _, id| parcel(world, id, |_| Handling::Pack);
    killed_anywhere("fulfillment_packed", false, &[pay, send, pick], pack, 3003).await;
}

#[tokio::test(start_paused = true)]
async fn refunds_survive_a_crash_at_any_call() {
    killed_anywhere("refund_requested", false, &[pay, ship, pay], refund, 3003 - 500).await;
}

#[tokio::test(start_paused = true)]
async fn decisions_about_duplicates_survive_a_crash_at_any_call() {
    let merge: Act = |world, _, id| judged(world, id, Verdict::Merge(vec![(sku(1), 1)]));
    killed_anywhere("duplicate_merged", true, &[], merge, 4004).await;
    let split: Act = |world, _, id| judged(world, id, Verdict::Split(vec![(sku(1), 1)]));
    killed_anywhere("duplicate_split", true, &[], split, 3003 + 1001).await;
    killed_anywhere("duplicate_dismissed", true, &[], |world, _, id| judged(world, id, Verdict::Dismiss), 6006).await;
}
