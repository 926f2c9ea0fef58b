//! A bounded memory of items read a moment ago, for what is read often and changes seldom.
//!
//! It lives as long as the function instance and is not told of others' writes: an entry may be stale for as long as
//! `ttl`.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{Clock, Timestamp};
use lru::LruCache;

use crate::{Consistency, Entity, Key, Table, TableError, Versioned};

/// Remembers items of one type.
#[derive(Debug)]
pub struct Cached<T> {
    table: Table,
    clock: Arc<dyn Clock>,
    ttl: Duration,
    entries: Mutex<LruCache<Key, Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    item: Arc<Versioned<T>>,
    read_at: Timestamp,
}

impl<T: Entity> Cached<T> {
    /// Remembers `capacity` items for `ttl` each.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, capacity: NonZeroUsize, ttl: Duration) -> Self {
        Self { table, clock, ttl, entries: Mutex::new(LruCache::new(capacity)) }
    }

    /// The item, at most `ttl` old. That there is none is not remembered.
    pub async fn get(&self, key: &Key) -> Result<Option<Arc<Versioned<T>>>, TableError> {
        let now = self.clock.now();
        if let Some(entry) = self.entries().get(key)
            && self.is_fresh(entry, now)
        {
            return Ok(Some(Arc::clone(&entry.item)));
        }
        match self.table.get(key.clone(), Consistency::Eventual).await? {
            Some(item) => Ok(Some(self.remember(key.clone(), item))),
            None => {
                self.entries().pop(key);
                Ok(None)
            }
        }
    }

    /// Remembers what was read; a newer version that is remembered already stays.
    fn remember(&self, key: Key, item: Versioned<T>) -> Arc<Versioned<T>> {
        let now = self.clock.now();
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&key)
            && self.is_fresh(entry, now)
            && entry.item.version > item.version
        {
            return Arc::clone(&entry.item);
        }
        let item = Arc::new(item);
        entries.put(key, Entry { item: Arc::clone(&item), read_at: now });
        item
    }

    fn is_fresh(&self, entry: &Entry<T>, now: Timestamp) -> bool {
        // A clock that was set back must not keep an entry alive for longer.
        let age = Duration::try_from(now.duration_since(entry.read_at));
        age.is_ok_and(|age| age < self.ttl)
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, LruCache<Key, Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
