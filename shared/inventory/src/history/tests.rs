use super::*;
use crate::movement::{Movement, Posting};
use table::Table;
use testkit::{FaultInjector, LocalDynamo, tenant};

fn at() -> (LocationId, Sku) {
    ("alpha".parse().unwrap(), "9780140449136".parse().unwrap())
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Counts of so many units, each at its time.
async fn counted(faults: &FaultInjector, counts: &[(i64, i64)]) -> Inventory {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let inventory = Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"));
    for (on_hand, time) in counts {
        let posting = Posting { source: "cnt".into(), actor: "ada".into(), reason: None, effective_at: second(*time) };
        let (location, sku) = at();
        let movement = Movement::Counted { on_hand: *on_hand };
        inventory.post(&tenant(), (&location, &sku), &movement, &posting, &|_| None).await.unwrap();
    }
    inventory
}

#[tokio::test]
async fn balances_as_of_an_instant_are_one_read_however_long_the_ledger_is() {
    let faults = FaultInjector::new();
    let counts: Vec<(i64, i64)> = (1..=40).map(|n| (n, 10 * n)).collect();
    let inventory = counted(&faults, &counts).await;
    let (location, sku) = at();
    faults.forget();
    let then = inventory.as_of(&tenant(), (&location, &sku), second(205), None).await.unwrap().unwrap();
    assert_eq!((then.seq, then.after.on_hand), (20, 20));
    assert_eq!(faults.count(), 1);
    assert!(faults.capacity().read <= 1.0, "{:?}", faults.capacity());
    assert_eq!(inventory.as_of(&tenant(), (&location, &sku), second(9), None).await.unwrap(), None);
    let last = inventory.as_of(&tenant(), (&location, &sku), second(99_999), None).await.unwrap().unwrap();
    assert_eq!(last.seq, 40);
}

#[tokio::test]
async fn of_entries_at_one_instant_the_sequence_says_which() {
    let inventory = counted(&FaultInjector::new(), &[(1, 10), (2, 10), (3, 5), (4, 20)]).await;
    let (location, sku) = at();
    let as_of = async |seq| inventory.as_of(&tenant(), (&location, &sku), second(10), seq).await.unwrap().unwrap().seq;
    assert_eq!((as_of(None).await, as_of(Some(2)).await, as_of(Some(1)).await), (3, 2, 1));
}

#[tokio::test]
async fn a_rebuild_finds_the_level_and_what_was_true_at_an_instant() {
    let inventory = counted(&FaultInjector::new(), &[(1, 10), (7, 20), (3, 30)]).await;
    let (location, sku) = at();
    let (level, rebuild) = inventory.rebuild(&tenant(), (&location, &sku), Some(second(25))).await.unwrap();
    assert_eq!((level.seq, level.on_hand), (3, 3));
    let (seq, balances, _) = rebuild.as_of();
    assert_eq!((seq, balances.on_hand), (2, 7));
}
