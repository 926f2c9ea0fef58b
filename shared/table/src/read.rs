//! Reads: one item, many items, pages of a list.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::future::try_join_all;

use crate::item::Attributes;
use crate::key::{PK, SK};
use crate::meter::Metered;
use crate::query::Place;
use crate::retry::{BACKOFF, LostAnswer};
use crate::{Consistency, Entity, GlobalIndex, Item, Key, Page, Query, Table, TableError, Versioned};

/// The most keys one `BatchGetItem` takes.
const BATCH: usize = 100;

impl Table {
    /// The item at a key.
    pub async fn get<T: Entity>(&self, key: Key, consistency: Consistency) -> Result<Option<Versioned<T>>, TableError> {
        self.get_item(key, consistency).await?.map(Item::decode).transpose()
    }

    /// The item at a key, whatever it is.
    pub async fn get_item(&self, key: Key, consistency: Consistency) -> Result<Option<Item>, TableError> {
        match self.fetch(key, consistency).await? {
            Some(item) => self.check_out(item).await,
            None => Ok(None),
        }
    }

    /// The item as stored: a body in the blob store stays there.
    pub(crate) async fn fetch(&self, key: Key, consistency: Consistency) -> Result<Option<Item>, TableError> {
        let answer = self
            .client(LostAnswer::TryAgain)
            .get_item()
            .table_name(&self.inner.name)
            .set_key(Some(key.into_attributes()))
            .set_consistent_read(consistency.is_strong().then_some(true))
            .set_return_consumed_capacity(self.reported())
            .send()
            .await;
        let consumed = answer.as_ref().ok().and_then(|answer| answer.consumed_capacity());
        self.record(Metered::GetItem, consumed.map(std::slice::from_ref).unwrap_or_default());
        Ok(answer.map_err(TableError::from_sdk)?.item.map(Item))
    }

    /// The items at these keys, in the same order; `None` where there is none. They may be of different types.
    ///
    /// Not a snapshot: the items are read one by one.
    pub async fn get_many(&self, keys: &[Key], consistency: Consistency) -> Result<Vec<Option<Item>>, TableError> {
        // DynamoDB refuses a key that is asked for twice.
        let mut slots: HashMap<(&str, &str), usize> = HashMap::with_capacity(keys.len());
        let mut wanted: Vec<&Key> = Vec::with_capacity(keys.len());
        let mut places: Vec<usize> = Vec::with_capacity(keys.len());
        for key in keys {
            let slot = *slots.entry((key.pk(), key.sk())).or_insert(wanted.len());
            if slot == wanted.len() {
                wanted.push(key);
            }
            places.push(slot);
        }
        let batches = wanted.chunks(BATCH).map(|keys| self.get_batch(keys, consistency));
        let mut found: Vec<Option<Item>> = vec![None; wanted.len()];
        for item in try_join_all(batches).await?.into_iter().flatten() {
            let Some(item) = self.check_out(item).await? else { continue };
            let key = item.text(PK).zip(item.text(SK));
            if let Some(slot) = key.and_then(|key| slots.get(&key).copied()) {
                found[slot] = Some(item);
            }
        }
        if wanted.len() == keys.len() {
            return Ok(found);
        }
        Ok(places.into_iter().map(|slot| found[slot].clone()).collect())
    }

