//! What operators see and do: lists, and a document retried, discarded or withdrawn, one or many.

use kernel::{TenantId, Timestamp};
use table::TableError;

use crate::document::{Command, Document, DocumentId, Refused};
use crate::store::{Change, Place, WriteError};
use crate::{ConnectionId, DocumentType, Documents, State};

/// How often a command meets a worker before it gives up.
const TRIES: u32 = 3;
/// Documents looked at in one step of a command over many.
const PAGE: usize = 50;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("there is no such document")]
    NotFound,
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The document changes faster than it can be written.
    #[error("the document is being changed")]
    Contended,
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Which documents: all of a type in a state, and what else is given.
#[derive(Debug, Clone)]
pub struct Filter {
    pub kind: DocumentType,
    pub state: State,
    pub connection: Option<ConnectionId>,
    /// The code of the last failure.
    pub code: Option<String>,
    /// In its state since before this.
    pub before: Option<Timestamp>,
}

impl Filter {
    fn matches(&self, document: &Document) -> bool {
        let code = document.last.as_ref().and_then(|last| last.code.as_ref());
        document.kind == self.kind
            && document.state == self.state
            && self.connection.as_ref().is_none_or(|connection| *connection == document.connection)
            && self.code.as_ref().is_none_or(|wanted| Some(wanted) == code)
            && self.before.is_none_or(|before| document.changed_at < before)
    }
}

/// What a command over many did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Many {
    pub changed: usize,
    /// Documents that did not allow it (a worker has them, or they changed meanwhile).
    pub refused: usize,
    /// Where to go on; `None` when the list is done.
    pub next: Option<Place>,
}

impl Documents {
    /// Documents of a type in a state, the longest in it first.
    pub async fn list(
        &self,
        tenant: &TenantId,
        kind: &DocumentType,
        state: State,
        start: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<Document>, Option<Place>), TableError> {
        self.store.list(tenant, kind, state, start, limit).await
    }

    /// Retries, discards or withdraws a document. A repetition finds it done and is refused by its state.
    pub async fn command(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        command: Command,
        by: &str,
    ) -> Result<Document, CommandError> {
        for _ in 0..TRIES {
            let found = self.store.document(tenant, id).await?.ok_or(CommandError::NotFound)?;
            let (mut document, seen) = (found.value, found.version);
            let records = [document.command(command, by, self.clock.now())?];
            let change = Change { document: &document, seen, records: &records, pause: None };
            match self.store.write(tenant, change).await {
                Ok(_) => return Ok(document),
                Err(WriteError::Changed | WriteError::AlreadyPaused) => {}
                Err(WriteError::Table(error)) => return Err(error.into()),
            }
        }
        Err(CommandError::Contended)
    }

    /// The same for every document a filter matches, looking at `limit` documents at most.
    pub async fn command_many(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        command: Command,
        by: &str,
        start: Option<Place>,
        limit: usize,
    ) -> Result<Many, TableError> {
        let mut many = Many { next: start, ..Many::default() };
        let mut seen = 0;
        loop {
            let page = PAGE.min(limit - seen);
            let (documents, next) = self.store.list(tenant, &filter.kind, filter.state, many.next.take(), page).await?;
            for document in documents.iter().filter(|document| filter.matches(document)) {
                match self.command(tenant, document.id, command, by).await {
                    Ok(_) => many.changed += 1,
                    Err(CommandError::Refused(_) | CommandError::Contended | CommandError::NotFound) => {
                        many.refused += 1;
                    }
                    Err(CommandError::Table(error)) => return Err(error),
                }
            }
            seen += page;
            many.next = next;
            if many.next.is_none() || seen >= limit {
                return Ok(many);
            }
        }
    }
}

#[cfg(test)]
mod tests;
