use super::*;

/// Pays, ships, and takes a unit back, step by step, as often as it takes; every step may die at any call.
async fn whole_life(faults: FaultInjector) {
    let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 5, 0).await;
    let bank = Arc::new(Bank::default());
    let order = intake("x", &[(1, 3)], vec![card(2000), card(1003)]);
    let id = Sales::id_of(&tenant(), "market", "x");
    let mut died = 0;
    loop {
        let step = faults.run(live_on(&world, &bank, &order, id)).await;
        if matches!(step, Ok(true)) {
            break;
        }
        if step.is_err() {
            died += 1;
            faults.restart();
            assert_whole(&world, 1).await;
        }
    }
    assert!(died <= 1);
    let order = world.order(id).await;
    assert_whole(&world, 1).await;
    assert_eq!((order.status, order.returns[0].state), (OrderStatus::Shipped, ReturnState::Closed));
    assert_eq!((bank.sum("capture"), bank.sum("refund")), (3003, 1001));
    assert_eq!((order.captured_minor(), order.refunded_minor()), (3003, 1001));
    assert!(order.refunds.iter().all(|refund| refund.state == RefundState::Done));
    assert_eq!(revenue(&world, id).await, 3003);
    assert_eq!((world.items("order").len(), world.items("sale").len()), (1, 1));
    assert_eq!(world.levels(1).await.0.on_hand, 3, "three left, one came back");
}

/// One step further from wherever the order stands; true when there is none.
async fn live_on(world: &World, bank: &Bank, intake: &Intake, id: OrderId) -> bool {
    let (tenant, cause) = (tenant(), cause());
    let sales = &world.sales;
    let editor = Editor { reason: Some("torn"), ..editor(&cause) };
    sales.take_in(&tenant, intake, "connector", &cause).await.unwrap();
    sales.settle_payment(&tenant, id, bank, &cause).await.unwrap();
    let order = world.order(id).await;
    if order.status == OrderStatus::Processing {
        ship_all(sales, world, id).await.unwrap();
        return false;
    }
    let Some(held) = order.returns.first() else {
        sales.request_return(&tenant, id, &[(sku(1), 1)], &at("alpha"), editor).await.unwrap();
        return false;
    };
    match held.state {
        ReturnState::Requested => sales.advance_return(&tenant, (id, 0), ReturnEvent::Approve, editor).await,
        ReturnState::Approved => sales.advance_return(&tenant, (id, 0), ReturnEvent::Receive, editor).await,
        ReturnState::Received => {
            let found = [Finding { sku: sku(1), restocked: 1, damaged: 0, refused: 0 }];
            sales.inspect_return(&tenant, (id, 0), &found, editor).await
        }
        ReturnState::Inspected => sales.settle_return(&tenant, (id, 0), None, editor).await,
        ReturnState::InTransit | ReturnState::Closed | ReturnState::Rejected | ReturnState::Cancelled => return true,
    }
    .unwrap();
    false
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_paid_shipped_and_returned_survives_a_crash_at_any_call() {
    let points = crash_points(whole_life).await;
    assert!(points > 40, "{points}");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_makes_one_order_whenever_it_dies() {
    let scenario = |faults: FaultInjector| async move {
        let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 5, 0).await.stocked(2, 5, 0).await;
        let (bank, cause) = (Bank::default(), cause());
        let id = take_in(&world, &intake("x", &[(1, 2)], vec![card(2002)])).await.id;
        settle(&world, id, &bank).await;
        ship_all(&world.sales, &world, id).await.unwrap();
        settle(&world, id, &bank).await;
        let editor = Editor { reason: Some("wrong one"), ..editor(&cause) };
        let sales = &world.sales;
        sales.request_return(&tenant(), id, &[(sku(1), 2)], &at("alpha"), editor).await.unwrap();
        for event in [ReturnEvent::Approve, ReturnEvent::Send, ReturnEvent::Receive] {
            sales.advance_return(&tenant(), (id, 0), event, editor).await.unwrap();
        }
        let found = [Finding { sku: sku(1), restocked: 1, damaged: 1, refused: 0 }];
        sales.inspect_return(&tenant(), (id, 0), &found, editor).await.unwrap();
        let wanted = [Line::plain(sku(2), 1, 1500)];
        let tenant = tenant();
        if faults.run(sales.settle_return(&tenant, (id, 0), Some(&wanted), editor)).await.is_err() {
            faults.restart();
            let again = sales.settle_return(&tenant, (id, 0), Some(&wanted), editor).await;
            assert!(matches!(again, Ok(_) | Err(ChangeError::Refused { .. })));
        }
        // The event is told at least once: here twice, and the first time the process may die.
        let event = world.items("event").into_iter().find(|e| e.to_string().contains("sales.exchange.requested.v1"));
        let event =
            table::outbox::decode(&serde_json::from_value::<serde_dynamo::Item>(event.unwrap()).unwrap().into());
        let wanted = serde_json::from_value(event.unwrap().data).unwrap();
        let _dead = faults.run(sales.make_exchange(&tenant, &wanted, &cause)).await;
        faults.restart();
        let new = order_of(sales.make_exchange(&tenant, &wanted, &cause).await.unwrap());
        assert_eq!(new.terms.origin, Some(id));
        assert_eq!(new.total().unwrap(), gbp(1500));
        assert_eq!(world.items("order").len(), 2);
        // 20.02 came back: 15.00 are in the new order, the rest is given back.
        settle(&world, id, &bank).await;
        assert_eq!(bank.sum("refund"), 502);
        assert_eq!(new.status, OrderStatus::Processing);
        assert_whole(&world, 1).await;
        assert_whole(&world, 2).await;
    };
    crash_points(scenario).await;
}
