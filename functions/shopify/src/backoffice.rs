//! The back office, as the connector sees it: books are products of one variant, what can be promised is their stock, and orders of a
//! store are orders of sales in a channel of that store's own.
//!
//! Stock is ours: what somebody counts in a store is put back or left, never taken. Customers go through the message centre.

use async_trait::async_trait;
use catalog::{BookId, Catalog, ChangeError, Patch};
use inventory::{Inventory, Level, LocationId, Sku};
use kernel::{Clock, Context, Money, TenantId};
use sales::{OrderId, Sales, ShipmentId};
use serde_json::Value;
use shopify::Gid;
use shopify::map::customer::Customer;
use shopify::map::fulfillment::Parcel;
use shopify::map::order::Order;
use shopify::map::product::{Product, Status, Variant};
use shopify::platform::{Platform, PlatformError, Taken, kind};
use shopify::stores::Connection;
use shopify::synced::Agreements;
use std::sync::Arc;
use table::Table;
use web::BoxError;

use crate::customers::People;
use crate::orders::Orders;
use crate::privacy::Privacy;

/// What books are called among a store's products.
const PRODUCT_TYPE: &str = "Book";

/// The back office.
pub struct Backoffice {
    catalog: Catalog,
    inventory: Inventory,
    sales: Sales,
    agreements: Agreements,
    people: People,
}

impl Backoffice {
    /// Over this table.
    #[must_use]
    pub fn new(table: &Table, clock: &Arc<dyn Clock>) -> Self {
        Self {
            catalog: Catalog::new(table.clone(), clock.clone()),
            inventory: Inventory::new(table.clone()),
            sales: Sales::new(table.clone(), clock.clone()),
            agreements: Agreements::new(table.clone()),
            people: People::new(table, clock),
        }
    }

    /// Title and price, as far as the rules of the connection let them in. What is as it was is not written.
    async fn take_product(&self, tenant: &TenantId, taken: &Taken<'_>, cause: &Context) -> Result<(), PlatformError> {
        // What was made in a store has no ISBN and no authors: it is no book of ours.
        let Some(id) = taken.id.and_then(|id| id.parse::<BookId>().ok()) else { return Ok(()) };
        let price = taken.value.pointer("/variants/0/price").cloned().map(serde_json::from_value::<Money>);
        let price = price.transpose().map_err(|error| PlatformError::Other(error.into()))?;
        let title = taken.value.get("title").and_then(Value::as_str).map(str::to_owned);
        let found = self.catalog.get(tenant, id).await.map_err(other)?;
        let Some(found) = found else { return Ok(()) };
        let patch = Patch { title, price, ..Patch::default() };
        match self.catalog.patch(tenant, id, found.version, patch, cause).await {
            Ok(_) | Err(ChangeError::NotFound) => Ok(()),
            Err(ChangeError::Invalid(violations)) => {
                let fields: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
                Err(refused("INVALID_BOOK", format!("not a book's: {}", fields.join(", "))))
            }
            Err(error @ (ChangeError::Stale(_) | ChangeError::Table(_))) => Err(other(error)),
        }
    }
}

pub(crate) fn refused(code: &'static str, detail: impl Into<String>) -> PlatformError {
    PlatformError::Refused { code, detail: detail.into() }
}

pub(crate) fn other(error: impl Into<BoxError>) -> PlatformError {
    PlatformError::Other(error.into())
}

#[async_trait]
impl Platform for Backoffice {
    async fn product(&self, tenant: &TenantId, store: &Connection, id: &str) -> Result<Option<Product>, BoxError> {
        let Ok(id) = id.parse::<BookId>() else { return Ok(None) };
        let found = self.catalog.get(tenant, id).await?.map(|found| found.value);
        // A price in another currency is no price of this store.
        let Some(book) = found.filter(|book| book.price.currency() == store.currency) else { return Ok(None) };
        let isbn = book.isbn.to_string();
        let variant = Variant {
            sku: isbn.clone(),
            barcode: Some(isbn),
            price: book.price,
            compare_at_price: None,
            values: Vec::new(),
        };
        Ok(Some(Product {
            title: book.title,
            description: String::new(),
            vendor: book.authors.join(", "),
            product_type: PRODUCT_TYPE.to_owned(),
            status: if book.active { Status::Active } else { Status::Archived },
            tags: [].into(),
            options: Vec::new(),
            variants: vec![variant],
        }))
    }

    async fn customer(&self, tenant: &TenantId, _: &Connection, id: &str) -> Result<Option<Customer>, BoxError> {
        Ok(self.people.find(tenant, id).await?)
    }

    async fn stock(&self, tenant: &TenantId, sku: &str, location: &str) -> Result<Option<i64>, BoxError> {
        let (Ok(sku), Ok(location)) = (sku.parse::<Sku>(), location.parse::<LocationId>()) else { return Ok(None) };
        let levels = match self.inventory.hot_item(tenant, &location, &sku).await? {
            Some(item) => self.inventory.spread_levels(tenant, &item).await?,
            None => vec![self.inventory.level(tenant, &location, &sku).await?],
        };
        // A place that never held it has a level nobody wrote.
        let known = levels.iter().any(|level| level.version > 0);
        let promisable: i64 = levels.iter().map(Level::available).sum();
        Ok(known.then(|| promisable.max(0)))
    }

    /// `<order>/<shipment>`. Who carries it is not known here, so it is tracked by our own number of it.
    async fn parcel(&self, tenant: &TenantId, store: &Connection, id: &str) -> Result<Option<(Gid, Parcel)>, BoxError> {
        let Some((order, shipment)) = id.split_once('/') else { return Ok(None) };
        let (order, shipment) = (order.parse::<OrderId>()?, shipment.parse::<ShipmentId>()?);
        let Some(order) = self.sales.order(tenant, order).await? else { return Ok(None) };
        let remote = order.terms.external_id.as_deref().filter(|_| order.channel() == Orders::channel(&store.shop));
        let Some(remote) = remote else { return Ok(None) };
        let sent = order.shipments.iter().find(|sent| sent.id(order.id) == shipment && sent.state.has_left());
        let Some(sent) = sent else { return Ok(None) };
        let units = sent.lines.iter().map(|(sku, units)| Ok((sku.to_string(), u32::try_from(*units)?)));
        let parcel = Parcel {
            location: store.location(sent.location.as_str()).cloned(),
            units: units.collect::<Result<_, std::num::TryFromIntError>>()?,
            carrier: None,
            tracking_number: shipment.to_string(),
            tracking_url: None,
            notify: true,
        };
        Ok(Some((remote.parse()?, parcel)))
    }

    async fn take(
        &self,
        tenant: &TenantId,
        store: &Connection,
        taken: &Taken<'_>,
        cause: &Context,
    ) -> Result<(), PlatformError> {
        match taken.kind {
            kind::PRODUCT => self.take_product(tenant, taken, cause).await,
            kind::CUSTOMER => self.people.take(tenant, store, taken, cause).await,
            kind::PRIVACY => {
                let Self { sales, agreements, people, .. } = self;
                Privacy { sales, agreements, people, tenant, store, cause }.request(taken).await
            }
            kind => Err(refused("NOT_TAKEN", format!("nothing of this kind is taken from stores: {kind}"))),
        }
    }

    async fn order(
        &self,
        tenant: &TenantId,
        store: &Connection,
        order: &Order,
        cause: &Context,
    ) -> Result<(), PlatformError> {
        Orders { sales: &self.sales, tenant, store, cause }.follow(order).await
    }
}
