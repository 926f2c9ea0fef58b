//! Points about reading everything the other side has.

use async_trait::async_trait;
use documents::batch::{Batch, BatchId, Batches, Source, SourcePage, Turn, Verdict, run_part, verdict};
use documents::{Class, Documents, Report, State};
use kernel::Clock as _;
use table::Table;
use testkit::crash_points;

use crate::Account::First;
use crate::{Subject, plain, process, through};

/// More than a page and a chunk of it.
const ROWS: usize = 45;

async fn batches<S: Subject>(subject: &S, table: Table) -> Batches {
    let batch = Batch {
        id: BatchId::derive(&["certification"]),
        kind: documents::DocumentType::literal("read"),
        shape: 1,
        connection: subject.connection(First),
        source: "certification".to_owned(),
        parts: vec![subject.parts()[0].clone()],
        started_at: subject.clock().now(),
        keep_days: documents::KEEP_DAYS,
    };
    Batches::begin(table, subject.clock().clone(), subject.tenant(First), batch).await.unwrap()
}

/// Reads until the part is done, a chunk a turn.
async fn read_on<S: Subject>(subject: &S, source: &dyn Source) -> Verdict {
    let (batches, part) = (batches(subject, plain(subject)).await, &subject.parts()[0]);
    for _ in 0..200 {
        match run_part(source, &batches, part, "reader", &|| true).await.unwrap() {
            Turn::Done => return verdict(&batches.parts().await.unwrap()),
            Turn::Interrupted => {}
            Turn::NotMine | Turn::Failed(_) => subject.clock().advance(std::time::Duration::from_secs(121)),
        }
    }
    panic!("it does not come to an end");
}

async fn stored<S: Subject>(subject: &S) -> Vec<String> {
    let documents = Documents::new(plain(subject), subject.clock().clone());
    let kind = documents::DocumentType::literal("read");
    let (found, _) = documents.list(&subject.tenant(First), &kind, State::New, None, 1_000).await.unwrap();
    let mut names: Vec<String> = found.into_iter().map(|document| document.external_id).collect();
    names.sort();
    names
}

/// Wherever the reader dies, the next one has everything in the end, and nothing twice.
pub async fn p07_a_crash_within_a_page_loses_nothing<S: Subject>() {
    crash_points(async |faults| {
        let subject = S::open().await;
        subject.fill(First, ROWS).await;
        let worker = process(&subject);
        let source = subject.source(&worker, First);
        let dying = batches(&subject, through(&subject, &faults)).await;
        let part = &subject.parts()[0];
        let _ = faults.run(run_part(&*source, &dying, part, "dying", &|| false)).await;
        faults.restart();
        let rows = u64::try_from(ROWS).unwrap();
        let parts = dying.parts().await.unwrap();
        let ended =
            if parts.iter().all(|part| part.done) { verdict(&parts) } else { read_on(&subject, &*source).await };
        assert_eq!(ended, Verdict::Success { counted: rows, stored: rows });
        let mut wanted = subject.filled(First).await;
        wanted.sort();
        assert_eq!(stored(&subject).await, wanted);
    })
    .await;
}

pub async fn p10_a_place_in_the_future_is_reported<S: Subject>() {
    let subject = S::open().await;
    subject.fill(First, 3).await;
    let worker = process(&subject);
    let source = subject.source(&worker, First);
    let [good, future] = subject.parts();
    assert_eq!(source.page(&good, None).await.unwrap().rows.len(), 3);
    for ended in [source.count(&future).await.map(drop), source.page(&future, None).await.map(drop)] {
        assert_eq!(ended.unwrap_err().outcome.class(), Class::Rejected);
    }
}

/// Counts one more than there is.
struct Counting<'a>(Box<dyn Source + 'a>);

#[async_trait]
impl Source for Counting<'_> {
    async fn count(&self, part: &str) -> Result<u64, Report> {
        Ok(self.0.count(part).await? + 1)
    }

    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<SourcePage, Report> {
        self.0.page(part, cursor).await
    }
}

pub async fn p14_fewer_than_were_counted_is_never_a_success<S: Subject>() {
    let subject = S::open().await;
    subject.fill(First, 3).await;
    let worker = process(&subject);
    let source = Counting(subject.source(&worker, First));
    assert_eq!(read_on(&subject, &source).await, Verdict::Short { counted: 4, stored: 3 });
}
