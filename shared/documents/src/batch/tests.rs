use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::join_all;
use kernel::{Clock, ManualClock};
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;
use crate::testing::{World, tenant};
use crate::{Class, Outcome};

/// Rows `0..size` of a part, ten or so a page; cursors are row numbers.
struct Numbers {
    size: u64,
    page: u64,
    /// What it says it has.
    counted: u64,
    /// Each page begins with the last row of the one before, as sources sorted by time do.
    overlap: bool,
}

impl Numbers {
    fn of(size: u64) -> Self {
        Self { size, page: 10, counted: size, overlap: false }
    }
}

fn row(part: &str, n: u64) -> Row {
    Row { external_id: format!("{part}-{n}"), revision: "1".into(), payload: format!("{{\"n\":{n}}}") }
}

#[async_trait]
impl Source for Numbers {
    async fn count(&self, _: &str) -> Result<u64, Report> {
        Ok(self.counted)
    }

    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<SourcePage, Report> {
        let bad = || Report::new(Outcome::Rejected { code: "bad_cursor".into(), field: None }, "no such cursor");
        let start: u64 = cursor.map_or(Ok(0), str::parse).map_err(|_| bad())?;
        if start > self.size {
            return Err(bad());
        }
        let end = self.size.min(start + self.page);
        let first = start.saturating_sub(u64::from(self.overlap));
        let next = (end < self.size).then(|| end.to_string());
        Ok(SourcePage { rows: (first..end).map(|n| row(part, n)).collect(), next })
    }
}

fn batch(parts: &[&str]) -> Batch {
    Batch {
        id: BatchId::derive(&["run-1"]),
        kind: "product".parse().unwrap(),
        shape: 1,
        connection: "shop".parse().unwrap(),
        source: "catalog".into(),
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        started_at: "2027-01-15T08:00:00Z".parse().unwrap(),
        keep_days: crate::KEEP_DAYS,
    }
}

async fn ledger(world: &World, faults: &FaultInjector, parts: &[&str]) -> Batches {
    let table = Table::new(world.dynamo.client_through(faults), "crossdock");
    Batches::begin(table, world.clock.clone(), tenant(), batch(parts)).await.unwrap()
}

fn names(world: &World, kind: &str, attribute: &str) -> BTreeSet<String> {
    world.items(kind).iter().map(|item| item[attribute]["S"].as_str().unwrap().to_owned()).collect()
}

const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

#[tokio::test]
async fn every_row_becomes_one_document_that_the_sweep_finds() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a"]).await;
    assert_eq!(run_part(&Numbers::of(95), &ledger, "a", "w", NEVER).await.unwrap(), Turn::Done);
    assert_eq!(verdict(&ledger.parts().await.unwrap()), Verdict::Success { counted: 95, stored: 95 });
    assert_eq!(names(&world, "document", "externalId").len(), 95);
    assert_eq!(run_part(&Numbers::of(95), &ledger, "a", "w", NEVER).await.unwrap(), Turn::NotMine);
    world.clock.advance(GRACE_AND_MORE);
    let woken = crate::testing::Woken::default();
    assert_eq!(world.plain.sweep(&tenant(), 1000, &woken).await.unwrap().woken, 95);
}

const GRACE_AND_MORE: Duration = Duration::from_secs(61);

#[test]
fn a_chunk_is_what_one_transaction_takes_and_at_least_a_row() {
    let rows = |payload: usize, count: usize| vec![Row { payload: "x".repeat(payload), ..row("a", 1) }; count];
    for (payload, count, expected) in
        [(10, 0, 0), (10, 5, 5), (10, 50, CHUNK), (1 << 20, 5, 3), ((1 << 20) + 1, 5, 2), (CHUNK_BYTES + 1, 5, 1)]
    {
        assert_eq!(chunk(&rows(payload, count)), expected, "{count} of {payload}");
    }
}

#[tokio::test]
async fn an_empty_source_is_a_success() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a"]).await;
    assert_eq!(run_part(&Numbers::of(0), &ledger, "a", "w", NEVER).await.unwrap(), Turn::Done);
    assert_eq!(verdict(&ledger.parts().await.unwrap()), Verdict::Success { counted: 0, stored: 0 });
}

