//! An item at a location as those who promise and ship it see it: its own level and, when it is or was hot, its shards.
//! Pure.
//!
//! Promises are made to the whole, and kept by the whole: a unit that was promised at a shard may be given back or leave
//! wherever one is committed. So nobody has to remember which shard a promise came from, and a rebalance may move promises.

use crate::hot::spread;
use crate::level::Level;
use crate::movement::{Movement, Posting};
use kernel::Timestamp;

/// One item at one location.
#[derive(Debug, Clone)]
pub struct Pool {
    /// The location's own level first, then its shards.
    levels: Vec<Level>,
    /// Shards that new promises are made at.
    live: usize,
}

/// What falls to each place while movements are given out.
struct Slot {
    level: Level,
    movements: Vec<Movement>,
}

impl Slot {
    fn add(&mut self, movement: Movement) {
        let posting =
            Posting { source: String::new(), actor: String::new(), reason: None, effective_at: Timestamp::UNIX_EPOCH };
        // What the level refuses is refused again, and for good, when it is posted.
        if let Ok((next, _)) = self.level.apply(&movement, &posting) {
            self.level = next;
        }
        self.movements.push(movement);
    }
}

impl Pool {
    /// The location's level, its shards, and how many of those, from the first on, new promises are made at.
    #[must_use]
    pub fn new(own: Level, shards: impl IntoIterator<Item = Level>, live: usize) -> Self {
        Self { levels: std::iter::once(own).chain(shards).collect(), live }
    }

    /// Units that can still be promised, those the level may promise beyond what there is included.
    #[must_use]
    pub fn promisable(&self) -> i64 {
        self.levels.iter().take(self.live + 1).map(promisable).sum()
    }

    /// The movements of the whole as movements of its levels. Promises are made at shards by lot, then at the location;
    /// what leaves, leaves at the location, and what shards have promised comes there first.
    #[must_use]
    pub fn give_out(&self, movements: &[Movement], lot: usize) -> Vec<(&Level, Vec<Movement>)> {
        if let [own] = &*self.levels {
            return vec![(own, movements.to_vec())];
        }
        let slots = self.after_each(movements, lot);
        let moved = self.levels.iter().zip(slots).filter(|(_, slot)| !slot.movements.is_empty());
        moved.map(|(level, slot)| (level, slot.movements)).collect()
    }

    /// The whole after movements, as far as units go; those it would refuse are left out.
    #[must_use]
    pub fn after(&self, movements: &[Movement]) -> Self {
        let slots = self.after_each(movements, 0);
        Self { levels: slots.into_iter().map(|slot| slot.level).collect(), live: self.live }
    }

    fn after_each(&self, movements: &[Movement], lot: usize) -> Vec<Slot> {
        // Without cost: what units are worth changes nothing here.
        let slot = |level: &Level| Slot { level: Level { cost: None, ..level.clone() }, movements: Vec::new() };
        let mut slots: Vec<Slot> = self.levels.iter().map(slot).collect();
        for movement in movements {
            give(&mut slots, movement, self.live, lot);
        }
        slots
    }
}

fn promisable(level: &Level) -> i64 {
    level.available().saturating_add(level.backorder).max(0)
}

/// Finds places for one movement. The first slot is the location's own.
fn give(slots: &mut [Slot], movement: &Movement, live: usize, lot: usize) {
    let Some((own, shards)) = slots.split_first_mut() else { return };
    if let Movement::Committed { quantity } = *movement {
        let free: Vec<i64> = shards.iter().take(live).map(|shard| promisable(&shard.level)).collect();
        let sharded = free.iter().sum::<i64>().min(quantity);
        if sharded > 0 {
            for (shard, quantity) in spread(sharded, &free, lot % free.len()) {
                shards[shard].add(Movement::Committed { quantity });
            }
        }
        if quantity > sharded {
            own.add(Movement::Committed { quantity: quantity - sharded });
        }
        return;
    }
    let committed = |level: &Level| level.committed;
    if let Movement::Released { quantity } = *movement {
        let at_own = own.level.committed.min(quantity);
        let back = |quantity| Movement::Released { quantity };
        // What is promised nowhere is refused by the location's level.
        let left = at_own + part_of(shards, quantity - at_own, committed, back);
        if left > 0 {
            own.add(back(left));
        }
        return;
    }
    if let Movement::FulfillmentCompleted { quantity, .. }
    | Movement::FulfillmentRefused { quantity, .. }
    | Movement::Shipped { quantity } = *movement
    {
        let lacking = quantity - own.level.committed;
        let left = part_of(shards, lacking, committed, |quantity| Movement::Shipped { quantity });
        if lacking > left {
            own.add(Movement::ReservationCommitted { quantity: lacking - left });
        }
    }
    if let Movement::Issued { quantity } = *movement {
        let lacking = quantity - own.level.available().max(0);
        let home = |units: i64| Movement::TransferPosted { delta: -units, settles: 0, value: None };
        let left = part_of(shards, lacking, Level::available, home);
        if lacking > left {
            own.add(Movement::ReservationReleased { quantity: lacking - left });
        }
    }
    own.add(movement.clone());
}

