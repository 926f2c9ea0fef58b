//! Lists of orders: a customer's own, those of a status, all of them. Newest first, by the time they were placed.

use crate::Sales;
use crate::order::Order;
use crate::status::OrderStatus;
use crate::store::{decode, lists, of_customer, sortable, worklist};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{GlobalIndex, Page, Position, Query, TableError};

/// Where a list over several statuses goes on: below the last order that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Below {
    ms: i64,
    id: String,
}

impl Sales {
    /// A customer's orders.
    pub async fn orders_of(
        &self,
        tenant: &TenantId,
        customer: &str,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Order>, TableError> {
        let partition = of_customer(tenant, customer);
        let query = Query::index(GlobalIndex::Gsi2, partition).backward().start(start).limit(limit);
        self.table.query_items(query).await?.try_map(decode)
    }

    /// Orders of any of the statuses, and where to go on. Orders that are still PENDING are not in these lists: they
    /// appear with the answer of the payment provider, normally within a second.
    pub async fn orders_by_status(
        &self,
        tenant: &TenantId,
        statuses: &[OrderStatus],
        below: Option<&Below>,
        limit: usize,
    ) -> Result<(Vec<Order>, Option<Below>), TableError> {
        let mut found = Vec::new();
        for list in statuses.iter().flat_map(|s| lists(*s)) {
            let mut query = Query::index(GlobalIndex::Gsi1, worklist(tenant, list)).backward().limit(limit + 1);
            if let Some(last) = below {
                query = query.at_most(&[&sortable(last.ms), &last.id]);
            }
            for item in self.table.query_items(query).await?.items {
                found.push(decode(item)?);
            }
        }
        let place = |order: &Order| (order.placed_at.as_millisecond(), order.id.to_string());
        // The last order shown is in its list still, and an order may move between lists while they are read.
        found.retain(|order| below.is_none_or(|last| place(order) < (last.ms, last.id.clone())));
        found.sort_by_key(|order| std::cmp::Reverse(place(order)));
        found.dedup_by_key(|order| order.id);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|order| {
            let (ms, id) = place(order);
            Below { ms, id }
        });
        Ok((found, next))
    }

    /// Orders that should have moved on by now: paid for before `since` and still with open parcels. Oldest first.
    pub async fn overdue(&self, tenant: &TenantId, since: Timestamp, limit: usize) -> Result<Vec<Order>, TableError> {
        let mut found = Vec::new();
        for status in [OrderStatus::Processing, OrderStatus::PartiallyShipped] {
            let query = Query::index(GlobalIndex::Gsi1, worklist(tenant, status.as_str()))
                .at_most(&[&sortable(since.as_millisecond())])
                .limit(limit);
            for item in self.table.query_items(query).await?.items {
                found.push(decode(item)?);
            }
        }
        Ok(found)
    }
}
