//! Lists of orders by whatever they have in common (customer, status, channel, company, location, time, whether they
//! wait), and of returns, sales and steps. Newest first unless said otherwise, by the time the order was placed.

use crate::Sales;
use crate::cost::Departed;
use crate::documents::{
    ListEntry, Sale, TimelineEntry, of_channel, of_company, of_location, of_order, returns_of, sales_of,
};
use crate::order::{MAIN_COMPANY, Order, OrderId};
use crate::returns::ReturnState;
use crate::status::OrderStatus;
use crate::store::{decode, held_list, lists, of_customer, order_key, sortable, worklist};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use table::{Consistency, Entity, GlobalIndex, Page, Partition, Position, Query, TableError};

/// How many times as many orders as asked for are looked at for a page.
pub const ROUNDS: usize = 5;

/// Where a list goes on: below the last order that was looked at. Lists are in the order of time and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Below {
    ms: i64,
    id: OrderId,
}

/// Which orders are looked for: those that have everything that is given in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Of any of these statuses; of any at all when there are none.
    pub statuses: &'a [OrderStatus],
    /// Those that wait for a person, or those that do not.
    pub held: Option<bool>,
    /// Who ordered.
    pub customer: Option<&'a str>,
    /// Where they were placed.
    pub channel: Option<&'a str>,
    /// Whose orders they are.
    pub company: Option<&'a str>,
    /// Who has a parcel of them.
    pub location: Option<&'a str>,
    /// Placed when.
    pub span: Span,
}

/// Lists that are read at once, each below the last order that was shown.
type Sources = Vec<(GlobalIndex, Partition)>;

impl Filter<'_> {
    /// The lists that hold every order that is looked for, and as few others as can be told beforehand.
    fn sources(&self, tenant: &TenantId) -> Sources {
        if let Some(customer) = self.customer {
            return vec![(GlobalIndex::Gsi2, of_customer(tenant, customer))];
        }
        if let Some(location) = self.location {
            return vec![(GlobalIndex::Gsi1, of_location(tenant, location))];
        }
        if self.held == Some(true) {
            let of = if self.statuses.is_empty() { &OPEN } else { self.statuses };
            return worklists(tenant, of, |status| vec![held_list(status)]);
        }
        if let Some(channel) = self.channel {
            return vec![(GlobalIndex::Gsi1, of_channel(tenant, channel))];
        }
        if !self.statuses.is_empty() {
            return worklists(tenant, self.statuses, lists);
        }
        vec![(GlobalIndex::Gsi2, of_company(tenant, self.company.unwrap_or(MAIN_COMPANY)))]
    }

    /// Whether an order is looked for.
    pub fn matches(&self, order: &Order) -> bool {
        let is = |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted == found);
        let of_status = self.statuses.is_empty() || self.statuses.contains(&order.status);
        let held = self.held.is_none_or(|held| held != order.holds.is_empty());
        let located = |location: &str| order.shipments.iter().any(|shipment| shipment.location.as_str() == location);
        let ours = is(self.customer, &order.customer) && is(self.channel, order.channel());
        let ours = ours && is(self.company, order.company()) && self.location.is_none_or(located);
        of_status && held && ours && self.span.holds(order.placed_at)
    }
}

/// The statuses in which orders wait.
const OPEN: [OrderStatus; 3] = [OrderStatus::Pending, OrderStatus::Processing, OrderStatus::PartiallyShipped];

fn worklists(tenant: &TenantId, statuses: &[OrderStatus], of: impl Fn(OrderStatus) -> Vec<String>) -> Sources {
    let names = statuses.iter().flat_map(|status| of(*status));
    names.map(|name| (GlobalIndex::Gsi1, worklist(tenant, &name))).collect()
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
    fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// The part of a list by time that is within, and below the last order if there is one.
    fn of(self, query: Query, below: Option<&Below>) -> Query {
        let text = |at: Timestamp| sortable(at.as_millisecond());
        // Keys go on after the time, so that those of the time itself are not included.
        let to = self.to.map(|to| vec![text(to)]);
        let below = below.map(|below| vec![sortable(below.ms), below.id.to_string()]);
        let high = to.into_iter().chain(below).min();
        let high: Option<Vec<&str>> = high.as_ref().map(|parts| parts.iter().map(String::as_str).collect());
        match (self.from.map(text), high) {
            (None, None) => query,
            (Some(from), None) => query.at_least(&[&from]),
            (None, Some(high)) => query.at_most(&high),
            (Some(from), Some(high)) if *high < [from.as_str()][..] => query.between(&[&from], &[&from]),
            (Some(from), Some(high)) => query.between(&[&from], &high),
        }
    }
}

