//! The integration message centre: it accepts documents of registered types and passes each to every active connector
//! that subscribes to its type.
//!
//! A document is validated against the schema of its type and version, stored, and announced. Passing it on is an
//! attempt like any other: every connector has a route with a state of its own; what failed is tried again alone, a
//! route that keeps failing is dead until an operator drives it again, and the document fails only when every route is
//! dead. A message carries the document's id, never its payload.

mod discovery;
mod fan_out;
mod store;

use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Context, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use table::{Table, TableError};

use crate::{
    ConnectionId, DOCUMENT_RECEIVED, Document, DocumentId, DocumentType, Documents, Intake, Processed, ReceiveError,
    Received,
};
use store::Store;

pub use discovery::{Cached, Discovery, Instance, Registry};
pub use fan_out::{Courier, DOCUMENT_ROUTED, RedriveError};
pub use store::Dead;

/// The connection of documents that the centre itself passes on.
pub const CENTRE: &str = "centre";

/// How long after its last sign of life a connector counts as there: it gives one a minute.
const ALIVE: Duration = Duration::from_secs(180);

/// A version of a document type. It never changes once it is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredType {
    #[serde(rename = "type")]
    pub kind: DocumentType,
    pub shape: u16,
    /// JSON Schema, as text.
    pub schema: String,
    pub at: Timestamp,
}

/// A connector, as it registered itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    pub name: ConnectionId,
    /// URL of its FIFO queue.
    pub queue: String,
    /// What it wants to be told of.
    pub types: Vec<DocumentType>,
    /// Its last sign of life.
    pub seen_at: Timestamp,
}

impl Connector {
    /// Whether it has given a sign of life lately.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen_at).unsigned_abs() < ALIVE
    }
}

/// How far a route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RouteState {
    /// The connector's queue has it.
    Sent,
    /// Not yet; it is tried again with the document.
    Failed,
    /// It failed too often, and waits for an operator.
    Dead,
}

/// The way of one document to one connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    pub document: DocumentId,
    pub connector: ConnectionId,
    pub state: RouteState,
    pub attempts: u32,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    pub at: Timestamp,
}

/// What is wrong with a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the payload.
    pub pointer: String,
    pub detail: String,
}

/// Judges by JSON Schema.
pub trait Validator: Send + Sync {
    /// Whether it is a schema that needs nothing from outside; why not, if not.
    fn check(&self, schema: &Value) -> Result<(), String>;

    /// What is wrong with a payload; at most a few dozen things.
    fn violations(&self, schema: &Value, payload: &Value) -> Result<Vec<Violation>, String>;
}

/// A document handed in.
#[derive(Debug, Clone)]
pub struct Submission {
    pub kind: DocumentType,
    pub shape: u16,
    pub source: String,
    pub external_id: String,
    pub revision: String,
    pub payload: Value,
}

/// Why a submission was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    #[error("the type is not registered in this version")]
    UnknownType,
    #[error("the payload is not of its type")]
    Invalid(Vec<Violation>),
    /// The registered schema cannot be used.
    #[error("the registered schema cannot be used: {0}")]
    Schema(String),
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

