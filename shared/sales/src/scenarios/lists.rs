//! Lists of orders: every combination of what they have in common finds what a look at all orders finds, page by page.

use super::*;
use kernel::Timestamp;

/// Orders of two customers, channels and companies, at two locations, a second apart; every third waits, every fourth is
/// called off, every fifth has left.
async fn some() -> (World, Vec<Order>) {
    let world = World::new().await.stocked(1, 500, 0).await.stocked(2, 0, 500).await;
    let mut ids = Vec::new();
    for n in 0..24u32 {
        world.clock.advance(std::time::Duration::from_secs(1));
        let mut order = intake(&format!("x{n}"), &[(1 + n % 2, i64::from(1 + n))], vec![paid(1001 * i64::from(1 + n))]);
        order.customer = format!("cus_{}", n / 3 % 2);
        order.terms.channel = Some(["market", "till"][usize::from(n % 5 < 2)].into());
        order.terms.company = (n % 3 == 1).then(|| "books-ltd".into());
        let id = take_in(&world, &order).await.id;
        if n % 5 == 0 {
            ship_all(&world.sales, &world, id).await.unwrap();
        } else if n % 4 == 0 {
            edit(&world, id, Edit::Cancel).await.unwrap();
        } else if n % 3 == 0 {
            let hold = crate::order::Hold { code: holds::MANUAL.into(), reason: "look".into(), other: None };
            edit(&world, id, Edit::Hold(hold)).await.unwrap();
        }
        ids.push(id);
    }
    let mut orders = Vec::new();
    for id in ids {
        orders.push(world.order(id).await);
    }
    orders.reverse();
    (world, orders)
}

async fn pages(world: &World, filter: &Filter<'_>, limit: usize) -> Vec<OrderId> {
    let (mut all, mut below) = (Vec::new(), None);
    loop {
        let (orders, next) = world.sales.search(&tenant(), filter, below.as_ref(), limit).await.unwrap();
        assert!(orders.len() <= limit);
        all.extend(orders.iter().map(|order| order.id));
        below = next;
        if below.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn every_combination_of_filters_finds_what_it_says_and_nothing_twice() {
    let (world, orders) = some().await;
    let at = |n: usize| orders[n].placed_at;
    let spans = [Span::default(), Span { from: Some(at(20)), to: Some(at(3)) }, Span { from: None, to: Some(at(9)) }];
    let statuses: [&[OrderStatus]; 4] =
        [&[], &[OrderStatus::Processing], &[OrderStatus::Cancelled, OrderStatus::Shipped], &[OrderStatus::Rejected]];
    let mut combinations = 0;
    for statuses in statuses {
        for held in [None, Some(true), Some(false)] {
            for customer in [None, Some("cus_0")] {
                for channel in [None, Some("till")] {
                    for company in [Some("main"), Some("books-ltd")] {
                        for location in [None, Some("beta")] {
                            let span = spans[combinations % spans.len()];
                            let filter = Filter { statuses, held, customer, channel, company, location, span };
                            let expected: Vec<OrderId> =
                                orders.iter().filter(|order| filter.matches(order)).map(|order| order.id).collect();
                            let limit = 1 + combinations % 7;
                            assert_eq!(pages(&world, &filter, limit).await, expected, "{filter:?} by {limit}");
                            combinations += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(combinations, 192);
}

#[tokio::test]
async fn a_page_looks_at_so_many_orders_only_and_says_where_to_go_on() {
    let (world, orders) = some().await;
    let rare = Filter { customer: Some("cus_0"), statuses: &[OrderStatus::Rejected], ..Filter::default() };
    let (found, next) = world.sales.search(&tenant(), &rare, None, 1).await.unwrap();
    assert!(found.is_empty() && next.is_some(), "five orders were looked at, of twelve");
    let nobody = Filter { customer: Some("nobody"), ..Filter::default() };
    assert_eq!(world.sales.search(&tenant(), &nobody, None, 1).await.unwrap(), (Vec::new(), None));
    let never = Span { from: Some(Timestamp::MAX), to: Some(Timestamp::UNIX_EPOCH) };
    let (found, _) =
        world.sales.search(&tenant(), &Filter { span: never, ..Filter::default() }, None, 9).await.unwrap();
    assert!(found.is_empty() && !orders.is_empty());
}

#[tokio::test]
async fn an_order_of_our_own_shop_is_in_the_lists_from_its_first_step_on() {
    let world = World::new().await.stocked(1, 50, 0).await;
    let own = order_of(world.sales.place(&tenant(), &request("cus", Some("k"), &[(1, 1)]), &cause()).await.unwrap());
    let shop = Filter { channel: Some("storefront"), location: Some("alpha"), ..Filter::default() };
    assert_eq!(pages(&world, &shop, 9).await, []);
    settle(&world, own.id, &Bank::default()).await;
    assert_eq!(pages(&world, &shop, 9).await, [own.id]);
    assert_eq!(pages(&world, &Filter { channel: Some("storefront"), ..Filter::default() }, 9).await, [own.id]);
    assert_eq!(pages(&world, &Filter { customer: Some("cus"), ..Filter::default() }, 9).await, [own.id]);
}
