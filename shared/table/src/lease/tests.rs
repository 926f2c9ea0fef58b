use kernel::ManualClock;
use proptest::prelude::*;
use testkit::{Effect, Side};

use super::*;
use crate::testing::{Note, block_on, clock, dynamo, faulty_table, noon, note, note_key, table, tenant};
use crate::{Consistency, TransactionError};

const MINUTE: Duration = Duration::from_secs(60);

fn leases(table: &Table) -> (Leases, Arc<ManualClock>) {
    let clock = clock();
    (Leases::new(table.clone(), Arc::<ManualClock>::clone(&clock)), clock)
}

async fn acquire(leases: &Leases) -> Result<Lease, LeaseError> {
    leases.acquire(&tenant(), &["sync", "alpha"], MINUTE).await
}

/// A write only the holder of the lease may do.
async fn write_guarded(table: &Table, lease: &Lease, text: &str) -> Result<(), TransactionError> {
    let mut transaction = table.transaction(&tenant());
    transaction.guard(lease).put(&Note { text: text.into(), ..note("n1") });
    transaction.commit().await
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_expires() {
    let (leases, clock) = leases(&table());
    let first = acquire(&leases).await.unwrap();
    assert_eq!((first.fence(), first.until()), (1, noon().checked_add(MINUTE).unwrap()));
    clock.advance(MINUTE - Duration::from_millis(1));
    let held = acquire(&leases).await.unwrap_err();
    assert!(matches!(held, LeaseError::Held { until } if until == first.until()));
    clock.advance(Duration::from_millis(1));
    assert_eq!(acquire(&leases).await.unwrap().fence(), 2);
}

#[tokio::test]
async fn leases_of_other_names_and_tenants_are_others() {
    let (leases, _) = leases(&table());
    let _first = acquire(&leases).await.unwrap();
    assert!(leases.acquire(&tenant(), &["sync", "beta"], MINUTE).await.is_ok());
    assert!(leases.acquire(&"other.test".parse().unwrap(), &["sync", "alpha"], MINUTE).await.is_ok());
}

#[tokio::test]
async fn a_released_lease_is_free_at_once_and_the_fence_goes_on() {
    let table = table();
    let (leases, _) = leases(&table);
    let first = acquire(&leases).await.unwrap();
    leases.release(first).await.unwrap();
    let second = acquire(&leases).await.unwrap();
    assert_eq!(second.fence(), 2);
    leases.release(second).await.unwrap();
    assert_eq!(acquire(&leases).await.unwrap().fence(), 3);
}

#[tokio::test]
async fn renewal_keeps_the_lease_and_its_fence() {
    let (leases, clock) = leases(&table());
    let mut lease = acquire(&leases).await.unwrap();
    clock.advance(MINUTE / 2);
    leases.renew(&mut lease, MINUTE).await.unwrap();
    clock.advance(MINUTE / 2);
    assert!(matches!(acquire(&leases).await, Err(LeaseError::Held { .. })));
    assert_eq!(lease.fence(), 1);
}

#[tokio::test]
async fn a_lease_that_expired_but_was_not_taken_can_be_renewed() {
    let (leases, clock) = leases(&table());
    let mut lease = acquire(&leases).await.unwrap();
    clock.advance(MINUTE * 2);
    leases.renew(&mut lease, MINUTE).await.unwrap();
    assert!(matches!(acquire(&leases).await, Err(LeaseError::Held { .. })));
}

#[tokio::test]
async fn a_lost_lease_can_be_neither_renewed_nor_used_and_its_release_frees_nobody_elses() {
    let table = table();
    let (leases, clock) = leases(&table);
    let mut stale = acquire(&leases).await.unwrap();
    write_guarded(&table, &stale, "first").await.unwrap();
    clock.advance(MINUTE);
    let holder = acquire(&leases).await.unwrap();
    assert!(matches!(leases.renew(&mut stale, MINUTE).await, Err(LeaseError::Lost)));
    let refused = write_guarded(&table, &stale, "stale").await.unwrap_err();
    assert!(refused.failed(0).is_some());
    leases.release(stale).await.unwrap();
    assert!(matches!(acquire(&leases).await, Err(LeaseError::Held { .. })));
    write_guarded(&table, &holder, "second").await.unwrap();
    let stored = table.get::<Note>(note_key("n1"), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(stored.value.text, "second");
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_tried_again_after_a_lost_answer_succeeds() {
    let (table, faults) = faulty_table();
    let (leases, _) = leases(&table);
    faults.on("UpdateItem", 0, Side::After, Effect::ServerError);
    let lease = acquire(&leases).await.unwrap();
    assert_eq!(lease.fence(), 2, "higher than the one whose answer was lost");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_table_is_no_lost_lease() {
    let (table, faults) = faulty_table();
    let (leases, _) = leases(&table);
    let mut lease = acquire(&leases).await.unwrap();
    faults.always("UpdateItem", Side::Before, Effect::ConnectionError);
    let error = leases.renew(&mut lease, MINUTE).await.unwrap_err();
    assert!(matches!(error, LeaseError::Table(TableError::Unavailable(_))));
    assert_eq!(lease.until(), noon().checked_add(MINUTE).unwrap());
}

#[derive(Debug, Clone)]
enum Step {
    Acquire,
    Renew,
    Release,
    Write,
    /// The process's own clock runs ahead, in seconds.
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        4 => Just(Step::Acquire),
        2 => Just(Step::Renew),
        1 => Just(Step::Release),
        4 => Just(Step::Write),
        3 => (1u64..90).prop_map(Step::Advance),
    ];
    proptest::collection::vec((0usize..3, step), 1..40)
}

/// One of several processes that compete for the lease, with a clock that no other agrees with.
struct Process {
    leases: Leases,
    clock: Arc<ManualClock>,
    lease: Option<Lease>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the processes' clocks say: fences strictly increase, and only the latest holder can write.
    #[test]
    fn only_the_latest_holder_writes_whatever_the_clocks_say(steps in steps()) {
        block_on(async {
            let table = table();
            let mut processes: Vec<Process> = (0..3).map(|_| {
                let (leases, clock) = leases(&table);
                Process { leases, clock, lease: None }
            }).collect();
            // What the table must believe: the highest fence given out, and whether its holder gave it back.
            let (mut highest, mut released) = (0, true);
            for (index, step) in steps {
                let Process { leases, clock, lease } = &mut processes[index];
                match step {
                    Step::Advance(seconds) => clock.advance(Duration::from_secs(seconds)),
                    Step::Acquire => match acquire(leases).await {
                        Ok(acquired) => {
                            assert!(acquired.fence() > highest);
                            (highest, released) = (acquired.fence(), false);
                            *lease = Some(acquired);
                        }
                        Err(LeaseError::Held { until }) => {
                            assert!(!released && until > clock.now(), "refused though it was free");
                        }
                        Err(error) => panic!("{error}"),
                    },
                    Step::Renew => if let Some(lease) = lease {
                        let latest = lease.fence() == highest;
                        assert_eq!(leases.renew(lease, MINUTE).await.is_ok(), latest);
                    },
                    Step::Release => if let Some(lease) = lease.take() {
                        released |= lease.fence() == highest;
                        leases.release(lease).await.unwrap();
                    },
                    Step::Write => if let Some(lease) = lease {
                        let latest = lease.fence() == highest;
                        assert_eq!(write_guarded(&table, lease, "x").await.is_ok(), latest);
                    },
                }
            }
        });
    }

    /// Acquisitions at the same moment: one wins.
    #[test]
    fn of_many_at_once_one_gets_the_lease(contenders in 2usize..12, seed in any::<u64>()) {
        block_on(async {
            let table = Table::new(dynamo().contended(seed).client(), crate::testing::NAME);
            let (leases, _) = leases(&table);
            let all = futures::future::join_all((0..contenders).map(|_| acquire(&leases))).await;
            assert_eq!(all.iter().filter(|lease| lease.is_ok()).count(), 1);
        });
    }
}
