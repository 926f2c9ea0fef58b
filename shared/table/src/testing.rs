//! What the tests of this crate share: a table of their own, and an entity that uses everything an entity can.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kernel::{ManualClock, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use testkit::{FaultInjector, LocalDynamo};

use crate::{BlobStore, Entity, Key, Partition, Source, Table};

pub(crate) const NAME: &str = "crossdock";

pub(crate) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

/// 2027-01-15T08:00:00Z.
pub(crate) fn noon() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(noon()))
}

pub(crate) fn dynamo() -> LocalDynamo {
    let dynamo = LocalDynamo::new();
    dynamo.create_table(NAME);
    dynamo
}

pub(crate) fn table() -> Table {
    Table::new(dynamo().client(), NAME)
}

/// A table whose calls can be counted and made to fail.
pub(crate) fn faulty_table() -> (Table, FaultInjector) {
    let faults = FaultInjector::new();
    (Table::new(dynamo().client_through(&faults), NAME), faults)
}

/// Runs a case of a property test, where waiting takes no time.
pub(crate) fn block_on(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(case);
}

/// A note in a folder; open notes are in a worklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) folder: String,
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) open: bool,
    pub(crate) count: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<i64>,
}

pub(crate) fn note(id: &str) -> Note {
    Note { folder: "inbox".into(), id: id.into(), text: "hello".into(), open: true, count: 0, seq: None, expires: None }
}

pub(crate) fn folder(name: &str) -> Partition {
    Partition::tenant(&tenant(), &["FOLDER", name])
}

pub(crate) fn worklist() -> Partition {
    Partition::tenant(&tenant(), &["NOTES", "open"])
}

pub(crate) fn note_key(id: &str) -> Key {
    folder("inbox").key(&["N", id])
}

impl Entity for Note {
    const KIND: &'static str = "note";

    fn key(&self, tenant: &TenantId) -> Key {
        Key::tenant(tenant, &["FOLDER", &self.folder], &["N", &self.id])
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        self.open.then(|| Key::tenant(tenant, &["NOTES", "open"], &[&self.id]))
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(Key::tenant(tenant, &["NOTE", &self.id], &[&self.folder]))
    }

    fn ttl(&self) -> Option<Timestamp> {
        self.expires.and_then(|second| Timestamp::from_second(second).ok())
    }
}

/// A document whose body may outgrow an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) lines: Vec<String>,
    pub(crate) bytes: Vec<u8>,
}

impl Entity for Document {
    const KIND: &'static str = "document";
    const LARGE: bool = true;
    const OUTSIDE: &'static [&'static str] = &["state"];

    fn key(&self, tenant: &TenantId) -> Key {
        document_key(tenant, &self.id)
    }
}

pub(crate) fn document_key(tenant: &TenantId, id: &str) -> Key {
    Key::tenant(tenant, &["DOCUMENT", id], &["META"])
}

/// Text no compression takes more than a fifth from, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.char(' '..='~')).take(length).collect()
}

/// A document of about `size` bytes that hardly gets smaller.
pub(crate) fn document(id: &str, seed: u64, size: usize) -> Document {
    Document { id: id.into(), state: "NEW".into(), lines: vec![noise(seed, size)], bytes: Vec::new() }
}

/// Blobs in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryBlobs(pub(crate) Mutex<HashMap<String, Vec<u8>>>);

impl MemoryBlobs {
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Source> {
        self.0.lock().unwrap().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Source> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn delete(&self, name: &str) -> Result<(), Source> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}