#[tokio::test]
async fn pages_that_overlap_and_documents_that_were_there_are_counted_once() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a"]).await;
    // One of them was received before, by webhook.
    let row = row("a", 7);
    let known = crate::Intake { external_id: &row.external_id, ..crate::testing::intake("", &row.payload) };
    world.plain.receive(&tenant(), known, &crate::testing::cause()).await.unwrap();
    let source = Numbers { overlap: true, ..Numbers::of(50) };
    run_part(&source, &ledger, "a", "w", NEVER).await.unwrap();
    let parts = ledger.parts().await.unwrap();
    assert_eq!(verdict(&parts), Verdict::Success { counted: 50, stored: 50 });
    assert_eq!((parts[0].repeated, world.items("document").len()), (4, 50));
}

#[tokio::test]
async fn fewer_documents_than_the_source_counted_is_no_success() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a", "b"]).await;
    run_part(&Numbers::of(20), &ledger, "a", "w", NEVER).await.unwrap();
    assert_eq!(verdict(&ledger.parts().await.unwrap()), Verdict::Running { parts_left: 1 });
    run_part(&Numbers { counted: 21, ..Numbers::of(20) }, &ledger, "b", "w", NEVER).await.unwrap();
    assert_eq!(verdict(&ledger.parts().await.unwrap()), Verdict::Short { counted: 41, stored: 40 });
}

#[tokio::test]
async fn a_cursor_the_source_does_not_know_is_reported_and_the_place_is_kept() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a"]).await;
    let over = AtomicU64::new(0);
    let twice = || over.fetch_add(1, Ordering::SeqCst) >= 1;
    assert_eq!(run_part(&Numbers::of(95), &ledger, "a", "w", &twice).await.unwrap(), Turn::Interrupted);
    // The source has shrunk below our place.
    let turn = run_part(&Numbers::of(5), &ledger, "a", "w", NEVER).await.unwrap();
    assert!(matches!(&turn, Turn::Failed(report) if report.outcome.class() == Class::Rejected), "{turn:?}");
    let part = ledger.parts().await.unwrap().remove(0);
    assert_eq!((part.cursor.as_deref(), part.done, part.hold), (Some("20"), false, None));
    assert!(part.failure.unwrap().contains("no such cursor"));
}

#[tokio::test]
async fn a_turn_that_runs_out_of_time_goes_on_where_it_stopped() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a"]).await;
    let mut turns = 1;
    while run_part(&Numbers::of(95), &ledger, "a", "w", &|| true).await.unwrap() == Turn::Interrupted {
        turns += 1;
    }
    assert_eq!((turns, world.items("document").len()), (10, 95));
    assert_eq!(ledger.parts().await.unwrap()[0].repeated, 0);
}

#[tokio::test]
async fn wherever_a_worker_dies_nothing_is_lost_and_nothing_is_there_twice() {
    let points = crash_points(async |faults| {
        let world = World::new();
        let ledger = ledger(&world, &faults, &["a"]).await;
        let source = Numbers { page: 40, ..Numbers::of(70) };
        let _ = faults.run(run_part(&source, &ledger, "a", "w", NEVER)).await;
        faults.restart();
        for _ in 0..2 {
            world.clock.advance(LEASE);
            run_part(&source, &ledger, "a", "w2", NEVER).await.unwrap();
        }
        assert_eq!(verdict(&ledger.parts().await.unwrap()), Verdict::Success { counted: 70, stored: 70 });
        let wanted: BTreeSet<String> = (0..70).map(|n| row("a", n).external_id).collect();
        assert_eq!((names(&world, "document", "externalId"), world.items("document").len()), (wanted, 70));
    })
    .await;
    assert!(points >= 8, "{points}");
}

