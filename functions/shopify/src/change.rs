//! `shopify-on-change`: what changed here becomes a document for each store that is to be told. What the store is told is read when
//! the document's turn comes; so one document a change is enough, whatever happens to the thing meanwhile.

use async_trait::async_trait;
use documents::Documents;
use kernel::Event;
use messaging::{EventHandler, Outcome};
use serde::Deserialize;
use shopify::inbound::{Task, announce};
use shopify::platform::kind;
use shopify::stores::{Connection, Stores};

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
}

/// What is to be told, and whether it concerns a store.
struct Change {
    kind: &'static str,
    id: String,
    location: Option<String>,
}

impl Change {
    /// `None` for events of other names.
    fn of(event: &Event) -> Option<Result<Self, serde_json::Error>> {
        match event.kind.as_str() {
            catalog::BOOK_CREATED | catalog::BOOK_CHANGED | catalog::BOOK_DEACTIVATED => {
                Some(Ok(Self { kind: kind::PRODUCT, id: event.aggregate_id.clone(), location: None }))
            }
            "inventory.level.changed.v1" => Some(Level::deserialize(&event.data).map(|Level { sku, location }| Self {
                kind: kind::STOCK,
                id: format!("{sku}@{location}"),
                location: Some(location),
            })),
            sales::events::SHIPMENT_SHIPPED => {
                Some(Parcel::deserialize(&event.data).map(|Parcel { order_id, shipment_id }| Self {
                    kind: kind::PARCEL,
                    id: format!("{order_id}/{shipment_id}"),
                    location: None,
                }))
            }
            _ => None,
        }
    }

    fn concerns(&self, store: &Connection) -> bool {
        let located = self.location.as_deref().is_none_or(|location| store.location(location).is_some());
        !store.uninstalled && located
    }
}

#[async_trait]
impl EventHandler for OnChange {
    async fn handle(&self, event: &Event) -> Outcome {
        let Some(change) = Change::of(event) else { return Outcome::Done };
        let Ok(change) = change else { return Outcome::reject("malformed_event", "not what its name says") };
        let stores = match self.stores.list(&event.tenant).await {
            Ok(stores) => stores,
            Err(error) => return Outcome::retry(error),
        };
        for store in stores.iter().filter(|store| change.concerns(store)) {
            let task = Task { kind: change.kind, id: &change.id, revision: &event.id.to_string() };
            if let Err(error) = announce(&self.documents, &event.tenant, store, task, &event.context()).await {
                return Outcome::retry(error);
            }
        }
        Outcome::Done
    }
}
