use super::*;
use crate::testing::{World, at, cause, order_of, request, sku, tenant};
use futures::future::join_all;
use inventory::{Health, Movement};
use kernel::Timestamp;
use testkit::{FaultInjector, LocalDynamo, crash_points};

#[tokio::test]
async fn placing_an_order_promises_its_stock_and_announces_it() {
    let world = World::new().await.stocked(1, 5, 0).await.stocked(2, 0, 5).await;
    let placed = world.sales.place(&tenant(), &request("cus", None, &[(1, 2), (2, 1)]), &cause()).await.unwrap();
    let Placed::New(order) = placed else { panic!("it is new") };
    assert_eq!(world.order(order.id).await, order);
    assert_eq!(order.total().unwrap().to_string(), "37.50 GBP");
    assert_eq!(order.shipments.len(), 2);
    let (alpha, _) = world.levels(1).await;
    assert_eq!((alpha.on_hand, alpha.committed), (5, 2));
    let kinds: Vec<_> = world.items("event").iter().map(|e| e["t"]["S"].as_str().map(str::to_owned)).collect();
    assert!(kinds.contains(&Some(ORDER_PLACED.to_owned())), "{kinds:?}");
}

#[tokio::test]
async fn a_placement_is_one_read_and_one_transaction_within_its_write_units() {
    for lines in [1u32, 2, 5, 20] {
        let faults = FaultInjector::new();
        let mut world = World::through(LocalDynamo::new(), &faults).await;
        for number in 1..=lines {
            // Half of the books in each warehouse, so that the order is split.
            let (alpha, beta) = if number % 2 == 0 { (5, 0) } else { (0, 5) };
            world = world.stocked(number, alpha, beta).await;
        }
        let items: Vec<_> = (1..=lines).map(|n| (n, 1)).collect();
        let customer = "cus_01J8ZQ4H0000000000000000AB";
        // The first call learns which locations there are.
        world.sales.place(&tenant(), &request(customer, Some("warm"), &items), &cause()).await.unwrap();
        faults.forget();
        let key = "b5f4c7de-6a4e-4b0f-9b3b-3a5d0c8c9e11";
        world.sales.place(&tenant(), &request(customer, Some(key), &items), &cause()).await.unwrap();
        let calls = faults.count_by_api();
        assert_eq!(calls.get("BatchGetItem"), Some(&1), "{calls:?}");
        assert_eq!(calls.get("TransactWriteItems"), Some(&1), "{calls:?}");
        assert_eq!(calls.len(), 2, "{calls:?}");
        let units = faults.capacity().write;
        assert!(units <= f64::from(5 + 4 * lines), "{lines} lines cost {units} write units");
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_makes_one_order_however_often_and_however_close_it_is_sent() {
    let world = World::through(LocalDynamo::new().contended(7), &FaultInjector::new()).await.stocked(1, 500, 500).await;
    let request = request("cus", Some("k1"), &[(1, 1)]);
    let (tenant, cause) = (tenant(), cause());
    let answers = join_all((0..50).map(|_| world.sales.place(&tenant, &request, &cause))).await;
    let placed: Vec<Placed> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(placed.iter().filter(|p| matches!(p, Placed::New(_))).count(), 1);
    let first = order_of(placed[0].clone());
    assert!(placed.into_iter().all(|p| order_of(p) == first));
    assert_eq!(world.items("order").len(), 1);
    let (alpha, beta) = world.levels(1).await;
    assert_eq!(alpha.committed + beta.committed, 1);
}

#[tokio::test]
async fn a_key_used_for_another_request_or_by_another_customer_is_told_apart() {
    let world = World::new().await.stocked(1, 5, 5).await;
    let place = async |r: PlaceOrder| world.sales.place(&tenant(), &r, &cause()).await;
    place(request("cus", Some("k1"), &[(1, 1)])).await.unwrap();
    let reused = place(request("cus", Some("k1"), &[(1, 2)])).await;
    assert!(matches!(reused, Err(PlaceError::KeyReused)));
    assert!(matches!(place(request("other", Some("k1"), &[(1, 2)])).await, Ok(Placed::New(_))));
}

#[tokio::test(start_paused = true)]
async fn three_hundred_customers_buy_a_hundred_copies_once_each() {
    let world = World::new().await.stocked(1, 60, 40).await;
    let race = (0..300).map(|n| {
        let (world, customer) = (&world, format!("cus_{n}"));
        async move {
            // A customer who is told to try again does.
            loop {
                let r = request(&customer, Some("k"), &[(1, 1)]);
                match world.sales.place(&tenant(), &r, &cause()).await {
                    Err(PlaceError::Contended) => {}
                    Err(PlaceError::Table(error)) if error.is_retryable() => {}
                    answer => return answer,
                }
            }
        }
    });
    let answers = join_all(race).await;
    let sold = answers.iter().filter(|a| matches!(a, Ok(Placed::New(_)))).count();
    let refused = answers.iter().filter(|a| matches!(a, Err(PlaceError::OutOfStock(_)))).count();
    assert_eq!((sold, refused), (100, 200));
    assert_eq!(world.items("order").len(), 100);
    let (alpha, beta) = world.levels(1).await;
    assert_eq!((alpha.committed, beta.committed), (60, 40));
}

#[tokio::test(start_paused = true)]
async fn orders_of_two_items_in_opposite_order_neither_oversell_nor_block_each_other() {
    let dynamo = LocalDynamo::new().contended(11);
    let world = World::through(dynamo, &FaultInjector::new()).await.stocked(1, 20, 0).await.stocked(2, 20, 0).await;
    let race = (0..60).map(|n| {
        let items = if n % 2 == 0 { [(1, 1), (2, 1)] } else { [(2, 1), (1, 1)] };
        let (world, customer) = (&world, format!("cus_{n}"));
        async move {
            loop {
                match world.sales.place(&tenant(), &request(&customer, Some("k"), &items), &cause()).await {
                    Err(PlaceError::Contended) => {}
                    Err(PlaceError::Table(error)) if error.is_retryable() => {}
                    answer => return answer.is_ok(),
                }
            }
        }
    });
    assert_eq!(join_all(race).await.into_iter().filter(|ok| *ok).count(), 20);
    for number in [1, 2] {
        assert_eq!(world.levels(number).await.0.committed, 20);
    }
}

#[tokio::test]
async fn what_cannot_be_ordered_is_refused_and_nothing_is_written() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 5, 5).await;
    let place = async |items: &[(u32, i64)]| world.sales.place(&tenant(), &request("cus", None, items), &cause()).await;
    assert!(matches!(place(&[]).await, Err(PlaceError::NumberOfItems)));
    assert!(matches!(place(&[(1, 0)]).await, Err(PlaceError::Quantity(0))));
    assert!(matches!(place(&[(1, -1)]).await, Err(PlaceError::Quantity(0))));
    assert!(matches!(place(&[(1, 1_000_000_000)]).await, Err(PlaceError::Quantity(0))));
    assert!(matches!(place(&[(1, 1), (1, 1)]).await, Err(PlaceError::Repeated(1))));
    assert!(matches!(place(&[(1, 1), (9, 1)]).await, Err(PlaceError::UnknownBooks(at)) if at == [1]));
    let short = place(&[(1, 11)]).await;
    assert!(matches!(short, Err(PlaceError::OutOfStock(rows)) if rows[0].available == 10));
    assert_eq!(faults.count_by_api().get("TransactWriteItems"), None);
}

