use super::*;

#[tokio::test]
async fn a_split_tender_is_authorised_captured_and_refunded_part_by_part() {
    let world = World::new().await.stocked(1, 5, 0).await;
    let bank = Bank::default();
    let order = take_in(&world, &intake("x", &[(1, 3)], vec![card(1000), card(2003)])).await;
    assert_eq!((order.status, order.total().unwrap()), (OrderStatus::Pending, gbp(3003)));
    let order = settle(&world, order.id, &bank).await;
    assert_eq!((order.status, bank.sum("authorize")), (OrderStatus::Processing, 3003));
    ship_all(&world.sales, &world, order.id).await.unwrap();
    let order = settle(&world, order.id, &bank).await;
    let taken: Vec<i64> = order.payments().map(|payment| payment.captured_minor).collect();
    assert_eq!(taken, [1000, 2003]);
    let refund =
        async |minor| world.sales.refund(&tenant(), order.id, gbp(minor), "sorry", ("usr_admin", &cause()), None).await;
    refund(1200).await.unwrap();
    assert!(matches!(
        refund(1804).await,
        Err(ChangeError::Refused { reason: Refused::RefundTooLarge { left: 1803, .. }, .. })
    ));
    let order = settle(&world, order.id, &bank).await;
    assert_eq!(order.refunds.iter().map(|r| (r.tender, r.minor)).collect::<Vec<_>>(), [(0, 1000), (1, 200)]);
    assert_eq!(bank.sum("refund"), 1200);
    assert_eq!(revenue(&world, order.id).await, 3003);
    assert_whole(&world, 1).await;
}

#[tokio::test]
async fn one_declined_tender_gives_stock_and_the_other_holds_back() {
    let world = World::new().await.stocked(1, 5, 0).await;
    let bank = Bank::default();
    let declined = Payment { token: "tok_no".into(), ..card(1002) };
    let order = take_in(&world, &intake("x", &[(1, 2)], vec![card(1000), declined])).await;
    let order = settle(&world, order.id, &bank).await;
    let states: Vec<_> = order.payments().map(|payment| payment.state).collect();
    assert_eq!((order.status, states), (OrderStatus::Rejected, vec![PaymentState::Voided, PaymentState::Declined]));
    assert_whole(&world, 1).await;
    assert_eq!(world.levels(1).await.0.available(), 5);
}

#[tokio::test]
async fn what_was_paid_elsewhere_and_is_called_off_is_paid_back_there() {
    let world = World::new().await.stocked(1, 1, 0).await;
    let bank = Bank::default();
    let order = take_in(&world, &intake("x", &[(1, 3)], vec![paid(3003)])).await;
    assert_eq!((order.status, order.unfilled(&order.lines[0])), (OrderStatus::Processing, 2));
    assert!(order.is_held_for(holds::OUT_OF_STOCK));
    let parcel = order.shipments[0].id(order.id);
    let sent = world.sales.mark_sent(&tenant(), order.id, parcel).await;
    assert!(matches!(sent, Err(ChangeError::Refused { reason: Refused::Held(_), .. })));
    let order = edit(&world, order.id, Edit::CancelUnits(vec![(sku(1), 2)])).await.unwrap();
    assert!(order.holds.is_empty());
    ship_all(&world.sales, &world, order.id).await.unwrap();
    let order = settle(&world, order.id, &bank).await;
    assert_eq!((order.status, order.refunds[0].minor), (OrderStatus::Shipped, 2002));
    assert_eq!((order.refunds[0].state, bank.sum("refund")), (RefundState::Requested, 0));
    let who = ("connector", &cause());
    let order = world.sales.confirm_refund(&tenant(), (order.id, 0), RefundState::Done, who.0, who.1).await.unwrap();
    assert!(order.is_over());
    assert_eq!(revenue(&world, order.id).await, 1001);
}

