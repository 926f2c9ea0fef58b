//! The audit trail: by day, and by whom it is about. Entries are created and never changed or removed.

use kernel::TenantId;
use serde::{Deserialize, Serialize};
use table::{Entity, Key, Partition};

use crate::audit::{AuditEntry, AuditId};

/// An entry as stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct AuditItem(pub(crate) AuditEntry);

impl Entity for AuditItem {
    const KIND: &'static str = "audit";

    fn key(&self, tenant: &TenantId) -> Key {
        let AuditEntry { id, day, .. } = &self.0;
        audit_of_day(tenant, day).key(&[&id.to_string()])
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        let id: AuditId = self.0.id;
        Some(audit_of_subject(tenant, &self.0.subject).key(&[&id.to_string()]))
    }
}

pub(crate) fn audit_of_day(tenant: &TenantId, day: &str) -> Partition {
    Partition::tenant(tenant, &["AUDIT", day])
}

pub(crate) fn audit_of_subject(tenant: &TenantId, subject: &str) -> Partition {
    Partition::tenant(tenant, &["PRINCIPAL", subject, "AUDIT"])
}
