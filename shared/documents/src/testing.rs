//! A small world for the tests of this crate: one tenant, an embedded table, a remote system that counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::{Clock, Context, ManualClock, TenantId, Timestamp};
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalDynamo};

use crate::{Attempt, Document, DocumentId, Documents, Intake, Outcome, Received, Remote, Report, Wake, Work};

pub(crate) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

pub(crate) fn cause() -> Context {
    Context::root("req-1", None)
}

pub(crate) struct World {
    pub(crate) dynamo: LocalDynamo,
    pub(crate) clock: Arc<ManualClock>,
    /// Through the faults.
    pub(crate) documents: Documents,
    /// Past them.
    pub(crate) plain: Documents,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::through(LocalDynamo::new(), &FaultInjector::new())
    }

    pub(crate) fn through(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let documents = Documents::new(Table::new(dynamo.client_through(faults), "crossdock"), clock.clone());
        let plain = Documents::new(Table::new(dynamo.client(), "crossdock"), clock.clone());
        Self { dynamo, clock, documents, plain }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn received(&self, external_id: &str) -> Document {
        let received = self.plain.receive(&tenant(), intake(external_id, r#"{"n":1}"#), &cause()).await.unwrap();
        let Received::New(document) = received else { panic!("it is new") };
        document
    }

    pub(crate) async fn stored(&self, id: DocumentId) -> Document {
        self.plain.document(&tenant(), id).await.unwrap().unwrap()
    }

    /// Every stored item of a kind, past the code under test.
    pub(crate) fn items(&self, kind: &str) -> Vec<Value> {
        let request = json!({
            "TableName": "crossdock",
            "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": { ":k": { "S": kind } },
        });
        self.dynamo.execute("Scan", request)["Items"].as_array().unwrap().clone()
    }

    /// Sweeps and works until nothing is left to do, a lease or a day at a time.
    pub(crate) async fn run_to_the_end(&self, remote: &FakeRemote) {
        for _ in 0..100 {
            let woken = Woken::default();
            self.plain.sweep(&tenant(), 100, &woken).await.unwrap();
            for document in woken.take() {
                let tenant = tenant();
                let done = self.plain.process(&tenant, document.id, &document.connection, "sweep", remote);
                done.await.unwrap();
            }
            self.clock.advance(std::time::Duration::from_secs(3600));
        }
    }
}

pub(crate) fn intake<'a>(external_id: &'a str, payload: &'a str) -> Intake<'a> {
    Intake {
        kind: "product".parse().unwrap(),
        shape: 1,
        connection: "shop".parse().unwrap(),
        source: "catalog",
        external_id,
        revision: "1",
        payload,
        keep_days: crate::KEEP_DAYS,
        event: Some("shop.document.queued.v1"),
    }
}

pub(crate) fn done(id: &str) -> Outcome {
    Outcome::Done(Remote { id: Some(id.into()), version: None })
}

/// A remote system that upserts by document, with answers prepared.
#[derive(Default)]
pub(crate) struct FakeRemote {
    /// What it has, with how often it was told.
    pub(crate) has: Mutex<BTreeMap<DocumentId, u32>>,
    /// Answers given before the good ones.
    pub(crate) answers: Mutex<VecDeque<Outcome>>,
}

impl FakeRemote {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Outcome>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.has.lock().unwrap().values().sum()
    }
}

#[async_trait]
impl Attempt for FakeRemote {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        *self.has.lock().unwrap().entry(work.document.id).or_default() += 1;
        // Others get a chance to interfere.
        tokio::task::yield_now().await;
        let prepared = self.answers.lock().unwrap().pop_front();
        Report::new(prepared.unwrap_or_else(|| done(&format!("remote-{}", work.document.external_id))), "as prepared")
    }
}

/// Remembers who was woken.
#[derive(Default)]
pub(crate) struct Woken(Mutex<Vec<Document>>);

impl Woken {
    pub(crate) fn take(&self) -> Vec<Document> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl Wake for Woken {
    async fn wake(&self, _: &TenantId, document: &Document) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if document.external_id == "unreachable" {
            return Err("the queue is gone".into());
        }
        self.0.lock().unwrap().push(document.clone());
        Ok(())
    }
}
