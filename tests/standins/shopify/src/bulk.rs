//! Bulk operations: what they do they do when they are started; that they have ended is seen later, after some asking, so
//! that clients have to wait as they would for the shop.

pub(crate) mod mutation;
pub(crate) mod query;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::webhooks::payload;
use crate::world::{Fields, World};

/// How many may run at once of each type. Source: Shopify, bulk operations, since version 2026-01.
const CONCURRENT: usize = 5;
/// The largest file of variables. Source: as above.
pub(crate) const MAX_UPLOAD: usize = 100 * 1024 * 1024;

/// What an operation produced.
pub(crate) struct Produced {
    pub(crate) jsonl: String,
    pub(crate) objects: usize,
    pub(crate) roots: usize,
}

pub(crate) struct BulkOperations {
    /// Questions until an operation is seen to have ended.
    polls: u32,
    /// Running ones: type, results, questions left.
    running: BTreeMap<String, (String, Produced, u32)>,
    /// Results of those that ended.
    files: BTreeMap<String, String>,
    /// Uploads that were announced, by key: their parameters, and what came.
    uploads: BTreeMap<String, (Value, Option<String>)>,
    /// The newest operation of each type.
    current: BTreeMap<String, String>,
}

impl BulkOperations {
    pub(crate) const fn new(polls: u32) -> Self {
        Self {
            polls,
            running: BTreeMap::new(),
            files: BTreeMap::new(),
            uploads: BTreeMap::new(),
            current: BTreeMap::new(),
        }
    }

    pub(crate) fn has_room(&self, kind: &str) -> bool {
        self.running.values().filter(|(running, _, _)| running == kind).count() < CONCURRENT
    }

    pub(crate) fn current(&self, kind: &str) -> Option<&String> {
        self.current.get(kind)
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.running.remove(id);
    }

    /// The result file of an operation.
    pub(crate) fn file(&self, id: &str) -> Option<&String> {
        self.files.get(id)
    }

    pub(crate) fn expect_upload(&mut self, key: &str, parameters: &Value) {
        self.uploads.insert(key.to_owned(), (parameters.clone(), None));
    }

    pub(crate) fn uploaded(&self, key: &str) -> Option<String> {
        self.uploads.get(key)?.1.clone()
    }

    /// Takes an upload: every parameter, in any order, then the file. `Err` says what is wrong.
    pub(crate) fn upload(&mut self, fields: &[(String, String)]) -> Result<String, &'static str> {
        let Some(((last, file), parameters)) = fields.split_last() else { return Err("the form is empty") };
        if last != "file" {
            return Err("the file must be the last field");
        }
        let of = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let key = of("key").ok_or("there is no key")?;
        let (wanted, stored) = self.uploads.get_mut(key).ok_or("the key was not announced")?;
        let complete =
            wanted.as_array().is_some_and(|all| all.iter().all(|it| of(it.text("name")) == Some(it.text("value"))));
        if !complete {
            return Err("a parameter is missing or was changed");
        }
        if file.len() > MAX_UPLOAD {
            return Err("EntityTooLarge");
        }
        *stored = Some(file.clone());
        Ok(key.to_owned())
    }
}

impl World {
    /// Begins an operation whose work is done already.
    pub(crate) fn start_bulk(&mut self, kind: &str, document: &str, produced: Produced) -> String {
        let now = self.now_text();
        let id = self.create(
            "BulkOperation",
            json!({
                "status": "CREATED", "type": kind, "query": document, "errorCode": null, "objectCount": "0",
                "rootObjectCount": "0", "fileSize": null, "url": null, "partialDataUrl": null, "createdAt": now,
                "completedAt": null,
            }),
        );
        self.bulk.current.insert(kind.to_owned(), id.clone());
        let polls = self.bulk.polls;
        self.bulk.running.insert(id.clone(), (kind.to_owned(), produced, polls));
        if polls == 0 {
            self.finish_bulk();
        }
        id
    }

    /// Somebody asked.
    pub(crate) fn poll_bulk(&mut self, fields: &[String]) {
        let asks = |field: &String| {
            matches!(field.as_str(), "bulkOperation" | "bulkOperations" | "currentBulkOperation" | "node")
        };
        if !fields.iter().any(asks) {
            return;
        }
        let mut ended = Vec::new();
        let mut running = Vec::new();
        for (id, (_, _, left)) in &mut self.bulk.running {
            if *left == 0 {
                ended.push(id.clone());
            } else {
                *left -= 1;
                running.push(id.clone());
            }
        }
        for id in running {
            self.set(&id, "status", "RUNNING");
        }
        for id in ended {
            self.end_bulk(&id);
        }
    }

    /// Ends every operation that runs.
    pub(crate) fn finish_bulk(&mut self) {
        for id in self.bulk.running.keys().cloned().collect::<Vec<_>>() {
            self.end_bulk(&id);
        }
    }

    fn end_bulk(&mut self, id: &str) {
        let Some((_, produced, _)) = self.bulk.running.remove(id) else { return };
        let now = self.now_text();
        let url = format!("{}/bulk/{}.jsonl", self.url, crate::world::legacy(id));
        for (name, value) in [
            ("status", json!("COMPLETED")),
            ("completedAt", json!(now)),
            ("objectCount", json!(produced.objects.to_string())),
            ("rootObjectCount", json!(produced.roots.to_string())),
            ("fileSize", json!(produced.jsonl.len().to_string())),
            // Nothing found is no file.
            ("url", if produced.jsonl.is_empty() { Value::Null } else { json!(url) }),
        ] {
            self.set(id, name, value);
        }
        self.bulk.files.insert(id.to_owned(), produced.jsonl);
        let told = payload::bulk(self, id);
        self.emit("BULK_OPERATIONS_FINISH", &told);
    }
}