#[tokio::test]
async fn an_edit_plans_anew_and_what_it_adds_is_paid_for_before_it_ends() {
    let world = World::new().await.stocked(1, 5, 0).await.stocked(2, 0, 5).await;
    let bank = Bank::default();
    let order = take_in(&world, &intake("x", &[(1, 3)], vec![card(3003)])).await;
    settle(&world, order.id, &bank).await;
    let lines =
        vec![Line { discount_minor: 1, tax_minor: 2, ..Line::plain(sku(1), 1, 1000) }, Line::plain(sku(2), 3, 1200)];
    let order = edit(&world, order.id, Edit::Lines(lines)).await.unwrap();
    assert_eq!(order.total().unwrap(), gbp(1001 + 3600));
    assert_eq!(order.more_payments[0].amount_minor, Some(4601 - 3003));
    assert_whole(&world, 1).await;
    assert_whole(&world, 2).await;
    let too_many = edit(&world, order.id, Edit::Lines(vec![Line::plain(sku(2), 6, 1200)])).await;
    assert!(matches!(too_many, Err(ChangeError::Refused { reason: Refused::NoOtherStock, .. })));
    settle(&world, order.id, &bank).await;
    ship_all(&world.sales, &world, order.id).await.unwrap();
    let order = settle(&world, order.id, &bank).await;
    assert_eq!((bank.sum("capture"), order.captured_minor()), (4601, 4601));
    let steps = world.sales.timeline(&tenant(), order.id, None, 50).await.unwrap().items;
    let edited = steps.iter().find(|step| step.what == "edited").unwrap();
    assert_eq!((&edited.before["lines"][0][1], &edited.after["lines"][0][1]), (&3.into(), &1.into()));
    assert_eq!(edited.actor, "usr_admin");
    let late = edit(&world, order.id, Edit::Lines(vec![Line::plain(sku(2), 1, 1200)])).await;
    let Err(ChangeError::Refused { reason: Refused::Transition(refused), .. }) = late else { panic!("{late:?}") };
    assert_eq!(refused.allowed, ["deliver", "return"]);
}

#[tokio::test]
async fn an_edit_is_refused_on_an_order_that_changed_since_it_was_read() {
    let world = World::new().await.stocked(1, 5, 0).await;
    let order = take_in(&world, &intake("x", &[(1, 3)], vec![paid(3003)])).await;
    let cause = cause();
    let stale = Editor { seen: Some(order.version + 7), ..editor(&cause) };
    let refused = world.sales.edit(&tenant(), order.id, &Edit::Cancel, stale).await;
    assert!(matches!(refused, Err(ChangeError::Stale(_))));
}

#[tokio::test]
async fn fulfilment_orders_are_held_scheduled_split_merged_moved_and_called_off() {
    let world = World::new().await.stocked(1, 5, 5).await;
    let order = take_in(&world, &intake("x", &[(1, 4)], vec![paid(4004)])).await;
    let order = handle(&world, &order, 0, Handling::Split(vec![(sku(1), 1)])).await.unwrap();
    let order = handle(&world, &order, 2, Handling::Hold("gift wrap".into())).await.unwrap();
    let parcel = order.shipments[2].id(order.id);
    assert!(world.sales.mark_sent(&tenant(), order.id, parcel).await.is_err());
    let order = handle(&world, &order, 2, Handling::Release).await.unwrap();
    let both = Handling::Merge(vec![order.shipments[2].id(order.id)]);
    let order = handle(&world, &order, 1, both).await.unwrap();
    assert_eq!(order.shipments[3].lines, [(sku(1), 4)]);
    let order = handle(&world, &order, 3, Handling::Move(at("beta"))).await.unwrap();
    assert_eq!(order.shipments[4].location, at("beta"));
    assert_whole(&world, 1).await;
    let later = world.sales.now() + std::time::Duration::from_secs(60);
    let order = handle(&world, &order, 4, Handling::Schedule(later)).await.unwrap();
    world.sales.start_due(&tenant(), order.id, &cause()).await.unwrap();
    assert_eq!(world.order(order.id).await.shipments[4].state, ShipmentState::Scheduled);
    world.clock.advance(std::time::Duration::from_secs(61));
    world.sales.start_due(&tenant(), order.id, &cause()).await.unwrap();
    let order = world.order(order.id).await;
    assert_eq!(order.shipments[4].state, ShipmentState::Requested);
    world.sales.mark_sent(&tenant(), order.id, order.shipments[4].id(order.id)).await.unwrap();
    handle(&world, &order, 4, Handling::Pick).await.unwrap();
    handle(&world, &order, 4, Handling::Pack).await.unwrap();
    let refused = handle(&world, &order, 4, Handling::Cancel).await;
    let settled = Refused::AlreadySettled(ShipmentState::Packed);
    assert!(matches!(refused, Err(ChangeError::Refused { reason, .. }) if reason == settled));
    ship_all(&world.sales, &world, order.id).await.unwrap();
    assert_whole(&world, 1).await;
    assert_eq!(revenue(&world, order.id).await, 4004);
}

