//! Grants, groups, roles and the tree: kept here, resolved in `rbac`.

use std::collections::BTreeSet;

use kernel::TenantId;
use table::{Consistency, GlobalIndex, Item, Key, Page, Position, Query, TableError, Versioned};
use web::Reach;

use super::{Actor, Directory, DirectoryError, Seen, stale};
use crate::audit::AuditKind;
use crate::rbac::{Effect, Grant, Node, Org, Resolver, Roles, base, permission_of};
use crate::store::{
    AuditItem, GrantsItem, GroupItem, OrgItem, RolesItem, grants_key, group_key, groups, org_key, roles_key,
};
use crate::user::{Role, Violation};

/// Grants of one principal or group.
pub const MAX_GRANTS: usize = 100;
/// Groups of one user.
pub const MAX_GROUPS: usize = 20;
const MAX_ID: usize = 64;
const MAX_NAME: usize = 100;
/// Nodes of a tenant's tree.
const MAX_NODES: usize = 10_000;

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// 1 to 64 of a-z, 0-9, `-`.
    pub id: String,
    pub name: String,
}

/// Everything the resolver needs for one principal.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    roles: Roles,
    org: Org,
    grants: Vec<Grant>,
}

impl Rights {
    /// Decides for the principal.
    #[must_use]
    pub fn resolver(&self) -> Resolver<'_> {
        Resolver::new(&self.roles, &self.org, &self.grants)
    }

    /// With one role more, for the whole tenant.
    #[must_use]
    pub fn with(mut self, role: impl ToString) -> Self {
        self.grants.push(Grant { role: role.to_string(), on: Node::Tenant, effect: Effect::Allow });
        self
    }

    /// As what, and where, a caller with this role may call a route; `None` when nowhere.
    #[must_use]
    pub fn admit(self, role: &str, route: &str) -> Option<Admitted> {
        let permission = permission_of(route)?;
        let reach = self.with(role).resolver().locations(permission);
        if reach.is_nowhere() {
            return None;
        }
        let has = |role: &str| base(role).is_some_and(|permissions| permissions.contains(&permission));
        let acts = [role, Role::StoreAdmin.as_str(), Role::WarehouseStaff.as_str()].into_iter().find(|role| has(role));
        Some(Admitted { role: acts.unwrap_or(role).to_owned(), reach })
    }

    /// What is read to know the rights of a principal in these groups.
    pub(crate) fn keys(tenant: &TenantId, principal: &str, groups: &BTreeSet<String>) -> Vec<Key> {
        let mut keys = vec![roles_key(tenant), org_key(tenant), grants_key(tenant, principal)];
        keys.extend(groups.iter().map(|group| grants_key(tenant, &group_principal(group))));
        keys
    }

    /// From the items of [`Rights::keys`], in their order.
    pub(crate) fn decode(items: impl IntoIterator<Item = Option<Item>>) -> Result<Self, TableError> {
        let mut items = items.into_iter();
        let roles = items.next().flatten().map(|item| item.decode::<RolesItem>()).transpose()?;
        let org = items.next().flatten().map(|item| item.decode::<OrgItem>()).transpose()?;
        let mut grants = Vec::new();
        for item in items.flatten() {
            grants.extend(item.decode::<GrantsItem>()?.value.grants);
        }
        Ok(Self {
            roles: roles.map(|roles| roles.value.roles).unwrap_or_default(),
            org: org.map(|org| org.value.org).unwrap_or_default(),
            grants,
        })
    }
}

/// Somebody who may call a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// As what the caller acts there: the own role where that has the permission, else the one whose permission a grant gives.
    pub role: String,
    pub reach: Reach,
}

fn invalid(pointer: &'static str, code: &'static str, detail: impl Into<String>) -> DirectoryError {
    DirectoryError::Invalid(vec![Violation { pointer, code, detail: detail.into() }])
}

impl Directory {
    /// What a principal has been granted, itself and by its groups: one read.
    pub async fn rights(
        &self,
        tenant: &TenantId,
        principal: &str,
        groups: &BTreeSet<String>,
    ) -> Result<Rights, DirectoryError> {
        let keys = Rights::keys(tenant, principal, groups);
        Ok(Rights::decode(self.table.get_many(&keys, Consistency::Strong).await?)?)
    }

    /// The grants of a user, an application or (`group:x`) a group, and their version; 0 when there were never any.
    pub async fn grants(&self, tenant: &TenantId, principal: &str) -> Result<Versioned<Vec<Grant>>, DirectoryError> {
        let item = self.table.get::<GrantsItem>(grants_key(tenant, principal), Consistency::Strong).await?;
        Ok(match item {
            Some(Versioned { value, version }) => Versioned { value: value.grants, version },
            None => Versioned { value: Vec::new(), version: 0 },
        })
    }

