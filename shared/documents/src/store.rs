//! How documents, their steps and their connections are stored.
//!
//! | access pattern | key |
//! |---|---|
//! | one document | pk `T#t#DOC#<id>`, sk `DOC` |
//! | what it carries | the same partition, sk `PAYLOAD`; compressed, in the bucket when it outgrows an item |
//! | its history | the same partition, sk `STEP#<number>` |
//! | what is due of a connection: new, waiting, to be retried, left behind | gsi1 `T#t#DOCUMENTS#DUE#<connection>`, sk `<due ms>#<id>` |
//! | documents of a type by state and time | gsi2 `T#t#DOCUMENTS#<type>#<state>`, sk `<changed ms>#<id>` |
//! | connections | pk `T#t#CONNECTIONS`, sk `<id>` |
//! | what a connection did, minute by minute | pk `T#t#CONNECTION#<id>`, sk `WINDOW#<minute>` |
//!
//! A document is in the worklist as long as it is open and nowhere when it is over, so lost messages, due retries and
//! workers that died are found by one query.

use std::time::Duration;

use kernel::{Event, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{
    Condition, Consistency, Entity, GlobalIndex, InvalidPosition, Item, Key, Page, Partition, Position, Query, Table,
    TableError, Transaction, TransactionError, Update, Versioned,
};

use crate::connections::{Connection, Pause};
use crate::document::{Document, DocumentId, StepRecord};
use crate::{ConnectionId, DocumentType, RetryBudget, State, Window};

/// How long the counts of a minute are kept.
const WINDOW_RETENTION: Duration = Duration::from_secs(2 * 24 * 3600);

/// What a document carries whose payload is forgotten.
pub const REDACTED: &str = "{}";

const PAUSED: &str = "paused";
const ID: &str = "id";
const ATTEMPTS: &str = "attempts";
const FAILURES: &str = "failures";
const RETRIES: &str = "retries";
const MINUTE: &str = "minute";

/// What a document carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    id: DocumentId,
    /// JSON text, as it was received.
    pub body: String,
    /// Of its document; only for the table's clean-up.
    #[serde(skip)]
    expires: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StepItem {
    id: DocumentId,
    #[serde(flatten)]
    record: StepRecord,
    #[serde(skip)]
    expires: Option<Timestamp>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct WindowItem {
    connection: String,
    minute: i64,
    #[serde(default)]
    attempts: u64,
    #[serde(default)]
    failures: u64,
    #[serde(default)]
    retries: u64,
}

/// A place in a list of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub(crate) Position);

impl Place {
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPosition> {
        Position::from_bytes(bytes).map(Self)
    }
}

pub(crate) fn partition(tenant: &TenantId, id: DocumentId) -> Partition {
    Partition::tenant(tenant, &["DOC", &id.to_string()])
}

pub(crate) fn document_key(tenant: &TenantId, id: DocumentId) -> Key {
    partition(tenant, id).key(&["DOC"])
}

fn payload_key(tenant: &TenantId, id: DocumentId) -> Key {
    partition(tenant, id).key(&["PAYLOAD"])
}

fn connection_key(tenant: &TenantId, id: &ConnectionId) -> Key {
    Key::tenant(tenant, &["CONNECTIONS"], &[id.as_str()])
}

fn window_key(tenant: &TenantId, connection: &str, minute: i64) -> Key {
    Key::tenant(tenant, &["CONNECTION", connection], &["WINDOW", &format!("{minute:012}")])
}

/// Milliseconds as text that sorts like the time.
pub(crate) fn sortable(at: Timestamp) -> String {
    format!("{:015}", at.as_millisecond())
}

fn expiry(at: Timestamp, after: Duration) -> Option<Timestamp> {
    at.checked_add(after).ok()
}

impl Entity for Document {
    const KIND: &'static str = "document";

    fn key(&self, tenant: &TenantId) -> Key {
        document_key(tenant, self.id)
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let due = self.due?;
        Some(Key::tenant(
            tenant,
            &["DOCUMENTS", "DUE", self.connection.as_str()],
            &[&sortable(due), &self.id.to_string()],
        ))
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        let list = ["DOCUMENTS", self.kind.as_str(), self.state.as_str()];
        Some(Key::tenant(tenant, &list, &[&sortable(self.changed_at), &self.id.to_string()]))
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.expires_at())
    }
}

impl Payload {
    fn of(document: &Document, body: &str) -> Self {
        Self { id: document.id, body: body.to_owned(), expires: Some(document.expires_at()) }
    }
}

impl Entity for Payload {
    const KIND: &'static str = "document-payload";
    const LARGE: bool = true;

    fn key(&self, tenant: &TenantId) -> Key {
        payload_key(tenant, self.id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        self.expires
    }
}

impl Entity for StepItem {
    const KIND: &'static str = "document-step";

    fn key(&self, tenant: &TenantId) -> Key {
        partition(tenant, self.id).key(&["STEP", &format!("{:08}", self.record.number)])
    }

    fn ttl(&self) -> Option<Timestamp> {
        self.expires
    }
}

impl Entity for Connection {
    const KIND: &'static str = "connection";

    fn key(&self, tenant: &TenantId) -> Key {
        connection_key(tenant, &self.id)
    }
}

impl Entity for WindowItem {
    const KIND: &'static str = "connection-window";

    fn key(&self, tenant: &TenantId) -> Key {
        window_key(tenant, &self.connection, self.minute)
    }
}

/// A document as it is about to be worked on.
pub(crate) struct Loaded {
    pub(crate) document: Versioned<Document>,
    pub(crate) payload: Payload,
    pub(crate) connection: Option<Connection>,
}

/// A change of one document with all that belongs to it.
pub(crate) struct Change<'a> {
    pub(crate) document: &'a Document,
    /// The version it was read at.
    pub(crate) seen: u64,
    pub(crate) records: &'a [StepRecord],
    /// The connection to pause, and what is told of it.
    pub(crate) pause: Option<(&'a Pause, &'a Event)>,
}

/// Why a change was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// Somebody else has changed the document.
    #[error("the document has changed meanwhile")]
    Changed,
    /// The connection is paused already.
    #[error("the connection is paused already")]
    AlreadyPaused,
    #[error(transparent)]
    Table(#[from] TableError),
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    table: Table,
}

impl Store {
    pub(crate) fn new(table: Table) -> Self {
        Self { table }
    }

    pub(crate) async fn document(
        &self,
        tenant: &TenantId,
        id: DocumentId,
    ) -> Result<Option<Versioned<Document>>, TableError> {
        self.table.get::<Document>(document_key(tenant, id), Consistency::Strong).await
    }

    pub(crate) async fn payload(&self, tenant: &TenantId, id: DocumentId) -> Result<Option<Payload>, TableError> {
        let found = self.table.get::<Payload>(payload_key(tenant, id), Consistency::Eventual).await?;
        Ok(found.map(|found| found.value))
    }

    pub(crate) async fn redact(&self, tenant: &TenantId, id: DocumentId) -> Result<(), TableError> {
        let Some(found) = self.document(tenant, id).await? else { return Ok(()) };
        self.table.put(tenant, &Payload::of(&found.value, REDACTED)).await
    }

    pub(crate) async fn steps(&self, tenant: &TenantId, id: DocumentId) -> Result<Vec<StepRecord>, TableError> {
        let query = Query::partition(partition(tenant, id)).begins_with(&["STEP", ""]);
        let found = self.table.query_all::<StepItem>(query).await?;
        Ok(found.into_iter().map(|found| found.value.record).collect())
    }

    /// The document, its payload and its connection, in one call.
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        connection: &ConnectionId,
    ) -> Result<Option<Loaded>, TableError> {
        let keys = [document_key(tenant, id), payload_key(tenant, id), connection_key(tenant, connection)];
        let found = self.table.get_many(&keys, Consistency::Strong).await?;
        let [document, payload, connection] = <[Option<Item>; 3]>::try_from(found).unwrap_or_default();
        let (Some(document), Some(payload)) = (document, payload) else { return Ok(None) };
        Ok(Some(Loaded {
            document: document.decode()?,
            payload: payload.decode::<Payload>()?.value,
            connection: connection.map(Item::decode::<Connection>).transpose()?.map(|found| found.value),
        }))
    }

    /// Adds a new document to a transaction: two actions, the document's first. A payload may have outlived a document that
    /// was not kept any longer.
    pub(crate) fn add(transaction: &mut Transaction, document: &Document, body: &str) {
        transaction.create(document).put(&Payload::of(document, body));
    }

    /// Creates a document with its payload and what is told of it; the one in its place when there is one.
    pub(crate) async fn insert(
        &self,
        tenant: &TenantId,
        document: &Document,
        body: &str,
        event: Option<&Event>,
    ) -> Result<Option<Document>, TableError> {
        let mut expired = None;
        loop {
            let mut transaction = self.table.transaction(tenant);
            match expired {
                None => Self::add(&mut transaction, document, body),
                Some(seen) => drop(transaction.put_versioned(document, seen).put(&Payload::of(document, body))),
            }
            if let Some(event) = event {
                transaction.event(event);
            }
            let mut failed = match transaction.commit().await {
                Ok(()) => return Ok(None),
                Err(TransactionError::Conditions(failed)) => failed,
                Err(error) => return Err(table_error(error)),
            };
            let old = failed.first_mut().and_then(Option::take).and_then(|failed| failed.old);
            // What was not kept any longer was removed just now.
            let Some(old) = old else {
                expired = None;
                continue;
            };
            let old: Versioned<Document> = old.decode()?;
            if document.received_at < old.value.expires_at() {
                return Ok(Some(old.value));
            }
            expired = Some(old.version);
        }
    }

    /// Tells of something without changing anything.
    pub(crate) async fn announce(&self, tenant: &TenantId, event: &Event) -> Result<(), TableError> {
        let mut transaction = self.table.transaction(tenant);
        transaction.event(event);
        transaction.commit().await.map_err(table_error)
    }

    /// Writes a change, if nobody else has changed the document.
    pub(crate) async fn write(&self, tenant: &TenantId, change: Change<'_>) -> Result<u64, WriteError> {
        let Change { document, seen, records, pause } = change;
        let mut transaction = self.table.transaction(tenant);
        transaction.put_versioned(document, seen);
        for record in records {
            // The document's version guards it; one of the same number may have outlived an expired document.
            let expires = Some(document.expires_at());
            transaction.put(&StepItem { id: document.id, record: record.clone(), expires });
        }
        if let Some((pause, event)) = pause {
            let update = Update::new(connection_key(tenant, &document.connection))
                .upsert::<Connection>()
                .set(ID, &document.connection)
                .set(PAUSED, pause)
                .require(Condition::lacks(PAUSED));
            transaction.update(update).event(event);
        }
        match transaction.commit().await {
            Ok(()) => Ok(seen.saturating_add(1)),
            Err(error) if error.failed(0).is_some() => Err(WriteError::Changed),
            Err(TransactionError::Conditions(_)) => Err(WriteError::AlreadyPaused),
            Err(error) => Err(WriteError::Table(table_error(error))),
        }
    }

    /// What of a connection is due, oldest first.
    pub(crate) async fn due(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Document>, TableError> {
        let list = Partition::tenant(tenant, &["DOCUMENTS", "DUE", connection.as_str()]);
        // `~` sorts after every id, so that what is due at this very millisecond is included.
        let query = Query::index(GlobalIndex::Gsi1, list).at_most(&[&sortable(now), "~"]).limit(limit);
        let page = self.table.query::<Document>(query).await?;
        Ok(page.items.into_iter().map(|found| found.value).collect())
    }

    /// Documents of a type in a state, the longest in it first.
    pub(crate) async fn list(
        &self,
        tenant: &TenantId,
        kind: &DocumentType,
        state: State,
        start: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Document>, Option<Place>), TableError> {
        let list = Partition::tenant(tenant, &["DOCUMENTS", kind.as_str(), state.as_str()]);
        let query = Query::index(GlobalIndex::Gsi2, list).start(start.map(|place| place.0)).limit(limit);
        let Page { items, next } = self.table.query::<Document>(query).await?;
        Ok((items.into_iter().map(|found| found.value).collect(), next.map(Place)))
    }

    pub(crate) async fn connections(&self, tenant: &TenantId) -> Result<Vec<Connection>, TableError> {
        let query = Query::partition(Partition::tenant(tenant, &["CONNECTIONS"])).consistency(Consistency::Strong);
        let found = self.table.query_all::<Connection>(query).await?;
        Ok(found.into_iter().map(|found| found.value).collect())
    }

    pub(crate) async fn connection(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, TableError> {
        let found = self.table.get::<Connection>(connection_key(tenant, id), Consistency::Strong).await?;
        Ok(found.map(|found| found.value))
    }

    /// Makes sure that the connection is on the list of connections.
    pub(crate) async fn note_connection(&self, tenant: &TenantId, id: &ConnectionId) -> Result<(), TableError> {
        let update = Update::new(connection_key(tenant, id)).upsert::<Connection>().set(ID, id);
        self.table.apply(update).await?;
        Ok(())
    }

    /// Pauses a connection, or lets it go on. Whether that changed anything.
    pub(crate) async fn set_pause(
        &self,
        tenant: &TenantId,
        id: &ConnectionId,
        pause: Option<&Pause>,
        event: &Event,
    ) -> Result<bool, TableError> {
        let update = Update::new(connection_key(tenant, id));
        let update = match pause {
            Some(pause) => update.set(PAUSED, pause).require(Condition::exists().and(Condition::lacks(PAUSED))),
            None => update.remove(PAUSED).require(Condition::has(PAUSED)),
        };
        let mut transaction = self.table.transaction(tenant);
        transaction.update(update).event(event);
        match transaction.commit().await {
            Ok(()) => Ok(true),
            Err(TransactionError::Conditions(_)) => Ok(false),
            Err(error) => Err(table_error(error)),
        }
    }

    /// Counts an attempt and returns what its minute has come to.
    pub(crate) async fn count(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        failed: bool,
        retried: bool,
        now: Timestamp,
    ) -> Result<Window, TableError> {
        let seconds = now.as_second();
        let minute = seconds.div_euclid(60);
        let mut update = Update::new(window_key(tenant, connection.as_str(), minute))
            .upsert::<WindowItem>()
            .set("connection", connection)
            .set(MINUTE, minute)
            .add(ATTEMPTS, 1)
            .add(FAILURES, i64::from(failed))
            .add(RETRIES, i64::from(retried));
        if let Some(expiry) = expiry(now, WINDOW_RETENTION) {
            update = update.ttl(expiry);
        }
        let counted = self.table.apply(update).await?.decode::<WindowItem>()?.value;
        let past = u64::try_from(seconds.rem_euclid(60)).unwrap_or_default();
        let left = RetryBudget::WINDOW.saturating_sub(Duration::from_secs(past));
        let WindowItem { attempts, failures, retries, .. } = counted;
        Ok(Window { attempts, failures, retries, left })
    }

    /// What a connection did since `from`.
    pub(crate) async fn windows(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        from: Timestamp,
    ) -> Result<Window, TableError> {
        let minute = format!("{:012}", from.as_second().div_euclid(60));
        let query = Query::partition(Partition::tenant(tenant, &["CONNECTION", connection.as_str()]))
            .at_least(&["WINDOW", &minute]);
        let found = self.table.query_all::<WindowItem>(query).await?;
        Ok(found.into_iter().fold(Window::default(), |sum, found| Window {
            attempts: sum.attempts + found.value.attempts,
            failures: sum.failures + found.value.failures,
            retries: sum.retries + found.value.retries,
            left: sum.left,
        }))
    }
}

pub(crate) fn table_error(error: TransactionError) -> TableError {
    match error {
        TransactionError::Table(error) => error,
        other @ (TransactionError::Conditions(_) | TransactionError::TokenReused) => {
            TableError::Rejected { code: "transaction".to_owned(), source: other.into() }
        }
    }
}
