//! The resolver: what a principal's grants come to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use web::Reach;

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
        let nodes = |effect| self.nodes(permission, effect).collect();
        self.is_within(at, &nodes(Effect::Allow), &nodes(Effect::Deny))
    }

    fn is_within(&self, at: &Node, allowed: &BTreeSet<&Node>, denied: &BTreeSet<&Node>) -> bool {
        let above = self.org.above(at);
        let holds = |nodes: &BTreeSet<&Node>| nodes.iter().any(|node| above.contains(*node));
        !holds(denied) && holds(allowed)
    }

    /// Where the principal may do this: for every location the same as [`Resolver::decides`].
    #[must_use]
    pub fn locations(&self, permission: &str) -> Reach {
        let at = |effect| self.nodes(permission, effect).collect::<BTreeSet<_>>();
        let (allowed, denied) = (at(Effect::Allow), at(Effect::Deny));
        if denied.contains(&Node::Tenant) || allowed.is_empty() {
            return Reach::Only(BTreeSet::new());
        }
        let named = allowed.iter().chain(&denied).filter_map(|node| match node {
            Node::Location(location) => Some(location),
            Node::Tenant | Node::Company(_) | Node::Franchise(_) => None,
        });
        let known = self.org.locations.keys().chain(named).cloned();
        let (shown, hidden) =
            known.partition(|location| self.is_within(&Node::Location(location.clone()), &allowed, &denied));
        if allowed.contains(&Node::Tenant) { Reach::AllBut(hidden) } else { Reach::Only(shown) }
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
    fn nodes(&self, permission: &str, effect: Effect) -> impl Iterator<Item = &'a Node> {
        let with = |grant: &&Grant| grant.effect == effect && self.roles.permissions(&grant.role).contains(permission);
        self.grants.iter().filter(with).map(|grant| &grant.on).collect::<Vec<_>>().into_iter()
    }
}
