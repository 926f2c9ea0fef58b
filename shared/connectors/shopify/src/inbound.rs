//! In: a delivery of a store, verified and stored by the receiver, becomes a change here, or nothing.
//!
//! Deliveries come twice and in any order, so the payload's own `updated_at` decides which is newer, never its arrival. What we wrote
//! ourselves comes back as an echo and ends here. Of anything else the fields that differ are merged with ours by the rules of the
//! connection, each leaving a decision; what is let in goes to the platform, what is ours is written back by a document of its own.
//! Everything is done under names made of the delivery, so doing it again does nothing more.

use std::sync::Arc;

use async_trait::async_trait;
use documents::change::Shape;
use documents::merge::{Action, merge};
use documents::{
    Attempt, ConnectionId, Document, DocumentType, Documents, Intake, KEEP_DAYS, Outcome, ReceiveError, Received,
    Remote, Report, Work,
};
use kernel::{Clock, Context, TenantId, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Gid;
use crate::client::unstored;
use crate::customers::id_of;
use crate::echo::Verdict;
use crate::map::order::Order;
use crate::map::{MapError, customer, inventory, order, product};
use crate::outbound::goods::place_of;
use crate::outbound::{plain, platform, refused};
use crate::platform::{Platform, PlatformError, Taken, kind};
use crate::stores::{Connection, Stores};
use crate::synced::{Agreements, Decided, Synced};
use crate::webhook::{Delivery, Topic, Verified};

/// The type of a stored delivery.
pub const DELIVERY: &str = "shopify-delivery";
/// The type of a state that was read and not told: a product of a full synchronisation, an order of a reconciliation.
pub const STATE: &str = "shopify-state";
/// Told when a delivery was stored.
pub const DELIVERY_RECEIVED: &str = "shopify.delivery.received.v1";
/// The connection under which requests about personal data are worked on, of all stores.
const PRIVACY: &str = "shopify-privacy";
/// Told when something is to be told to a store.
pub const TASK_DUE: &str = "shopify.task.due.v1";

/// A delivery is tried again for hours; it is known for so many days, and what it holds of people is kept no longer.
pub(crate) const DELIVERY_DAYS: u16 = 30;

/// The version of the shape of all kinds of documents.
pub(crate) const SHAPE_VERSION: u16 = 1;

/// Why a delivery was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its store is not connected, or not any more.
    #[error("the store is not connected")]
    UnknownStore,
    /// A delivery of this id had another body.
    #[error("a delivery of this id had another body")]
    Altered,
    /// Signed, and yet no JSON.
    #[error("the body is not JSON")]
    NotJson,
    #[error(transparent)]
    Table(#[from] table::TableError),
}

/// Stores a delivery with the event that has it worked on, once however often it comes. Whether it is new.
pub async fn receive(
    documents: &Documents,
    stores: &Stores,
    tenant: &TenantId,
    delivery: Verified<Delivery>,
    cause: &Context,
) -> Result<bool, StoreError> {
    let delivery = delivery.into_inner();
    let store = stores.find(tenant, &delivery.shop).await?;
    let about_people = delivery.topic.is_about_people();
    let store = store.filter(|store| !store.uninstalled || about_people).ok_or(StoreError::UnknownStore)?;
    // Told again and again since before the app was installed anew.
    let of_an_earlier_one = delivery.triggered_at.is_some_and(|at| at < store.connected_at);
    if delivery.topic == Topic::AppUninstalled && of_an_earlier_one {
        return Ok(false);
    }
    let body = std::str::from_utf8(&delivery.body).map_err(|_| StoreError::NotJson)?;
    let subject = subject(delivery.topic, body).ok_or(StoreError::NotJson)?;
    let intake = Intake {
        kind: DocumentType::literal(DELIVERY),
        shape: SHAPE_VERSION,
        // A store that is gone is paused; what the law asks of us goes on.
        connection: if about_people { ConnectionId::literal(PRIVACY) } else { store.id },
        source: delivery.shop.as_str(),
        // What is about the same thing is worked on in order.
        external_id: &subject,
        revision: &format!("{} {}", delivery.topic.header(), delivery.webhook_id),
        payload: body,
        keep_days: DELIVERY_DAYS,
        event: Some(DELIVERY_RECEIVED),
    };
    match documents.receive(tenant, intake, cause).await {
        Ok(Received::New(_)) => Ok(true),
        Ok(Received::Known(_)) => Ok(false),
        Err(ReceiveError::Differs(_)) => Err(StoreError::Altered),
        Err(ReceiveError::Table(error)) => Err(error.into()),
    }
}

/// The thing a delivery is about: `products 632910392`.
fn subject(topic: Topic, body: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(body).ok()?;
    let id = ["id", "inventory_item_id", "admin_graphql_api_id"].iter().find_map(|name| payload.get(*name));
    let id = id.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).unwrap_or_default();
    let family = topic.header().split('/').next().unwrap_or_default();
    Some(format!("{family} {id}"))
}

