//! Out: a document says what has to be told to a store, and its worker reads the newest state when it gets to it.
//!
//! So an older document never overwrites a newer state. Whatever kills the worker after the store has acted, the next attempt ends the
//! same way: products and customers are found by our id or their address, stock is compared before it is set, and what remains of
//! an order is read before a parcel is told.

pub(crate) mod goods;

use std::sync::Arc;

use async_trait::async_trait;
use documents::{Attempt, Outcome, Remote, Report, Work};
use kernel::{Clock, TenantId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use web::BoxError;

use crate::answer;
use crate::breaker::Event;
use crate::calls::product_set::Saved;
use crate::calls::{self, customer_name, customer_set, product_set};
use crate::client::{Client, To, unstored};
use crate::customers::met_in;
use crate::document::{CUSTOMER_SET, METAFIELDS_SET};
use crate::echo::Written;
use crate::map::customer::Identifier;
use crate::platform::{Platform, kind};
use crate::stores::{Connection, Stores};
use crate::synced::{Agreements, Item, Synced};

/// The worker of outbound documents. What a document is about is its type; the store is its source, our id its external id.
pub struct Outbound {
    client: Client,
    stores: Stores,
    agreements: Agreements,
    platform: Arc<dyn Platform>,
    clock: Arc<dyn Clock>,
}

pub(crate) fn platform(error: &BoxError) -> Report {
    Report::new(Outcome::Transient, error.to_string())
}

/// A value as it is compared; what cannot be written as JSON is not to be sent either.
pub(crate) fn plain(value: &impl Serialize) -> Result<Value, Report> {
    serde_json::to_value(value).map_err(|error| refused("UNREADABLE", error.to_string()))
}

pub(crate) fn refused(code: &str, detail: impl Into<String>) -> Report {
    Report::new(Outcome::Rejected { code: code.to_owned(), field: None }, detail)
}

fn to<'a>(work: &'a Work<'_>, store: &'a Connection) -> To<'a> {
    To { tenant: work.tenant, shop: &store.shop, entity: work.document.kind.as_str() }
}

fn done(id: Option<String>, version: Option<Timestamp>) -> Report {
    Outcome::Done(Remote { id, version: version.map(|at| at.to_string()) }).into()
}

#[async_trait]
impl Attempt for Outbound {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        self.send(work).await.unwrap_or_else(|report| report)
    }
}