#[tokio::test]
async fn a_counter_sale_is_revenue_at_once_and_promises_nothing() {
    let world = World::new().await.stocked(1, 5, 0).await;
    let sold = Intake { counter: Some(at("alpha")), ..intake("till-1", &[(1, 2)], vec![paid(2002)]) };
    let order = take_in(&world, &sold).await;
    assert_eq!((order.status, revenue(&world, order.id).await), (OrderStatus::Delivered, 2002));
    assert_eq!((world.levels(1).await.0.on_hand, world.levels(1).await.0.committed), (3, 0));
    assert_whole(&world, 1).await;
    let unpaid = Intake { counter: Some(at("alpha")), ..intake("till-2", &[(1, 2)], vec![card(2002)]) };
    let refused = world.sales.take_in(&tenant(), &unpaid, "till", &cause()).await;
    assert!(matches!(refused, Err(IntakeError::Unpaid)));
}

#[tokio::test]
async fn shipping_belongs_to_the_first_parcel_and_sales_sum_to_what_is_captured() {
    let world = World::new().await.stocked(1, 2, 0).await.stocked(2, 0, 2).await;
    let bank = Bank::default();
    let mut wanted = intake("x", &[(1, 2), (2, 1)], vec![card(3003 + 599)]);
    (wanted.terms.shipping_minor, wanted.terms.shipping_tax_minor) = (499, 100);
    let order = take_in(&world, &wanted).await;
    settle(&world, order.id, &bank).await;
    ship_all(&world.sales, &world, order.id).await.unwrap();
    settle(&world, order.id, &bank).await;
    let sales = world.sales.sales(&tenant(), "main", Span::default(), None, 10).await.unwrap().items;
    let mut parts: Vec<(i64, i64)> = sales.iter().map(|sale| (sale.shipping_minor, sale.total_minor)).collect();
    parts.sort_unstable();
    assert_eq!(parts, [(0, 1001), (599, 2002 + 599)]);
    assert_eq!(bank.sum("capture"), 3602);
}