#[tokio::test]
async fn stock_of_a_location_that_is_offline_is_not_sold() {
    let world = World::new().await.stocked(1, 5, 1).await;
    let plain = table::Table::new(world.dynamo.client(), "crossdock");
    let mut locations = Locations::default();
    for id in ["alpha", "beta"] {
        locations.register(at(id), id.into(), format!("http://{id}"), Timestamp::UNIX_EPOCH).unwrap();
    }
    locations.observe(&at("alpha"), false, Timestamp::UNIX_EPOCH);
    assert_eq!(locations.by_id[&at("alpha")].health, Health::Offline);
    plain.put(&tenant(), &locations).await.unwrap();
    let placed = world.sales.place(&tenant(), &request("cus", None, &[(1, 1)]), &cause()).await.unwrap();
    assert_eq!(order_of(placed).shipments[0].location, at("beta"));
    let next = world.sales.place(&tenant(), &request("cus", None, &[(1, 1)]), &cause()).await;
    assert!(matches!(next, Err(PlaceError::OutOfStock(_))));
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_no_order_or_a_whole_one_and_the_retry_makes_exactly_one() {
    let points = crash_points(|faults| async move {
        let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 2, 0).await.stocked(2, 0, 2).await;
        let r = request("cus", Some("k"), &[(1, 1), (2, 1)]);
        let _ = faults.run(world.sales.place(&tenant(), &r, &cause())).await;
        let written = world.items("order").len();
        for number in [1, 2] {
            let (alpha, beta) = world.levels(number).await;
            assert_eq!(alpha.committed + beta.committed, i64::try_from(written).unwrap());
        }
        faults.restart();
        world.sales.place(&tenant(), &r, &cause()).await.unwrap();
        assert_eq!(world.items("order").len(), 1);
        let placed = world.items("event").iter().filter(|e| e.to_string().contains(ORDER_PLACED)).count();
        assert_eq!(placed, 1);
        assert_eq!(world.levels(1).await.0.committed, 1);
    })
    .await;
    assert!(points >= 2, "{points}");
}

#[tokio::test]
async fn a_stale_read_of_a_level_is_noticed_and_allocated_again() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults).await.stocked(1, 1, 1).await;
    let found =
        world.sales.find(&tenant(), OrderId::derive(&["x"]), &request("c", None, &[(1, 1)]).items).await.unwrap();
    // Someone takes alpha's copy between our read and our write.
    let take = Movement::Issued { quantity: 1 };
    world.inventory.post(&tenant(), (&at("alpha"), &sku(1)), &take, &world.posting(), &|_| None).await.unwrap();
    let mut found = found;
    let r = request("c", None, &[(1, 1)]);
    let order = world.sales.draft(OrderId::derive(&["x"]), &r, "f", &found).unwrap();
    assert!(matches!(world.sales.commit(&tenant(), &order, &mut found, &cause()).await.unwrap(), Committed::Lost));
    let again = world.sales.draft(OrderId::derive(&["x"]), &r, "f", &found).unwrap();
    assert_eq!(again.shipments[0].location, at("beta"), "the refusal told what is left");
}