impl Sales {
    /// Orders that a filter looks for, newest first, and where to go on. Every list holds orders by the time they were
    /// placed; what it does not say is told from the order. So a page may have fewer than `limit` orders and yet go on:
    /// no more than [`ROUNDS`] times as many are looked at for it.
    ///
    /// A storefront's order is in the lists of channel, company and location from its first step after placement on, and
    /// in those of statuses from the answer of its payment provider on; normally within a second.
    pub async fn search(
        &self,
        tenant: &TenantId,
        filter: &Filter<'_>,
        below: Option<&Below>,
        limit: usize,
    ) -> Result<(Vec<Order>, Option<Below>), TableError> {
        let (mut found, mut last) = (Vec::new(), below.cloned());
        for _ in 0..ROUNDS {
            let (seen, more) = self.round(tenant, filter.sources(tenant), filter.span, last.as_ref(), limit).await?;
            for (at, order) in seen {
                let is_full = found.len() == limit;
                if is_full {
                    return Ok((found, last));
                }
                last = Some(at);
                found.extend(order.filter(|order| filter.matches(order)));
            }
            if !more {
                return Ok((found, None));
            }
        }
        Ok((found, last))
    }

    /// The next orders of all lists together, newest first, at most `limit`; and whether there are more. An order that is
    /// gone from under its entry keeps its place.
    async fn round(
        &self,
        tenant: &TenantId,
        sources: Sources,
        span: Span,
        below: Option<&Below>,
        limit: usize,
    ) -> Result<(Vec<(Below, Option<Order>)>, bool), TableError> {
        let mut rows: BTreeMap<Below, Option<Order>> = BTreeMap::new();
        let mut more = false;
        for (index, partition) in sources {
            // The last order that was shown is in its list still.
            let query = span.of(Query::index(index, partition), below).backward().limit(limit + 2);
            let page = self.table.query_items(query).await?;
            more |= page.next.is_some();
            for item in page.items {
                let (at, order) = if item.kind() == ListEntry::KIND {
                    let entry = item.decode::<ListEntry>()?.value;
                    (Below { ms: entry.placed_ms, id: entry.order }, None)
                } else {
                    let order = decode(item)?;
                    (Below { ms: order.placed_at.as_millisecond(), id: order.id }, Some(order))
                };
                rows.insert(at, order);
            }
        }
        if let Some(below) = below {
            rows.retain(|at, _| at < below);
        }
        more |= rows.len() > limit;
        let mut rows: Vec<(Below, Option<Order>)> = rows.into_iter().rev().take(limit).collect();
        let entries: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].1.is_none()).collect();
        let keys: Vec<_> = entries.iter().map(|at| order_key(tenant, rows[*at].0.id)).collect();
        if !keys.is_empty() {
            for (at, item) in entries.into_iter().zip(self.table.get_many(&keys, Consistency::Eventual).await?) {
                rows[at].1 = item.map(decode).transpose()?;
            }
        }
        Ok((rows, more))
    }

    /// Orders with a return in a state, by the time the order was placed, newest first; one entry a return.
    pub async fn orders_with_return(
        &self,
        tenant: &TenantId,
        state: ReturnState,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Order>, TableError> {
        let query = Query::index(GlobalIndex::Gsi1, returns_of(tenant, state)).backward().start(start).limit(limit);
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

    /// What left stock with an order, in the order in which it left.
    pub(crate) async fn departures(&self, tenant: &TenantId, id: OrderId) -> Result<Vec<Departed>, TableError> {
        let query = Query::partition(of_order(tenant, id)).begins_with(&["SALE", ""]);
        let mut sales = self.table.query_all::<Sale>(query.consistency(Consistency::Strong)).await?;
        sales.sort_by_key(|sale| (sale.value.posted_at, sale.value.shipment));
        Ok(sales.into_iter().flat_map(|sale| sale.value.departed).collect())
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
        let query = span.of(Query::index(GlobalIndex::Gsi1, sales_of(tenant, company)), None);
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
