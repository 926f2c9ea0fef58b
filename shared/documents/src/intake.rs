//! Documents come in: stored with their payload and announced, in one transaction, once.

use std::time::Duration;

use kernel::{Context, Event, TenantId};
use serde_json::json;
use sha2::{Digest, Sha256};
use table::TableError;

use crate::document::{Document, DocumentId, NewDocument};
use crate::{ConnectionId, DocumentType, Documents};

/// Told when the integration message centre has taken a document in. Connectors announce their own by names of their own.
pub const DOCUMENT_RECEIVED: &str = "documents.document.received.v1";

/// How long the message about a new document has before the sweep does its work.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

kernel::typed_id!(
    /// What documents are about: those about the same thing are told of in order.
    Subject,
    "sub"
);

/// What is to be taken in.
#[derive(Debug, Clone)]
pub struct Intake<'a> {
    pub kind: DocumentType,
    pub shape: u16,
    pub connection: ConnectionId,
    pub source: &'a str,
    pub external_id: &'a str,
    pub revision: &'a str,
    /// JSON text.
    pub payload: &'a str,
    /// How many days it is kept: [`crate::KEEP_DAYS`] unless something asks for less.
    pub keep_days: u16,
    /// The event that tells the workers; without one the next sweep does.
    pub event: Option<&'a str>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    New(Document),
    /// It has been here before; this is how far it is.
    Known(Document),
}

impl Received {
    /// The document, in either case.
    #[must_use]
    pub fn into_document(self) -> Document {
        match self {
            Self::New(document) | Self::Known(document) => document,
        }
    }
}

/// Why a document was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The same revision of the same thing was received with another payload.
    #[error("{0} was received before with another payload")]
    Differs(DocumentId),
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Intake<'_> {
    pub(crate) fn describe(self) -> NewDocument {
        NewDocument {
            digest: digest(self.payload),
            kind: self.kind,
            shape: self.shape,
            connection: self.connection,
            source: self.source.to_owned(),
            external_id: self.external_id.to_owned(),
            revision: self.revision.to_owned(),
            keep_days: self.keep_days,
        }
    }
}

impl Documents {
    /// Takes a document in. May be repeated: the second time it is known, as long as it is kept.
    pub async fn receive(
        &self,
        tenant: &TenantId,
        intake: Intake<'_>,
        cause: &Context,
    ) -> Result<Received, ReceiveError> {
        self.note_connection(tenant, &intake.connection).await?;
        let (payload, event) = (intake.payload, intake.event);
        let document = Document::new(tenant, intake.describe(), self.clock.now(), GRACE);
        let event = event.map(|name| self.announcement(tenant, name, &document).caused_by(cause));
        match self.store.insert(tenant, &document, payload, event.as_ref()).await? {
            None => Ok(Received::New(document)),
            Some(old) if old.digest == document.digest => Ok(Received::Known(old)),
            Some(old) => Err(ReceiveError::Differs(old.id)),
        }
    }

    /// What workers are told of a document: where to find it, never what is in it.
    pub(crate) fn announcement(&self, tenant: &TenantId, name: &str, document: &Document) -> Event {
        let data = json!({
            "documentId": document.id,
            "connection": document.connection,
            "type": document.kind,
            "shape": document.shape,
        });
        let version = u64::from(document.steps) + 1;
        let mut event = Event::new(name, tenant, document.id, version, data, &*self.clock);
        event.group = subject(document).to_string();
        event
    }
}

/// What the document is about, at its connection.
pub(crate) fn subject(document: &Document) -> Subject {
    let Document { connection, kind, source, external_id, .. } = document;
    Subject::derive(&[connection.as_str(), kind.as_str(), source, external_id])
}

fn digest(payload: &str) -> String {
    kernel::hex(&Sha256::digest(payload)[..16])
}

#[cfg(test)]
mod tests;
