//! Grants of a principal or a group, groups, and the two things a tenant has one of: its own roles and its tree.

use kernel::TenantId;
use serde::{Deserialize, Serialize};
use table::{Entity, Key, Partition};

use crate::rbac::{Grant, Org, Roles};

/// The grants of a user, an application or a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantsItem {
    #[serde(rename = "p")]
    pub(crate) principal: String,
    #[serde(rename = "g", with = "super::text")]
    pub(crate) grants: Vec<Grant>,
}

impl Entity for GrantsItem {
    const KIND: &'static str = "grants";
    const LARGE: bool = true;

    fn key(&self, tenant: &TenantId) -> Key {
        grants_key(tenant, &self.principal)
    }
}

pub(crate) fn grants_key(tenant: &TenantId, principal: &str) -> Key {
    Key::tenant(tenant, &["GRANTS", principal], &["GRANTS"])
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupItem {
    pub(crate) id: String,
    #[serde(rename = "n")]
    pub(crate) name: String,
}

impl Entity for GroupItem {
    const KIND: &'static str = "group";

    fn key(&self, tenant: &TenantId) -> Key {
        group_key(tenant, &self.id)
    }

    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(groups(tenant).key(&[&self.id]))
    }
}

pub(crate) fn group_key(tenant: &TenantId, id: &str) -> Key {
    Key::tenant(tenant, &["GROUP", id], &["GROUP"])
}

/// All of a tenant.
pub(crate) fn groups(tenant: &TenantId) -> Partition {
    Partition::tenant(tenant, &["GROUPS"])
}

/// A tenant's own roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RolesItem {
    #[serde(rename = "r", with = "super::text")]
    pub(crate) roles: Roles,
}

impl Entity for RolesItem {
    const KIND: &'static str = "roles";
    const LARGE: bool = true;

    fn key(&self, tenant: &TenantId) -> Key {
        roles_key(tenant)
    }
}

pub(crate) fn roles_key(tenant: &TenantId) -> Key {
    Key::tenant(tenant, &["ROLES"], &["ROLES"])
}

/// A tenant's companies, franchise groups and locations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrgItem {
    #[serde(rename = "o", with = "super::text")]
    pub(crate) org: Org,
}

impl Entity for OrgItem {
    const KIND: &'static str = "org";
    const LARGE: bool = true;

    fn key(&self, tenant: &TenantId) -> Key {
        org_key(tenant)
    }
}

pub(crate) fn org_key(tenant: &TenantId) -> Key {
    Key::tenant(tenant, &["ORG"], &["ORG"])
}
