use futures::future::join_all;
use testkit::{FaultInjector, LocalDynamo};

use super::*;
use crate::testing::{World, cause, sku, tenant};

const ODYSSEY: &str = "9780140449136";
const OTHER: &str = "9780306406157";

fn count(isbn: &str, on_hand: i64) -> Count {
    Count { sku: sku(isbn), on_hand, reason: Some("stocktaking".to_owned()) }
}

fn adjustment(key: &str, delta: i64) -> Adjustment {
    Adjustment { id: AdjustmentId::derive(&[key]), sku: sku(ODYSSEY), delta, reason: "damaged".to_owned() }
}

impl World {
    async fn counted(&self, counts: Vec<Count>) -> Vec<Counted> {
        self.warehouse.count_many(&tenant(), "usr_staff", counts, &cause()).await.unwrap()
    }

    async fn adjusted(&self, adjustment: &Adjustment) -> Result<Adjusted, AdjustError> {
        self.warehouse.adjust(&tenant(), "usr_staff", adjustment).await
    }
}

#[tokio::test]
async fn a_count_moves_the_figure_and_says_who_and_why() {
    let world = World::new().holding(ODYSSEY, 5).await;
    let counted = world.counted(vec![count(ODYSSEY, 3)]).await;
    assert!(matches!(&counted[..], [Counted::Changed(level)] if (level.on_hand, level.seq) == (3, 2)));
    let ledger = world.warehouse.ledger(&tenant(), &sku(ODYSSEY), None, 10).await.unwrap();
    let last = ledger.items.last().unwrap();
    assert_eq!((last.delta.on_hand, last.actor.as_str(), last.source.as_str()), (-2, "usr_staff", "req-1"));
    assert_eq!(last.reason.as_deref(), Some("stocktaking"));
    world.assert_whole().await;
}

#[tokio::test]
async fn counting_zero_of_a_new_book_puts_it_on_the_list() {
    let world = World::new();
    assert_eq!(world.warehouse.level(&tenant(), &sku(ODYSSEY)).await.unwrap(), None);
    world.counted(vec![count(ODYSSEY, 0)]).await;
    let page = world.warehouse.levels(&tenant(), None, 10).await.unwrap();
    assert_eq!(page.items.iter().map(|level| (level.on_hand, level.seq)).collect::<Vec<_>>(), [(0, 1)]);
}

#[tokio::test]
async fn a_batch_sent_again_costs_one_read_and_writes_nothing() {
    let faults = FaultInjector::new();
    let world = World::through(LocalDynamo::new(), &faults);
    let batch = vec![count(ODYSSEY, 3), count(OTHER, 4)];
    let first = world.counted(batch.clone()).await;
    faults.forget();
    let again = world.counted(batch).await;
    assert_eq!(faults.count_by_api().into_iter().collect::<Vec<_>>(), [("BatchGetItem".to_owned(), 1)]);
    assert!(again.iter().all(|counted| matches!(counted, Counted::Unchanged(_))));
    let levels = |rows: Vec<Counted>| rows.into_iter().map(Counted::into_level).collect::<Vec<_>>();
    assert_eq!(levels(again), levels(first));
}

#[tokio::test(start_paused = true)]
async fn the_same_count_by_several_people_at_once_is_one_entry() {
    let world = World::through(LocalDynamo::new().contended(5), &FaultInjector::new()).holding(ODYSSEY, 5).await;
    join_all((0..8).map(|_| world.counted(vec![count(ODYSSEY, 3)]))).await;
    let level = world.warehouse.level(&tenant(), &sku(ODYSSEY)).await.unwrap().unwrap();
    assert_eq!((level.on_hand, level.seq), (3, 2));
    world.assert_whole().await;
}

#[tokio::test]
async fn an_adjustment_repeated_gives_the_first_answer_though_stock_would_not_allow_it_again() {
    let world = World::new().holding(ODYSSEY, 5).await;
    let first = world.adjusted(&adjustment("k", -4)).await.unwrap();
    assert_eq!((first.on_hand, first.version), (1, 2));
    assert_eq!(world.adjusted(&adjustment("k", -4)).await.unwrap(), first);
    assert_eq!(world.on_hand(ODYSSEY).await, 1);
    world.assert_whole().await;
}

#[tokio::test(start_paused = true)]
async fn an_adjustment_sent_many_times_at_once_is_made_once() {
    let world = World::through(LocalDynamo::new().contended(9), &FaultInjector::new()).holding(ODYSSEY, 5).await;
    let adjustment = adjustment("k", 10);
    let answers = join_all((0..20).map(|_| world.adjusted(&adjustment))).await;
    let figures: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().on_hand).collect();
    assert_eq!(figures, [15; 20]);
    assert_eq!(world.on_hand(ODYSSEY).await, 15);
    world.assert_whole().await;
}

#[tokio::test]
async fn a_key_used_for_another_adjustment_is_refused() {
    let world = World::new().holding(ODYSSEY, 5).await;
    world.adjusted(&adjustment("k", -1)).await.unwrap();
    let other_book = Adjustment { sku: sku(OTHER), ..adjustment("k", -1) };
    let other_reason = Adjustment { reason: "stolen".to_owned(), ..adjustment("k", -1) };
    for other in [adjustment("k", -2), other_book, other_reason] {
        assert!(matches!(world.adjusted(&other).await, Err(AdjustError::KeyReused)));
    }
    assert_eq!(world.on_hand(ODYSSEY).await, 4);
}

#[tokio::test]
async fn a_refused_adjustment_leaves_nothing_and_may_be_tried_again() {
    let world = World::new().holding(ODYSSEY, 2).await;
    let refused = world.adjusted(&adjustment("k", -3)).await;
    assert!(matches!(refused, Err(AdjustError::Stock(StockError::Refused(Refusal::InsufficientStock { .. })))));
    assert!(world.raw("adjustment").is_empty());
    let world = world.holding(ODYSSEY, 5).await;
    assert_eq!(world.adjusted(&adjustment("k", -3)).await.unwrap().on_hand, 2);
    world.assert_whole().await;
}