/// The worker of deliveries.
pub struct Inbound {
    pub stores: Stores,
    pub agreements: Agreements,
    pub documents: Documents,
    pub platform: Arc<dyn Platform>,
    pub clock: Arc<dyn Clock>,
}

/// A state of a thing in a store, in our words.
struct Theirs {
    kind: &'static str,
    remote: String,
    updated_at: Timestamp,
    value: Value,
    /// What we call it unless it has a name already.
    id: Option<String>,
}

fn misread(error: &MapError) -> Report {
    refused("UNREADABLE", error.to_string())
}

fn declined(error: PlatformError) -> Report {
    match error {
        PlatformError::Refused { code, detail } => refused(code, detail),
        PlatformError::Other(error) => platform(&error),
    }
}

fn over(detail: &str) -> Report {
    Report::new(Outcome::Done(Remote::default()), detail)
}

/// How snapshots are compared: variants are known by their SKU, whatever their order.
fn shape() -> Shape {
    Shape::default().keyed("/variants", "sku")
}

#[async_trait]
impl Attempt for Inbound {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        self.take_in(work).await.unwrap_or_else(|report| report)
    }
}

impl Inbound {
    async fn take_in(&self, work: &Work<'_>) -> Result<Report, Report> {
        let shop = work.document.source.parse().map_err(|_| refused("NOT_A_STORE", "the source is no store"))?;
        let store = self.stores.find(work.tenant, &shop).await.map_err(|error| unstored(&error))?;
        let store = store.ok_or_else(|| refused("UNKNOWN_STORE", "the store is not connected"))?;
        if work.document.kind.as_str() == STATE {
            return self.state(work, &store).await;
        }
        let header = work.document.revision.split(' ').next().unwrap_or_default();
        let topic = Topic::ALL.iter().find(|topic| topic.header() == header);
        let topic = topic.ok_or_else(|| refused("UNKNOWN_TOPIC", "we are not told of this"))?;
        let body = work.payload.as_bytes();
        match topic {
            Topic::ProductsCreate | Topic::ProductsUpdate => {
                let remote = product::from_webhook(body, store.currency).map_err(|error| misread(&error))?;
                let (remote, updated_at, value) = (remote.id.to_string(), remote.updated_at, plain(&remote.product)?);
                self.reconcile(work, &store, Theirs { kind: kind::PRODUCT, remote, updated_at, value, id: None }).await
            }
            Topic::CustomersCreate | Topic::CustomersUpdate => {
                let remote = customer::from_webhook(body).map_err(|error| misread(&error))?;
                let Some(customer) = remote.customer else { return Ok(over("a customer without an address")) };
                let id = Some(id_of(&store.shop, &remote.id));
                let (remote, updated_at, value) = (remote.id.to_string(), remote.updated_at, plain(&customer)?);
                self.reconcile(work, &store, Theirs { kind: kind::CUSTOMER, remote, updated_at, value, id }).await
            }
            Topic::InventoryLevelsUpdate => self.level(work, &store, body).await,
            Topic::OrdersCreate | Topic::OrdersUpdated | Topic::OrdersCancelled => self.order(work, &store, body).await,
            Topic::AppUninstalled => self.uninstalled(work, &store).await,
            Topic::CustomersDataRequest | Topic::CustomersRedact | Topic::ShopRedact => {
                self.privacy(work, &store, *topic, body).await
            }
            Topic::BulkOperationsFinish | Topic::FulfillmentsCreate | Topic::ProductsDelete => {
                Ok(over("nothing follows from this"))
            }
        }
    }

    /// What was read, by the kind of thing its id says it is.
    async fn state(&self, work: &Work<'_>, store: &Connection) -> Result<Report, Report> {
        let unreadable = |_| refused("UNREADABLE", "not what is read of a store");
        let id: Gid = work.document.external_id.parse().map_err(|_| refused("UNREADABLE", "no id of a store"))?;
        match id.kind() {
            "Product" => {
                let node = serde_json::from_str(work.payload).map_err(unreadable)?;
                let read = product::from_node(node, store.currency).map_err(|error| misread(&error))?;
                let (remote, updated_at, value) = (read.id.to_string(), read.updated_at, plain(&read.product)?);
                self.reconcile(work, store, Theirs { kind: kind::PRODUCT, remote, updated_at, value, id: None }).await
            }
            "Order" => self.take_order(work, store, serde_json::from_str(work.payload).map_err(unreadable)?).await,
            _ => Err(refused("UNKNOWN_TYPE", "nothing is taken of this")),
        }
    }

