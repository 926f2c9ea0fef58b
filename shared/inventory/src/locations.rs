//! Fulfilment locations: which places ship for a tenant, where they are reached, and whether they answer.
//!
//! All of a tenant's locations are one small item, because everything that allocates stock needs all of them in one
//! read. What is asked of a location over HTTP, and how its health is found out, belongs to the storefront.

use crate::{LocationId, allocation::MAX_LOCATIONS};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use table::{Entity, Key};

/// Whether a location can be given work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Health {
    /// It answered when last asked.
    Healthy,
    /// It did not. It gets no orders, and what it has not been sent yet goes elsewhere.
    Offline,
}

/// One place that ships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// A name for people.
    #[serde(rename = "n")]
    pub name: String,
    /// Base URL of its service, without a trailing slash.
    #[serde(rename = "u")]
    pub url: String,
    /// Whether it can be given work.
    #[serde(rename = "h")]
    pub health: Health,
    /// When it last answered or registered.
    #[serde(rename = "s")]
    pub last_seen: Timestamp,
}

/// Every location of a tenant.
///
/// Access pattern: pk `T#t#LOCATIONS`, sk `LOCATIONS`; read with every allocation, written by registration and by the
/// health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locations {
    /// By id.
    #[serde(rename = "m")]
    pub by_id: BTreeMap<LocationId, Location>,
}

/// The tenant already has [`MAX_LOCATIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant can have at most {MAX_LOCATIONS} locations")]
pub struct TooManyLocations;

impl Locations {
    /// Adds a location, or updates what is known of it. A new location, or one at a new address, counts as up until it is
    /// asked; one that registers again from where it was keeps its health, because its schedule may run while its API
    /// does not.
    pub fn register(
        &mut self,
        id: LocationId,
        name: String,
        url: String,
        now: Timestamp,
    ) -> Result<(), TooManyLocations> {
        if !self.by_id.contains_key(&id) && self.by_id.len() >= MAX_LOCATIONS {
            return Err(TooManyLocations);
        }
        let known = self.by_id.get(&id).filter(|location| location.url == url);
        let (health, last_seen) =
            known.map_or((Health::Healthy, now), |location| (location.health, location.last_seen));
        self.by_id.insert(id, Location { name, url, health, last_seen });
        Ok(())
    }

    /// Records the answer of a health check; true when the health changed.
    pub fn observe(&mut self, id: &LocationId, healthy: bool, now: Timestamp) -> bool {
        let Some(location) = self.by_id.get_mut(id) else { return false };
        let health = if healthy { Health::Healthy } else { Health::Offline };
        if healthy {
            location.last_seen = now;
        }
        std::mem::replace(&mut location.health, health) != health
    }

    /// Those that can be given work.
    pub fn healthy(&self) -> impl Iterator<Item = &LocationId> {
        self.by_id.iter().filter(|(_, l)| l.health == Health::Healthy).map(|(id, _)| id)
    }

    /// Key of the one item of a tenant.
    pub fn key_of(tenant: &TenantId) -> Key {
        Key::tenant(tenant, &["LOCATIONS"], &["LOCATIONS"])
    }
}

impl Entity for Locations {
    const KIND: &'static str = "locations";
    fn key(&self, tenant: &TenantId) -> Key {
        Self::key_of(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offline_location_gets_no_work_until_it_answers_again() {
        let (mut all, alpha): (Locations, LocationId) = (Locations::default(), "alpha".parse().unwrap());
        all.register(alpha.clone(), "Alpha".into(), "http://a".into(), Timestamp::UNIX_EPOCH).unwrap();
        assert!(all.observe(&alpha, false, Timestamp::UNIX_EPOCH));
        assert_eq!(all.healthy().count(), 0);
        all.register(alpha.clone(), "Alpha".into(), "http://a".into(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(all.healthy().count(), 0, "its schedule runs, its API may not");
        assert!(!all.observe(&alpha, false, Timestamp::UNIX_EPOCH));
        assert!(all.observe(&alpha, true, Timestamp::UNIX_EPOCH));
        assert_eq!(all.healthy().count(), 1);
    }

    #[test]
    fn one_location_too_many_is_refused_and_a_known_one_is_not() {
        let mut all = Locations::default();
        for n in 0..MAX_LOCATIONS {
            all.register(format!("w{n}").parse().unwrap(), "w".into(), "http://w".into(), Timestamp::UNIX_EPOCH)
                .unwrap();
        }
        let register = |all: &mut Locations, id: &str| {
            all.register(id.parse().unwrap(), "w".into(), "http://w".into(), Timestamp::UNIX_EPOCH)
        };
        assert_eq!(register(&mut all, "extra"), Err(TooManyLocations));
        assert_eq!(register(&mut all, "w1"), Ok(()));
    }
}
