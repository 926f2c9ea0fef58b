//! Orders that changed in a time, as the source of a batch ([`documents::batch`]): for whatever no webhook told.
//!
//! A part is a window `<from>/<until>`. One that begins in the future is an error, never an empty page: a place that was
//! stored wrongly would otherwise pass for "nothing new" for ever.

use async_trait::async_trait;
use documents::Report;
use documents::batch::{Row, Source, SourcePage};
use kernel::{Clock, TenantId, Timestamp};

use crate::calls::{Store, order, orders_count, orders_updated};
use crate::client::{Client, To};
use crate::document::{ORDER, ORDERS_COUNT, ORDERS_UPDATED};
use crate::map::order::Order;
use crate::outbound::{plain, refused};
use crate::platform::kind;
use crate::stores::Connection;

/// The orders of a store.
pub struct ChangedOrders<'a> {
    pub client: &'a Client,
    pub tenant: &'a TenantId,
    pub store: &'a Connection,
    pub clock: &'a dyn Clock,
}

/// The name of a window.
#[must_use]
pub fn part(from: Timestamp, until: Timestamp) -> String {
    format!("{from}/{until}")
}

impl ChangedOrders<'_> {
    fn to(&self) -> To<'_> {
        To { tenant: self.tenant, shop: &self.store.shop, entity: kind::ORDER }
    }

    fn window(&self, part: &str) -> Result<(Timestamp, Timestamp), Report> {
        let bad = || refused("NOT_A_WINDOW", "expected <from>/<until>");
        let (from, until) = part.split_once('/').ok_or_else(bad)?;
        let (from, until): (Timestamp, Timestamp) =
            (from.parse().map_err(|_| bad())?, until.parse().map_err(|_| bad())?);
        if from > self.clock.now() {
            return Err(refused("FUTURE_CURSOR", "the window begins in the future"));
        }
        if from >= until {
            return Err(bad());
        }
        Ok((from, until))
    }

    fn row(order: &Order) -> Result<Row, Report> {
        let (external_id, revision) = (order.id.to_string(), order.updated_at.to_string());
        Ok(Row { external_id, revision, payload: plain(order)?.to_string() })
    }
}

#[async_trait]
impl Source for ChangedOrders<'_> {
    async fn count(&self, part: &str) -> Result<u64, Report> {
        let (from, until) = self.window(part)?;
        let build = |at: &Store| orders_count::request(at, from, until);
        self.client.call(self.to(), ORDERS_COUNT.points, build, orders_count::read).await
    }

    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<SourcePage, Report> {
        let (from, until) = self.window(part)?;
        let build = |at: &Store| orders_updated::request(at, from, until, cursor);
        let page = self.client.call(self.to(), ORDERS_UPDATED.points, build, orders_updated::read).await?;
        let mut rows = page.orders.iter().map(Self::row).collect::<Result<Vec<_>, _>>()?;
        for id in &page.cut {
            let build = |at: &Store| order::request(at, id);
            rows.push(Self::row(&self.client.call(self.to(), ORDER.points, build, order::read).await?)?);
        }
        Ok(SourcePage { rows, next: page.next })
    }
}