    async fn level(&self, work: &Work<'_>, store: &Connection, body: &[u8]) -> Result<Report, Report> {
        let level = inventory::from_webhook(body).map_err(|error| misread(&error))?;
        let (Some(_), Some(available)) = (store.location_of(&level.location), level.available) else {
            return Ok(over("not a location of ours, or not counted"));
        };
        let remote = place_of(level.item.as_str(), level.location.as_str());
        let (updated_at, value) = (level.updated_at, json!({ "available": available }));
        self.reconcile(work, store, Theirs { kind: kind::STOCK, remote, updated_at, value, id: None }).await
    }

    async fn order(&self, work: &Work<'_>, store: &Connection, body: &[u8]) -> Result<Report, Report> {
        self.take_order(work, store, order::from_webhook(body).map_err(|error| misread(&error))?).await
    }

    async fn take_order(&self, work: &Work<'_>, store: &Connection, order: Order) -> Result<Report, Report> {
        let (remote, updated_at) = (order.id.to_string(), order.updated_at);
        // Who ordered is in it, and must not outlive the order's own data: enough to know it again is kept.
        let value = json!(kernel::hex(&Sha256::digest(plain(&order)?.to_string())));
        let found = self.agreements.find(work.tenant, &store.shop, kind::ORDER, &remote).await;
        let found = found.map_err(|error| unstored(&error))?;
        if found.as_ref().is_some_and(|found| found.value.updated_at > updated_at || found.value.base == value) {
            return Ok(over("this state, or a newer one, was taken"));
        }
        self.platform.order(work.tenant, store, &order, &cause(work)).await.map_err(declined)?;
        let theirs = Theirs { kind: kind::ORDER, remote, updated_at, value: Value::Null, id: None };
        self.agree(work, store, &theirs, found.map(|found| (found.value, found.version)), value, None).await?;
        Ok(over("taken"))
    }

    async fn uninstalled(&self, work: &Work<'_>, store: &Connection) -> Result<Report, Report> {
        let known_at = work.document.received_at;
        let is_out =
            self.stores.uninstall(work.tenant, &store.shop, known_at).await.map_err(|error| unstored(&error))?;
        if !is_out {
            return Ok(over("the app was installed again since"));
        }
        let why = "the merchant threw the app out";
        let paused = self.documents.pause(work.tenant, &store.id, why, &work.document.source, &cause(work)).await;
        paused.map_err(|error| unstored(&error))?;
        Ok(over(why))
    }

    async fn privacy(&self, work: &Work<'_>, store: &Connection, topic: Topic, body: &[u8]) -> Result<Report, Report> {
        if topic == Topic::ShopRedact && !store.uninstalled {
            return Ok(over("the app was installed again since"));
        }
        let value: Value = serde_json::from_slice(body).map_err(|_| refused("UNREADABLE", "no JSON"))?;
        let revision = work.document.id.to_string();
        let (remote, decisions) = (topic.header(), &[][..]);
        let (revision, updated_at) = (&*revision, work.document.received_at);
        let taken = Taken { kind: kind::PRIVACY, id: None, remote, value: &value, decisions, revision, updated_at };
        self.hand_over(work, store, &taken).await?;
        let (tenant, shop) = (work.tenant, &store.shop);
        let forgotten = match (topic, value.pointer("/customer/id").and_then(Value::as_u64)) {
            (Topic::CustomersRedact, Some(customer)) => {
                let customer = Gid::new("Customer", customer).to_string();
                self.agreements.forget(tenant, shop, kind::CUSTOMER, &customer).await
            }
            (Topic::ShopRedact, _) => self.agreements.forget_all(tenant, shop).await,
            _ => Ok(()),
        };
        forgotten.map_err(|error| unstored(&error))?;
        Ok(over("done"))
    }