impl Outbound {
    #[must_use]
    pub fn new(
        client: Client,
        stores: Stores,
        agreements: Agreements,
        platform: Arc<dyn Platform>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, stores, agreements, platform, clock }
    }

    async fn send(&self, work: &Work<'_>) -> Result<Report, Report> {
        let document = work.document;
        let shop = document.source.parse().map_err(|_| refused("NOT_A_STORE", "the source is no store"))?;
        let store = self.stores.find(work.tenant, &shop).await.map_err(|error| unstored(&error))?;
        let store = store.ok_or_else(|| refused("UNKNOWN_STORE", "the store is not connected"))?;
        if store.uninstalled {
            return Err(Report::new(Outcome::AuthBroken, "the merchant threw the app out"));
        }
        match document.kind.as_str() {
            kind::PRODUCT => self.product(work, &store).await,
            kind::CUSTOMER => self.customer(work, &store).await,
            kind::STOCK => self.stock(work, &store).await,
            kind::PARCEL => self.parcel(work, &store).await,
            _ => Err(refused("UNKNOWN_TYPE", "documents of this type do not go to stores")),
        }
    }

    async fn product(&self, work: &Work<'_>, store: &Connection) -> Result<Report, Report> {
        let (id, now) = (work.document.external_id.as_str(), self.clock.now());
        let product = self.platform.product(work.tenant, store, id).await.map_err(|error| platform(&error))?;
        let Some(product) = product else { return Ok(done(None, None)) };
        let value = plain(&product)?;
        let points = product_set::points(&product);
        let build = |at: &calls::Store| product_set::request(at, id, &product);
        let to = to(work, store);
        let saved = match self.client.call(to, points, build, product_set::read).await? {
            Ok(saved) => saved,
            Err(errors) => {
                let report = answer::user_errors(&errors, Remote::default());
                if Event::of(&report.outcome, &errors) == Some(Event::QuotaExhausted) {
                    self.client.report(to, Event::QuotaExhausted).await?;
                }
                return Err(report);
            }
        };
        product_saved(&self.agreements, work.tenant, store, (id, value, now), &saved).await
    }

    async fn customer(&self, work: &Work<'_>, store: &Connection) -> Result<Report, Report> {
        let (id, now) = (work.document.external_id.as_str(), self.clock.now());
        let customer = self.platform.customer(work.tenant, store, id).await.map_err(|error| platform(&error))?;
        let Some(customer) = customer else { return Ok(done(None, None)) };
        let value = plain(&customer)?;
        let set = async |by: Identifier<'_>| {
            let build = |at: &calls::Store| customer_set::request(at, by, &customer);
            self.client.call(to(work, store), CUSTOMER_SET.points, build, customer_set::read).await
        };
        let theirs = met_in(&store.shop, id);
        let mut report = set(theirs.as_ref().map_or(Identifier::Ours(id), Identifier::Theirs)).await?;
        if theirs.is_none() && customer_set::has_address(&report) {
            // Who has the address is this customer: the store had them before it heard of our id.
            report = set(Identifier::Email).await?;
            if let Outcome::Done(Remote { id: Some(remote), .. }) = &report.outcome {
                let build = |at: &calls::Store| customer_name::request(at, remote, id);
                let named =
                    self.client.call(to(work, store), METAFIELDS_SET.points, build, customer_name::read).await?;
                if !matches!(named.outcome, Outcome::Done(_)) {
                    return Err(named);
                }
            }
        }
        if let Outcome::Done(Remote { id: Some(remote), version }) = &report.outcome {
            let updated_at = version.as_deref().and_then(|text| text.parse().ok());
            let written = Written::new(&value, now, updated_at);
            agreed(&self.agreements, work.tenant, store, kind::CUSTOMER, (remote, id), value, written).await?;
        }
        Ok(report)
    }
}

/// Remembers what a store made of a product: its names of the variants, and what was written and when.
pub(crate) async fn product_saved(
    agreements: &Agreements,
    tenant: &TenantId,
    store: &Connection,
    (id, value, at): (&str, Value, Timestamp),
    saved: &Saved,
) -> Result<Report, Report> {
    for variant in &saved.variants {
        let Some(sku) = variant.sku.clone().filter(|sku| !sku.is_empty()) else { continue };
        let (variant, item) = (variant.id.clone(), variant.item.clone());
        let item = Item { shop: store.shop.clone(), sku, variant, item };
        agreements.name(tenant, &item).await.map_err(|error| unstored(&error))?;
    }
    let written = Written::new(&value, at, Some(saved.updated_at));
    agreed(agreements, tenant, store, kind::PRODUCT, (saved.id.as_str(), id), value, written).await?;
    Ok(done(Some(saved.id.to_string()), Some(saved.updated_at)))
}

/// Remembers what was written. Whoever wrote a newer state meanwhile stays.
pub(crate) async fn agreed(
    agreements: &Agreements,
    tenant: &TenantId,
    store: &Connection,
    kind: &str,
    (remote, id): (&str, &str),
    base: Value,
    written: Written,
) -> Result<(), Report> {
    loop {
        let found = agreements.find(tenant, &store.shop, kind, remote).await;
        let found = found.map_err(|error| unstored(&error))?;
        let seen = found.as_ref().map(|found| found.version);
        let known = found.map(|found| found.value);
        let newer = known.as_ref().and_then(|known| known.written.as_ref());
        if newer.is_some_and(|newer| newer.at > written.at) {
            return Ok(());
        }
        let told_at = written.remote_updated_at.unwrap_or(written.at);
        let synced = Synced {
            shop: store.shop.clone(),
            kind: kind.to_owned(),
            remote: remote.to_owned(),
            id: id.to_owned(),
            base: base.clone(),
            updated_at: known.map_or(told_at, |known| known.updated_at.max(told_at)),
            written: Some(written.clone()),
        };
        let agreed = agreements.agree(tenant, &synced, seen, None).await;
        if agreed.map_err(|error| unstored(&error))? {
            return Ok(());
        }
    }
}
