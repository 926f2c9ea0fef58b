//! Lists of orders: of a customer, a status, a channel, a company, a location; those that wait; returns, sales and
//! timelines. Newest first unless said otherwise, by the time the order was placed.

use crate::Sales;
use crate::documents::{
    ListEntry, Sale, TimelineEntry, of_channel, of_company, of_location, of_order, returns_of, sales_of,
};
use crate::order::{Order, OrderId};
use crate::returns::ReturnState;
use crate::status::OrderStatus;
use crate::store::{decode, held_list, lists, of_customer, order_key, sortable, worklist};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Consistency, GlobalIndex, Page, Partition, Position, Query, TableError};

/// Where a list over several statuses goes on: below the last order that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Below {
    ms: i64,
    id: String,
}

/// A list of orders by what they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    /// Who ordered.
    Customer(&'a str),
    /// Where they were placed.
    Channel(&'a str),
    /// Whose orders they are: all of the tenant's companies' orders, one company at a time.
    Company(&'a str),
    /// Who has a parcel of them.
    Location(&'a str),
    /// Those of a status that wait for a person.
    Held(OrderStatus),
    /// Those of which a return is in this state, one entry a return.
    Return(ReturnState),
}

impl Of<'_> {
    fn place(self, tenant: &TenantId) -> (GlobalIndex, Partition) {
        match self {
            Self::Customer(customer) => (GlobalIndex::Gsi2, of_customer(tenant, customer)),
            Self::Channel(channel) => (GlobalIndex::Gsi1, of_channel(tenant, channel)),
            Self::Company(company) => (GlobalIndex::Gsi2, of_company(tenant, company)),
            Self::Location(location) => (GlobalIndex::Gsi1, of_location(tenant, location)),
            Self::Held(status) => (GlobalIndex::Gsi1, worklist(tenant, &held_list(status))),
            Self::Return(state) => (GlobalIndex::Gsi1, returns_of(tenant, state)),
        }
    }
}

/// Placed or posted from this time on, and before that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Included.
    pub from: Option<Timestamp>,
    /// Not included.
    pub to: Option<Timestamp>,
}

impl Span {
    fn of(self, query: Query) -> Query {
        let text = |at: Timestamp| sortable(at.as_millisecond());
        match (self.from.map(text), self.to.map(text)) {
            (None, None) => query,
            (Some(from), None) => query.at_least(&[&from]),
            // Keys go on after the time, so that those of the time itself are not included.
            (None, Some(to)) => query.at_most(&[&to]),
            (Some(from), Some(to)) => query.between(&[&from], &[&to]),
        }
    }
}

impl Sales {
    /// A page of a list of orders. A storefront's order is in the lists of channel, company and location from its first
    /// step after placement on, normally within a second.
    pub async fn list(
        &self,
        tenant: &TenantId,
        of: Of<'_>,
        span: Span,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Order>, TableError> {
        let (index, partition) = of.place(tenant);
        let query = span.of(Query::index(index, partition)).backward().start(start).limit(limit);
        if matches!(of, Of::Customer(_) | Of::Held(_)) {
            return self.table.query_items(query).await?.try_map(decode);
        }
        let page = self.table.query::<ListEntry>(query).await?;
        let keys: Vec<_> = page.items.iter().map(|entry| order_key(tenant, entry.value.order)).collect();
        let found = self.table.get_many(&keys, Consistency::Eventual).await?;
        let items = found.into_iter().flatten().map(decode).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    }

    /// The timeline of an order, oldest step first. What was done before it was first changed is its placement.
    pub async fn timeline(
        &self,
        tenant: &TenantId,
        id: OrderId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<TimelineEntry>, TableError> {
        let query = Query::partition(of_order(tenant, id)).begins_with(&["T", ""]).start(start).limit(limit);
        let page = self.table.query::<TimelineEntry>(query.consistency(Consistency::Strong)).await?;
        page.try_map(|entry| Ok(entry.value))
    }

    /// Sales of a company, newest first.
    pub async fn sales(
        &self,
        tenant: &TenantId,
        company: &str,
        span: Span,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Sale>, TableError> {
        let query = span.of(Query::index(GlobalIndex::Gsi1, sales_of(tenant, company)));
        let page = self.table.query::<Sale>(query.backward().start(start).limit(limit)).await?;
        page.try_map(|sale| Ok(sale.value))
    }

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
            let mut query = Query::index(GlobalIndex::Gsi1, worklist(tenant, &list)).backward().limit(limit + 1);
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