#[tokio::test(start_paused = true)]
async fn workers_share_the_parts_without_reading_one_twice() {
    let world = World::through(LocalDynamo::new().contended(9), &FaultInjector::new());
    let ledger = ledger(&world, &FaultInjector::new(), &["a", "b", "c"]).await;
    let source = Numbers::of(40);
    let turns = join_all((0..6).flat_map(|_| ["a", "b", "c"]).map(|part| run_part(&source, &ledger, part, "w", NEVER)));
    let done = turns.await.into_iter().filter(|turn| matches!(turn, Ok(Turn::Done))).count();
    assert_eq!(done, 3);
    assert_eq!(verdict(&ledger.parts().await.unwrap()), Verdict::Success { counted: 120, stored: 120 });
}

#[tokio::test]
async fn a_worker_that_stalled_cannot_store_any_more() {
    let world = World::new();
    let ledger = ledger(&world, &FaultInjector::new(), &["a"]).await;
    let (mut stale, seen) = ledger.take("a", "slow", LEASE).await.unwrap().unwrap();
    assert!(ledger.take("a", "w", LEASE).await.unwrap().is_none());
    world.clock.advance(LEASE);
    let (current, _) = ledger.take("a", "w", LEASE).await.unwrap().unwrap();
    assert_eq!((stale.fence, current.fence), (1, 2));
    let refused = ledger.commit(&mut stale, seen, &[row("a", 1)]).await;
    assert!(matches!(refused, Err(LedgerError::Lost)));
    assert_eq!(world.items("document").len(), 0);
}

/// Keeps counts only, so that what a million rows weigh is what the reading itself holds.
#[derive(Default)]
struct Counting {
    parts: Mutex<BTreeMap<String, Part>>,
    bytes: AtomicU64,
}

#[async_trait]
impl Ledger for Counting {
    async fn take(&self, part: &str, by: &str, lease: Duration) -> Result<Option<(Part, u64)>, TableError> {
        let clock = ManualClock::new(batch(&[]).started_at);
        let hold = Some(Hold { by: by.into(), since: clock.now(), until: clock.now() + lease });
        let (batch, name) = (batch(&[]).id, part.to_owned());
        let part = Part {
            batch,
            name,
            cursor: None,
            counted: None,
            stored: 0,
            repeated: 0,
            done: false,
            fence: 1,
            hold,
            failure: None,
        };
        Ok(Some((part, 1)))
    }

    async fn commit(&self, part: &mut Part, seen: u64, rows: &[Row]) -> Result<u64, LedgerError> {
        part.stored += u64::try_from(rows.len()).unwrap();
        let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
        self.bytes.fetch_add(u64::try_from(bytes).unwrap(), Ordering::Relaxed);
        self.parts.lock().unwrap().insert(part.name.clone(), part.clone());
        Ok(seen + 1)
    }
}

/// Rows of a kilobyte.
struct Generated(u64);

#[async_trait]
impl Source for Generated {
    async fn count(&self, _: &str) -> Result<u64, Report> {
        Ok(self.0)
    }

    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<SourcePage, Report> {
        let mut page = Numbers { page: 250, ..Numbers::of(self.0) }.page(part, cursor).await?;
        for row in &mut page.rows {
            row.payload = format!("\"{}\"", "x".repeat(1022));
        }
        Ok(page)
    }
}

/// The most memory the process ever had, in KiB.
fn high_water() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_million_rows_weigh_no_more_than_ten_thousand() {
    let mut peaks = Vec::new();
    for rows in [10_000, 1_000_000] {
        let ledger = Counting::default();
        assert_eq!(run_part(&Generated(rows), &ledger, "a", "w", NEVER).await.unwrap(), Turn::Done);
        let parts: Vec<Part> = ledger.parts.lock().unwrap().values().cloned().collect();
        assert_eq!(verdict(&parts), Verdict::Success { counted: rows, stored: rows });
        assert_eq!(ledger.bytes.load(Ordering::Relaxed), rows * 1024);
        peaks.push(high_water());
    }
    // A gigabyte went through; a page is a quarter of a megabyte.
    assert!(peaks[1] - peaks[0] < 8 * 1024, "{peaks:?}");
}