    /// At most 100 different keys, in whatever order `DynamoDB` answers.
    async fn get_batch(&self, keys: &[&Key], consistency: Consistency) -> Result<Vec<Item>, TableError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut pending: Vec<Attributes> = keys.iter().map(|key| (*key).clone().into_attributes()).collect();
        let mut attempt = 0;
        while !pending.is_empty() {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(pending))
                .set_consistent_read(consistency.is_strong().then_some(true))
                .build()
                .map_err(|error| TableError::Rejected { code: "construction".to_owned(), source: error.into() })?;
            let answer = self
                .client(LostAnswer::TryAgain)
                .batch_get_item()
                .request_items(&self.inner.name, wanted)
                .set_return_consumed_capacity(self.reported())
                .send()
                .await;
            self.record(
                Metered::BatchGetItem,
                answer.as_ref().map(|answer| answer.consumed_capacity()).unwrap_or_default(),
            );
            let answer = answer.map_err(TableError::from_sdk)?;
            let items = answer.responses.unwrap_or_default().remove(&self.inner.name);
            found.extend(items.unwrap_or_default().into_iter().map(Item));
            let unprocessed = answer.unprocessed_keys.unwrap_or_default().remove(&self.inner.name);
            pending = unprocessed.map(|unprocessed| unprocessed.keys).unwrap_or_default();
            if !pending.is_empty() {
                attempt += 1;
                self.pause(attempt, "keys left unprocessed").await?;
            }
        }
        Ok(found)
    }

    /// Waits before another attempt, or gives up: `DynamoDB` leaves work undone when it throttles.
    pub(crate) async fn pause(&self, attempt: u32, what: &'static str) -> Result<(), TableError> {
        let delay = BACKOFF.delay(attempt, &mut fastrand::Rng::new());
        let delay = delay.ok_or_else(|| TableError::Throttled(what.into()))?;
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// One page of a list of one type.
    pub async fn query<T: Entity>(&self, query: Query) -> Result<Page<Versioned<T>>, TableError> {
        self.query_items(query).await?.try_map(Item::decode)
    }

    /// One page of a list, whatever is on it.
    ///
    /// For a global index this is a query and a batch read; items that left that place of the index in between are
    /// left out, so a page may be short though there is a next one.
    pub async fn query_items(&self, query: Query) -> Result<Page<Item>, TableError> {
        let page = self.query_page(&query).await?;
        if let Place::Global(index) = query.place {
            return self.fetch_entries(page, index, query.consistency).await;
        }
        let mut items = Vec::with_capacity(page.items.len());
        for item in page.items {
            items.extend(self.check_out(item).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// One page of the primary keys in a list: for a global index, half the work of [`Table::query`].
    pub async fn query_keys(&self, query: Query) -> Result<Page<Key>, TableError> {
        let keyless = || TableError::corrupt("an item without a key");
        self.query_page(&query).await?.try_map(|item| item.key().ok_or_else(keyless))
    }

    /// All items of a list of one type, page after page. For lists that are short by nature; the query's limit is the
    /// size of a page.
    pub async fn query_all<T: Entity>(&self, query: Query) -> Result<Vec<Versioned<T>>, TableError> {
        let mut all = Vec::new();
        let mut query = query;
        loop {
            let page = self.query::<T>(query.clone()).await?;
            all.extend(page.items);
            match page.next {
                None => return Ok(all),
                next => query = query.start(next),
            }
        }
    }

    /// The whole items of a page of index entries, in its order.
    async fn fetch_entries(
        &self,
        page: Page<Item>,
        index: GlobalIndex,
        consistency: Consistency,
    ) -> Result<Page<Item>, TableError> {
        let keyless = || TableError::corrupt("an index entry without a key");
        let keys: Vec<Key> =
            page.items.iter().map(|entry| entry.key().ok_or_else(keyless)).collect::<Result<_, _>>()?;
        let found = self.get_many(&keys, consistency).await?;
        let same_place = |entry: &Item, item: &Item| {
            index.attributes().iter().all(|attribute| entry.0.get(*attribute) == item.0.get(*attribute))
        };
        let items = page
            .items
            .iter()
            .zip(found)
            .filter_map(|(entry, item)| item.filter(|item| same_place(entry, item)))
            .collect();
        Ok(Page { items, next: page.next })
    }

    /// One page as stored. One item more than asked is read, to know whether there is a next page.
    async fn query_page(&self, query: &Query) -> Result<Page<Item>, TableError> {
        let mut items: Vec<Item> = Vec::new();
        let mut start = query.start_key();
        while items.len() <= query.limit {
            let (condition, values) = query.condition();
            let more = query.limit + 1 - items.len();
            let strong = query.consistency.is_strong() && !matches!(query.place, Place::Global(_));
            let answer = self
                .client(LostAnswer::TryAgain)
                .query()
                .table_name(&self.inner.name)
                .set_index_name(query.place.index_name().map(str::to_owned))
                .key_condition_expression(condition)
                .set_expression_attribute_values(Some(values))
                .set_exclusive_start_key(start.take())
                .scan_index_forward(!query.backward)
                .limit(i32::try_from(more).unwrap_or(i32::MAX))
                .set_consistent_read(strong.then_some(true))
                .set_return_consumed_capacity(self.reported())
                .send()
                .await;
            let consumed = answer.as_ref().ok().and_then(|answer| answer.consumed_capacity());
            self.record(Metered::Query, consumed.map(std::slice::from_ref).unwrap_or_default());
            let answer = answer.map_err(TableError::from_sdk)?;
            items.extend(answer.items.unwrap_or_default().into_iter().map(Item));
            start = answer.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        let next = if items.len() > query.limit {
            items.truncate(query.limit);
            items.last().and_then(|last| query.position_after(last))
        } else {
            None
        };
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests;
