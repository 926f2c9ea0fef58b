//! What grants are given on: the tenant, its companies, franchise groups and locations, and how they lie below each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name of a company, group or location, in bytes.
const MAX_NAME: usize = 64;

/// A place a grant can be given on; as text `tenant`, `company:x`, `franchise:x` or `location:x`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    Tenant,
    Company(String),
    Franchise(String),
    Location(String),
}

/// The text is no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `tenant`, or `company:`, `franchise:` or `location:` and 1 to {MAX_NAME} of a-z, 0-9, `-`, `_`")]
pub struct InvalidNode;

impl FromStr for Node {
    type Err = InvalidNode;

    fn from_str(text: &str) -> Result<Self, InvalidNode> {
        if text == "tenant" {
            return Ok(Self::Tenant);
        }
        let (kind, name) = text.split_once(':').ok_or(InvalidNode)?;
        if !is_name(name) {
            return Err(InvalidNode);
        }
        match kind {
            "company" => Ok(Self::Company(name.to_owned())),
            "franchise" => Ok(Self::Franchise(name.to_owned())),
            "location" => Ok(Self::Location(name.to_owned())),
            _ => Err(InvalidNode),
        }
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::Company(name) => write!(f, "company:{name}"),
            Self::Franchise(name) => write!(f, "franchise:{name}"),
            Self::Location(name) => write!(f, "location:{name}"),
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        kernel::private::deserialize(deserializer)
    }
}

/// Where a location belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub franchises: BTreeSet<String>,
}

/// The tenant's tree. A franchise group holds locations, and companies with all of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Org {
    /// Locations and where they belong.
    #[serde(default)]
    pub locations: BTreeMap<String, Place>,
    /// Companies and the franchise groups they are in as a whole.
    #[serde(default)]
    pub companies: BTreeMap<String, BTreeSet<String>>,
}

impl Org {
    /// A name in it that no node can have.
    pub(crate) fn unnameable(&self) -> Option<&str> {
        let places = self.locations.values();
        let of_places = places.flat_map(|place| place.company.iter().chain(&place.franchises));
        let names = self.locations.keys().chain(self.companies.keys()).chain(self.companies.values().flatten());
        names.chain(of_places).map(String::as_str).find(|name| !is_name(name))
    }

    /// Whether the node is one of these or lies below one of them.
    pub(crate) fn is_within(&self, at: &Node, nodes: &Nodes<'_>) -> bool {
        let below = |node: &Node| match node {
            Node::Tenant => false,
            Node::Company(company) => self.is_company_within(company, nodes),
            Node::Franchise(franchise) => nodes.franchises.contains(franchise.as_str()),
            Node::Location(location) => self.is_location_within(location, nodes),
        };
        nodes.tenant || below(at)
    }

    /// The same for a location, by its name.
    pub(crate) fn is_location_within(&self, location: &str, nodes: &Nodes<'_>) -> bool {
        let belongs = |place: &Place| {
            place.franchises.iter().any(|group| nodes.franchises.contains(group.as_str()))
                || place.company.as_ref().is_some_and(|company| self.is_company_within(company, nodes))
        };
        nodes.tenant || nodes.locations.contains(location) || self.locations.get(location).is_some_and(belongs)
    }

    fn is_company_within(&self, company: &str, nodes: &Nodes<'_>) -> bool {
        let mut groups = self.companies.get(company).into_iter().flatten();
        nodes.companies.contains(company) || groups.any(|group| nodes.franchises.contains(group.as_str()))
    }
}

/// Nodes by their kinds, looked up once for all that may lie below them.
#[derive(Debug, Default)]
pub(crate) struct Nodes<'a> {
    pub(crate) tenant: bool,
    companies: BTreeSet<&'a str>,
    franchises: BTreeSet<&'a str>,
    pub(crate) locations: BTreeSet<&'a str>,
}

impl<'a> FromIterator<&'a Node> for Nodes<'a> {
    fn from_iter<I: IntoIterator<Item = &'a Node>>(nodes: I) -> Self {
        let mut all = Self::default();
        for node in nodes {
            match node {
                Node::Tenant => all.tenant = true,
                Node::Company(name) => _ = all.companies.insert(name),
                Node::Franchise(name) => _ = all.franchises.insert(name),
                Node::Location(name) => _ = all.locations.insert(name),
            }
        }
        all
    }
}