/// Takes units from shards that have so many each; gives how many could not be taken, 0 when less than one was wanted.
fn part_of(shards: &mut [Slot], units: i64, has: impl Fn(&Level) -> i64, movement: impl Fn(i64) -> Movement) -> i64 {
    if units < 1 {
        return 0;
    }
    let there: Vec<i64> = shards.iter().map(|shard| has(&shard.level)).collect();
    let parts = spread(units, &there, 0);
    for (shard, part) in &parts {
        shards[*shard].add(movement(*part));
    }
    units - parts.iter().map(|(_, part)| part).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocationId;
    use crate::movement::Observation;
    use proptest::prelude::*;

    /// A pool of 40 units, of which each of three shards has what is said, the last one in use no more.
    fn pool(shards: [i64; 3]) -> Pool {
        let alpha: LocationId = "alpha".parse().unwrap();
        let level = |place: LocationId, on_hand: i64, reserved: i64| {
            let mut level = Level::empty("hot".parse().unwrap(), place);
            (level.balances.on_hand, level.balances.reserved) = (on_hand, reserved);
            level
        };
        let own = level(alpha.clone(), 40, shards.iter().sum());
        Pool::new(own, (0..).zip(shards).map(|(n, units)| level(alpha.part(n), units, 0)), 2)
    }

    fn committed(pool: &Pool) -> i64 {
        pool.levels.iter().map(|level| level.committed).sum()
    }

    proptest! {
        #[test]
        fn a_pool_keeps_every_promise_whichever_level_made_it(
            shards in [0i64..12, 0i64..12, 0i64..12],
            steps in prop::collection::vec((0u8..4, 1i64..15), 1..30),
        ) {
            let mut pool = pool(shards);
            let (mut promised, mut on_hand) = (0, 40);
            for (kind, quantity) in steps {
                let (movement, allowed) = match kind {
                    0 => (Movement::Committed { quantity }, quantity <= pool.promisable()),
                    1 => (Movement::Released { quantity }, quantity <= promised),
                    2 => {
                        let observed = Observation { on_hand: on_hand - quantity, version: 1 + pool.levels[0].source_version };
                        (Movement::FulfillmentCompleted { quantity, observed }, quantity <= promised)
                    }
                    _ => (Movement::Issued { quantity }, quantity <= pool.promisable()),
                };
                if !allowed {
                    continue;
                }
                match kind {
                    0 => promised += quantity,
                    1 => promised -= quantity,
                    2 => { promised -= quantity; on_hand -= quantity; }
                    _ => on_hand -= quantity,
                }
                for (level, movements) in pool.give_out(std::slice::from_ref(&movement), 5) {
                    let posting = Posting { source: "o".into(), actor: "t".into(), reason: None, effective_at: Timestamp::UNIX_EPOCH };
                    movements.iter().try_fold(level.clone(), |level, movement| level.apply(movement, &posting).map(|(next, _)| next)).unwrap();
                }
                pool = pool.after(&[movement]);
                prop_assert_eq!(committed(&pool), promised);
                let (own, shards) = pool.levels.split_first().unwrap();
                prop_assert_eq!(own.on_hand, on_hand);
                prop_assert!(shards.iter().map(|shard| shard.on_hand).sum::<i64>() <= own.reserved);
                prop_assert!(pool.levels.iter().all(|level| level.available() >= 0), "{:?}", pool);
            }
        }
    }

    #[test]
    fn an_item_that_is_not_hot_is_moved_as_it_is_said() {
        let own = pool([0, 0, 0]).levels.remove(0);
        let movements = [Movement::Committed { quantity: 2 }, Movement::Released { quantity: 1 }];
        let pool = Pool::new(own, [], 0);
        assert_eq!(pool.give_out(&movements, 7), [(&pool.levels[0], movements.to_vec())]);
    }
}