/// Why a type was not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("not a usable JSON Schema: {0}")]
    Schema(String),
    /// This version has another schema.
    #[error("this version is registered with another schema")]
    Taken,
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Why a connector was not registered or deregistered as a whole. Doing it again is the cure.
#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    #[error("the registry does not take it")]
    Registry(#[source] discovery::Error),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The centre's use cases.
#[derive(Clone)]
pub struct Centre {
    documents: Documents,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Centre {
    /// Over this table.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { documents: Documents::new(table.clone(), clock.clone()), store: Store::new(table), clock }
    }

    /// Registers a version of a type. May be repeated. Whether it is new.
    pub async fn register_type(
        &self,
        tenant: &TenantId,
        kind: &DocumentType,
        shape: u16,
        schema: &Value,
        validator: &dyn Validator,
    ) -> Result<bool, RegisterError> {
        validator.check(schema).map_err(RegisterError::Schema)?;
        let (kind, schema, at) = (kind.clone(), schema.to_string(), self.clock.now());
        let new = RegisteredType { kind, shape, schema, at };
        match self.store.create_type(tenant, &new).await? {
            None => Ok(true),
            Some(old) if old.schema == new.schema => Ok(false),
            Some(_) => Err(RegisterError::Taken),
        }
    }

    /// The registered types.
    pub async fn types(&self, tenant: &TenantId) -> Result<Vec<RegisteredType>, TableError> {
        self.store.types(tenant).await
    }

    /// A connector registers itself, again whenever something about it changes.
    pub async fn register(
        &self,
        tenant: &TenantId,
        name: ConnectionId,
        queue: String,
        types: Vec<DocumentType>,
        registry: &dyn Registry,
    ) -> Result<Connector, AnnounceError> {
        let connector = Connector { name, queue, types, seen_at: self.clock.now() };
        let instance = Instance { name: connector.name.clone(), queue: connector.queue.clone() };
        registry.announce(tenant, &instance).await.map_err(AnnounceError::Registry)?;
        self.store.put_connector(tenant, &connector).await?;
        Ok(connector)
    }

    /// A sign of life. `false`: it is not registered and has to do so.
    pub async fn heartbeat(&self, tenant: &TenantId, name: &ConnectionId) -> Result<bool, TableError> {
        self.store.touch_connector(tenant, name, self.clock.now()).await
    }

    /// A connector goes. Routes to it that are open fail until it is back, and die.
    pub async fn deregister(
        &self,
        tenant: &TenantId,
        name: &ConnectionId,
        registry: &dyn Registry,
    ) -> Result<(), AnnounceError> {
        self.store.delete_connector(tenant, name).await?;
        registry.withdraw(tenant, name).await.map_err(AnnounceError::Registry)
    }

    /// The registered connectors, alive or not.
    pub async fn connectors(&self, tenant: &TenantId) -> Result<Vec<Connector>, TableError> {
        self.store.connectors(tenant).await
    }

    /// Accepts a document: validated, stored, announced.
    pub async fn submit(
        &self,
        tenant: &TenantId,
        submission: Submission,
        validator: &dyn Validator,
        cause: &Context,
    ) -> Result<Received, SubmitError> {
        let Submission { kind, shape, source, external_id, revision, payload } = submission;
        let registered = self.store.registered(tenant, &kind, shape).await.map_err(ReceiveError::Table)?;
        let registered = registered.ok_or(SubmitError::UnknownType)?;
        let schema =
            serde_json::from_str(&registered.schema).map_err(|error| SubmitError::Schema(error.to_string()))?;
        let violations = validator.violations(&schema, &payload).map_err(SubmitError::Schema)?;
        if !violations.is_empty() {
            return Err(SubmitError::Invalid(violations));
        }
        let intake = Intake {
            kind,
            shape,
            connection: centre(),
            source: &source,
            external_id: &external_id,
            revision: &revision,
            payload: &payload.to_string(),
            keep_days: crate::KEEP_DAYS,
            event: Some(DOCUMENT_RECEIVED),
        };
        Ok(self.documents.receive(tenant, intake, cause).await?)
    }

    /// A document handed in.
    pub async fn document(&self, tenant: &TenantId, id: DocumentId) -> Result<Option<Document>, TableError> {
        self.documents.document(tenant, id).await
    }

    /// Passes a document on to whoever subscribes to its type.
    pub async fn route(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        worker: &str,
        discovery: &dyn Discovery,
        courier: &dyn Courier,
    ) -> Result<Processed, TableError> {
        let fan_out = fan_out::FanOut { store: &self.store, clock: &*self.clock, discovery, courier };
        self.documents.process(tenant, id, &centre(), worker, &fan_out).await
    }

    /// The routes of a document.
    pub async fn routes(&self, tenant: &TenantId, id: DocumentId) -> Result<Vec<Route>, TableError> {
        Ok(self.store.routes(tenant, id).await?.into_iter().map(|found| found.value).collect())
    }
}

/// The centre's own connection.
#[must_use]
pub fn centre() -> ConnectionId {
    ConnectionId::literal(CENTRE)
}

#[cfg(test)]
mod tests;
