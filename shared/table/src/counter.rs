//! Counters that many write at once: the count is spread over partitions and summed when read.
//!
//! A sum is not a snapshot, and a counter cannot be conditioned on its sum. Partition
//! `T#<tenant>#COUNTER#<name>#<shard>`.

use kernel::TenantId;

use crate::{Consistency, Item, Key, Table, TableError, Update};

const COUNTER_KIND: &str = "counter";
const COUNT: &str = "n";

/// A counter's name and its number of shards, each good for about 1,000 writes a second. The number may grow later,
/// never shrink.
#[derive(Debug, Clone)]
pub struct ShardedCounter {
    name: String,
    shards: u16,
}

impl ShardedCounter {
    /// At most 100 shards make a sum one read; 0 counts as 1.
    #[must_use]
    pub fn new(name: impl Into<String>, shards: u16) -> Self {
        Self { name: name.into(), shards: shards.max(1) }
    }

    /// Adds `amount` to some shard, alone ([`Table::apply`]) or with other writes ([`crate::Transaction::update`]).
    pub fn add(&self, tenant: &TenantId, amount: i64) -> Update {
        let shard = fastrand::u16(0..self.shards);
        Update::upsert_kind(self.key(tenant, shard), COUNTER_KIND).add(COUNT, amount)
    }

    /// The sum of all shards.
    pub async fn sum(&self, table: &Table, tenant: &TenantId, consistency: Consistency) -> Result<i64, TableError> {
        let keys: Vec<Key> = (0..self.shards).map(|shard| self.key(tenant, shard)).collect();
        let shards = table.get_many(&keys, consistency).await?;
        shards.iter().flatten().try_fold(0i64, |sum, shard: &Item| {
            let overflow = || TableError::corrupt(format!("the counter `{}` does not fit into 64 bits", self.name));
            shard.number(COUNT).and_then(|count| sum.checked_add(count)).ok_or_else(overflow)
        })
    }

    fn key(&self, tenant: &TenantId, shard: u16) -> Key {
        Key::tenant(tenant, &["COUNTER", &self.name, &shard.to_string()], &["COUNTER"])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{block_on, dynamo, note, table, tenant};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_sum_is_the_sum_of_what_was_added(
            amounts in proptest::collection::vec(-1000i64..1000, 0..30),
            shards in 0u16..6,
            seed in any::<u64>(),
        ) {
            block_on(async {
                let table = Table::new(dynamo().contended(seed).client(), crate::testing::NAME);
                let counter = ShardedCounter::new("visits", shards);
                let adds = amounts.iter().map(|amount| table.apply(counter.add(&tenant(), *amount)));
                futures::future::try_join_all(adds).await.unwrap();
                let sum = counter.sum(&table, &tenant(), Consistency::Strong).await.unwrap();
                assert_eq!(sum, amounts.iter().sum::<i64>());
            });
        }
    }

    #[tokio::test]
    async fn counters_are_apart_by_name_and_tenant() {
        let table = table();
        let counter = ShardedCounter::new("visits", 4);
        table.apply(counter.add(&tenant(), 5)).await.unwrap();
        let sum = async |name: &str, tenant: &TenantId| {
            ShardedCounter::new(name, 4).sum(&table, tenant, Consistency::Strong).await.unwrap()
        };
        assert_eq!(sum("visits", &tenant()).await, 5);
        assert_eq!(sum("orders", &tenant()).await, 0);
        assert_eq!(sum("visits", &"other.test".parse().unwrap()).await, 0);
    }

    #[tokio::test]
    async fn a_count_can_be_part_of_a_transaction() {
        let table = table();
        let counter = ShardedCounter::new("notes", 4);
        table.create(&tenant(), &note("taken")).await.unwrap();
        for (id, succeeds) in [("free", true), ("taken", false)] {
            let mut transaction = table.transaction(&tenant());
            transaction.create(&note(id)).update(counter.add(&tenant(), 1));
            assert_eq!(transaction.commit().await.is_ok(), succeeds);
        }
        assert_eq!(counter.sum(&table, &tenant(), Consistency::Strong).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_sum_beyond_64_bits_is_an_error_not_a_wrong_number() {
        let table = table();
        let counter = ShardedCounter::new("atoms", 1);
        table.apply(counter.add(&tenant(), i64::MAX)).await.unwrap();
        table.apply(counter.add(&tenant(), 1)).await.unwrap();
        let error = counter.sum(&table, &tenant(), Consistency::Strong).await.unwrap_err();
        assert!(error.to_string().contains("`atoms` does not fit"));
    }
}
