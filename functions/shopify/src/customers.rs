//! Customers, both ways, through the message centre: what a person changed in a store is handed in there as far as rules let it in, and
//! what anybody handed in is told to every store but the one it comes from.

use documents::centre::{Centre, Submission, SubmitError};
use documents::merge::Action;
use documents::{DocumentType, Documents, ReceiveError, Schemas};
use kernel::{Clock, Context, TenantId, Timestamp};
use shopify::customers::{Customers, Known, SHAPE, Told};
use shopify::map::customer::Customer;
use shopify::platform::{PlatformError, Taken, kind};
use shopify::stores::Connection;
use std::sync::Arc;
use std::time::Duration;
use table::{Table, TableError};

use crate::backoffice::{other, refused};

/// Customers and what carries them.
pub(crate) struct People {
    known: Customers,
    centre: Centre,
    documents: Documents,
}

impl People {
    pub(crate) fn new(table: &Table, clock: &Arc<dyn Clock>) -> Self {
        let (centre, documents) =
            (Centre::new(table.clone(), clock.clone()), Documents::new(table.clone(), clock.clone()));
        Self { known: Customers::new(table.clone()), centre, documents }
    }

    pub(crate) async fn find(&self, tenant: &TenantId, id: &str) -> Result<Option<Customer>, TableError> {
        Ok(self.known.find(tenant, id).await?.map(|known| known.told.customer))
    }

    /// Takes a customer as a store has them by now. A document of them goes round when a rule says that others are to be told.
    pub(crate) async fn take(
        &self,
        tenant: &TenantId,
        store: &Connection,
        taken: &Taken<'_>,
        cause: &Context,
    ) -> Result<(), PlatformError> {
        let id = taken.id.ok_or_else(|| refused("NOT_TAKEN", "a customer without an id"))?;
        let customer: Customer = serde_json::from_value(taken.value.clone())
            .map_err(|error| refused("INVALID_CUSTOMER", format!("{:?}", error.classify())))?;
        let before = self.known.find(tenant, id).await.map_err(other)?;
        // It is made of what was known: newer than that, whatever the clocks of the sources say.
        let after = before.map(|known| known.told.updated_at.checked_add(Duration::from_millis(1)));
        let after = after.transpose().map_err(other)?.unwrap_or(Timestamp::UNIX_EPOCH);
        let told = Told { customer, updated_at: taken.updated_at.max(after) };
        let is_told = taken.decisions.iter().any(|decision| decision.action == Action::TakeAndTell);
        let document =
            if is_told { Some(self.hand_in(tenant, store, (id, taken.revision), &told, cause).await?) } else { None };
        let known = Known { id: id.to_owned(), told, document };
        if self.known.keep(tenant, &known).await.map_err(other)? {
            return Ok(());
        }
        Err(other("somebody told of this customer meanwhile"))
    }

    async fn hand_in(
        &self,
        tenant: &TenantId,
        store: &Connection,
        (id, revision): (&str, &str),
        told: &Told,
        cause: &Context,
    ) -> Result<documents::DocumentId, PlatformError> {
        let submission = Submission {
            kind: DocumentType::literal(kind::CUSTOMER),
            shape: SHAPE,
            source: store.shop.to_string(),
            external_id: id.to_owned(),
            // Merged with something else the next time, it is another document.
            revision: format!("{revision} {}", told.updated_at),
            payload: serde_json::to_value(told).map_err(other)?,
        };
        match self.centre.submit(tenant, submission, &Schemas, cause).await {
            Ok(received) => Ok(received.into_document().id),
            Err(SubmitError::Invalid(violations)) => {
                let fields: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
                Err(refused("INVALID_CUSTOMER", format!("not a customer's: {}", fields.join(", "))))
            }
            Err(error @ (SubmitError::Schema(_) | SubmitError::Receive(ReceiveError::Differs(_)))) => {
                Err(refused("NOT_HANDED_IN", error.to_string()))
            }
            // The type is registered within a minute of the first deployment.
            Err(error @ (SubmitError::UnknownType | SubmitError::Receive(ReceiveError::Table(_)))) => Err(other(error)),
        }
    }

    /// Forgets a customer: what is known of them, and what documents said of them.
    pub(crate) async fn forget(&self, tenant: &TenantId, id: &str) -> Result<(), TableError> {
        let mentions = self.known.documents(tenant, id).await?;
        for document in &mentions {
            self.documents.redact(tenant, *document).await?;
        }
        self.known.forget(tenant, id, &mentions).await
    }
}
