//! What the connector needs of the platform, as a port: its newest state, and somewhere for what a store's people changed.

use async_trait::async_trait;
use documents::merge::Decision;
use kernel::{Context, TenantId, Timestamp};
use serde_json::Value;
use web::BoxError;

use crate::Gid;
use crate::map::customer::Customer;
use crate::map::fulfillment::Parcel;
use crate::map::order::Order;
use crate::map::product::Product;
use crate::stores::Connection;

/// Kinds of things that go either way: they stand in documents' types and in keys.
pub mod kind {
    pub const PRODUCT: &str = "product";
    pub const CUSTOMER: &str = "customer";
    pub const STOCK: &str = "stock";
    pub const PARCEL: &str = "parcel";
    pub const ORDER: &str = "order";
    /// What a person asks, or the law, about personal data: it comes in only.
    pub const PRIVACY: &str = "privacy-request";
}

/// What somebody changed in a store, as far as rules let it in.
#[derive(Debug, Clone)]
pub struct Taken<'a> {
    pub kind: &'a str,
    /// Ours; `None` for what we did not know.
    pub id: Option<&'a str>,
    /// Theirs.
    pub remote: &'a str,
    /// How it is to be here.
    pub value: &'a Value,
    pub decisions: &'a [Decision],
    /// Names this change: the same one again has the same.
    pub revision: &'a str,
    /// When it became so over there.
    pub updated_at: Timestamp,
}

/// The platform.
#[async_trait]
pub trait Platform: Send + Sync {
    /// A product as it is now; `None` when it is not sold in this store.
    async fn product(&self, tenant: &TenantId, store: &Connection, id: &str) -> Result<Option<Product>, BoxError>;

    /// A customer as they are now; `None` when they are nobody's of this store.
    async fn customer(&self, tenant: &TenantId, store: &Connection, id: &str) -> Result<Option<Customer>, BoxError>;

    /// What can be sold of a SKU at one of our locations; `None` when it is not kept there.
    async fn stock(&self, tenant: &TenantId, sku: &str, location: &str) -> Result<Option<i64>, BoxError>;

    /// A parcel that left, and the order it belongs to in the store; `None` when it is of another channel.
    async fn parcel(&self, tenant: &TenantId, store: &Connection, id: &str) -> Result<Option<(Gid, Parcel)>, BoxError>;

    /// Takes what somebody changed in a store, and requests of people about their data. May be repeated.
    async fn take(
        &self,
        tenant: &TenantId,
        store: &Connection,
        taken: &Taken<'_>,
        cause: &Context,
    ) -> Result<(), PlatformError>;

    /// Takes an order of a store as it is now. May be repeated, and comes again whenever it changes.
    async fn order(
        &self,
        tenant: &TenantId,
        store: &Connection,
        order: &Order,
        cause: &Context,
    ) -> Result<(), PlatformError>;
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Never as it is; a stable word and the words for it.
    #[error("{code}: {detail}")]
    Refused { code: &'static str, detail: String },
    #[error(transparent)]
    Other(#[from] BoxError),
}
