//! Roles: the ones every tenant has, and a tenant's own, which inherit from others without going in circles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::CATALOGUE;

/// Roles a tenant may define.
pub const MAX_ROLES: usize = 100;
const MAX_NAME: usize = 64;

/// The roles every tenant has, and what they may do.
pub const BASE_ROLES: &[(&str, &[&str])] = &[
    ("CUSTOMER", &["books:read", "openid", "orders:read", "orders:write", "profile:read", "sessions:write"]),
    ("MEMBER", &["openid", "sessions:write"]),
    ("OPERATOR", &["connectors:register", "documents:read", "documents:write", "operations:write"]),
    (
        "SERVICE",
        &[
            "connectors:register",
            "documents:read",
            "documents:write",
            "health:read",
            "inventory:read",
            "inventory:write",
            "orders:report",
            "sales:read",
            "sales:write",
            "shipments:read",
            "shipments:write",
            "stock:read",
            "warehouses:register",
        ],
    ),
    (
        "STORE_ADMIN",
        &[
            "access:read",
            "access:write",
            "books:read",
            "books:write",
            "connections:read",
            "connections:write",
            "connectors:register",
            "customers:read",
            "customers:write",
            "dashboards:read",
            "documents:read",
            "documents:write",
            "inventory:approve",
            "inventory:read",
            "inventory:write",
            "openid",
            "operations:write",
            "orders:read",
            "orders:write",
            "profile:read",
            "sales:read",
            "sales:write",
            "sessions:write",
            "warehouses:read",
        ],
    ),
    ("WAREHOUSE_STAFF", &["openid", "sessions:write", "shipments:read", "stock:read", "stock:write"]),
];

/// One role of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDefinition {
    /// Names of the catalogue.
    #[serde(default)]
    pub permissions: BTreeSet<String>,
    /// Roles whose permissions it has too.
    #[serde(default)]
    pub inherits: BTreeSet<String>,
}

/// Why a set of roles cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoles {
    #[error("there may be {MAX_ROLES} roles at most")]
    TooMany,
    #[error("`{0}` is no name for a role: 1 to {MAX_NAME} of A-Z, 0-9 and `_`, and none of the roles every tenant has")]
    Name(String),
    #[error("`{role}` has the permission `{permission}`, which does not exist")]
    UnknownPermission { role: String, permission: String },
    #[error("`{role}` inherits from `{parent}`, which does not exist")]
    UnknownRole { role: String, parent: String },
    #[error("`{0}` inherits from itself")]
    Circle(String),
}

/// A tenant's own roles, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<String, RoleDefinition>);

impl Roles {
    /// Refuses names, permissions and parents that are not there, and circles.
    pub fn new(roles: BTreeMap<String, RoleDefinition>) -> Result<Self, InvalidRoles> {
        if roles.len() > MAX_ROLES {
            return Err(InvalidRoles::TooMany);
        }
        for (name, role) in &roles {
            if !is_name(name) || base(name).is_some() {
                return Err(InvalidRoles::Name(name.clone()));
            }
            let unknown = role.permissions.iter().find(|name| !CATALOGUE.iter().any(|known| known.name == **name));
            if let Some(permission) = unknown {
                return Err(InvalidRoles::UnknownPermission { role: name.clone(), permission: permission.clone() });
            }
            let missing = role.inherits.iter().find(|parent| base(parent).is_none() && !roles.contains_key(*parent));
            if let Some(parent) = missing {
                return Err(InvalidRoles::UnknownRole { role: name.clone(), parent: parent.clone() });
            }
        }
        let roles = Self(roles);
        match roles.0.keys().find(|name| roles.parents(name).contains(*name)) {
            Some(name) => Err(InvalidRoles::Circle(name.clone())),
            None => Ok(roles),
        }
    }

    /// The definitions, by name.
    #[must_use]
    pub fn definitions(&self) -> &BTreeMap<String, RoleDefinition> {
        &self.0
    }

    /// Whether there is such a role, the tenant's own or one that every tenant has.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        base(name).is_some() || self.0.contains_key(name)
    }

    /// Everything a role may do; nothing when there is no such role.
    #[must_use]
    pub fn permissions(&self, name: &str) -> BTreeSet<&str> {
        let mut all = self.parents(name);
        all.insert(name.to_owned());
        let mut permissions: BTreeSet<&str> = BTreeSet::new();
        for role in &all {
            permissions.extend(base(role).into_iter().flatten());
        }
        for (role, definition) in &self.0 {
            if all.contains(role) {
                permissions.extend(definition.permissions.iter().map(String::as_str));
            }
        }
        permissions
    }

    /// Whether this is one of [`Roles::permissions`].
    pub(crate) fn have(&self, name: &str, permission: &str) -> bool {
        let has = |role: &str| {
            base(role).is_some_and(|permissions| permissions.contains(&permission))
                || self.0.get(role).is_some_and(|definition| definition.permissions.contains(permission))
        };
        has(name) || self.parents(name).iter().any(|role| has(role))
    }

    /// Everybody a role inherits from, near and far; the role itself only when it goes in a circle.
    fn parents(&self, name: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = self.0.get(name).into_iter().flat_map(|role| &role.inherits).collect();
        while let Some(parent) = next.pop() {
            if seen.insert(parent.clone()) {
                next.extend(self.0.get(parent).into_iter().flat_map(|role| &role.inherits));
            }
        }
        seen
    }
}

/// What a role every tenant has may do; `None` for another role.
pub(crate) fn base(name: &str) -> Option<&'static [&'static str]> {
    BASE_ROLES.iter().find(|(role, _)| *role == name).map(|(_, permissions)| *permissions)
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}
