//! The stock that a step of an order can look at, and which levels its promises and goods fall to.
//!
//! A hot item has shards beside its level (see [`inventory::hot`]); what is promised of it is promised of all of them
//! ([`inventory::Pool`]). A kit has no stock: its components do, and who plans an order takes it apart first.

use crate::Sales;
use crate::order::StockEffect;
use inventory::allocation::Availability;
use inventory::hot::HotList;
use inventory::kit::Kit;
use inventory::store::{decode_level, level_key};
use inventory::{Level, LocationId, Locations, Movement, Pool, Sku};
use kernel::TenantId;
use std::collections::{BTreeMap, BTreeSet};
use table::{Consistency, Entity, Item, Key, TableError};

/// What was read of the stock.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    pub(crate) locations: Locations,
    pub(crate) hot: HotList,
    /// Of locations and of shards.
    pub(crate) levels: BTreeMap<(LocationId, Sku), Level>,
}

/// An item at a location.
pub(crate) type Place = (LocationId, Sku);

impl Stock {
    fn level(&self, location: &LocationId, sku: &Sku) -> Level {
        let known = self.levels.get(&(location.clone(), sku.clone()));
        known.cloned().unwrap_or_else(|| Level::empty(sku.clone(), location.clone()))
    }

    /// An item at a location, shards included.
    pub(crate) fn pool(&self, location: &LocationId, sku: &Sku) -> Pool {
        self.hot.pool(location, sku, |at| self.level(at, sku))
    }

    /// Keeps an item of a mixed read if it is of the stock; gives it back if it is not.
    pub(crate) fn take(&mut self, item: Item) -> Result<Option<Item>, TableError> {
        match item.kind() {
            Locations::KIND => self.locations = item.decode::<Locations>()?.value,
            HotList::KIND => self.hot = item.decode::<HotList>()?.value,
            _ if inventory::store::is_level(&item) => {
                let level = decode_level(item)?;
                self.levels.insert((level.location.clone(), level.sku.clone()), level);
            }
            _ => return Ok(Some(item)),
        }
        Ok(None)
    }

    /// What can be promised at the locations that are up, without `except`, once these movements have happened.
    pub(crate) fn availability(&self, after: &[StockEffect], except: Option<&LocationId>) -> Availability {
        let usable = self.locations.healthy().filter(|id| Some(*id) != except);
        let mut by_location: Availability = usable.map(|id| (id.clone(), BTreeMap::new())).collect();
        let moved = by_place(after.to_vec());
        for (location, sku) in self.levels.keys() {
            if let Some(items) = by_location.get_mut(location) {
                let pool = self.pool(location, sku);
                let moved = moved.get(&(location.clone(), sku.clone()));
                let units = moved.map_or_else(|| pool.promisable(), |moved| pool.after(moved).promisable());
                items.insert(sku.clone(), units);
            }
        }
        by_location
    }

    /// The movements of each level, in the order in which they happen.
    pub(crate) fn movements(&self, effects: Vec<StockEffect>) -> Vec<(Level, Vec<Movement>)> {
        let lot = fastrand::usize(..);
        let mut all = Vec::new();
        for ((location, sku), movements) in by_place(effects) {
            let pool = self.pool(&location, &sku);
            let parts = pool.give_out(&movements, lot);
            all.extend(parts.into_iter().map(|(level, movements)| (level.clone(), movements)));
        }
        all
    }
}

/// The movements of each place. Units that are given back and promised again are neither.
fn by_place(effects: Vec<StockEffect>) -> BTreeMap<Place, Vec<Movement>> {
    let mut grouped: BTreeMap<Place, Vec<Movement>> = BTreeMap::new();
    for effect in effects {
        grouped.entry((effect.location, effect.sku)).or_default().push(effect.movement);
    }
    for movements in grouped.values_mut() {
        net(movements);
    }
    grouped.retain(|_, movements| !movements.is_empty());
    grouped
}

/// Turns promises given and taken back into what they come to.
fn net(movements: &mut Vec<Movement>) {
    let mut promised = 0i64;
    movements.retain(|movement| {
        let units = if let Movement::Committed { quantity } = movement {
            *quantity
        } else if let Movement::Released { quantity } = movement {
            -quantity
        } else {
            return true;
        };
        promised += units;
        false
    });
    match promised {
        0 => {}
        quantity if quantity > 0 => movements.push(Movement::Committed { quantity }),
        quantity => movements.push(Movement::Released { quantity: -quantity }),
    }
}

/// These places, and the shards of those that are hot.
pub(crate) fn with_shards(hot: &HotList, places: &BTreeSet<Place>) -> BTreeSet<Place> {
    let shards = places.iter().flat_map(|(location, sku)| hot.shards(location, sku).map(|shard| (shard, sku.clone())));
    shards.chain(places.iter().cloned()).collect()
}

pub(crate) fn keys<'a>(tenant: &'a TenantId, places: &'a BTreeSet<Place>) -> impl Iterator<Item = Key> + 'a {
    places.iter().map(|(location, sku)| level_key(tenant, location, sku))
}

impl Sales {
    /// Reads these places into `stock`: one read, and another one when it finds hot items that this process did not know.
    pub(crate) async fn load(
        &self,
        tenant: &TenantId,
        stock: &mut Stock,
        places: BTreeSet<Place>,
    ) -> Result<(), TableError> {
        let asked = with_shards(&self.known(tenant).hot, &places);
        let first = std::iter::once(HotList::key_of(tenant)).chain(keys(tenant, &asked)).collect();
        self.read(stock, first).await?;
        let all = with_shards(&stock.hot, &places);
        let rest = all.difference(&asked).cloned().collect();
        self.read(stock, keys(tenant, &rest).collect()).await?;
        self.remember_hot(tenant, &stock.hot);
        Ok(())
    }

    async fn read(&self, stock: &mut Stock, keys: Vec<Key>) -> Result<(), TableError> {
        if keys.is_empty() {
            return Ok(());
        }
        for item in self.table.get_many(&keys, Consistency::Strong).await?.into_iter().flatten() {
            stock.take(item)?;
        }
        Ok(())
    }

    /// What those of these items that are kits are made of.
    pub(crate) async fn kits(
        &self,
        tenant: &TenantId,
        skus: impl Iterator<Item = &Sku>,
    ) -> Result<BTreeMap<Sku, Vec<(Sku, i64)>>, TableError> {
        let keys: Vec<Key> = skus.map(|sku| Kit::key_of(tenant, sku)).collect();
        let found = self.table.get_many(&keys, Consistency::Strong).await?;
        let kit = |item: Item| item.decode::<Kit>().map(|kit| (kit.value.sku, kit.value.components));
        found.into_iter().flatten().map(kit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_go_from_one_parcel_to_another_of_the_same_place_move_no_stock() {
        let effect = |movement| {
            let (location, sku) = ("alpha".parse().unwrap(), "a".parse().unwrap());
            StockEffect { location, sku, movement }
        };
        let released = |quantity| effect(Movement::Released { quantity });
        let committed = |quantity| effect(Movement::Committed { quantity });
        let moved = |effects: Vec<StockEffect>| by_place(effects).into_values().next().unwrap_or_default();
        assert_eq!(moved(vec![released(4), committed(3), committed(1)]), []);
        assert_eq!(moved(vec![released(4), committed(1)]), [Movement::Released { quantity: 3 }]);
        assert_eq!(moved(vec![released(1), committed(4)]), [Movement::Committed { quantity: 3 }]);
    }
}
