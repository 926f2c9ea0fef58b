//! `shopify-on-change`: what changed here becomes a document for each store that is to be told. What the store is told is read when
//! the document's turn comes; so one document a change is enough, whatever happens to the thing meanwhile.

use async_trait::async_trait;
use catalog::BookId;
use documents::centre::DOCUMENT_ROUTED;
use documents::{DocumentId, Documents, REDACTED};
use kernel::{Event, TenantId};
use messaging::{EventHandler, Outcome};
use serde::Deserialize;
use shopify::customers::{Customers, Known, Told};
use shopify::inbound::{Task, announce};
use shopify::platform::kind;
use shopify::stores::{Connection, Stores};

use crate::orders::Orders;

/// The handler.
pub struct OnChange {
    pub documents: Documents,
    pub stores: Stores,
    pub customers: Customers,
}

#[derive(Deserialize)]
struct Level {
    sku: String,
    location: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parcel {
    order_id: String,
    shipment_id: String,
    customer: String,
}

/// A document the message centre passed on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Routed {
    document_id: DocumentId,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    external_id: String,
}

/// What changed.
enum Change {
    Book(BookId),
    Level(Level),
    Parcel(Parcel),
    Customer(Routed),
}

impl Change {
    /// `None` for events of other names.
    fn of(event: &Event) -> Option<Result<Self, String>> {
        let malformed = |error: serde_json::Error| error.to_string();
        match event.kind.as_str() {
            catalog::BOOK_CREATED | catalog::BOOK_CHANGED | catalog::BOOK_DEACTIVATED => {
                Some(event.aggregate_id.parse().map(Self::Book).map_err(|error: kernel::InvalidId| error.to_string()))
            }
            "inventory.level.changed.v1" => Some(Level::deserialize(&event.data).map(Self::Level).map_err(malformed)),
            sales::events::SHIPMENT_SHIPPED => {
                Some(Parcel::deserialize(&event.data).map(Self::Parcel).map_err(malformed))
            }
            DOCUMENT_ROUTED => Some(Routed::deserialize(&event.data).map(Self::Customer).map_err(malformed)),
            _ => None,
        }
    }

    /// What a store is to be told: kinds of things, and our ids of them.
    fn tasks(&self, store: &Connection) -> Vec<(&'static str, String)> {
        match self {
            // Stock that was there before its product could not be told.
            Self::Book(id) => {
                let sku = sales::place::sku_of(*id);
                let places = store.locations.keys().flat_map(|location| sku.iter().map(move |sku| (sku, location)));
                let stock = places.map(|(sku, location)| (kind::STOCK, format!("{sku}@{location}")));
                std::iter::once((kind::PRODUCT, id.to_string())).chain(stock).collect()
            }
            Self::Level(Level { sku, location }) => {
                let is_told = store.location(location).is_some();
                is_told.then(|| (kind::STOCK, format!("{sku}@{location}"))).into_iter().collect()
            }
            Self::Parcel(Parcel { order_id, shipment_id, customer }) => {
                let is_theirs = customer.starts_with(&format!("{}:", Orders::channel(&store.shop)));
                is_theirs.then(|| (kind::PARCEL, format!("{order_id}/{shipment_id}"))).into_iter().collect()
            }
            // Who told it knows it.
            Self::Customer(Routed { source, external_id, .. }) => {
                let is_told = store.shop.as_str() != source;
                is_told.then(|| (kind::CUSTOMER, external_id.clone())).into_iter().collect()
            }
        }
    }
}

impl OnChange {
    /// Keeps what a document says of a customer. Whether it is the newest of them: an older one is told to nobody.
    async fn heard(&self, tenant: &TenantId, routed: &Routed) -> Result<bool, Outcome> {
        if routed.kind != kind::CUSTOMER {
            return Err(Outcome::reject("not_subscribed", "this type is not for stores"));
        }
        let document = routed.document_id;
        let payload = self.documents.payload(tenant, document).await.map_err(Outcome::retry)?;
        // Not to be seen yet, perhaps.
        let payload = payload.ok_or_else(|| Outcome::retry("the document is not there"))?;
        if payload.body == REDACTED {
            // Forgotten on its way.
            return Ok(false);
        }
        let told: Told = serde_json::from_str(&payload.body)
            .map_err(|_| Outcome::reject("malformed_document", "not a customer's"))?;
        let known = Known { id: routed.external_id.clone(), told, document: Some(document) };
        self.customers.keep(tenant, &known).await.map_err(Outcome::retry)
    }
}

#[async_trait]
impl EventHandler for OnChange {
    async fn handle(&self, event: &Event) -> Outcome {
        let Some(change) = Change::of(event) else { return Outcome::Done };
        let change = match change {
            Ok(change) => change,
            Err(why) => return Outcome::reject("malformed_event", why),
        };
        if let Change::Customer(routed) = &change {
            match self.heard(&event.tenant, routed).await {
                Ok(true) => {}
                Ok(false) => return Outcome::Done,
                Err(outcome) => return outcome,
            }
        }
        let stores = match self.stores.list(&event.tenant).await {
            Ok(stores) => stores,
            Err(error) => return Outcome::retry(error),
        };
        for store in stores.iter().filter(|store| !store.uninstalled) {
            for (kind, id) in change.tasks(store) {
                let task = Task { kind, id: &id, revision: &event.id.to_string() };
                if let Err(error) = announce(&self.documents, &event.tenant, store, task, &event.context()).await {
                    return Outcome::retry(error);
                }
            }
        }
        Outcome::Done
    }
}
