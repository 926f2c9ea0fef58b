//! Kits: an item that is sold as one and is made of others, which are what is held in stock. Pure.
//!
//! A kit has no stock of its own. A component is an item and never another kit; one that is named twice counts once, with
//! the sum of its units.

use crate::Sku;
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use table::{Entity, Key};

/// Most components of one kit.
pub const MAX_COMPONENTS: usize = 20;
/// Most units of one component.
pub const MAX_PER_KIT: i64 = 1_000;

/// A kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    /// What it is sold as.
    #[serde(rename = "k")]
    pub sku: Sku,
    /// Units of each component in one kit, no component twice.
    #[serde(rename = "c")]
    pub components: Vec<(Sku, i64)>,
}

/// The kit cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKit {
    /// None, or more than [`MAX_COMPONENTS`].
    #[error("a kit has 1 to {MAX_COMPONENTS} components")]
    Components,
    /// Below 1 or above [`MAX_PER_KIT`].
    #[error("a kit has 1 to {MAX_PER_KIT} units of {0}")]
    Quantity(Sku),
    /// The kit itself, or another kit.
    #[error("{0} is a kit and cannot be a component")]
    Nested(Sku),
}

impl Kit {
    /// A kit of these units of components.
    pub fn new(sku: Sku, components: Vec<(Sku, i64)>) -> Result<Self, InvalidKit> {
        let mut merged: BTreeMap<Sku, i64> = BTreeMap::new();
        for (component, quantity) in components {
            let units = merged.entry(component).or_default();
            *units = units.saturating_add(quantity);
        }
        if merged.contains_key(&sku) {
            return Err(InvalidKit::Nested(sku));
        }
        if !(1..=MAX_COMPONENTS).contains(&merged.len()) {
            return Err(InvalidKit::Components);
        }
        if let Some((component, _)) = merged.iter().find(|(_, units)| !(1..=MAX_PER_KIT).contains(*units)) {
            return Err(InvalidKit::Quantity(component.clone()));
        }
        Ok(Self { sku, components: merged.into_iter().collect() })
    }

    /// How many kits can be sold where so much of each component is available.
    pub fn sellable(&self, available: impl Fn(&Sku) -> i64) -> i64 {
        sellable(&self.components, available)
    }

    /// Its key, for reads that fetch kits together with other things.
    pub fn key_of(tenant: &TenantId, sku: &Sku) -> Key {
        Key::tenant(tenant, &["KIT", sku.as_str()], &["KIT"])
    }
}

/// `min(floor(available / units))` over the components.
pub(crate) fn sellable(components: &[(Sku, i64)], available: impl Fn(&Sku) -> i64) -> i64 {
    components.iter().map(|(sku, units)| available(sku).max(0) / units.max(&1)).min().unwrap_or(0)
}

impl Entity for Kit {
    const KIND: &'static str = "kit";
    fn key(&self, tenant: &TenantId) -> Key {
        Self::key_of(tenant, &self.sku)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn kit(components: &[(&str, i64)]) -> Result<Kit, InvalidKit> {
        Kit::new(sku("set"), components.iter().map(|(component, units)| (sku(component), *units)).collect())
    }

    #[test]
    fn a_component_named_twice_counts_once_with_its_sum() {
        assert_eq!(kit(&[("a", 1), ("b", 2), ("a", 2)]).unwrap().components, [(sku("a"), 3), (sku("b"), 2)]);
    }

    #[test]
    fn kits_that_cannot_be_are_refused() {
        assert_eq!(kit(&[]), Err(InvalidKit::Components));
        assert_eq!(kit(&[("set", 1)]), Err(InvalidKit::Nested(sku("set"))));
        for units in [0, -1, MAX_PER_KIT + 1, i64::MAX] {
            assert_eq!(kit(&[("a", units)]), Err(InvalidKit::Quantity(sku("a"))));
        }
    }

    proptest! {
        #[test]
        fn so_many_kits_can_be_made_and_not_one_more(parts in prop::collection::vec((1i64..9, -3i64..100), 1..5)) {
            let components: Vec<_> = parts.iter().enumerate().map(|(n, (units, _))| (sku(&format!("c{n}")), *units)).collect();
            let kit = Kit::new(sku("set"), components).unwrap();
            let stock = |sku: &Sku| parts[sku.as_str()[1..].parse::<usize>().unwrap()].1;
            let made = kit.sellable(stock);
            prop_assert!(made >= 0);
            prop_assert!(kit.components.iter().all(|(c, units)| units * made <= stock(c).max(0)));
            prop_assert!(kit.components.iter().any(|(c, units)| units * (made + 1) > stock(c).max(0)));
        }
    }
}