    /// Decides what becomes of a state of theirs.
    async fn reconcile(&self, work: &Work<'_>, store: &Connection, theirs: Theirs) -> Result<Report, Report> {
        let found = self.agreements.find(work.tenant, &store.shop, theirs.kind, &theirs.remote).await;
        let found = found.map_err(|error| unstored(&error))?.map(|found| (found.value, found.version));
        if let Some((known, _)) = &found {
            let written = known.written.as_ref();
            let verdict = written.map(|written| written.judge(&theirs.value, theirs.updated_at, self.clock.now()));
            if theirs.updated_at < known.updated_at || verdict == Some(Verdict::Stale) {
                return Ok(over("older than what is known"));
            }
            if verdict == Some(Verdict::Echo) {
                return Ok(over("our own change came back"));
            }
        }
        let base = found.as_ref().map_or(Value::Null, |(known, _)| known.base.clone());
        let id = found.as_ref().and_then(|(known, _)| known.name()).or(theirs.id.as_deref()).map(str::to_owned);
        let ours = match &id {
            Some(id) => self.ours(work.tenant, store, theirs.kind, id).await?.unwrap_or(Value::Null),
            None => Value::Null,
        };
        let merged = merge(&shape(), &store.rules_of(theirs.kind), &base, &ours, &theirs.value);
        let revision = work.document.id.to_string();
        if merged.decisions.iter().any(|decision| matches!(decision.action, Action::Take | Action::TakeAndTell)) {
            let taken = Taken {
                kind: theirs.kind,
                id: id.as_deref(),
                remote: &theirs.remote,
                value: &merged.ours,
                decisions: &merged.decisions,
                revision: &revision,
                updated_at: theirs.updated_at,
            };
            self.hand_over(work, store, &taken).await?;
        }
        if let (true, Some(id)) = (merged.is_pushed(), &id) {
            let task = Task { kind: theirs.kind, id, revision: &revision };
            let announced = announce(&self.documents, work.tenant, store, task, &cause(work)).await;
            announced.map_err(|error| Report::new(Outcome::Transient, error.to_string()))?;
        }
        let decided = Decided {
            shop: store.shop.clone(),
            kind: theirs.kind.to_owned(),
            remote: theirs.remote.clone(),
            revision,
            at: self.clock.now(),
            decisions: merged.decisions,
        };
        self.agree(work, store, &theirs, found, merged.base, Some(&decided)).await?;
        Ok(over("merged"))
    }

    async fn ours(&self, tenant: &TenantId, store: &Connection, kind: &str, id: &str) -> Result<Option<Value>, Report> {
        let failed = |error| platform(&error);
        match kind {
            kind::PRODUCT => {
                let found = self.platform.product(tenant, store, id).await.map_err(failed)?;
                found.as_ref().map(plain).transpose()
            }
            kind::CUSTOMER => {
                let found = self.platform.customer(tenant, store, id).await.map_err(failed)?;
                found.as_ref().map(plain).transpose()
            }
            kind::STOCK => {
                let Some((sku, location)) = id.rsplit_once('@') else { return Ok(None) };
                let found = self.platform.stock(tenant, sku, location).await.map_err(failed)?;
                Ok(found.map(|available| json!({ "available": available })))
            }
            _ => Ok(None),
        }
    }

    async fn hand_over(&self, work: &Work<'_>, store: &Connection, taken: &Taken<'_>) -> Result<(), Report> {
        self.platform.take(work.tenant, store, taken, &cause(work)).await.map_err(declined)
    }

    /// Remembers the outcome over what was read; when that has changed meanwhile, the delivery is looked at again.
    async fn agree(
        &self,
        work: &Work<'_>,
        store: &Connection,
        theirs: &Theirs,
        found: Option<(Synced, u64)>,
        base: Value,
        decided: Option<&Decided>,
    ) -> Result<(), Report> {
        let (known, seen) = found.map_or((None, None), |(known, version)| (Some(known), Some(version)));
        let synced = Synced {
            shop: store.shop.clone(),
            kind: theirs.kind.to_owned(),
            remote: theirs.remote.clone(),
            id: known.as_ref().and_then(Synced::name).or(theirs.id.as_deref()).unwrap_or_default().to_owned(),
            updated_at: theirs.updated_at,
            // Once something else was agreed on, what we wrote before is a change like any other when it comes.
            written: known.filter(|known| known.base == base).and_then(|known| known.written),
            base,
        };
        let agreed = self.agreements.agree(work.tenant, &synced, seen, decided).await;
        if agreed.map_err(|error| unstored(&error))? {
            return Ok(());
        }
        Err(Report::new(Outcome::Conflict, "somebody else was faster"))
    }
}

fn cause(work: &Work<'_>) -> Context {
    Context::root(work.document.id.to_string(), None)
}

/// Something that is to be told to a store.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// One of [`kind`].
    pub kind: &'static str,
    /// Ours.
    pub id: &'a str,
    /// Which change of it; the same one again is the same task.
    pub revision: &'a str,
}

/// Has something told to a store, once for each revision.
pub async fn announce(
    documents: &Documents,
    tenant: &TenantId,
    store: &Connection,
    task: Task<'_>,
    cause: &Context,
) -> Result<Document, ReceiveError> {
    let intake = Intake {
        kind: DocumentType::literal(task.kind),
        shape: SHAPE_VERSION,
        connection: store.id.clone(),
        source: store.shop.as_str(),
        external_id: task.id,
        revision: task.revision,
        // What is told is read when its turn comes.
        payload: "{}",
        keep_days: KEEP_DAYS,
        event: Some(TASK_DUE),
    };
    Ok(documents.receive(tenant, intake, cause).await?.into_document())
}
