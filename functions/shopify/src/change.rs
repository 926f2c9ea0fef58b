//! `shopify-on-change`: what changed here becomes a document for each store that is to be told. What the store is told is read when
//! the document's turn comes; so one document a change is enough, whatever happens to the thing meanwhile.

use async_trait::async_trait;
use catalog::BookId;
use documents::Documents;
use kernel::Event;
use messaging::{EventHandler, Outcome};
use serde::Deserialize;
use shopify::inbound::{Task, announce};
use shopify::platform::kind;
use shopify::stores::{Connection, Stores};

use crate::orders::Orders;

/// The handler.
pub struct OnChange {
    pub documents: Documents,
    pub stores: Stores,
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

/// What changed.
enum Change {
    Book(BookId),
    Level(Level),
    Parcel(Parcel),
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
        }
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