    /// Replaces the grants that were seen; returns the new version.
    pub async fn set_grants(
        &self,
        actor: Actor<'_>,
        principal: &str,
        seen: Seen<'_>,
        grants: Vec<Grant>,
    ) -> Result<u64, DirectoryError> {
        let (there, roles) = futures::try_join!(self.grants(actor.tenant, principal), self.roles(actor.tenant))?;
        if grants.len() > MAX_GRANTS {
            return Err(invalid("/grants", "too_many", format!("may be {MAX_GRANTS} at most")));
        }
        if let Some(unknown) = grants.iter().find(|grant| !roles.value.contains(&grant.role)) {
            return Err(invalid("/grants", "unknown_role", format!("there is no role `{}`", unknown.role)));
        }
        if !seen(there.version) {
            return Err(DirectoryError::Stale);
        }
        let item = GrantsItem { principal: principal.to_owned(), grants };
        let entry = AuditItem(self.entry(actor, AuditKind::GrantsChanged, principal));
        let mut transaction = self.table.transaction(actor.tenant);
        match there.version {
            0 => transaction.create(&item),
            version => transaction.put_versioned(&item, version),
        };
        transaction.create(&entry);
        transaction.commit().await.map_err(stale)?;
        Ok(there.version + 1)
    }

    /// The tenant's own roles and their version; 0 when there were never any.
    pub async fn roles(&self, tenant: &TenantId) -> Result<Versioned<Roles>, DirectoryError> {
        let item = self.table.get::<RolesItem>(roles_key(tenant), Consistency::Strong).await?;
        Ok(item.map_or(Versioned { value: Roles::default(), version: 0 }, |item| Versioned {
            value: item.value.roles,
            version: item.version,
        }))
    }

    /// Replaces the roles that were seen. A grant of a role that is gone gives nothing.
    pub async fn set_roles(&self, actor: Actor<'_>, seen: Seen<'_>, roles: Roles) -> Result<u64, DirectoryError> {
        let there = self.roles(actor.tenant).await?.version;
        if !seen(there) {
            return Err(DirectoryError::Stale);
        }
        let entry = AuditItem(self.entry(actor, AuditKind::RolesChanged, actor.tenant));
        let mut transaction = self.table.transaction(actor.tenant);
        match there {
            0 => transaction.create(&RolesItem { roles }),
            version => transaction.put_versioned(&RolesItem { roles }, version),
        };
        transaction.create(&entry);
        transaction.commit().await.map_err(stale)?;
        Ok(there + 1)
    }

    /// The tenant's tree and its version; 0 when there was never one.
    pub async fn org(&self, tenant: &TenantId) -> Result<Versioned<Org>, DirectoryError> {
        let item = self.table.get::<OrgItem>(org_key(tenant), Consistency::Strong).await?;
        Ok(item.map_or(Versioned { value: Org::default(), version: 0 }, |item| Versioned {
            value: item.value.org,
            version: item.version,
        }))
    }

    /// Replaces the tree that was seen.
    pub async fn set_org(&self, actor: Actor<'_>, seen: Seen<'_>, org: Org) -> Result<u64, DirectoryError> {
        if org.locations.len() + org.companies.len() > MAX_NODES {
            return Err(invalid("/locations", "too_many", format!("may be {MAX_NODES} at most")));
        }
        if let Some(bad) = org.unnameable() {
            return Err(invalid("", "invalid_name", format!("`{bad}` is no name")));
        }
        let there = self.org(actor.tenant).await?.version;
        if !seen(there) {
            return Err(DirectoryError::Stale);
        }
        let entry = AuditItem(self.entry(actor, AuditKind::OrgChanged, actor.tenant));
        let mut transaction = self.table.transaction(actor.tenant);
        match there {
            0 => transaction.create(&OrgItem { org }),
            version => transaction.put_versioned(&OrgItem { org }, version),
        };
        transaction.create(&entry);
        transaction.commit().await.map_err(stale)?;
        Ok(there + 1)
    }

    /// Makes a group, or gives it another name.
    pub async fn put_group(&self, actor: Actor<'_>, group: &Group) -> Result<(), DirectoryError> {
        let is_id = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !(1..=MAX_ID).contains(&group.id.len()) || !group.id.bytes().all(is_id) {
            return Err(invalid("/id", "invalid_id", format!("must be 1 to {MAX_ID} of a-z, 0-9 and `-`")));
        }
        if !(1..=MAX_NAME).contains(&group.name.trim().len()) || group.name.chars().any(char::is_control) {
            return Err(invalid("/name", "invalid_name", format!("must be 1 to {MAX_NAME} bytes")));
        }
        let item = GroupItem { id: group.id.clone(), name: group.name.trim().to_owned() };
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.put(&item).create(&AuditItem(self.entry(
            actor,
            AuditKind::GroupChanged,
            group_principal(&group.id),
        )));
        transaction.commit().await.map_err(stale)
    }

    /// The groups of a tenant.
    pub async fn groups(
        &self,
        tenant: &TenantId,
        limit: usize,
        start: Option<Position>,
    ) -> Result<Page<Group>, DirectoryError> {
        let query = Query::index(GlobalIndex::Gsi2, groups(tenant)).limit(limit).start(start);
        let page = self.table.query::<GroupItem>(query).await?;
        page.try_map(|item| Ok(Group { id: item.value.id, name: item.value.name }))
    }

    /// One of these groups that is not there.
    pub(super) async fn missing_group(
        &self,
        tenant: &TenantId,
        groups: &BTreeSet<String>,
    ) -> Result<Option<String>, DirectoryError> {
        let keys: Vec<_> = groups.iter().map(|group| group_key(tenant, group)).collect();
        let found = self.table.get_many(&keys, Consistency::Strong).await?;
        Ok(groups.iter().zip(found).find(|(_, item)| item.is_none()).map(|(group, _)| group.clone()))
    }
}

/// A group as grants name it.
fn group_principal(group: &str) -> String {
    format!("group:{group}")
}
