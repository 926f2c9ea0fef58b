//! What a connector must prove before it is let near anybody's data: fifteen points, the same for every connector.
//!
//! A connector implements [`Subject`] over its stand-in and gets a test of each point from [`certify!`]. The points look at the
//! connector from outside only: what was to be told, what the other side has in the end, what it was asked meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation must stop the test at once")]

pub mod inward;
pub mod outward;
pub mod reading;

use std::sync::Arc;

use async_trait::async_trait;
use documents::batch::Source;
use documents::{Attempt, Class, ConnectionId, Document, DocumentId, DocumentType, Documents, Processed, Report};
use http::HeaderMap;
use kernel::{Clock as _, ManualClock, TenantId, Timestamp};
use table::Table;
use testkit::{FaultInjector, LocalDynamo};

/// The table of every world.
pub const TABLE: &str = "crossdock";

/// Whose account on the other side is meant; there are two, of two tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    First,
    Second,
}

/// What goes wrong on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfortune {
    /// The credentials are of no use, and cannot be renewed.
    BadCredentials,
    /// The credentials have run out, and can be renewed.
    ExpiredCredentials,
    /// The next renewal happens, and its answer is lost.
    LostRenewal,
    /// The next change happens, and its answer is lost.
    LostAnswer,
    /// The next calls are refused for being too many.
    Throttled,
}

/// What the other side saw of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// What it allows at most, in its own unit.
    pub limit: u64,
    /// The most that was used of it at once.
    pub peak: u64,
    /// Calls that changed something, or tried to.
    pub writes: u64,
    /// Credentials that were renewed.
    pub renewals: u64,
}

/// Something the other side tells by itself.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A thing and its state, as either side has it. Two entries of one name are one thing too many.
pub type Things = Vec<(String, u32)>;

/// A worker's process: its own memory, and nothing shared but the table and what keeps the credentials.
pub struct Process {
    pub documents: Documents,
    /// Tells the other side.
    pub outward: Arc<dyn Attempt>,
    /// Takes in what the other side told.
    pub inward: Arc<dyn Attempt>,
}

/// A connector, its stand-in, and two connected accounts.
#[async_trait]
pub trait Subject: Sized + Send + Sync + 'static {
    /// A fresh world, the same every time.
    async fn open() -> Self;

    fn dynamo(&self) -> &LocalDynamo;
    fn clock(&self) -> &Arc<ManualClock>;
    fn tenant(&self, account: Account) -> TenantId;
    fn connection(&self, account: Account) -> ConnectionId;

    /// A worker's process over this table.
    fn process(&self, table: Table) -> Process;

    /// A thing of ours is in this state now.
    fn have(&self, account: Account, id: &str, state: u32);
    /// A thing of ours is such that the other side can never take it.
    fn have_poison(&self, account: Account, id: &str);
    /// Has a thing told; the same state again is the same document.
    async fn announce(&self, account: Account, id: &str, state: u32) -> DocumentId;
    /// What was announced and is still to be told.
    async fn announced(&self, account: Account) -> Vec<DocumentId>;
    /// What the other side has of ours, sorted.
    async fn there(&self, account: Account) -> Things;
    async fn befall(&self, account: Account, misfortune: Misfortune);
    async fn load(&self, account: Account) -> Load;
    /// One call with several things, of which those that are `false` can never be taken.
    async fn tell_many(&self, account: Account, things: &[(&str, bool)]) -> Report;

    /// A person changes a thing on the other side.
    async fn change_there(&self, account: Account, id: &str, state: u32);
    /// What the other side has to tell by now, each thing once, oldest first.
    async fn deliveries(&self, account: Account) -> Vec<Delivery>;
    /// What the other side would tell of a thing with a field and a word nobody knows.
    async fn strange_delivery(&self, account: Account, id: &str) -> Delivery;
    /// The type under which the receiver stores deliveries.
    fn delivery_type(&self) -> DocumentType;
    /// Whether the receiver takes it.
    async fn deliver(&self, table: Table, delivery: Delivery) -> bool;
    /// What we took over from the other side, sorted.
    fn here(&self, account: Account) -> Things;
    /// The class of the answer to "how far is it?" in a word nobody knows.
    fn unknown_progress(&self) -> Class;

    /// The other side has so many things to be read.
    async fn fill(&self, account: Account, count: usize);
    /// The names of all things to be read.
    async fn filled(&self, account: Account) -> Vec<String>;
    fn source<'a>(&'a self, process: &'a Process, account: Account) -> Box<dyn Source + 'a>;
    /// A part of the source that has all of them, and one that lies in the future.
    fn parts(&self) -> [String; 2];
}

