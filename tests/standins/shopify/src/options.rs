//! How a stand-in is set up. The defaults are a standard shop of 2026, with one location.

use std::sync::Arc;

use kernel::{Clock, SystemClock};

/// A shop, its app and its limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port on the loopback interface; 0 takes any that is free.
    pub port: u16,
    /// `X-Shopify-Shop-Domain`.
    pub domain: String,
    pub currency: String,
    /// Names of the locations; the first is the primary one.
    pub locations: Vec<String>,
    /// The app's client id and secret.
    pub client_id: String,
    pub client_secret: String,
    /// A token that works from the start; others come by OAuth.
    pub token: String,
    /// What the app may do.
    pub scopes: Vec<String>,
    /// Points of the leaky bucket, and points it gets back a second.
    pub bucket_maximum: u32,
    pub bucket_restore: u32,
    /// The most one document may ask for.
    pub max_query_cost: u32,
    /// A shop with so many variants may create only `variants_a_day`.
    pub variant_quota_from: u64,
    pub variants_a_day: u64,
    /// How often a bulk operation is asked about before it has ended; 0 ends it at once.
    pub bulk_polls: u32,
    /// Webhooks wait until they are delivered through the side door.
    pub hold_webhooks: bool,
    /// Of everything that looks random.
    pub seed: u64,
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        let scopes = [
            "read_products",
            "write_products",
            "read_customers",
            "write_customers",
            "read_orders",
            "read_inventory",
            "write_inventory",
            "read_locations",
            "read_merchant_managed_fulfillment_orders",
            "write_merchant_managed_fulfillment_orders",
        ];
        Self {
            port: 0,
            domain: "stand-in.myshopify.com".to_owned(),
            currency: "GBP".to_owned(),
            locations: vec!["Main".to_owned()],
            client_id: "standin-app".to_owned(),
            client_secret: "standin-secret".to_owned(),
            token: "shpat_standin".to_owned(),
            scopes: scopes.map(str::to_owned).to_vec(),
            bucket_maximum: 1_000,
            bucket_restore: 50,
            max_query_cost: 1_000,
            variant_quota_from: 50_000,
            variants_a_day: 1_000,
            bulk_polls: 1,
            hold_webhooks: false,
            seed: 1,
            clock: Arc::new(SystemClock),
        }
    }
}