#[tokio::test]
async fn no_unit_is_returned_twice_and_only_what_arrived_is_paid_back() {
    let world = World::new().await.stocked(1, 5, 0).await;
    let (bank, cause) = (Bank::default(), cause());
    let mut wanted = intake("x", &[(1, 3)], vec![card(2999)]);
    // A penny off three: the first unit carries it.
    (wanted.lines[0].discount_minor, wanted.lines[0].tax_minor) = (1, 0);
    let id = take_in(&world, &wanted).await.id;
    settle(&world, id, &bank).await;
    ship_all(&world.sales, &world, id).await.unwrap();
    settle(&world, id, &bank).await;
    let editor = editor(&cause);
    let request =
        async |units: i64| world.sales.request_return(&tenant(), id, &[(sku(1), units)], &at("beta"), editor).await;
    request(2).await.unwrap();
    let refused = request(2).await;
    assert!(matches!(refused, Err(ChangeError::Refused { reason: Refused::TooMany { available: 1, .. }, .. })));
    request(1).await.unwrap();
    for number in [0, 1] {
        for event in [ReturnEvent::Approve, ReturnEvent::Receive] {
            world.sales.advance_return(&tenant(), (id, number), event, editor).await.unwrap();
        }
    }
    let find = async |number, restocked, damaged, refused| {
        let found = [Finding { sku: sku(1), restocked, damaged, refused }];
        world.sales.inspect_return(&tenant(), (id, number), &found, editor).await
    };
    assert!(find(0, 2, 1, 0).await.is_err(), "more than was asked for");
    find(0, 1, 0, 1).await.unwrap();
    find(1, 0, 1, 0).await.unwrap();
    world.sales.settle_return(&tenant(), (id, 1), None, editor).await.unwrap();
    world.sales.settle_return(&tenant(), (id, 0), None, editor).await.unwrap();
    let again = world.sales.settle_return(&tenant(), (id, 0), None, editor).await;
    assert!(matches!(again, Err(ChangeError::Refused { reason: Refused::Transition(_), .. })));
    let order = settle(&world, id, &bank).await;
    assert_eq!(order.returns.iter().map(|r| r.value_minor).collect::<Vec<_>>(), [1000, 999]);
    assert_eq!(bank.sum("refund"), 1999);
    let level = world.levels(1).await.1;
    let counts = (level.on_hand, level.damaged, level.available());
    assert_eq!(counts, (2, 1, 1), "what was damaged is there, and not sold again");
    let closed = world.sales.orders_with_return(&tenant(), ReturnState::Closed, None, 9).await.unwrap();
    assert_eq!(closed.items.len(), 2);
    assert_whole(&world, 1).await;
}

#[tokio::test]
async fn a_suspected_duplicate_waits_until_a_person_decides() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let bank = Bank::default();
    let judge = async |id, verdict| world.sales.judge(&tenant(), id, &verdict, ("usr_admin", &cause()), None).await;
    let first = take_in(&world, &intake("a", &[(1, 3)], vec![paid(3003)])).await;
    assert!(first.holds.is_empty());
    let mut suspects = Vec::new();
    for external in ["b", "c", "d"] {
        world.clock.advance(std::time::Duration::from_secs(1));
        let order = take_in(&world, &intake(external, &[(1, 3)], vec![paid(3003)])).await;
        assert!(order.is_held_for(holds::DUPLICATE));
        assert!(
            !world.items("event").iter().any(|e| e.to_string().contains(&order.shipments[0].id(order.id).to_string()))
        );
        suspects.push(order.id);
    }
    let merged = judge(suspects[0], Verdict::Merge(Vec::new())).await.unwrap();
    assert_eq!(merged.status, OrderStatus::Cancelled);
    assert_eq!(settle(&world, merged.id, &bank).await.refunds[0].minor, 3003);
    let split = judge(suspects[1], Verdict::Split(vec![(sku(1), 1)])).await.unwrap();
    assert_eq!((split.lines[0].quantity, split.holds.len()), (1, 0));
    let dismissed = judge(suspects[2], Verdict::Dismiss).await.unwrap();
    assert!(dismissed.holds.is_empty());
    assert!(matches!(judge(first.id, Verdict::Dismiss).await, Err(ChangeError::Refused { .. })));
    assert_whole(&world, 1).await;
    world.clock.advance(std::time::Duration::from_secs(3600));
    let later = take_in(&world, &intake("e", &[(1, 3)], vec![paid(3003)])).await;
    assert!(later.holds.is_empty(), "the window is over");
}

