//! Companies: whose stock it is, in which currency and by which rules it is valued. A location belongs to one company.
//!
//! The rules are fixed when the company is made, because what was booked by one rule cannot go on by another; each level
//! carries them from the first movement that has a value. It does not know directories, people or markets.

use crate::valuation::{MAX_DECIMALS, Policy};
use crate::{CompanyId, LocationId};
use kernel::{Currency, TenantId};
use serde::{Deserialize, Serialize};
use table::{Entity, GlobalIndex, Key, Partition, Query};

/// A company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Its name within the tenant.
    pub id: CompanyId,
    /// Currency of every value.
    #[serde(rename = "cu")]
    pub currency: Currency,
    /// How its stock is valued.
    #[serde(rename = "po")]
    pub policy: Policy,
}

/// The rules cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCompany {
    /// More decimals than values are kept with.
    #[error("values have at most {MAX_DECIMALS} decimals")]
    Decimals,
    /// There is a company of this name with other rules.
    #[error("the company exists with another {0}")]
    ExistsWithDifferent(&'static str),
    /// There is no such company.
    #[error("there is no such company")]
    Unknown,
    /// The location belongs to another company.
    #[error("the location belongs to another company")]
    Taken,
}

impl Company {
    /// Checks the rules.
    pub fn check(&self) -> Result<(), InvalidCompany> {
        if self.policy.decimals > MAX_DECIMALS { Err(InvalidCompany::Decimals) } else { Ok(()) }
    }

    /// What is different in another description of the same company.
    #[must_use]
    pub fn difference(&self, other: &Company) -> Option<&'static str> {
        if self.currency != other.currency {
            Some("currency")
        } else if self.policy.method != other.policy.method {
            Some("method")
        } else if self.policy.negative != other.policy.negative {
            Some("negative")
        } else if self.policy.decimals != other.policy.decimals {
            Some("decimals")
        } else {
            None
        }
    }

    pub(crate) fn key_of(tenant: &TenantId, id: &CompanyId) -> Key {
        Key::tenant(tenant, &["COMPANY", id.as_str()], &["COMPANY"])
    }
}

impl Entity for Company {
    const KIND: &'static str = "stock-company";
    fn key(&self, tenant: &TenantId) -> Key {
        Self::key_of(tenant, &self.id)
    }
}

/// Which company a location belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Belonging {
    #[serde(rename = "l")]
    pub(crate) location: LocationId,
    #[serde(rename = "c")]
    pub(crate) company: CompanyId,
}

impl Belonging {
    pub(crate) fn key_of(tenant: &TenantId, location: &LocationId) -> Key {
        Key::tenant(tenant, &["LOCATION", location.as_str()], &["COMPANY"])
    }

    /// The locations of a company, by name.
    pub(crate) fn of(tenant: &TenantId, company: &CompanyId) -> Query {
        Query::index(GlobalIndex::Gsi2, Self::partition(tenant, company))
    }

    fn partition(tenant: &TenantId, company: &CompanyId) -> Partition {
        Partition::tenant(tenant, &["COMPANY", company.as_str(), "LOCATIONS"])
    }
}

impl Entity for Belonging {
    const KIND: &'static str = "stock-location";
    fn key(&self, tenant: &TenantId) -> Key {
        Self::key_of(tenant, &self.location)
    }
    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        Some(Self::partition(tenant, &self.company).key(&[self.location.as_str()]))
    }
}
