//! Stock and parcels, out.

use documents::{Outcome, Remote, Report, Work};

use super::{Outbound, agreed, done, plain, platform, refused, to};
use crate::Gid;
use crate::calls::{Store, fulfillment_create, fulfillment_orders, inventory_activate, inventory_level, inventory_set};
use crate::client::unstored;
use crate::document::{FULFILLMENT_CREATE, FULFILLMENT_ORDERS, INVENTORY_ACTIVATE, INVENTORY_LEVEL, INVENTORY_SET};
use crate::echo::Written;
use crate::map::fulfillment::{Plan, plan};
use crate::map::inventory::Wanted;
use crate::platform::kind;
use crate::stores::Connection;

/// What stock of an item at a location is called, on either side: `<item>@<location>`.
#[must_use]
pub(crate) fn place_of(item: &str, location: &str) -> String {
    format!("{item}@{location}")
}

impl Outbound {
    /// The external id is `<SKU>@<our location>`.
    pub(super) async fn stock(&self, work: &Work<'_>, store: &Connection) -> Result<Report, Report> {
        let id = work.document.external_id.as_str();
        let (sku, ours) = id.rsplit_once('@').ok_or_else(|| refused("NOT_A_LEVEL", "expected <sku>@<location>"))?;
        let Some(location) = store.location(ours) else { return Ok(done(None, None)) };
        let quantity = self.platform.stock(work.tenant, sku, ours).await.map_err(|error| platform(&error))?;
        let Some(quantity) = quantity else { return Ok(done(None, None)) };
        let item = self.agreements.item(work.tenant, &store.shop, sku).await.map_err(|error| unstored(&error))?;
        let missing = || Outcome::DependencyMissing { what: "product".to_owned() };
        let item = item.ok_or_else(|| Report::new(missing(), "the product was not told yet"))?.item;
        let seen = match self.level(work, store, &item, location).await {
            Ok(seen) => seen,
            Err(report) if matches!(report.outcome, Outcome::DependencyMissing { .. }) => {
                self.activate(work, store, &item, location).await?;
                self.level(work, store, &item, location).await?
            }
            Err(report) => return Err(report),
        };
        let now = self.clock.now();
        if seen != quantity {
            let wanted = [Wanted { item: item.clone(), location: location.clone(), quantity, seen }];
            let document = work.document.id.to_string();
            let build = |at: &Store| inventory_set::request(at, &document, &wanted);
            let call = self.client.call(to(work, store), INVENTORY_SET.points, build, inventory_set::read);
            let report = call.await?;
            if !matches!(report.outcome, Outcome::Done(_)) {
                return Err(report);
            }
        }
        let remote = place_of(item.as_str(), location.as_str());
        let value = plain(&serde_json::json!({ "available": quantity }))?;
        let written = Written::new(&value, now, None);
        agreed(&self.agreements, work.tenant, store, kind::STOCK, (&remote, id), value, written).await?;
        Ok(done(Some(remote), None))
    }

    async fn level(&self, work: &Work<'_>, store: &Connection, item: &Gid, location: &Gid) -> Result<i64, Report> {
        let build = |at: &Store| inventory_level::request(at, item, location);
        self.client.call(to(work, store), INVENTORY_LEVEL.points, build, inventory_level::read).await
    }

    async fn activate(&self, work: &Work<'_>, store: &Connection, item: &Gid, location: &Gid) -> Result<(), Report> {
        let build = |at: &Store| inventory_activate::request(at, item, location);
        let points = INVENTORY_ACTIVATE.points;
        let report = self.client.call(to(work, store), points, build, inventory_activate::read).await?;
        if matches!(report.outcome, Outcome::Done(_)) { Ok(()) } else { Err(report) }
    }

    pub(super) async fn parcel(&self, work: &Work<'_>, store: &Connection) -> Result<Report, Report> {
        let id = work.document.external_id.as_str();
        let parcel = self.platform.parcel(work.tenant, store, id).await.map_err(|error| platform(&error))?;
        let Some((order, parcel)) = parcel else { return Ok(done(None, None)) };
        let build = |at: &Store| fulfillment_orders::request(at, &order);
        let points = FULFILLMENT_ORDERS.points;
        let remaining = self.client.call(to(work, store), points, build, fulfillment_orders::read).await?;
        match plan(&parcel, &remaining) {
            Plan::AlreadyThere(id) => Ok(Outcome::Done(Remote { id: Some(id.to_string()), version: None }).into()),
            Plan::TooMuch { sku, missing } => {
                Err(refused("NOTHING_LEFT_TO_FULFIL", format!("{missing} of {sku} are not to be sent from there")))
            }
            Plan::Create(variables) => {
                let build = |at: &Store| fulfillment_create::request(at, &variables);
                let points = FULFILLMENT_CREATE.points;
                self.client.call(to(work, store), points, build, fulfillment_create::read).await
            }
        }
    }
}
