//! Who may do what, where: roles, grants, and the one resolver that gives both a decision and a filter for lists.
//!
//! Pure. A grant is a role at a node (the tenant, a company, a franchise group or a location) and either allows or denies;
//! it holds for everything below the node. What is denied anywhere is denied, whatever allows it; what nothing allows is
//! denied. Where grants are kept is `directory`'s business; which route needs which permission is data (`catalogue`).

mod catalogue;
mod org;
mod resolve;
mod roles;

pub(crate) use catalogue::permission_of;
pub use catalogue::{CATALOGUE, Permission, permits, public_scopes};
pub use org::{InvalidNode, Node, Org, Place};
pub use resolve::{Effect, Grant, Resolver};
pub(crate) use roles::base;
pub use roles::{BASE_ROLES, InvalidRoles, MAX_ROLES, RoleDefinition, Roles};

#[cfg(test)]
mod tests;