pub(crate) fn plain<S: Subject>(subject: &S) -> Table {
    Table::new(subject.dynamo().client(), TABLE)
}

pub(crate) fn through<S: Subject>(subject: &S, faults: &FaultInjector) -> Table {
    Table::new(subject.dynamo().client_through(faults), TABLE)
}

pub(crate) fn process<S: Subject>(subject: &S) -> Process {
    subject.process(plain(subject))
}

pub(crate) async fn stored<S: Subject>(subject: &S, account: Account, id: DocumentId) -> Document {
    let documents = Documents::new(plain(subject), subject.clock().clone());
    documents.document(&subject.tenant(account), id).await.unwrap().unwrap()
}

/// Works on documents, and lets time pass until what is open is due, until nothing is open.
pub(crate) async fn finish<S: Subject>(subject: &S, account: Account, ids: &[DocumentId], inward: bool) {
    let process = process(subject);
    let attempt = if inward { &process.inward } else { &process.outward };
    let (tenant, connection) = (subject.tenant(account), subject.connection(account));
    let mut open: Vec<(DocumentId, Timestamp)> = ids.iter().map(|id| (*id, subject.clock().now())).collect();
    for _ in 0..1_000 {
        let mut later = Vec::new();
        for (id, due) in open {
            if due > subject.clock().now() {
                later.push((id, due));
                continue;
            }
            let done = process.documents.process(&tenant, id, &connection, "worker", &**attempt).await.unwrap();
            assert_ne!(done, Processed::Paused);
            let document = process.documents.document(&tenant, id).await.unwrap().unwrap();
            if document.state.is_open() {
                later.push((id, document.due.unwrap()));
            }
        }
        let Some(due) = later.iter().map(|(_, due)| *due).min() else { return };
        subject.clock().set(due.max(subject.clock().now()));
        open = later;
    }
    panic!("it does not come to an end");
}

/// Makes a test of every point.
#[macro_export]
macro_rules! certify {
    ($subject:ty) => {
        $crate::certify!($subject, outward,
            p01_bad_credentials_fail_before_any_write
            p02_a_crash_after_the_change_makes_no_second_one
            p04_a_throttle_storm_ends_and_never_exceeds_the_limit
            p05_of_twenty_workers_one_renews_the_credentials
            p06_a_lost_renewal_locks_nobody_out
            p08_a_poison_record_is_parked_and_the_rest_proceed
            p09_a_partial_batch_has_an_outcome_for_each_item
            p15_two_tenants_share_neither_limiter_nor_credentials_nor_data);
        $crate::certify!($subject, inward,
            p03_every_delivery_twice_and_backwards_ends_the_same
            p11_an_altered_byte_is_refused_and_a_delivery_costs_few_calls
            p12_an_echo_does_not_loop
            p13_words_nobody_knows_are_tolerated);
        $crate::certify!($subject, reading,
            p07_a_crash_within_a_page_loses_nothing
            p10_a_place_in_the_future_is_reported
            p14_fewer_than_were_counted_is_never_a_success);
    };
    ($subject:ty, $module:ident, $($point:ident)*) => {
        $(#[tokio::test]
        async fn $point() {
            $crate::$module::$point::<$subject>().await;
        })*
    };
}
