//! The connector as the message centre knows it: what it subscribes to, and that it is there.
//!
//! Its queue stands in the template, and so does its place in Cloud Map: it is there as long as the stack is.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use documents::centre::{Centre, Instance, Registry};
use documents::{ConnectionId, DocumentType, Schemas};
use kernel::TenantId;
use shopify::customers::{SHAPE, schema};
use shopify::platform::kind;
use web::BoxError;

/// The connector's name among others.
const NAME: &str = "shopify";

/// What tells the message centre.
pub struct Membership {
    centre: Centre,
    queue: String,
    /// Whether this process has said what it subscribes to.
    is_registered: AtomicBool,
}

/// Cloud Map knows already.
struct Standing;

#[async_trait]
impl Registry for Standing {
    async fn announce(&self, _: &TenantId, _: &Instance) -> Result<(), BoxError> {
        Ok(())
    }

    async fn withdraw(&self, _: &TenantId, _: &ConnectionId) -> Result<(), BoxError> {
        Ok(())
    }
}

impl Membership {
    /// `queue` is the URL of the queue that documents are sent to.
    #[must_use]
    pub fn new(centre: Centre, queue: String) -> Self {
        Self { centre, queue, is_registered: AtomicBool::new(false) }
    }

    /// Registers once a process, so that a new version's types are known, and gives a sign of life otherwise.
    pub async fn renew(&self, tenant: &TenantId) -> Result<(), BoxError> {
        let name = ConnectionId::literal(NAME);
        if self.is_registered.load(Ordering::Relaxed) && self.centre.heartbeat(tenant, &name).await? {
            return Ok(());
        }
        let customer = DocumentType::literal(kind::CUSTOMER);
        self.centre.register_type(tenant, &customer, SHAPE, &schema(), &Schemas).await?;
        self.centre.register(tenant, name, self.queue.clone(), vec![customer], &Standing).await?;
        self.is_registered.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_name_is_one() {
        assert_eq!(NAME.parse(), Ok(ConnectionId::literal(NAME)));
    }
}