#[tokio::test]
async fn what_only_the_suspect_has_is_merged_into_the_order_it_repeats() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let (bank, cause) = (Bank::default(), cause());
    let first = take_in(&world, &intake("a", &[(1, 3)], vec![card(3003)])).await;
    settle(&world, first.id, &bank).await;
    world.clock.advance(std::time::Duration::from_secs(1));
    let suspect = take_in(&world, &intake("b", &[(1, 3)], vec![card(3003)])).await;
    let file = world.sales.store_file(&tenant(), suspect.id, "a.pdf", "application/pdf", "AAAA".into()).await.unwrap();
    let note =
        NewNote { key: "k".into(), audience: Audience::Internal, text: "@usr_bob look".into(), files: vec![file] };
    let note = world.sales.write_note(&tenant(), &suspect, note, "usr_admin", &cause).await.unwrap();
    let merge = async |units| {
        world.sales.judge(&tenant(), suspect.id, &Verdict::Merge(units), ("usr_admin", &cause), None).await
    };
    let too_many = merge(vec![(sku(1), 4)]).await;
    assert!(matches!(too_many, Err(ChangeError::Refused { reason: Refused::TooMany { available: 3, .. }, .. })));
    let gone = merge(vec![(sku(1), 1)]).await.unwrap();
    assert_eq!((gone.status, gone.merged_into), (OrderStatus::Cancelled, Some(first.id)));
    let kept = world.order(first.id).await;
    assert_eq!((kept.lines[0].quantity, kept.total().unwrap()), (4, gbp(4004)));
    assert_eq!((kept.merged[0].order, kept.merged[0].external_id.as_deref()), (suspect.id, Some("b")));
    let notes = world.sales.notes_of(&tenant(), first.id, None, 9).await.unwrap().items;
    assert_eq!((notes[0].id, &notes[0].text), (note.id, &note.text));
    assert_eq!(world.sales.file(&tenant(), first.id, file).await.unwrap().unwrap().content, "AAAA");
    let told = world.items("event").iter().filter(|e| e.to_string().contains("sales.note.mentioned.v1")).count();
    assert_eq!(told, 1, "who was mentioned knows already");
    let steps = world.sales.timeline(&tenant(), first.id, None, 50).await.unwrap().items;
    let step = steps.last().unwrap();
    assert_eq!((step.what.as_str(), step.actor.as_str()), ("duplicate_taken_in", "usr_admin"));
    assert_eq!(step.after["merged"][0], suspect.id.to_string());
    assert!(matches!(merge(vec![]).await, Err(ChangeError::Refused { .. })), "once");
    settle(&world, suspect.id, &bank).await;
    settle(&world, first.id, &bank).await;
    ship_all(&world.sales, &world, first.id).await.unwrap();
    settle(&world, first.id, &bank).await;
    assert_eq!(bank.sum("capture"), 4004);
    assert_whole(&world, 1).await;
}

#[tokio::test]
async fn our_own_shop_suspects_only_orders_without_a_key_and_before_they_are_authorised() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let bank = Bank::default();
    for (key, held) in [(Some("k1"), false), (Some("k2"), false), (None, true)] {
        world.clock.advance(std::time::Duration::from_secs(1));
        let placed = world.sales.place(&tenant(), &request("cus", key, &[(1, 2)]), &cause()).await.unwrap();
        let id = order_of(placed).id;
        world.sales.review(&tenant(), id, &cause()).await.unwrap();
        let order = settle(&world, id, &bank).await;
        assert_eq!(order.is_held_for(holds::DUPLICATE), held, "{key:?}");
        assert_eq!(order.status == OrderStatus::Pending, held);
    }
    assert_eq!(bank.sum("authorize"), 5000);
    let waiting = Filter { statuses: &[OrderStatus::Pending], held: Some(true), ..Filter::default() };
    assert_eq!(world.sales.search(&tenant(), &waiting, None, 9).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn an_order_whose_provider_is_silent_shows_in_the_worklist() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let order = order_of(world.sales.place(&tenant(), &request("cus", Some("k"), &[(1, 1)]), &cause()).await.unwrap());
    let of_status = Filter { statuses: &[OrderStatus::Pending], ..Filter::default() };
    let pending = async || world.sales.search(&tenant(), &of_status, None, 9).await.unwrap().0;
    assert!(pending().await.is_empty());
    world.sales.list_pending(&tenant(), order.id, &cause()).await.unwrap();
    world.sales.list_pending(&tenant(), order.id, &cause()).await.unwrap();
    assert_eq!(pending().await.len(), 1);
    settle(&world, order.id, &Bank::default()).await;
    assert!(pending().await.is_empty());
    assert_eq!(world.order(order.id).await.as_placed(), order);
}

