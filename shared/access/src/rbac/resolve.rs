//! The resolver: what a principal's grants come to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use web::Reach;

use super::org::Nodes;
use super::{Node, Org, Roles};

/// Whether a grant gives or takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Effect {
    Allow,
    Deny,
}

/// A role at a node. Denying a role denies everything the role may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub role: String,
    pub on: Node,
    pub effect: Effect,
}

/// Decides for one principal.
#[derive(Debug, Clone, Copy)]
pub struct Resolver<'a> {
    roles: &'a Roles,
    org: &'a Org,
    grants: &'a [Grant],
}

impl<'a> Resolver<'a> {
    #[must_use]
    pub fn new(roles: &'a Roles, org: &'a Org, grants: &'a [Grant]) -> Self {
        Self { roles, org, grants }
    }

    /// Whether the principal may do this there.
    #[must_use]
    pub fn decides(&self, permission: &str, at: &Node) -> bool {
        let holds = |effect| self.org.is_within(at, &self.granted(permission, effect).collect());
        holds(Effect::Allow) && !holds(Effect::Deny)
    }

    /// Where the principal may do this: for every location the same as [`Resolver::decides`].
    #[must_use]
    pub fn locations(&self, permission: &str) -> Reach {
        let nodes = |effect| self.granted(permission, effect).collect::<Nodes<'_>>();
        let (allowed, denied) = (nodes(Effect::Allow), nodes(Effect::Deny));
        let shown = |location: &&str| {
            self.org.is_location_within(location, &allowed) && !self.org.is_location_within(location, &denied)
        };
        let known = self.org.locations.keys().map(String::as_str).chain(allowed.locations.iter().copied());
        match (allowed.tenant, denied.tenant) {
            (_, true) => Reach::Only(BTreeSet::new()),
            (false, false) => Reach::Only(known.filter(shown).map(str::to_owned).collect()),
            (true, false) => {
                let known = known.chain(denied.locations.iter().copied());
                Reach::AllBut(known.filter(|location| !shown(location)).map(str::to_owned).collect())
            }
        }
    }

    /// Everything the principal may do somewhere: what an application can be given as scopes.
    #[must_use]
    pub fn anywhere(&self) -> BTreeSet<&'a str> {
        let role = |effect| {
            let grants = self.grants.iter().filter(move |grant| grant.effect == effect);
            grants.flat_map(|grant| self.roles.permissions(&grant.role).into_iter().map(|name| (name, &grant.on)))
        };
        let denied: BTreeSet<&str> =
            role(Effect::Deny).filter(|(_, on)| **on == Node::Tenant).map(|(name, _)| name).collect();
        role(Effect::Allow).map(|(name, _)| name).filter(|name| !denied.contains(name)).collect()
    }

    /// Where grants with this permission are given.
    fn granted(&self, permission: &str, effect: Effect) -> impl Iterator<Item = &'a Node> {
        let Self { roles, grants, .. } = *self;
        let with = move |grant: &&Grant| grant.effect == effect && roles.have(&grant.role, permission);
        grants.iter().filter(with).map(|grant| &grant.on)
    }
}