#[tokio::test]
async fn a_note_is_written_once_and_tells_everybody_it_mentions_once() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let order = take_in(&world, &intake("x", &[(1, 3)], vec![paid(3003)])).await;
    let file = world.sales.store_file(&tenant(), order.id, "a.pdf", "application/pdf", "AAAA".into()).await.unwrap();
    let note =
        |text: &str| NewNote { key: "k".into(), audience: Audience::Internal, text: text.into(), files: vec![file] };
    let write = async |note| world.sales.write_note(&tenant(), &order, note, "usr_admin", &cause()).await;
    let first = write(note("@usr_bob and @usr_eve: look, @usr_bob")).await.unwrap();
    assert_eq!(write(note("@usr_bob and @usr_eve: look, @usr_bob")).await.unwrap(), first);
    assert!(matches!(write(note("something else")).await, Err(NoteError::KeyReused)));
    let told = world.items("event").iter().filter(|e| e.to_string().contains("sales.note.mentioned.v1")).count();
    assert_eq!(told, 2);
    assert_eq!(world.sales.notes_of(&tenant(), order.id, None, 9).await.unwrap().items, [first]);
    assert_eq!(world.sales.file(&tenant(), order.id, file).await.unwrap().unwrap().content, "AAAA");
    let stranger = NewNote { files: vec![crate::notes::FileId::derive(&["x"])], ..note("x") };
    assert!(matches!(write(stranger).await, Err(NoteError::NotFound)));
}

#[tokio::test]
async fn a_customer_is_exported_and_then_erased_while_orders_and_revenue_stay() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let bank = Bank::default();
    let home = Address {
        name: "Ann Smith".into(),
        lines: vec!["1 High Street".into()],
        city: "York".into(),
        region: None,
        postcode: Some("YO1".into()),
        country: "GB".into(),
    };
    let done = take_in(&world, &Intake { address: Some(home), ..intake("x", &[(1, 1)], vec![card(1001)]) }).await;
    settle(&world, done.id, &bank).await;
    ship_all(&world.sales, &world, done.id).await.unwrap();
    settle(&world, done.id, &bank).await;
    let open = take_in(&world, &intake("y", &[(1, 2)], vec![card(2002)])).await;
    let dossiers = world.sales.export(&tenant(), "usr_ann", None).await.unwrap().items;
    assert_eq!((dossiers.len(), dossiers.iter().flat_map(|d| &d.addresses).count()), (2, 1));
    let who = ("usr_admin", &cause());
    let erased = world.sales.erase(&tenant(), "usr_ann", who).await.unwrap();
    assert_eq!((erased.orders, erased.waiting), (vec![done.id], vec![open.id]));
    let left = |kind: &str| world.items(kind).iter().any(|item| item.to_string().contains("Ann Smith"));
    assert!(!left("order-address") && !left("order-step"));
    let order = world.order(done.id).await;
    assert!(!order.customer.contains("usr_ann") && order.payment.token.is_empty() && order.address.is_none());
    assert_eq!((order.total().unwrap(), revenue(&world, done.id).await), (gbp(1001), 1001));
    edit(&world, open.id, Edit::Cancel).await.unwrap();
    settle(&world, open.id, &bank).await;
    let rest = world.sales.erase(&tenant(), "usr_ann", who).await.unwrap();
    assert_eq!((rest.orders, rest.waiting), (vec![open.id], vec![]));
    assert!(world.sales.export(&tenant(), "usr_ann", None).await.unwrap().items.is_empty());
}
